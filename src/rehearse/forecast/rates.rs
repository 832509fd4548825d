//! How fast mail goes, with where each figure is from.

use serde::{Deserialize, Serialize};

/// How a figure is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Somebody published it.
    Published,
    /// Nobody did; it is a guess.
    Assumed,
}

/// A figure with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// In the unit that the field says; never 0.
    pub value: u64,
    /// How it is known.
    pub basis: Basis,
    /// Who says so.
    pub source: String,
}

impl Figure {
    fn new(value: u64, basis: Basis, source: &str) -> Self {
        Self { value: value.max(1), basis, source: source.to_owned() }
    }
}

/// The figures that a forecast reckons with, each for one mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Milliseconds that the destination takes for one message, whatever its size.
    pub message: Figure,
    /// Octets an hour.
    pub octets: Figure,
    /// Messages an hour, when the destination throttles.
    pub throttled: Figure,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            message: Figure::new(
                150,
                Basis::Assumed,
                "no figure of Microsoft's is public; a round trip of 30 ms and 100 to 150 ms for \
                 storing a message",
            ),
            octets: Figure::new(
                1_500_000_000,
                Basis::Published,
                "Rackspace's pages on migrations with MigrationWiz: over 1.5 GB an hour and mailbox",
            ),
            throttled: Figure::new(
                3_600,
                Basis::Assumed,
                "Microsoft: Exchange Online limits, 3,600 messages an hour that a mailbox receives; \
                 that APPEND is counted so is known of nobody",
            ),
        }
    }
}
