//! Plays transcripts of servers, whole and cut at every octet.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_push_string,
    reason = "a test fails where something is not as expected"
)]

use bytes::Bytes;
use mailferry::desired::LoginStyle;
use mailferry::imap::append::AppendBody;
use mailferry::imap::connection::{Connection, Credential, Timeouts};
use mailferry::imap::error::ImapError;
use mailferry::imap::fetch::{BodyEvent, FetchRow, RowQuery};
use mailferry::imap::sequence_set::SequenceSet;
use mailferry::imap::source::SourceConnection;
use mailferry::model::flags::Flags;
use mailferry::model::folder::RawName;
use mailferry::model::internal_date::InternalDate;
use mailferry::model::server::{Endpoint, TlsMode};
use mailferry::model::uid::{Uid, UidValidity};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a scripted server does.
#[derive(Clone, Debug)]
enum Step {
    /// Reads a line that holds this text and keeps its tag under the number.
    Line(usize, &'static str),
    /// Reads exactly these octets.
    Octets(&'static [u8]),
    /// Sends; `<1>` is replaced by the tag that was kept under 1.
    Send(Vec<u8>),
    /// Waits, to let the other side do what it should not.
    Pause(u64),
}
use Step::{Line, Octets, Pause};

fn send(text: &str) -> Step {
    Step::Send(text.as_bytes().to_vec())
}

struct Server {
    endpoint: Endpoint,
    /// Gives how many octets were sent.
    task: tokio::task::JoinHandle<Result<usize, String>>,
}

impl Server {
    /// Plays the steps to one connection; after `limit` octets it goes away.
    async fn play(steps: Vec<Step>, limit: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            Player {
                stream,
                begun: Vec::new(),
                tags: BTreeMap::new(),
                used: BTreeSet::new(),
                left: limit,
            }
            .all(steps)
            .await
        });
        let endpoint =
            Endpoint { host: "127.0.0.1".to_owned(), port, tls: TlsMode::None, ca: None };
        Self { endpoint, task }
    }

    async fn whole(steps: Vec<Step>) -> Self {
        Self::play(steps, usize::MAX).await
    }

    async fn open(&self) -> Result<Connection, ImapError> {
        Connection::open(&self.endpoint, &credential("ada", "secret"), &quick()).await
    }

    /// Fails when the client said something that the script does not have.
    async fn agrees(self) {
        self.task.await.unwrap().unwrap();
    }
}

struct Player {
    stream: TcpStream,
    begun: Vec<u8>,
    tags: BTreeMap<usize, String>,
    /// No tag may come twice, RFC 3501 section 2.2.1.
    used: BTreeSet<String>,
    left: usize,
}

impl Player {
    async fn all(mut self, steps: Vec<Step>) -> Result<usize, String> {
        let mut sum = 0;
        for step in steps {
            match step {
                Line(number, holds) => {
                    let end = loop {
                        if let Some(end) = self.begun.iter().position(|&o| o == b'\n') {
                            break end;
                        }
                        self.more(holds).await?;
                    };
                    let line: Vec<u8> = self.begun.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line).into_owned();
                    if !line.contains(holds) {
                        return Err(format!("`{holds}` was due and `{line}` came"));
                    }
                    let tag = line.split(' ').next().unwrap_or_default().to_owned();
                    if !self.used.insert(tag.clone()) {
                        return Err(format!("the tag {tag} came twice"));
                    }
                    self.tags.insert(number, tag);
                }
                Octets(due) => {
                    while self.begun.len() < due.len() {
                        self.more("octets").await?;
                    }
                    let came: Vec<u8> = self.begun.drain(..due.len()).collect();
                    if came != due {
                        return Err(format!("other octets came: {}", came.escape_ascii()));
                    }
                }
                Step::Send(mut octets) => {
                    for (number, tag) in &self.tags {
                        let mark = format!("<{number}>");
                        octets = replace(&octets, mark.as_bytes(), tag.as_bytes());
                    }
                    let size = octets.len().min(self.left);
                    self.left -= size;
                    sum += size;
                    let cut = size < octets.len();
                    let sent = self.stream.write_all(&octets[..size]).await;
                    if cut || sent.is_err() {
                        let _ = self.stream.shutdown().await;
                        return Ok(sum);
                    }
                }
                Pause(milliseconds) => {
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                }
            }
        }
        Ok(sum)
    }

    async fn more(&mut self, due: &str) -> Result<(), String> {
        let mut room = [0; 4_096];
        match self.stream.read(&mut room).await {
            Ok(size) if size > 0 => {
                self.begun.extend_from_slice(&room[..size]);
                Ok(())
            }
            other => Err(format!("`{due}` was due and {other:?} came")),
        }
    }
}

