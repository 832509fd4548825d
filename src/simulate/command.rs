//! The commands of a client, read strictly.

use crate::model::internal_date::InternalDate;
use crate::simulate::fetch_item::{self, FetchItem};
use crate::simulate::lexer::{Lexer, Octets, Piece};
use crate::simulate::search::{self, Key};
use crate::simulate::sequence::SequenceSet;
use bytes::Bytes;

/// How STORE changes flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Replace,
    Add,
    Remove,
}

/// One message of APPEND.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) flags: Vec<String>,
    pub(crate) date: Option<InternalDate>,
    pub(crate) octets: Bytes,
}

/// What LIST is asked to select and return, RFC 5258.
#[derive(Debug, Default)]
pub(crate) struct ListOptions {
    pub(crate) only_subscribed: bool,
    pub(crate) only_special: bool,
    pub(crate) show_subscribed: bool,
    pub(crate) extended: bool,
}

#[derive(Debug)]
pub(crate) enum Command {
    Capability,
    Noop,
    Logout,
    Id,
    Namespace,
    Enable(Vec<String>),
    Login {
        user: Octets,
        password: Octets,
    },
    Authenticate {
        mechanism: String,
        initial: Option<Octets>,
    },
    List {
        reference: Octets,
        patterns: Vec<Octets>,
        options: ListOptions,
    },
    Lsub {
        reference: Octets,
        pattern: Octets,
    },
    Status {
        name: String,
        items: Vec<String>,
    },
    Create(String),
    Delete(String),
    Rename {
        from: String,
        to: String,
    },
    Subscribe(String),
    Unsubscribe(String),
    Select {
        name: String,
        read_only: bool,
    },
    Unselect,
    Close,
    Check,
    Expunge,
    UidExpunge(SequenceSet),
    Idle,
    Append {
        name: String,
        messages: Vec<Appended>,
    },
    Fetch {
        uid: bool,
        set: SequenceSet,
        items: Vec<FetchItem>,
        changed_since: Option<u64>,
    },
    Store {
        uid: bool,
        set: SequenceSet,
        unchanged_since: Option<u64>,
        change: Change,
        silent: bool,
        flags: Vec<String>,
    },
    Search {
        uid: bool,
        keys: Vec<Key>,
    },
    Copy {
        uid: bool,
        set: SequenceSet,
        name: String,
        gone: bool,
    },
}

/// What the product lets the grammar know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extensions {
    pub(crate) list_extended: bool,
    pub(crate) multiappend: bool,
    pub(crate) condstore: bool,
    pub(crate) status_size: bool,
    pub(crate) enable: bool,
    pub(crate) r#move: bool,
    pub(crate) initial_response: bool,
    pub(crate) idle: bool,
    pub(crate) uidplus: bool,
    pub(crate) unselect: bool,
}

/// What is wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Unknown,
    Arguments,
}

/// A command, or what is wrong with it, with its tag and its verb in upper case.
#[derive(Debug)]
pub(crate) struct Read {
    /// `None` when what should be the tag is none.
    pub(crate) tag: Option<String>,
    pub(crate) verb: String,
    pub(crate) command: Result<Command, Wrong>,
}

/// Reads one command.
pub(crate) fn read(pieces: Vec<Piece>, known: Extensions) -> Read {
    let mut lexer = Lexer::new(pieces);
    let tag = tag(&mut lexer);
    let wrong = |tag, verb| Read { tag, verb, command: Err(Wrong::Unknown) };
    if tag.is_none() || lexer.space().is_none() {
        return wrong(tag, String::new());
    }
    let Some(mut verb) = lexer.keyword() else { return wrong(tag, String::new()) };
    let uid = verb == "UID";
    if uid {
        let Some(rest) = lexer.space().and_then(|()| lexer.keyword()) else {
            return Read { tag, verb, command: Err(Wrong::Arguments) };
        };
        verb = rest;
    }
    let command = if supported(&verb, uid, known) {
        arguments(&mut lexer, &verb, uid, known).filter(|_| lexer.at_end()).ok_or(Wrong::Arguments)
    } else {
        Err(Wrong::Unknown)
    };
    let verb = if uid { format!("UID {verb}") } else { verb };
    Read { tag, verb, command }
}

/// An ASTRING-CHAR but `+`.
fn tag(lexer: &mut Lexer) -> Option<String> {
    let tag = lexer.take_while(|octet| {
        octet != b'+' && (crate::simulate::lexer::is_atom(octet) || octet == b']')
    })?;
    String::from_utf8(tag.to_vec()).ok()
}

