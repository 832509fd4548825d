//! A relay between mailferry and a real server that does harm at a chosen place.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What happens to one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    None,
    /// Both directions end after so many octets from the server.
    CutAnswers(usize),
    /// Both directions end after so many octets to the server.
    CutCommands(usize),
    /// The tagged OK with this number, from 0, becomes `NO [UNAVAILABLE]`.
    Refuse(usize),
    /// Every FETCH of bodies that asks for one of these UIDs is answered NO and never reaches the
    /// server; with so many refusals the connection ends.
    RefuseBodies(u32, u32, usize),
    /// EXAMINE of this folder is answered `NO [SERVERBUG]` and never reaches the server.
    RefuseFolder(&'static str),
    /// At EXAMINE of this folder these lines come, and the connection ends.
    HangUpAt(&'static str, &'static str),
    /// Nothing is passed on in either direction.
    Silence,
}

/// What went over one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub commands: Vec<u8>,
    pub answers: Vec<u8>,
    /// The harm was done.
    pub harmed: bool,
}

type Choose = Arc<Mutex<Box<dyn Fn(usize) -> Harm + Send>>>;

/// Passes connections on until it is dropped.
pub(super) struct Relay {
    pub port: u16,
    end: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<Heard>>>,
    harm: Choose,
    listener: Option<JoinHandle<()>>,
}

