//! A destination server that does what a test tells it to: plain IMAP on loopback, small and
//! strict.

use super::session::{Session, store};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What becomes of one APPEND.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Store,
    /// Stored, and the connection ends without an answer.
    StoreAndDie,
    /// Stored, moved by its user into this folder at once, and the connection ends without an answer.
    StoreElsewhereAndDie(&'static str),
    /// The connection ends without an answer; it is stored so much later.
    DieAndStore(Duration),
    /// Not stored, this answer.
    Say(&'static str),
    /// Not stored, this answer, BYE.
    SayAndClose(&'static str),
    /// Not stored; the connection ends without an answer.
    Die,
    /// Stored, and answered without its UID.
    StoreUnsaid,
    /// Stored, and answered with another UIDVALIDITY.
    StoreUnder(u32),
    /// Not stored; a BYE in these words is all that comes.
    Bye(&'static str),
    /// Stored, and answered with a tag that nobody sent.
    OtherTag,
    /// Stored, and answered so much later.
    StoreLate(Duration),
    /// Stored and answered, then BYE.
    StoreAndBye,
    /// Stored, and nothing is said on this connection any more.
    StoreAndHang,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Message {
    pub uid: u32,
    pub flags: Vec<String>,
    pub date: String,
    pub bytes: Vec<u8>,
}

type Rewrite = fn(&[u8]) -> Vec<u8>;

type Redate = fn(&str) -> bool;

/// The date that it keeps in place of another.
pub(super) const ARRIVED: &str = "11-Nov-2025 11:11:11 +0000";

/// How a body is not given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Withheld {
    /// No answer names the message.
    Silently,
    /// `BODY[] NIL`.
    Nil,
}

type Decide = Box<dyn FnMut(usize) -> Answer + Send>;

/// What becomes of a command that is no APPEND, by its text without the tag; `None` is as usual.
type Meddle = Box<dyn FnMut(&str) -> Option<Answer> + Send>;

/// Which messages are refused whenever they come.
type Reject = Box<dyn Fn(&[u8]) -> bool + Send>;

pub(super) struct State {
    pub folders: BTreeMap<String, Vec<Message>>,
    /// Separators of folders that have another one than `/`.
    pub separators: BTreeMap<String, &'static str>,
    pub decide: Decide,
    /// Refused always: messages of so many octets, in these words.
    pub refuse: Option<(usize, &'static str)>,
    pub reject: Option<(Reject, Answer)>,
    pub meddle: Option<Meddle>,
    /// Refusals on one connection after which it is closed.
    pub errors: Option<usize>,
    pub appends: usize,
    /// The connection ends after so many octets of the next literal.
    pub end_in_literal: Option<usize>,
    /// When each command came, and when each APPEND was refused.
    pub log: Vec<(Instant, String)>,
    pub uidplus: bool,
    /// What it keeps in place of what it was given.
    pub rewrite: Option<Rewrite>,
    /// Folders that nobody can read now.
    pub shut: Vec<String>,
    /// MOVEs that are carried out and not answered, and that are answered without COPYUID.
    pub moves: (usize, usize),
    /// Literals go out without being asked for.
    pub literal_plus: bool,
    /// Of this message it does not tell the size.
    pub unsized_uid: u32,
    /// This message it lists and does not give.
    pub withheld: Option<(u32, Withheld)>,
    /// Which dates it replaces by [`ARRIVED`].
    pub redate: Redate,
    /// The highest UID that a folder ever had.
    pub highest: BTreeMap<String, u32>,
}

impl State {
    /// Returns the UID of the next message of a folder; none is given twice.
    pub(super) fn uid_next(&self, name: &str) -> u32 {
        self.highest.get(name).map_or(1, |highest| highest + 1)
    }

    pub(super) fn push(&mut self, name: &str, message: Message) {
        let highest = self.highest.entry(name.to_owned()).or_default();
        *highest = message.uid.max(*highest);
        self.folders.get_mut(name).expect("the folder").push(message);
    }
}

/// The server; it lives as long as the process.
pub(super) struct Script {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Script {
    /// Starts it with the folders of the lab's destination; `decide` is asked about APPEND 0, 1, …
    pub(super) fn start(
        uidplus: bool,
        decide: impl FnMut(usize) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let names = ["INBOX", "Sent Items", "Drafts", "Deleted Items", "Junk Email"];
        let state = Arc::new(Mutex::new(State {
            folders: names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect(),
            separators: BTreeMap::new(),
            decide: Box::new(decide),
            refuse: None,
            end_in_literal: None,
            reject: None,
            meddle: None,
            errors: None,
            appends: 0,
            log: Vec::new(),
            uidplus,
            rewrite: None,
            shut: Vec::new(),
            moves: (0, 0),
            literal_plus: true,
            unsized_uid: 0,
            withheld: None,
            redate: |_| false,
            highest: BTreeMap::new(),
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A client that goes away ends its connection, and nothing else.
                    let _ = Session::new(stream, state).run();
                });
            }
        });
        Self { port, state }
    }

    /// Returns what can shut folders from within a decision.
    pub(super) fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.state))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Does this with every APPEND from now on.
    pub(super) fn decide(&self, decide: impl FnMut(usize) -> Answer + Send + 'static) {
        self.state().decide = Box::new(decide);
    }

    /// Refuses every message of so many octets, whenever it comes.
    pub(super) fn refuse(&self, octets: usize, words: &'static str) {
        self.state().refuse = Some((octets, words));
    }

    /// Ends the connection in the next literal, after so many of its octets.
    pub(super) fn end_in_literal(&self, octets: usize) {
        self.state().end_in_literal = Some(octets);
    }

    /// Answers like this to every message that a test picks, whenever it comes.
    pub(super) fn reject(&self, pick: impl Fn(&[u8]) -> bool + Send + 'static, answer: Answer) {
        self.state().reject = Some((Box::new(pick), answer));
    }

    /// Is asked about every command that is no APPEND.
    pub(super) fn meddle(&self, meddle: impl FnMut(&str) -> Option<Answer> + Send + 'static) {
        self.state().meddle = Some(Box::new(meddle));
    }

    /// Closes a connection at its so many-th refusal, as Exchange does at the tenth.
    pub(super) fn close_after(&self, errors: usize) {
        self.state().errors = Some(errors);
    }

    /// Holds a message that nobody sent.
    pub(super) fn hold(&self, folder: &str, message: Message) {
        self.state().push(folder, message);
    }

    /// Loses a message, as when its user removes it.
    pub(super) fn remove(&self, folder: &str, uid: u32) {
        let mut state = self.state();
        state.folders.get_mut(folder).expect("the folder").retain(|message| message.uid != uid);
    }

    /// Lists a message of any folder and does not give it.
    pub(super) fn withhold(&self, withheld: Option<(u32, Withheld)>) {
        self.state().withheld = withheld;
    }

    /// Keeps another date than these.
    pub(super) fn redate(&self, redate: Redate) {
        self.state().redate = redate;
    }

    /// Has another folder, whose name is parted like this.
    pub(super) fn make(&self, folder: &str, separator: &'static str) {
        let mut state = self.state();
        state.folders.insert(folder.to_owned(), Vec::new());
        state.separators.insert(folder.to_owned(), separator);
    }

    /// Has a folder no more.
    pub(super) fn drop_folder(&self, folder: &str) {
        self.state().folders.remove(folder).expect("the folder");
    }

    /// Does not tell the size of this message; 0 is none.
    pub(super) fn without_size(&self, uid: u32) {
        self.state().unsized_uid = uid;
    }

    /// Keeps other octets than it is given.
    pub(super) fn rewrite(&self, rewrite: Rewrite) {
        self.state().rewrite = Some(rewrite);
    }

    /// Wants to be asked before each literal.
    pub(super) fn without_literal_plus(&self) {
        self.state().literal_plus = false;
    }

    /// Lets nobody read these folders, and everybody all others.
    pub(super) fn shut(&self, folders: &[&str]) {
        self.state().shut = folders.iter().map(ToString::to_string).collect();
    }

    /// Carries out so many MOVEs without an answer, and then so many without COPYUID.
    pub(super) fn moves(&self, unanswered: usize, unsaid: usize) {
        self.state().moves = (unanswered, unsaid);
    }

    pub(super) fn messages(&self, folder: &str) -> Vec<Message> {
        self.state().folders[folder].clone()
    }

    /// Commands and refusals, with their times.
    pub(super) fn log(&self) -> Vec<(Instant, String)> {
        self.state().log.clone()
    }
}

/// Shuts folders while the server decides.
pub(super) struct Handle(Arc<Mutex<State>>);

impl Handle {
    /// Delivers a message of somebody else as soon as the decision is made.
    pub(super) fn deliver_later(&self, folder: &'static str, date: String, octets: &[u8]) {
        let (state, bytes) = (Arc::clone(&self.0), octets.to_vec());
        std::thread::spawn(move || {
            store(&state, folder, Message { uid: 0, flags: Vec::new(), date, bytes });
        });
    }

    /// Shuts folders as soon as the decision is made.
    pub(super) fn shut_later(&self, folders: &'static [&'static str]) {
        let state = Arc::clone(&self.0);
        std::thread::spawn(move || {
            state.lock().unwrap().shut = folders.iter().map(ToString::to_string).collect();
        });
    }
}
