//! The one digest that everything goes into, each thing with its tag and its length.

use crate::model::digest::{Digest, Hasher};

/// Writes tagged values, so that no two trees give the same octets.
#[derive(Debug)]
pub(super) struct Record(Hasher);

impl Record {
    /// Starts with the name of the rules.
    pub(super) fn new(profile: &str) -> Self {
        let mut record = Self(Hasher::new());
        record.put("profile", profile.as_bytes());
        record
    }

    pub(super) fn put(&mut self, tag: &str, value: &[u8]) {
        self.0.update(format!("{tag} {}\n", value.len()).as_bytes());
        self.0.update(value);
    }

    pub(super) fn put_digest(&mut self, tag: &str, digest: &Digest) {
        self.put(tag, &digest.0);
    }

    pub(super) fn finish(self) -> Digest {
        self.0.finish()
    }
}
