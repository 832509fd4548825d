//! What a server is asked and what it answers, apart from octets and signatures.

use super::key::Key;
use hickory_server::proto::op::{OpCode, ResponseCode};
use hickory_server::proto::rr::{DNSClass, LowerName, Record, RecordType};

/// A question, or for an UPDATE its zone and what is to happen to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) op: OpCode,
    pub(super) name: &'a LowerName,
    pub(super) kind: RecordType,
    pub(super) class: DNSClass,
    pub(super) recursion_desired: bool,
    /// The first two sections of records, RFC 2136 section 2.
    pub(super) prerequisites: &'a [Record],
    pub(super) updates: &'a [Record],
    /// The key that has signed it, when that was checked.
    pub(super) signed: Option<&'a Key>,
}

impl<'a> Question<'a> {
    /// Asks for records, as a resolver asks an authoritative server.
    pub(super) fn about(name: &'a LowerName, kind: RecordType) -> Self {
        Self {
            op: OpCode::Query,
            name,
            kind,
            class: DNSClass::IN,
            recursion_desired: false,
            prerequisites: &[],
            updates: &[],
            signed: None,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) recursion_available: bool,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    pub(super) additionals: Vec<Record>,
}

impl Reply {
    /// Makes an answer without records.
    pub(super) fn of(code: ResponseCode) -> Self {
        Self { code, ..Self::default() }
    }
}

/// Something that answers.
pub(super) trait Serve: Send + Sync + 'static {
    /// Returns the keys whose signatures are known.
    fn keys(&self) -> Vec<Key>;

    /// Returns seconds since 1970 by the server's clock, for signatures.
    fn time(&self) -> u64;

    /// Answers, or says nothing at all.
    fn serve(&self, question: &Question<'_>) -> Option<Reply>;
}
