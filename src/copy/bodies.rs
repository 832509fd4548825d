//! Reads bodies for their digests alone, a chunk at a time.

use crate::imap::{Bodies, BodyEvent, ImapError};
use crate::message::canonical::Canonical;
use crate::message::scan::{Scanner, Traits};
use crate::message::transform::{Transform, Transformer};
use crate::model::digest::{Digest, Hasher};
use crate::model::uid::Uid;

/// What one reading of a body tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The message.
    pub uid: Uid,
    /// SHA-256 of the octets.
    pub digest: Digest,
    /// SHA-256 of the octets as they are sent after the allowed transforms.
    pub sent_digest: Digest,
    /// Octets after the transforms.
    pub sent_size: u64,
    /// What the octets hold.
    pub traits: Traits,
    /// The digest of what the sent octets say, when it was asked for.
    pub canonical: Option<Digest>,
}

/// Reads bodies and digests them, as they are and as `transforms` make them.
#[derive(Debug)]
pub struct Digester {
    bodies: Bodies,
    transforms: Vec<Transform>,
    canonical: bool,
}

impl Digester {
    /// Digests the bodies of a running FETCH. A transform that a message does not need leaves it
    /// as it is, so all allowed ones can be given.
    pub fn new(bodies: Bodies, transforms: &[Transform]) -> Self {
        Self { bodies, transforms: transforms.to_vec(), canonical: false }
    }

    /// Digests what the messages say as well, see [`Canonical`].
    #[must_use]
    pub fn canonical(mut self, wanted: bool) -> Self {
        self.canonical = wanted;
        self
    }

    /// Returns the next body's reading; `None` after the tagged OK. Messages without a body are
    /// passed over: who asked for them finds that they are missing.
    pub async fn next(&mut self) -> Result<Option<Read>, ImapError> {
        let mut hasher = Hasher::new();
        let mut sent = Hasher::new();
        let mut scanner = Scanner::new();
        let mut transformer = Transformer::new(&self.transforms);
        let mut canonical = self.canonical.then(Canonical::new);
        let mut sent_size = 0;
        while let Some(event) = self.bodies.next().await? {
            match event {
                BodyEvent::Start { .. } | BodyEvent::Missing { .. } => {}
                BodyEvent::Chunk(chunk) => {
                    hasher.update(&chunk);
                    scanner.feed(&chunk);
                    let changed = transformer.feed(&chunk);
                    sent_size += changed.len() as u64;
                    sent.update(&changed);
                    if let Some(canonical) = &mut canonical {
                        canonical.feed(&changed);
                    }
                }
                BodyEvent::End { uid } => {
                    let end = transformer.finish();
                    sent_size += end.len() as u64;
                    sent.update(&end);
                    if let Some(canonical) = &mut canonical {
                        canonical.feed(&end);
                    }
                    return Ok(Some(Read {
                        uid,
                        digest: hasher.finish(),
                        sent_digest: sent.finish(),
                        sent_size,
                        traits: scanner.found(),
                        canonical: canonical.map(Canonical::finish),
                    }));
                }
            }
        }
        Ok(None)
    }
}
