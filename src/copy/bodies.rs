//! Reads bodies for their digests alone, a chunk at a time.

use crate::imap::{Bodies, BodyEvent, ImapError};
use crate::message::canonical::Canonical;
use crate::message::date;
use crate::message::rules::Refusal;
use crate::message::scan::{Scanner, Traits};
use crate::message::transform::{Recipe, Rehearsal, Transform, Transformer};
use crate::model::digest::{Digest, Hasher};
use crate::model::internal_date::InternalDate;
use crate::model::uid::Uid;

/// What one reading of a body tells.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// How the transforms are done again.
    pub recipe: Recipe,
    /// Why the transforms do not make the message fit; only for those that it needs.
    pub impossible: Option<Refusal>,
    /// The digest of what the sent octets say, when it was asked for.
    pub canonical: Option<Digest>,
    /// The date of its header, when it was asked for.
    pub header_date: Option<InternalDate>,
}

/// Reads bodies and digests them, as they are and as `transforms` make them.
#[derive(Debug)]
pub struct Digester {
    bodies: Bodies,
    transforms: Vec<Transform>,
    canonical: bool,
    dated: bool,
}

impl Digester {
    /// Digests the bodies of a running FETCH. A transform that a message does not need leaves it
    /// as it is, so all allowed ones can be given.
    pub fn new(bodies: Bodies, transforms: &[Transform]) -> Self {
        Self { bodies, transforms: transforms.to_vec(), canonical: false, dated: false }
    }

    /// Digests what the messages say as well, see [`Canonical`].
    #[must_use]
    pub fn canonical(mut self, wanted: bool) -> Self {
        self.canonical = wanted;
        self
    }

    /// Reads the dates of headers as well.
    #[must_use]
    pub fn dated(self) -> Self {
        Self { dated: true, ..self }
    }

    /// What reads what the sent octets say. Leaves that are encoded anew say the same, so only
    /// the transforms that change octets in passing count.
    fn saying(&self) -> Option<(Canonical, Transformer)> {
        let passing: Vec<Transform> = self
            .transforms
            .iter()
            .copied()
            .filter(|transform| !matches!(transform, Transform::LongLines(_)))
            .collect();
        let transformer = Transformer::new(&passing, &Recipe::default());
        self.canonical.then(|| (Canonical::new(), transformer))
    }

    /// Returns the next body's reading; `None` after the tagged OK. Messages without a body are
    /// passed over: who asked for them finds that they are missing.
    pub async fn next(&mut self) -> Result<Option<Read>, ImapError> {
        let mut hasher = Hasher::new();
        let mut scanner = Scanner::new();
        let mut head = Vec::new();
        let mut says = self.saying();
        let mut sent = (!self.transforms.is_empty()).then(|| Rehearsal::new(&self.transforms));
        while let Some(event) = self.bodies.next().await? {
            match event {
                BodyEvent::Start { .. } | BodyEvent::Missing { .. } => {}
                BodyEvent::Chunk(chunk) => {
                    hasher.update(&chunk);
                    scanner.feed(&chunk);
                    if self.dated {
                        let room = date::LOOKED_AT.saturating_sub(head.len());
                        head.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                    }
                    if let Some(sent) = &mut sent {
                        sent.feed(&chunk);
                    }
                    if let Some((canonical, transformer)) = &mut says {
                        canonical.feed(&transformer.feed(&chunk));
                    }
                }
                BodyEvent::End { uid } => {
                    let (digest, traits) = (hasher.finish(), scanner.finish());
                    let mut read = Read {
                        uid,
                        digest,
                        sent_digest: digest,
                        sent_size: traits.octets,
                        traits,
                        recipe: Recipe::default(),
                        impossible: None,
                        canonical: says.map(|(mut canonical, transformer)| {
                            canonical.feed(&transformer.finish());
                            canonical.finish()
                        }),
                        header_date: date::from_headers(&head),
                    };
                    if let Some(sent) = sent.map(Rehearsal::finish)
                        && self.transforms.iter().any(|transform| transform.is_needed(&traits))
                    {
                        read.sent_digest = sent.digest;
                        read.sent_size = sent.size;
                        read.recipe = sent.recipe;
                        read.impossible = sent.impossible;
                    }
                    return Ok(Some(read));
                }
            }
        }
        Ok(None)
    }
}