fn supported(verb: &str, uid: bool, known: Extensions) -> bool {
    match verb {
        "FETCH" | "STORE" | "SEARCH" | "COPY" => true,
        "MOVE" => known.r#move,
        "EXPUNGE" => !uid || known.uidplus,
        "ENABLE" => !uid && known.enable,
        "IDLE" => !uid && known.idle,
        "UNSELECT" => !uid && known.unselect,
        "CAPABILITY" | "NOOP" | "LOGOUT" | "ID" | "NAMESPACE" | "LOGIN" | "AUTHENTICATE"
        | "LIST" | "LSUB" | "STATUS" | "CREATE" | "DELETE" | "RENAME" | "SUBSCRIBE"
        | "UNSUBSCRIBE" | "SELECT" | "EXAMINE" | "CLOSE" | "CHECK" | "APPEND" => !uid,
        _ => false,
    }
}

fn arguments(lexer: &mut Lexer, verb: &str, uid: bool, known: Extensions) -> Option<Command> {
    let one_mailbox = |lexer: &mut Lexer, make: fn(String) -> Command| {
        lexer.space()?;
        lexer.mailbox().map(make)
    };
    Some(match verb {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "NAMESPACE" => Command::Namespace,
        "UNSELECT" => Command::Unselect,
        "CLOSE" => Command::Close,
        "CHECK" => Command::Check,
        "IDLE" => Command::Idle,
        "EXPUNGE" if uid => {
            lexer.space()?;
            Command::UidExpunge(lexer.set()?)
        }
        "EXPUNGE" => Command::Expunge,
        "CREATE" => one_mailbox(lexer, Command::Create)?,
        "DELETE" => one_mailbox(lexer, Command::Delete)?,
        "SUBSCRIBE" => one_mailbox(lexer, Command::Subscribe)?,
        "UNSUBSCRIBE" => one_mailbox(lexer, Command::Unsubscribe)?,
        "ID" => id(lexer)?,
        "ENABLE" => {
            let mut names = Vec::new();
            while lexer.space().is_some() {
                names.push(lexer.keyword()?);
            }
            (!names.is_empty()).then_some(Command::Enable(names))?
        }
        "LOGIN" => {
            lexer.space()?;
            let user = lexer.astring()?;
            lexer.space()?;
            Command::Login { user, password: lexer.astring()? }
        }
        "AUTHENTICATE" => {
            lexer.space()?;
            let mechanism = lexer.keyword()?;
            let mut initial = None;
            if lexer.space().is_some() {
                initial = Some(lexer.take_while(|octet| octet.is_ascii_graphic())?.to_vec());
            }
            let allowed = initial.is_none() || known.initial_response;
            allowed.then_some(Command::Authenticate { mechanism, initial })?
        }
        "LIST" => list(lexer, known)?,
        "LSUB" => {
            lexer.space()?;
            let reference = lexer.astring()?;
            lexer.space()?;
            Command::Lsub { reference, pattern: lexer.list_mailbox()? }
        }
        "STATUS" => status(lexer, known)?,
        "RENAME" => {
            lexer.space()?;
            let from = lexer.mailbox()?;
            lexer.space()?;
            Command::Rename { from, to: lexer.mailbox()? }
        }
        "SELECT" | "EXAMINE" => {
            lexer.space()?;
            let name = lexer.mailbox()?;
            if lexer.space().is_some() {
                lexer.eat(b'(')?;
                (known.condstore && lexer.keyword()? == "CONDSTORE").then_some(())?;
                lexer.eat(b')')?;
            }
            Command::Select { name, read_only: verb == "EXAMINE" }
        }
        "APPEND" => append(lexer, known)?,
        "FETCH" => {
            lexer.space()?;
            let set = lexer.set()?;
            lexer.space()?;
            let items = fetch_item::read(lexer, known.condstore)?;
            let mut changed_since = None;
            if lexer.space().is_some() {
                changed_since = Some(modifier(lexer, "CHANGEDSINCE", known)?);
            }
            Command::Fetch { uid, set, items, changed_since }
        }
        "STORE" => store(lexer, uid, known)?,
        "SEARCH" => {
            lexer.space()?;
            Command::Search { uid, keys: search::read(lexer, known.condstore)? }
        }
        "COPY" | "MOVE" => {
            lexer.space()?;
            let set = lexer.set()?;
            lexer.space()?;
            Command::Copy { uid, set, name: lexer.mailbox()?, gone: verb == "MOVE" }
        }
        _ => return None,
    })
}

/// `(NAME number)`.
fn modifier(lexer: &mut Lexer, name: &str, known: Extensions) -> Option<u64> {
    lexer.eat(b'(')?;
    (known.condstore && lexer.keyword()? == name).then_some(())?;
    lexer.space()?;
    let number = lexer.number()?;
    lexer.eat(b')')?;
    Some(number)
}

