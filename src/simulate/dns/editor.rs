//! A person who changes records at the DNS host.

use super::key::Key;
use super::zone::absolute;
use crate::model::address::Domain;
use crate::model::records::Mx;
use crate::ports::clock::Clock;
use hickory_server::proto::ProtoError;
use hickory_server::proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_server::proto::rr::rdata::{CNAME, MX, TXT};
use hickory_server::proto::rr::{DNSClass, RData, Record, RecordType};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Nobody on loopback needs that long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why records were not changed, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The server said no.
    #[error("the DNS host refused the change: {0}")]
    Refused(ResponseCode),
    /// The name of a zone or host cannot be written in DNS.
    #[error("not a name: {0}")]
    Name(String),
    /// The answer does not show that it comes from the server.
    #[error("the answer of the DNS host is not to be believed: {0}")]
    Unproven(String),
    /// Nothing is known of the change.
    #[error("the DNS host could not be asked")]
    Io(#[from] std::io::Error),
    /// A message could not be written or read.
    #[error("a message to or from the DNS host is broken: {0}")]
    Message(String),
}

impl From<ProtoError> for EditError {
    fn from(error: ProtoError) -> Self {
        Self::Message(error.to_string())
    }
}

/// A text in strings of at most 255 octets, RFC 1035 section 3.3.14.
fn txt(text: &str) -> TXT {
    let mut strings = vec![String::new()];
    for c in text.chars() {
        let full = strings.last().is_some_and(|last| last.len() + c.len_utf8() > 255);
        if full {
            strings.push(String::new());
        }
        if let Some(last) = strings.last_mut() {
            last.push(c);
        }
    }
    TXT::new(strings)
}

/// Sends UPDATEs to a primary over TCP, RFC 2136, signed when it has a key.
#[derive(Clone, Debug)]
pub struct ZoneEditor {
    server: SocketAddr,
    key: Option<Key>,
    clock: Arc<dyn Clock>,
}

impl ZoneEditor {
    /// Names the server, the key and the clock that dates signatures.
    pub fn new(server: SocketAddr, key: Option<Key>, clock: Arc<dyn Clock>) -> Self {
        Self { server, key, clock }
    }

    /// Puts MX records in the place of all that the zone's name has, in one step: there is no
    /// moment without any.
    pub async fn replace_mx(
        &self,
        zone: &Domain,
        ttl: u32,
        records: &[Mx],
    ) -> Result<(), EditError> {
        let name = absolute(zone.as_str()).map_err(EditError::Name)?;
        let mut old = Record::update0(name.clone(), 0, RecordType::MX);
        old.dns_class = DNSClass::ANY;
        let mut updates = vec![old];
        for mx in records {
            let host = absolute(&mx.host).map_err(EditError::Name)?;
            let data = RData::MX(MX::new(mx.preference, host));
            updates.push(Record::from_rdata(name.clone(), ttl, data));
        }
        self.change(zone, updates).await
    }

    /// Puts one TXT record in the place of others at the zone's name, in one step; the rest of the
    /// set stays.
    pub async fn replace_txt(
        &self,
        zone: &Domain,
        old: &[&str],
        ttl: u32,
        text: &str,
    ) -> Result<(), EditError> {
        let name = absolute(zone.as_str()).map_err(EditError::Name)?;
        let mut updates = Vec::new();
        for text in old {
            let mut gone = Record::from_rdata(name.clone(), 0, RData::TXT(txt(text)));
            gone.dns_class = DNSClass::NONE;
            updates.push(gone);
        }
        updates.push(Record::from_rdata(name, ttl, RData::TXT(txt(text))));
        self.change(zone, updates).await
    }

    /// Puts a CNAME in the place of the one that a name may have, in one step.
    pub async fn replace_cname(
        &self,
        zone: &Domain,
        name: &str,
        ttl: u32,
        target: &str,
    ) -> Result<(), EditError> {
        let name = absolute(name).map_err(EditError::Name)?;
        let target = absolute(target).map_err(EditError::Name)?;
        let mut old = Record::update0(name.clone(), 0, RecordType::CNAME);
        old.dns_class = DNSClass::ANY;
        let new = Record::from_rdata(name, ttl, RData::CNAME(CNAME(target)));
        self.change(zone, vec![old, new]).await
    }

    async fn change(&self, zone: &Domain, updates: Vec<Record>) -> Result<(), EditError> {
        let answer = self.update(zone, Vec::new(), updates).await?;
        match answer.metadata.response_code {
            ResponseCode::NoError => Ok(()),
            code => Err(EditError::Refused(code)),
        }
    }

    /// Sends an UPDATE and returns the answer, a refusal too. An answer that says that the change
    /// was made is believed only with its signature, if a key is there.
    pub async fn update(
        &self,
        zone: &Domain,
        prerequisites: Vec<Record>,
        updates: Vec<Record>,
    ) -> Result<Message, EditError> {
        let name = absolute(zone.as_str()).map_err(EditError::Name)?;
        let now = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        // One question on a connection of its own: nobody else's answer can come.
        let id = u16::try_from(now % 0xffff).unwrap_or(1);
        let mut message = Message::new(id, MessageType::Query, OpCode::Update);
        message.add_query(Query::query(name, RecordType::SOA));
        message.insert_answers(prerequisites);
        message.insert_authorities(updates);
        let verifier = match &self.key {
            None => None,
            Some(key) => {
                let (signature, verifier) = key.signer().sign_message(&message, now)?;
                message.set_signature(signature);
                verifier
            }
        };
        let octets = tokio::time::timeout(PATIENCE, self.send(&message.to_vec()?))
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        let answer =
            Message::from_vec(&octets).map_err(|error| EditError::Message(error.to_string()))?;
        if answer.metadata.id != id {
            return Err(EditError::Unproven("it belongs to another question".to_owned()));
        }
        if answer.metadata.response_code == ResponseCode::NoError
            && let Some(mut verifier) = verifier
        {
            verifier.verify(&octets).map_err(|error| EditError::Unproven(error.to_string()))?;
        }
        Ok(answer)
    }

    async fn send(&self, octets: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.server).await?;
        let length = u16::try_from(octets.len()).map_err(std::io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(octets);
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }
}