fn replace(octets: &[u8], mark: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = octets;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(by);
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn credential(user: &str, password: &str) -> Credential {
    Credential { style: LoginStyle::Login { user: user.to_owned() }, password: password.into() }
}

fn quick() -> Timeouts {
    let short = Duration::from_millis(1_500);
    Timeouts {
        connect: short,
        greeting: short,
        command: short,
        literal: short,
        append: short,
        append_rate: 100_000,
    }
}

fn signed_in(capabilities: &str) -> Vec<Step> {
    vec![
        send("* OK [CAPABILITY IMAP4rev1] ready\r\n"),
        Line(90, "CAPABILITY"),
        send("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n<90> OK done\r\n"),
        Line(91, "LOGIN \"ada\" \"secret\""),
        send("* 3 EXISTS\r\n<91> OK [CAPABILITY IMAP4rev1] in\r\n"),
        Line(92, "CAPABILITY"),
        send(&format!("* CAPABILITY IMAP4rev1 {capabilities}\r\n<92> OK done\r\n")),
    ]
}

fn session(capabilities: &str, steps: &[Step]) -> Vec<Step> {
    let mut all = signed_in(capabilities);
    all.extend_from_slice(steps);
    all
}

fn name(text: &str) -> RawName {
    RawName(text.as_bytes().to_vec())
}

fn all_items() -> RowQuery {
    RowQuery {
        flags: true,
        internal_date: true,
        size: true,
        modseq: false,
        header_fields: vec!["MESSAGE-ID".to_owned(), "DATE".to_owned()],
    }
}

async fn rows(connection: &Connection, query: RowQuery) -> Result<Vec<FetchRow>, ImapError> {
    let mut rows = connection.fetch_rows(&SequenceSet::range(Uid(1), Uid(99)), query).await?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().await? {
        all.push(row);
    }
    Ok(all)
}

type Mail = (Uid, Vec<u8>);

async fn bodies(connection: &Connection, set: &SequenceSet) -> Result<Vec<Mail>, ImapError> {
    let mut bodies = connection.fetch_bodies(set).await?;
    collect(&mut bodies).await
}

async fn collect(bodies: &mut mailferry::imap::fetch::Bodies) -> Result<Vec<Mail>, ImapError> {
    let mut all = Vec::new();
    let mut body = Vec::new();
    let mut due = 0;
    while let Some(event) = bodies.next().await? {
        match event {
            BodyEvent::Start { size, .. } => {
                body = Vec::new();
                due = size;
            }
            BodyEvent::Chunk(chunk) => body.extend_from_slice(&chunk),
            BodyEvent::End { uid } => {
                assert_eq!(body.len() as u64, due);
                all.push((uid, std::mem::take(&mut body)));
            }
            BodyEvent::Missing { uid } => all.push((uid, b"<missing>".to_vec())),
        }
    }
    Ok(all)
}

/// Runs `client` against every cut of the server's output: each must end in an error, and only
/// the whole in success.
async fn cut_everywhere<F, T>(steps: Vec<Step>, client: F)
where
    F: AsyncFn(Connection) -> Result<T, ImapError>,
    T: std::fmt::Debug,
{
    let server = Server::whole(steps.clone()).await;
    client(server.open().await.unwrap()).await.unwrap();
    let whole = server.task.await.unwrap().unwrap();
    for cut in 0..=whole {
        let server = Server::play(steps.clone(), cut).await;
        let result = match server.open().await {
            Ok(connection) => client(connection).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(value) => assert_eq!(cut, whole, "success in spite of the cut: {value:?}"),
            Err(error) => {
                assert!(cut < whole && error.loses_connection(), "cut at {cut}: {error:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_listing_of_folders_is_never_shorter() {
    let steps = session(
        "LIST-EXTENDED SPECIAL-USE",
        &[
            Line(1, "LIST \"\" \"*\" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)"),
            send("* LIST (\\Subscribed) \"/\" INBOX\r\n* LIST () \"/\" \"a\\\"b\\\\\"\r\n"),
            send("* 4 EXISTS\r\n* XNEW thing (1\r\n* LIST (\\Sent) NIL {6}\r\nSe nt\n\r\n"),
            send("<1> OK listed\r\n"),
        ],
    );
    let server = Server::whole(steps.clone()).await;
    let connection = server.open().await.unwrap();
    let entries = connection.list().await.unwrap();
    let names: Vec<_> = entries.iter().map(|e| e.name.0.as_slice()).collect();
    assert_eq!(names, [&b"INBOX"[..], b"Se nt\n", b"a\"b\\"]);
    assert!(entries[0].subscribed && entries[1].has("\\sent"));
    assert_eq!(entries[1].separator, None);
    server.agrees().await;
    cut_everywhere(steps, async |connection: Connection| connection.list().await).await;
}

#[tokio::test]
async fn subscriptions_come_from_lsub_where_list_does_not_tell_them() {
    let steps = session(
        "",
        &[
            Line(1, "LIST \"\" \"*\""),
            send("* LIST () \".\" Inbox\r\n* LIST () \".\" x\r\n<1> OK\r\n"),
            Line(2, "LSUB \"\" \"*\""),
            send("* LSUB () \".\" INBOX\r\n* LSUB () \".\" gone\r\n<2> OK\r\n"),
        ],
    );
    let server = Server::whole(steps).await;
    let entries = server.open().await.unwrap().list().await.unwrap();
    assert_eq!(entries.iter().map(|e| e.subscribed).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_listing_that_ends_in_no_or_holds_a_bad_line_is_an_error() {
    for (lines, answers) in [
        ("* LIST () \"/\" a\r\n<1> NO [UNAVAILABLE] later\r\n", true),
        ("* LIST () \"/\" a\r\n<1> BAD what\r\n", true),
        ("* LIST () \"/\" a\r\n* LIST () \"/\r\n<1> OK\r\n", false),
        ("* LIST () \"/\" a\r\n* LIST () \"/\" ()\r\n<1> OK\r\n", false),
        ("* LIST \"/\" a\r\n<1> OK\r\n", false),
    ] {
        let steps = session(
            "LIST-EXTENDED",
            &[Line(1, "LIST"), send(lines), Line(2, "NOOP"), send("<2> OK\r\n")],
        );
        let server = Server::whole(steps).await;
        let connection = server.open().await.unwrap();
        let error = connection.list().await.unwrap_err();
        assert_eq!(error.is_answer(), answers, "{lines}: {error:?}");
        assert!(!error.loses_connection());
        // One bad record costs the listing and not the connection.
        connection.noop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_status_is_an_error_and_a_missing_item_too() {
    let steps = session(
        "CONDSTORE STATUS=SIZE",
        &[
            Line(1, "STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE)"),
            send(
                "* STATUS Inbox (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 12 SIZE 5000000000)\r\n",
            ),
            send("<1> OK\r\n"),
        ],
    );
    let server = Server::whole(steps.clone()).await;
    let status = server.open().await.unwrap().status(&name("INBOX")).await.unwrap();
    assert_eq!((status.messages, status.size), (3, Some(5_000_000_000)));
    cut_everywhere(steps, async |c: Connection| c.status(&name("INBOX")).await).await;

    for line in [
        "* STATUS INBOX (MESSAGES 3 UIDNEXT 9)\r\n<1> OK\r\n",
        "* STATUS INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7\r\n<1> OK\r\n",
        "* STATUS Other (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7)\r\n<1> OK\r\n",
        "<1> OK\r\n",
        "<1> NO none\r\n",
    ] {
        let server = Server::whole(session("", &[Line(1, "STATUS"), send(line)])).await;
        let connection = server.open().await.unwrap();
        assert!(connection.status(&name("INBOX")).await.is_err(), "{line}");
    }
}

#[tokio::test]
async fn a_folder_opens_with_what_it_must_tell_or_not_at_all() {
    let lines = "* FLAGS (\\Seen x)\r\n* 1 EXISTS\r\n* OK [CLOSED] old\r\n* 2 EXISTS\r\n* FLAGS (\\Seen k)\r\n\
        * OK [PERMANENTFLAGS (\\Seen k \\*)] l\r\n* OK [UIDVALIDITY 5] v\r\n* OK [HIGHESTMODSEQ 8] h\r\n\
        <1> OK [READ-ONLY] opened\r\n";
    let steps = session(
        "CONDSTORE",
        &[
            Line(1, "EXAMINE \"a b\" (CONDSTORE)"),
            send(lines),
            Line(2, "STATUS \"a b\""),
            send(
                "* STATUS \"a b\" (MESSAGES 2 UIDNEXT 41 UIDVALIDITY 5 HIGHESTMODSEQ 8)\r\n<2> OK\r\n",
            ),
        ],
    );
    let server = Server::whole(steps).await;
    let opened = server.open().await.unwrap().examine(&name("a b")).await.unwrap();
    assert_eq!((opened.exists, opened.uid_next, opened.highest_modseq), (2, Uid(41), Some(8)));
    assert!(opened.read_only && opened.permanent_flags.any_keyword);
    assert_eq!(opened.permanent_flags.flags.to_string(), "\\Seen k");
    for lines in ["* 2 EXISTS\r\n<1> OK\r\n", "* OK [UIDVALIDITY 5] v\r\n<1> OK\r\n"] {
        let server = Server::whole(session("", &[Line(1, "EXAMINE"), send(lines)])).await;
        assert!(server.open().await.unwrap().examine(&name("x")).await.is_err(), "{lines}");
    }
}

const ROWS: &str = "* 1 FETCH (UID 5 FLAGS (\\Seen) INTERNALDATE \" 7-Feb-1994 21:52:25 -0800\" \
    RFC822.SIZE 44 BODY[HEADER.FIELDS (MESSAGE-ID DATE)] {10}\r\nDate: x\r\n\n)\r\n\
    * 2 FETCH (FLAGS (\\Answered))\r\n\
    * 9 EXISTS\r\n\
    * 2 FETCH (UID 6 MODSEQ (4) FLAGS ())\r\n\
    * OK Still here {3}\r\n\
    * 2 FETCH (UID 6 RFC822.SIZE 9 FLAGS ([x] $a) INTERNALDATE NIL BODY[HEADER.FIELDS (\"MESSAGE-ID\" \"DATE\")] \"\")\r\n\
    * 1 FETCH (UID 5 FLAGS (\\Seen \\Deleted))\r\n\
    * 3 FETCH (UID 500 RFC822.SIZE 9 FLAGS () INTERNALDATE NIL BODY[HEADER.FIELDS (DATE)] NIL)\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_listing_of_messages_is_never_shorter() {
    let steps = session(
        "",
        &[
            Line(
                1,
                "UID FETCH 1:99 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)])",
            ),
            send(ROWS),
            send("<1> OK fetched\r\n"),
        ],
    );
    let server = Server::whole(steps.clone()).await;
    let connection = server.open().await.unwrap();
    let listed = rows(&connection, all_items()).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.uid.0).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(listed[0].internal_date.as_ref().unwrap().as_str(), " 7-Feb-1994 21:52:25 -0800");
    assert_eq!(listed[0].headers.as_deref(), Some(&b"Date: x\r\n\n"[..]));
    assert_eq!(listed[1].internal_date, None);
    assert_eq!(listed[1].internal_date_raw.as_deref(), Some("NIL"));
    assert_eq!(listed[1].flags.as_ref().unwrap().to_string(), "$a [x]");
    cut_everywhere(steps, async |c: Connection| rows(&c, all_items()).await).await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_and_a_refusal_end_the_listing_in_an_error() {
    let size = RowQuery { size: true, flags: true, ..RowQuery::default() };
    for lines in [
        "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 5)\r\n<1> NO [UNAVAILABLE] x\r\n",
        "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 5)\r\n<1> BAD x\r\n",
        "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE -1)\r\n<1> OK\r\n",
        "* 1 FETCH (UID 1 FLAGS NIL RFC822.SIZE 1)\r\n<1> OK\r\n",
        "* 1 FETCH (UID 1 FLAGS (() RFC822.SIZE 1)\r\n<1> OK\r\n",
        "* 1 FETCH (UID x FLAGS () RFC822.SIZE 1)\r\n<1> OK\r\n",
        "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE)\r\n<1> OK\r\n",
        // A part of a row, and never the rest of it.
        "* 1 FETCH (UID 1 RFC822.SIZE 4)\r\n<1> OK\r\n",
    ] {
        let server = Server::whole(session("", &[Line(1, "UID FETCH"), send(lines)])).await;
        let connection = server.open().await.unwrap();
        let mut listing = connection.fetch_rows(&SequenceSet::all(), size.clone()).await.unwrap();
        let error = loop {
            match listing.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("no error: {lines}"),
                Err(error) => break error,
            }
        };
        assert!(!error.loses_connection(), "{lines}: {error:?}");
        assert!(listing.next().await.is_err(), "an error never turns into an end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_body_is_never_a_message() {
    let steps = session(
        "",
        &[
            Line(1, "UID FETCH 5:8 (UID BODY.PEEK[])"),
            send("* 1 FETCH (UID 5 BODY[] {12}\r\nA: b\r\n\r\n{3}\n)\r\n"),
            send("* 2 FETCH (FLAGS (\\Seen) BODY[] ~{4}\r\n\r\n.. UID 6)\r\n* 3 EXISTS\r\n"),
            send("* 3 FETCH (UID 7 BODY[] \"q\\\"\")\r\n* 4 FETCH (BODY[] NIL UID 8)\r\n"),
            send("<1> OK fetched\r\n"),
        ],
    );
    let set = SequenceSet::range(Uid(5), Uid(8));
    let server = Server::whole(steps.clone()).await;
    let mails = bodies(&server.open().await.unwrap(), &set).await.unwrap();
    assert_eq!(
        mails,
        [
            (Uid(5), b"A: b\r\n\r\n{3}\n".to_vec()),
            (Uid(6), b"\r\n..".to_vec()),
            (Uid(7), b"q\"".to_vec()),
            (Uid(8), b"<missing>".to_vec()),
        ]
    );
    cut_everywhere(steps, async |c: Connection| bodies(&c, &set).await).await;
}

#[tokio::test]
async fn bodies_go_to_the_command_that_asked_and_errors_stay_with_it() {
    let steps = session(
        "",
        &[
            Line(1, "UID FETCH 1 "),
            send("* 1 FETCH (BODY[] {1}\r\na)\r\n<1> OK\r\n"),
            Line(2, "UID FETCH 2 "),
            send("* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n<2> NO [SERVERBUG] x\r\n"),
            Line(3, "UID FETCH 3 "),
            send(
                "* 3 FETCH (UID 9 BODY[] {1}\r\nc)\r\n* 4 FETCH (BODY[] {1}\r\nd UID 3)\r\n<3> OK\r\n",
            ),
        ],
    );
    let server = Server::whole(steps).await;
    let connection = server.open().await.unwrap();
    let one = |uid| SequenceSet::from_uids([Uid(uid)]);
    let mut first = connection.fetch_bodies(&one(1)).await.unwrap();
    let mut second = connection.fetch_bodies(&one(2)).await.unwrap();
    // No UID at all: nobody can say whose body it is.
    assert!(matches!(collect(&mut first).await, Err(ImapError::Unreadable { .. })));
    let error = collect(&mut second).await.unwrap_err();
    assert_eq!(error.response_code().as_deref(), Some("SERVERBUG"));
    assert_eq!(bodies(&connection, &one(3)).await.unwrap(), [(Uid(3), b"d".to_vec())]);
}

#[tokio::test]
async fn a_slow_taker_holds_the_server_back_and_one_that_leaves_does_not() {
    let big = 8 << 20;
    let mut body = format!("* 1 FETCH (UID 1 BODY[] {{{big}}}\r\n").into_bytes();
    body.extend(std::iter::repeat_n(b'x', big));
    body.extend_from_slice(b")\r\n<1> OK\r\n");
    let steps =
        session("", &[Line(1, "UID FETCH"), Step::Send(body), Line(2, "NOOP"), send("<2> OK\r\n")]);
    let server = Server::whole(steps).await;
    let connection = server.open().await.unwrap();
    let mut bodies = connection.fetch_bodies(&SequenceSet::all()).await.unwrap();
    let Some(BodyEvent::Start { size, .. }) = bodies.next().await.unwrap() else { panic!() };
    assert_eq!(size, big as u64);
    let Some(BodyEvent::Chunk(chunk)) = bodies.next().await.unwrap() else { panic!() };
    assert!(chunk.len() <= 64 << 10);
    // Longer than the time-out: waiting for the taker is not the server's silence.
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    assert!(bodies.next().await.unwrap().is_some());
    drop(bodies);
    connection.noop().await.unwrap();
}

fn append(
    connection: &Connection,
    octets: &'static [u8],
) -> impl Future<Output = Result<Option<(UidValidity, Uid)>, ImapError>> {
    let flags = Flags::from_words(["\\Seen"]);
    let date = InternalDate::parse(" 7-Feb-1994 21:52:25 -0800").unwrap();
    async move {
        let body = AppendBody::Whole(Bytes::from_static(octets));
        let size = octets.len() as u64;
        connection.append(&name("a b"), &flags, Some(&date), size, body).await?.outcome().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_is_done_only_when_the_server_said_so() {
    let steps = session(
        "LITERAL+",
        &[
            Line(1, "APPEND \"a b\" (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {4+}"),
            Octets(b"A: b\r\n"),
            send("* 3 EXISTS\r\n<1> OK [APPENDUID 38505 3955] stored\r\n"),
        ],
    );
    let server = Server::whole(steps.clone()).await;
    let connection = server.open().await.unwrap();
    let placed = append(&connection, b"A: b").await.unwrap();
    assert_eq!(placed, Some((UidValidity(38_505), Uid(3_955))));
    server.agrees().await;
    cut_everywhere(steps, async |c: Connection| append(&c, b"A: b").await).await;
}

#[tokio::test]
async fn a_synchronising_literal_waits_for_the_server_and_a_refusal_is_an_answer() {
    let steps = session(
        "",
        &[
            Line(1, "{4}"),
            send("* 9 EXISTS\r\n* OK wait\r\n"),
            Pause(50),
            send("+ go ahead\r\n"),
            Octets(b"A: b\r\n"),
            send("<1> OK\r\n"),
            Line(2, "{4}"),
            send("* 9 EXISTS\r\n<2> NO [OVERQUOTA] full\r\n"),
            Line(3, "NOOP"),
            send("<3> OK\r\n"),
        ],
    );
    let server = Server::whole(steps).await;
    let connection = server.open().await.unwrap();
    let before = connection.round_trips();
    assert_eq!(append(&connection, b"A: b").await.unwrap(), None);
    assert_eq!(connection.round_trips(), before + 2);
    let error = append(&connection, b"A: b").await.unwrap_err();
    assert!(error.is_answer() && !error.loses_connection());
    assert_eq!(error.response_code().as_deref(), Some("OVERQUOTA"));
    connection.noop().await.unwrap();
    server.agrees().await;
}

/// In one segment, so that both are there before the literal could go out.
#[tokio::test]
async fn a_refusal_behind_the_consent_ends_the_connection() {
    let steps = session(
        "",
        &[
            Line(1, "{4}"),
            send("+ go\r\n<1> NO [OVERQUOTA] full\r\n"),
            // It would answer, had anything come.
            Line(2, "NOOP"),
            send("<2> OK\r\n"),
        ],
    );
    let server = Server::whole(steps).await;
    let connection = server.open().await.unwrap();
    let error = append(&connection, b"A: b").await.unwrap_err();
    assert_eq!(error.response_code().as_deref(), Some("OVERQUOTA"));
    // The server may take whatever comes for the literal that it agreed to.
    let error = connection.noop().await.unwrap_err();
    assert!(error.loses_connection(), "{error:?}");
    assert!(server.task.await.unwrap().is_err(), "something came");
}

type Walked = (Vec<u32>, Result<(mailferry::ports::ledger::Pass, bool), String>);

/// Lists a folder as a copy does; gives the UIDs, and whether everything was read.
async fn walked(capabilities: &str, opened: &str, steps: &[Step]) -> Walked {
    use mailferry::catalogue::Object;
    use mailferry::copy::inventory;
    let mut all = session(
        capabilities,
        &[Line(1, "EXAMINE"), send(opened), send("* OK [UIDVALIDITY 5]\r\n<1> OK [READ-ONLY]\r\n")],
    );
    all.extend_from_slice(steps);
    let server = Server::whole(all).await;
    let source = SourceConnection::open(&server.endpoint, &credential("ada", "secret"), &quick())
        .await
        .unwrap();
    let selected = source.examine(&name("INBOX")).await.unwrap();
    let object = Object::mailbox("source", &"ada@acme.example".parse().unwrap());
    let uids = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let folder = name("INBOX");
    let listing = inventory::walk_readable(&source, &folder, &selected, &object, true, |page| {
        uids.lock().unwrap().extend(page.iter().map(|listed| listed.uid.0));
        async { Ok(()) }
    })
    .await;
    server.agrees().await;
    let listing = listing.map(|listing| (listing.pass, listing.incomplete.is_none()));
    let uids = uids.lock().unwrap().clone();
    (uids, listing.map_err(|stop| format!("{stop:?}")))
}

const THREE: &str = "* 3 EXISTS\r\n* OK [UIDNEXT 4]\r\n";

fn row(number: u32, uid: u32, size: &str) -> String {
    format!("* {number} FETCH (UID {uid} FLAGS () INTERNALDATE NIL RFC822.SIZE {size})\r\n")
}

#[tokio::test]
async fn new_mail_does_not_stand_for_a_row_that_is_missing() {
    let rows = [row(1, 1, "5"), row(3, 3, "5"), row(4, 4, "5")].concat();
    for (exists, complete) in [(4, false), (3, true)] {
        let steps = [
            Line(1, "UID FETCH 1:*"),
            send(&format!("{rows}<1> OK\r\n")),
            Line(1, "EXAMINE"),
            send(&format!(
                "* {exists} EXISTS\r\n* OK [UIDNEXT 5]\r\n* OK [UIDVALIDITY 5]\r\n<1> OK [READ-ONLY]\r\n"
            )),
        ];
        let (uids, listing) = walked("", THREE, &steps).await;
        assert_eq!((uids, listing.is_ok()), (vec![1, 3, 4], complete), "{listing:?}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_asked_for_again_and_spoils_only_the_end() {
    for (bad, second, uids, complete) in [
        // It can be read now.
        (row(2, 2, "NIL"), Some(row(2, 2, "7")), vec![1, 3, 2], true),
        (row(2, 2, "NIL"), Some(row(2, 2, "NIL")), vec![1, 3], false),
        // No message is as large; the ledger could not hold the sum.
        (
            row(2, 2, "9223372036854775808"),
            Some(row(2, 2, "4611686018427387904")),
            vec![1, 3],
            false,
        ),
        // A row of nobody knows which message.
        (
            "* 2 FETCH (FLAGS () INTERNALDATE NIL RFC822.SIZE 7)\r\n".to_owned(),
            None,
            vec![1, 3],
            false,
        ),
    ] {
        let listed =
            [row(1, 1, "5"), bad.clone(), row(3, 3, "5"), "<1> OK\r\n".to_owned()].concat();
        let mut steps = vec![Line(1, "UID FETCH 1:*"), send(&listed)];
        if let Some(second) = &second {
            steps.push(Line(1, "UID FETCH 2 "));
            steps.push(send(&format!("{second}<1> OK\r\n")));
        }
        let (came, listing) = walked("", THREE, &steps).await;
        let (pass, whole) = listing.unwrap();
        assert_eq!((came, whole), (uids, complete), "{bad} {second:?}");
        assert_eq!(pass.messages, if complete { 3 } else { 2 });
    }
}

#[tokio::test]
async fn a_message_that_went_away_after_a_change_of_its_flags_is_gone() {
    let steps = [
        Line(1, "UID FETCH 1:*"),
        send("* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n"),
        send(&[row(1, 1, "5"), row(3, 3, "5"), "<1> OK\r\n".to_owned()].concat()),
        Line(1, "UID FETCH 2 "),
        send("<1> OK\r\n"),
        Line(1, "EXAMINE"),
        send("* 2 EXISTS\r\n* OK [UIDNEXT 4]\r\n* OK [UIDVALIDITY 5]\r\n<1> OK [READ-ONLY]\r\n"),
    ];
    let (uids, listing) = walked("", THREE, &steps).await;
    assert_eq!((uids, listing.unwrap().1), (vec![1, 3], true));
}

#[tokio::test]
async fn a_row_that_came_in_part_is_not_taken_for_come_when_numbers_changed() {
    for gone in ["* 1 EXPUNGE\r\n", "* VANISHED 1\r\n"] {
        let steps = [
            Line(1, "UID FETCH 1:*"),
            // Number 3 is UID 4 now, and UID 3 is between it and number 2 of before.
            send(&[row(1, 1, "5"), row(2, 2, "5"), gone.to_owned(), row(3, 4, "5")].concat()),
            send("* 2 FETCH (UID 3 FLAGS (\\Seen))\r\n<1> OK\r\n"),
            Line(1, "UID FETCH 3 "),
            send(&format!("{}<1> OK\r\n", row(2, 3, "5"))),
        ];
        let (uids, listing) = walked("", "* 4 EXISTS\r\n* OK [UIDNEXT 5]\r\n", &steps).await;
        assert_eq!((uids, listing.unwrap().1), (vec![1, 2, 4, 3], true), "{gone}");
    }
}

#[tokio::test]
async fn a_folder_without_mod_sequences_is_not_asked_for_them() {
    for (code, items) in [("NOMODSEQ", "RFC822.SIZE)"), ("HIGHESTMODSEQ 9", "RFC822.SIZE MODSEQ)")]
    {
        let opened = format!("* 1 EXISTS\r\n* OK [UIDNEXT 2]\r\n* OK [{code}]\r\n");
        let row =
            "* 1 FETCH (UID 1 FLAGS () INTERNALDATE NIL RFC822.SIZE 5 MODSEQ (7))\r\n<1> OK\r\n";
        let steps = [Line(1, items), send(row)];
        let (uids, listing) = walked("CONDSTORE", &opened, &steps).await;
        assert_eq!((uids, listing.unwrap().1), (vec![1], true), "{code}");
    }
}

#[tokio::test]
async fn no_folder_has_uidnext_or_uidvalidity_0() {
    for (next, validity) in [(0, 5), (9, 0), (9, 5)] {
        let line =
            format!("* STATUS \"a b\" (MESSAGES 1 UIDNEXT {next} UIDVALIDITY {validity})\r\n");
        let steps = session("", &[Line(1, "STATUS"), send(&line), send("<1> OK\r\n")]);
        let server = Server::whole(steps).await;
        let status = server.open().await.unwrap().status(&name("a b")).await;
        assert_eq!(status.is_ok(), next * validity > 0, "{status:?}");
    }
}

#[tokio::test]
async fn several_appends_are_answered_in_any_order() {
    static LONG: [u8; 5_000] = [b'x'; 5_000];
    let steps = session(
        "LITERAL-",
        &[
            Line(1, "{1+}"),
            Octets(b"a\r\n"),
            Line(2, "{1+}"),
            Octets(b"b\r\n"),
            send("<2> OK [APPENDUID 1 12] x\r\n<1> NO [TOOBIG] y\r\n"),
            Line(3, "{5000}"),
        ],
    );
    let server = Server::whole(steps).await;
    let connection = server.open().await.unwrap();
    let whole = |octets: &'static [u8]| AppendBody::Whole(Bytes::from_static(octets));
    let inbox = name("INBOX");
    let none = Flags::default();
    let first = connection.append(&inbox, &none, None, 1, whole(b"a")).await.unwrap();
    let second = connection.append(&inbox, &none, None, 1, whole(b"b")).await.unwrap();
    assert_eq!(first.outcome().await.unwrap_err().response_code().as_deref(), Some("TOOBIG"));
    assert_eq!(second.outcome().await.unwrap(), Some((UidValidity(1), Uid(12))));
    // LITERAL- covers 4,096 octets, so this one is announced, and the server is gone.
    assert!(connection.append(&inbox, &none, None, 5_000, whole(&LONG)).await.is_err());
    server.agrees().await;
}

#[tokio::test]
async fn a_server_out_of_step_loses_the_connection_and_the_outcome_is_unknown() {
    for answer in [
        "Received: BAD Command Error. 10\r\n",
        "* BAD Command Error. 10\r\n",
        "+ more\r\n",
        "<1> MAYBE\r\n",
        "* BYE Connection closed. 14\r\n",
    ] {
        let steps = session("LITERAL+", &[Line(1, "{4+}"), Octets(b"A: b\r\n"), send(answer)]);
        let server = Server::whole(steps).await;
        let connection = server.open().await.unwrap();
        let error = append(&connection, b"A: b").await.unwrap_err();
        assert!(error.loses_connection() && !error.is_answer(), "{answer}: {error:?}");
        let noticed = matches!(error, ImapError::Protocol { .. });
        assert_eq!(noticed, !answer.starts_with("* BYE"), "{answer}: {error:?}");
        if answer.starts_with("* B") {
            assert!(error.words().unwrap().starts_with("Co"), "{error:?}");
        }
        assert!(connection.noop().await.unwrap_err().loses_connection());
    }
}

#[tokio::test]
async fn a_stream_of_the_wrong_length_drops_the_connection_before_the_message_is_whole() {
    for pieces in [&[&b"ab"[..], b"c"][..], &[b"abcd", b"e"], &[b"abcde"]] {
        let steps = session("LITERAL+", &[Line(1, "{4+}"), Octets(b"abcd\r\n")]);
        let server = Server::whole(steps).await;
        let connection = server.open().await.unwrap();
        let (to, body) = tokio::sync::mpsc::channel(8);
        for piece in pieces {
            to.send(Bytes::from_static(piece)).await.unwrap();
        }
        drop(to);
        let body = AppendBody::Stream(body);
        let error =
            connection.append(&name("x"), &Flags::default(), None, 4, body).await.unwrap_err();
        assert!(matches!(error, ImapError::Protocol { .. }), "{error:?}");
        assert!(server.task.await.unwrap().is_err(), "the server never has a whole message");
    }
}

#[tokio::test]
async fn an_append_that_is_given_up_half_way_closes_the_connection() {
    let steps = session("LITERAL+", &[Line(1, "{4+}"), Octets(b"ab"), Octets(b"cd\r\n")]);
    let server = Server::whole(steps).await;
    let connection = server.open().await.unwrap();
    let (to, body) = tokio::sync::mpsc::channel(8);
    to.send(Bytes::from_static(b"ab")).await.unwrap();
    let inbox = name("x");
    let flags = Flags::default();
    let append = connection.append(&inbox, &flags, None, 4, AppendBody::Stream(body));
    assert!(tokio::time::timeout(Duration::from_millis(100), append).await.is_err());
    assert!(connection.noop().await.unwrap_err().loses_connection());
    assert!(server.task.await.unwrap().is_err());
}

#[tokio::test]
async fn silence_ends_in_a_time_out() {
    let server = Server::whole(session("", &[Line(1, "NOOP"), Pause(5_000)])).await;
    let connection = server.open().await.unwrap();
    let error = connection.noop().await.unwrap_err();
    assert!(matches!(error, ImapError::Timeout { what: "NOOP", .. }), "{error:?}");
}

#[tokio::test]
async fn after_a_bye_commands_end_with_its_words_although_the_server_does_not_close() {
    for (steps, asked_before) in [
        (vec![Line(1, "NOOP"), send("* BYE [UNAVAILABLE] down soon\r\n")], true),
        (vec![Line(1, "NOOP"), send("* BYE [UNAVAILABLE] down soon\r\n<1> OK\r\n")], false),
    ] {
        let mut steps = session("", &steps);
        steps.push(Line(2, "nothing more"));
        let server = Server::whole(steps).await;
        let connection = server.open().await.unwrap();
        let first = connection.noop().await;
        assert_eq!(first.is_err(), asked_before, "{first:?}");
        for answer in [first, connection.noop().await] {
            let Err(error) = answer else { continue };
            assert!(matches!(error, ImapError::Closed { bye: Some(_), .. }), "{error:?}");
            assert_eq!(error.response_code().as_deref(), Some("UNAVAILABLE"));
        }
        drop(connection);
        let ended = server.task.await.unwrap();
        assert_eq!(ended.unwrap_err(), "`nothing more` was due and Ok(0) came");
    }
}

#[tokio::test]
async fn an_answer_that_needs_too_much_memory_ends_the_connection() {
    // Two octets a word on the wire, and many more in memory.
    let line = format!("* LIST ({}) \"/\" x\r\n", "a ".repeat(600_000));
    let steps = vec![Line(1, "LIST"), send(&line), send("<1> OK\r\n")];
    let server = Server::whole(session("", &steps)).await;
    let error = server.open().await.unwrap().list().await.unwrap_err();
    assert!(matches!(error, ImapError::Protocol { .. }), "{error:?}");
    assert!(error.to_string().contains("octets"), "{error}");
}

#[tokio::test]
async fn greetings_and_refused_log_ins_tell_what_the_server_said() {
    let server = Server::whole(vec![send("* BYE [ALERT] too many connections\r\n")]).await;
    assert!(matches!(server.open().await, Err(ImapError::Bye { .. })));
    let server = Server::whole(vec![send("* PREAUTH hello\r\n"), Pause(50)]).await;
    assert!(matches!(server.open().await, Err(ImapError::Protocol { .. })));
    let server = Server::whole(vec![send("HTTP/1.1 400 Bad Request\r\n"), Pause(50)]).await;
    assert!(matches!(server.open().await, Err(ImapError::Protocol { .. })));

    let mut steps = signed_in("");
    steps.truncate(4);
    for (answer, bye) in [
        ("<91> NO [TRYCREATE]\u{e9}nope\r\n", false),
        ("* OK [ALERT]\u{2013}x\r\n<91> NO [AUTHENTICATIONFAILED] nope\r\n", false),
        ("* BYE wrong server\r\n", true),
    ] {
        let mut steps = steps.clone();
        steps.push(send(answer));
        let error = Server::whole(steps).await.open().await.unwrap_err();
        assert_eq!(matches!(error, ImapError::Bye { .. }), bye, "{error:?}");
        assert_eq!(matches!(error, ImapError::SignIn { .. }), !bye, "{error:?}");
    }
}

#[tokio::test]
async fn plain_passes_lines_before_the_challenge_and_octets_after_the_answer() {
    let steps = vec![
        send("* OK ready\r\n"),
        Line(90, "CAPABILITY"),
        send("* CAPABILITY AUTH=PLAIN X\r\n<90> OK\r\n"),
        Line(91, "AUTHENTICATE PLAIN"),
        send("* 5 EXISTS\r\n* CAPABILITY X\r\n+ go ahead, please\r\n"),
        // "grace", NUL, "admin", NUL, "pä"
        Line(1, "Z3JhY2UAYWRtaW4AcMOk"),
        send("<91> OK [WEIRD (]\u{e9}\r\n* CAPABILITY IMAP4rev1 LIT"),
        Pause(30),
        Line(2, "CAPABILITY"),
        send("ERAL+\r\n<2> OK\r\n"),
    ];
    let server = Server::whole(steps).await;
    let style = LoginStyle::PlainAs {
        authorization: "grace".to_owned(),
        authentication: "admin".to_owned(),
    };
    let credential = Credential { style, password: "pä".into() };
    let connection = Connection::open(&server.endpoint, &credential, &quick()).await.unwrap();
    assert!(connection.has("LITERAL+"));
    server.agrees().await;
}

#[tokio::test]
async fn a_plain_text_connection_beyond_loopback_is_refused() {
    // 192.0.2.0/24 is for documentation, RFC 5737; nothing is ever sent there.
    let endpoint =
        Endpoint { host: "192.0.2.1".to_owned(), port: 143, tls: TlsMode::None, ca: None };
    let error = Connection::open(&endpoint, &credential("a", "b"), &quick()).await.unwrap_err();
    assert!(matches!(error, ImapError::Plaintext { .. }), "{error:?}");
}

#[tokio::test]
async fn starttls_is_never_skipped_and_nothing_said_before_it_is_kept() {
    for (capabilities, answer) in [
        ("IMAP4rev1", ""),
        ("STARTTLS", "<1> NO not now\r\n"),
        ("STARTTLS", "<1> OK go\r\n* CAPABILITY AUTH=PLAIN\r\n"),
    ] {
        let mut steps = vec![
            send("* OK ready\r\n"),
            Line(90, "CAPABILITY"),
            send(&format!("* CAPABILITY {capabilities}\r\n<90> OK\r\n")),
        ];
        if !answer.is_empty() {
            steps.extend([Line(1, "STARTTLS"), send(answer), Pause(50)]);
        }
        let mut server = Server::whole(steps).await;
        server.endpoint.tls = TlsMode::Starttls;
        let error = server.open().await.unwrap_err();
        let told = matches!(
            error,
            ImapError::Unsupported { .. } | ImapError::No { .. } | ImapError::Protocol { .. }
        );
        assert!(told, "{error:?}");
    }
}

#[tokio::test]
async fn namespace_and_quota_are_read_or_an_error() {
    let steps = session(
        "NAMESPACE QUOTA",
        &[
            Line(1, "NAMESPACE"),
            send(
                "* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"shared.\" \".\" \"X\" (\"y\")))\r\n<1> OK\r\n",
            ),
            Line(2, "GETQUOTAROOT \"INBOX\""),
            send(
                "* QUOTAROOT INBOX \"user\" {5}\r\nother\r\n* QUOTA user (MESSAGE 3 100 STORAGE 10 512)\r\n",
            ),
            send("* QUOTA other (STORAGE 10 20)\r\n* QUOTA x (STORAGE 1 1)\r\n<2> OK\r\n"),
            Line(3, "GETQUOTAROOT"),
            send("<3> NO [UNAVAILABLE] x\r\n"),
        ],
    );
    let server = Server::whole(steps).await;
    let connection = server.open().await.unwrap();
    let namespace = connection.namespace().await.unwrap().unwrap();
    assert_eq!((namespace.prefix.as_str(), namespace.separator), ("INBOX.", Some('.')));
    let quota = connection.quota_root(&name("INBOX")).await.unwrap().unwrap();
    assert_eq!((quota.used, quota.limit), (10_240, Some(20_480)));
    assert!(connection.quota_root(&name("INBOX")).await.is_err());
}

#[tokio::test]
async fn a_source_is_examined_and_closed_without_unselect() {
    let steps = session(
        "",
        &[
            Line(1, "EXAMINE \"INBOX\""),
            send(
                "* 0 EXISTS\r\n* FLAGS ()\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 1] x\r\n<1> OK\r\n",
            ),
            Line(2, "CLOSE"),
            send("<2> OK\r\n"),
            Line(3, "LOGOUT"),
            send("* BYE bye\r\n"),
        ],
    );
    let server = Server::whole(steps).await;
    let source = SourceConnection::open(&server.endpoint, &credential("ada", "secret"), &quick())
        .await
        .unwrap();
    assert!(source.examine(&name("INBOX")).await.unwrap().read_only);
    source.unselect().await.unwrap();
    source.logout().await.unwrap();
    server.agrees().await;
}

/// A server that answers every UID FETCH with the bodies that it asks for, each larger than what
/// may wait to be taken.
async fn generous_server() -> (Endpoint, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let body = "x".repeat(400_000);
        write.write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut words = line.split(' ');
            let tag = words.next().unwrap().to_owned();
            let mut answer = String::new();
            if line.contains("UID FETCH") {
                let uid = words.nth(2).unwrap();
                answer =
                    format!("* {uid} FETCH (UID {uid} BODY[] {{{}}}\r\n{body})\r\n", body.len());
            } else if line.contains("CAPABILITY") {
                answer.push_str("* CAPABILITY IMAP4rev1\r\n");
            }
            answer += &format!("{tag} OK done\r\n");
            if write.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port, tls: TlsMode::None, ca: None };
    (endpoint, task)
}

/// What is asked for first comes first, however the tasks that send are scheduled: taken in the
/// other order, the second body would fill its channel and the first would never come.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bodies_that_are_asked_for_together_come_in_that_order() {
    let (endpoint, _task) = generous_server().await;
    let credential = Credential {
        style: LoginStyle::Login { user: "ada".to_owned() },
        password: "secret".to_owned().into(),
    };
    let connection = Connection::open(&endpoint, &credential, &Timeouts::default()).await.unwrap();
    for round in 0..300 {
        let first = connection.fetch_bodies(&SequenceSet::from_uids([Uid(1)])).await.unwrap();
        let second = connection.fetch_bodies(&SequenceSet::from_uids([Uid(2)])).await.unwrap();
        for (mut bodies, uid) in [(first, Uid(1)), (second, Uid(2))] {
            let taken = async {
                let mut ended = None;
                while let Some(event) = bodies.next().await.unwrap() {
                    if let BodyEvent::End { uid } = event {
                        ended = Some(uid);
                    }
                }
                ended
            };
            let ended = tokio::time::timeout(Duration::from_secs(20), taken)
                .await
                .unwrap_or_else(|_| panic!("round {round}: UID {uid} never came"));
            assert_eq!(ended, Some(uid));
        }
    }
}