fn nil(lexer: &mut Lexer) -> Option<()> {
    (lexer.keyword()? == "NIL").then_some(())
}

/// RFC 2971 section 3.1.
fn id(lexer: &mut Lexer) -> Option<Command> {
    lexer.space()?;
    if lexer.eat(b'(').is_none() {
        nil(lexer)?;
        return Some(Command::Id);
    }
    if lexer.eat(b')').is_some() {
        return Some(Command::Id);
    }
    loop {
        lexer.string()?;
        lexer.space()?;
        if lexer.peek() == Some(b'"') || lexer.at_literal() {
            lexer.string()?;
        } else {
            nil(lexer)?;
        }
        if lexer.eat(b')').is_some() {
            return Some(Command::Id);
        }
        lexer.space()?;
    }
}

fn words(lexer: &mut Lexer) -> Option<Vec<String>> {
    lexer.eat(b'(')?;
    let mut words = Vec::new();
    if lexer.eat(b')').is_some() {
        return Some(words);
    }
    loop {
        words.push(lexer.keyword()?);
        if lexer.eat(b')').is_some() {
            return Some(words);
        }
        lexer.space()?;
    }
}

fn list(lexer: &mut Lexer, known: Extensions) -> Option<Command> {
    let mut options = ListOptions::default();
    lexer.space()?;
    if known.list_extended && lexer.peek() == Some(b'(') {
        options.extended = true;
        for word in words(lexer)? {
            match word.as_str() {
                "SUBSCRIBED" => options.only_subscribed = true,
                "SPECIAL-USE" => options.only_special = true,
                _ => return None,
            }
        }
        lexer.space()?;
    }
    let reference = lexer.astring()?;
    lexer.space()?;
    let mut patterns = Vec::new();
    if known.list_extended && lexer.eat(b'(').is_some() {
        options.extended = true;
        loop {
            patterns.push(lexer.list_mailbox()?);
            if lexer.eat(b')').is_some() {
                break;
            }
            lexer.space()?;
        }
    } else {
        patterns.push(lexer.list_mailbox()?);
    }
    if known.list_extended && lexer.space().is_some() {
        options.extended = true;
        (lexer.keyword()? == "RETURN").then_some(())?;
        lexer.space()?;
        for word in words(lexer)? {
            match word.as_str() {
                "SUBSCRIBED" => options.show_subscribed = true,
                "CHILDREN" | "SPECIAL-USE" => {}
                _ => return None,
            }
        }
    }
    Some(Command::List { reference, patterns, options })
}

fn status(lexer: &mut Lexer, known: Extensions) -> Option<Command> {
    lexer.space()?;
    let name = lexer.mailbox()?;
    lexer.space()?;
    let items = words(lexer)?;
    let well = items.iter().all(|item| match item.as_str() {
        "MESSAGES" | "RECENT" | "UIDNEXT" | "UIDVALIDITY" | "UNSEEN" => true,
        "HIGHESTMODSEQ" => known.condstore,
        "SIZE" => known.status_size,
        _ => false,
    });
    (well && !items.is_empty()).then_some(Command::Status { name, items })
}

fn append(lexer: &mut Lexer, known: Extensions) -> Option<Command> {
    lexer.space()?;
    let name = lexer.mailbox()?;
    let mut messages = Vec::new();
    while lexer.space().is_some() {
        let mut flags = Vec::new();
        let mut date = None;
        if lexer.peek() == Some(b'(') {
            flags = lexer.flag_list()?;
            lexer.space()?;
        }
        if lexer.peek() == Some(b'"') {
            date = Some(lexer.date_time()?);
            lexer.space()?;
        }
        messages.push(Appended { flags, date, octets: lexer.literal()? });
        if !known.multiappend {
            break;
        }
    }
    (!messages.is_empty()).then_some(Command::Append { name, messages })
}

fn store(lexer: &mut Lexer, uid: bool, known: Extensions) -> Option<Command> {
    lexer.space()?;
    let set = lexer.set()?;
    lexer.space()?;
    let mut unchanged_since = None;
    if lexer.peek() == Some(b'(') {
        unchanged_since = Some(modifier(lexer, "UNCHANGEDSINCE", known)?);
        lexer.space()?;
    }
    let change = match lexer.peek()? {
        b'+' => Change::Add,
        b'-' => Change::Remove,
        _ => Change::Replace,
    };
    if change != Change::Replace {
        lexer.take_while(|octet| b"+-".contains(&octet)).filter(|signs| signs.len() == 1)?;
    }
    let silent = match lexer.keyword()?.as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return None,
    };
    lexer.space()?;
    let flags = lexer.store_flags()?;
    Some(Command::Store { uid, set, unchanged_since, change, silent, flags })
}
