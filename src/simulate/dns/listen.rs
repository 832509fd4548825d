//! UDP and TCP on loopback, octets and signatures.

use super::key::{self, Stamp};
use super::question::{Question, Reply, Serve};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, MessageType, Metadata, ResponseCode};
use hickory_server::proto::rr::Record;
use hickory_server::proto::serialize::binary::BinEncoder;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageResponse, MessageResponseBuilder};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::slice::Iter;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};

/// How long a TCP connection may say nothing: BIND's `tcp-idle-timeout`.
const IDLE: Duration = Duration::from_secs(30);

/// Answers that wait for a TCP client to take them.
const WAITING: usize = 16;

/// The largest UDP answer: BIND's `max-udp-size`, which needs no fragments anywhere.
const UDP_SIZE: u16 = 1_232;

/// A port that is free for TCP may be taken for UDP; so often another one is tried.
const ATTEMPTS: usize = 64;

/// A server on 127.0.0.1; it is closed when this is dropped.
pub(super) struct Listener {
    address: SocketAddr,
    _server: Server<Handler>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.address)
    }
}

impl Listener {
    /// Listens with UDP and TCP on one port, a free one when it is 0.
    pub(super) async fn start(serve: impl Serve, port: u16) -> io::Result<Self> {
        let (tcp, udp) = bind(port).await?;
        let address = tcp.local_addr()?;
        let mut server = Server::new(Handler(Arc::new(serve)));
        server.register_socket(udp);
        server.register_listener(tcp, IDLE, WAITING);
        Ok(Self { address, _server: server })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn bind(port: u16) -> io::Result<(TcpListener, UdpSocket)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

struct Handler(Arc<dyn Serve>);

type Records<'a> = Iter<'a, Record>;

/// Puts an answer together; it goes out as it is, or is signed first.
fn built<'a>(
    request: &'a Request,
    edns: Option<&'a Edns>,
    reply: &'a Reply,
) -> MessageResponse<'a, 'a, Records<'a>, Records<'a>, Records<'a>, Records<'a>> {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = reply.code;
    metadata.authoritative = reply.authoritative;
    metadata.recursion_available = reply.recursion_available;
    let builder = MessageResponseBuilder::new(&request.queries, edns);
    builder.build(metadata, &reply.answers, &reply.authorities, &[], &reply.additionals)
}

impl Handler {
    fn answer(&self, request: &Request) -> Option<(Reply, Option<Stamp>)> {
        let refused = |code| Some((Reply::of(code), None));
        if request.version() > 0 {
            return refused(ResponseCode::BADVERS);
        }
        let [asked] = request.queries.queries() else { return refused(ResponseCode::FormErr) };
        let (key, stamp) = match request.signature.as_deref() {
            None => (None, None),
            Some(signature) => {
                let (keys, now) = (self.0.keys(), self.0.time());
                match key::check(&keys, request.as_slice(), signature, now) {
                    Ok((key, stamp)) => (Some(key), Some(stamp)),
                    Err(stamp) => return Some((Reply::of(ResponseCode::NotAuth), Some(*stamp))),
                }
            }
        };
        let question = Question {
            op: request.metadata.op_code,
            name: asked.name(),
            kind: asked.query_type(),
            class: asked.query_class(),
            recursion_desired: request.metadata.recursion_desired,
            prerequisites: &request.answers,
            updates: &request.authorities,
            signed: key.as_ref(),
        };
        Some((self.0.serve(&question)?, stamp))
    }
}

fn nothing(request: &Request) -> ResponseInfo {
    let metadata =
        Metadata::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut to: R,
    ) -> ResponseInfo {
        let Some((reply, stamp)) = self.answer(request) else { return nothing(request) };
        let edns = request.edns.as_ref().map(|_| {
            let mut edns = Edns::new();
            edns.set_max_payload(request.max_payload().min(UDP_SIZE));
            edns
        });
        let mut response = built(request, edns.as_ref(), &reply);
        if let Some(stamp) = stamp {
            let mut octets = Vec::new();
            let unsigned = built(request, edns.as_ref(), &reply);
            let signed = unsigned
                .destructive_emit(&mut BinEncoder::new(&mut octets))
                .and_then(|_| stamp.record(&octets));
            // Without a signature nobody would believe the answer.
            let Ok(signature) = signed else { return nothing(request) };
            response.set_signature(signature);
        }
        to.send_response(response).await.unwrap_or_else(|_| nothing(request))
    }
}
