//! How long a server may stay silent.

use std::time::Duration;

/// Limits on silence; a connection that exceeds one is closed and its commands end in an error.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// TCP and TLS, all addresses of the host together.
    pub connect: Duration,
    /// From the connection to the greeting.
    pub greeting: Duration,
    /// A command without an octet in either direction.
    pub command: Duration,
    /// A literal without an octet in either direction.
    pub literal: Duration,
    /// The least time an APPEND may take to be answered.
    pub append: Duration,
    /// The least rate at which a server is expected to take a message, in octets a second.
    pub append_rate: u64,
}

impl Default for Timeouts {
    /// Exchange has been seen to hold a command for a minute and to throttle reads for longer;
    /// Dovecot tells `Still here` every 15 s.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(60),
            command: Duration::from_secs(120),
            literal: Duration::from_secs(300),
            append: Duration::from_secs(120),
            append_rate: 100_000,
        }
    }
}

impl Timeouts {
    /// Returns how long the answer to an APPEND of `size` octets may take.
    pub fn for_append(&self, size: u64) -> Duration {
        self.append.max(self.append / 2 + Duration::from_secs(size / self.append_rate.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_message_gets_the_time_that_a_slow_server_needs() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.for_append(1_000), Duration::from_secs(120));
        assert_eq!(timeouts.for_append(35_000_000), Duration::from_secs(410));
    }
}