impl Relay {
    /// Passes on to a port of this machine; `harm` is asked about connection 0, 1, …
    pub(super) fn start(to: u16, harm: impl Fn(usize) -> Harm + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let end = Arc::new(AtomicBool::new(false));
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let harm: Choose = Arc::new(Mutex::new(Box::new(harm)));
        let shared = (Arc::clone(&end), Arc::clone(&heard), Arc::clone(&harm));
        let thread = std::thread::spawn(move || {
            let (end, heard, harm) = shared;
            while let Ok((client, _)) = listener.accept() {
                if end.load(Ordering::SeqCst) {
                    break;
                }
                let number = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(Heard::default());
                    heard.len() - 1
                };
                let harm = (harm.lock().unwrap())(number);
                pass(&client, to, harm, number, &heard);
            }
        });
        Self { port, end, heard, harm, listener: Some(thread) }
    }

    /// Does this from now on.
    pub(super) fn harm(&self, harm: impl Fn(usize) -> Harm + Send + 'static) {
        *self.harm.lock().unwrap() = Box::new(harm);
    }

    /// Does no harm from now on.
    pub(super) fn pass_everything(&self) {
        self.harm(|_| Harm::None);
    }

    /// Everything that was heard, by connection.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Tells whether harm was done on any connection.
    pub(super) fn harmed(&self) -> bool {
        self.heard.lock().unwrap().iter().any(|heard| heard.harmed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn pass(client: &TcpStream, to: u16, harm: Harm, number: usize, heard: &Arc<Mutex<Vec<Heard>>>) {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).expect("the server listens");
    for stream in [client, &server] {
        stream.set_nodelay(true).expect("an option");
        // A thread whose peer never ends must not live for ever.
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout");
    }
    for from_server in [false, true] {
        let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let heard = Arc::clone(heard);
        std::thread::spawn(move || {
            one_way(&client, &server, from_server, harm, &|octets, harmed| {
                let mut heard = heard.lock().unwrap();
                let Heard { commands, answers, harmed: done } = &mut heard[number];
                if from_server { answers } else { commands }.extend_from_slice(octets);
                *done |= harmed;
            });
        });
    }
}

fn one_way(
    client: &TcpStream,
    server: &TcpStream,
    from_server: bool,
    harm: Harm,
    note: &dyn Fn(&[u8], bool),
) {
    let (mut from, mut to) = if from_server { (server, client) } else { (client, server) };
    let limit = match harm {
        Harm::CutAnswers(limit) if from_server => limit,
        Harm::CutCommands(limit) if !from_server => limit,
        _ => usize::MAX,
    };
    let (mut passed, mut lines, mut seen) = (0, Vec::new(), 0);
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if harm == Harm::Silence {
            continue;
        }
        let octets = &buffer[..length.min(limit - passed)];
        passed += octets.len();
        let cut = passed == limit;
        // Noted before it goes out: who reads the notes has seen less than was passed on.
        note(octets, cut);
        let sent = match harm {
            Harm::Refuse(number) if from_server => {
                lines.extend_from_slice(octets);
                let (changed, done) = refuse(&mut lines, &mut seen, number);
                note(&[], done);
                to.write_all(&changed)
            }
            Harm::RefuseBodies(..) | Harm::RefuseFolder(_) | Harm::HangUpAt(..) if !from_server => {
                lines.extend_from_slice(octets);
                let (allowed, answers) = refuse_commands(&mut lines, harm);
                let met = answers.is_some();
                let answers = answers.unwrap_or_default();
                note(&[], met);
                seen += String::from_utf8_lossy(&answers).lines().count();
                let sent =
                    (&mut (&*client)).write_all(&answers).and_then(|()| to.write_all(&allowed));
                match harm {
                    Harm::RefuseBodies(_, _, most) if seen >= most => break,
                    Harm::HangUpAt(..) if met => break,
                    _ => sent,
                }
            }
            _ => to.write_all(octets),
        };
        if sent.is_err() || cut {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Takes the whole command lines; returns those that go on, and the answers to the others.
fn refuse_commands(lines: &mut Vec<u8>, harm: Harm) -> (Vec<u8>, Option<Vec<u8>>) {
    let end = lines.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    let rest = lines.split_off(end);
    let whole = std::mem::replace(lines, rest);
    let (mut allowed, mut answers) = (Vec::new(), None::<Vec<u8>>);
    let mut answer =
        |text: &str| answers.get_or_insert_default().extend_from_slice(text.as_bytes());
    for line in whole.split_inclusive(|octet| *octet == b'\n') {
        let text = String::from_utf8_lossy(line);
        let words: Vec<&str> = text.split(' ').collect();
        match (words.as_slice(), harm) {
            ([tag, "UID", "FETCH", set, ..], Harm::RefuseBodies(first, last, _))
                if text.contains("BODY.PEEK[]") && (first..=last).any(|uid| holds(set, uid)) =>
            {
                answer(&format!("{tag} NO Message is damaged\r\n"));
            }
            ([tag, "EXAMINE", name, ..], Harm::RefuseFolder(folder))
                if name.trim().trim_matches('"') == folder =>
            {
                let words = "NO [SERVERBUG] Internal error occurred.";
                answer(&format!("{tag} {words}\r\n"));
            }
            ([_, "EXAMINE", name, ..], Harm::HangUpAt(folder, words))
                if name.trim().trim_matches('"') == folder =>
            {
                answer(words);
            }
            _ => allowed.extend_from_slice(line),
        }
    }
    (allowed, answers)
}

fn holds(set: &str, uid: u32) -> bool {
    set.split(',').any(|range| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let number = |text: &str| text.parse().unwrap_or(u32::MAX);
        (number(first)..=number(last)).contains(&uid)
    })
}

/// Takes the whole lines and replaces one tagged OK. A listing has no literals that could look
/// like one here: the messages of these tests are never fetched through it.
fn refuse(lines: &mut Vec<u8>, seen: &mut usize, number: usize) -> (Vec<u8>, bool) {
    let end = lines.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    let rest = lines.split_off(end);
    let whole = std::mem::replace(lines, rest);
    let (mut changed, mut done) = (Vec::new(), false);
    for line in whole.split_inclusive(|octet| *octet == b'\n') {
        let mut words = line.splitn(3, |octet| *octet == b' ');
        let (tag, status) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if tag != b"*" && tag != b"+" && status == b"OK" {
            *seen += 1;
            if *seen == number + 1 {
                done = true;
                changed.extend_from_slice(tag);
                changed.extend_from_slice(b" NO [UNAVAILABLE] try later\r\n");
                continue;
            }
        }
        changed.extend_from_slice(line);
    }
    (changed, done)
}
