//! One connection: its state, its commands one after another, and what it tells unasked.

mod append;
mod copy;
mod deed;
mod fetch;
mod folders;
mod receive;
mod select;
mod sign_in;
mod starttls;
mod store;
mod view;

use crate::simulate::command::{self, Command, Extensions, Read, Wrong};
use crate::simulate::fault::Mischief;
use crate::simulate::habit::Habit;
use crate::simulate::product::{Product, Voice};
use crate::simulate::service::{Service, Slot};
use crate::simulate::voice;
use crate::simulate::wire::Wire;
use jiff::Timestamp;
use receive::Received;
pub(crate) use starttls::agree_on_tls;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use view::Selected;

/// How a command ends.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ok(String),
    No(String),
    Bad(String),
    /// The tagged line, then BYE, then the end.
    Last {
        status: &'static str,
        text: String,
        bye: String,
    },
    /// It is never answered.
    Ignored,
    /// The connection ends without a word.
    Gone,
}

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

/// What a script does to the present command.
#[derive(Debug, Default)]
struct Effects {
    drop_before: bool,
    drop_after: bool,
    hang: bool,
    late: Option<Duration>,
    delay: Duration,
    refusal: Option<Outcome>,
}

/// What closes a session in Exchange's words.
const CLOSED: &str = "Connection closed. 14";

pub(crate) struct Session<S> {
    service: Service,
    product: Product,
    wire: Wire<S>,
    number: u64,
    /// The mailbox, in lower case; `None` before the log-in.
    user: Option<String>,
    /// Whether the mailbox could be opened.
    connected: bool,
    token_end: Option<Timestamp>,
    slot: Option<Slot>,
    selected: Option<Selected>,
    /// Whether FETCH lines tell MODSEQ unasked, RFC 7162 section 3.1.
    condstore: bool,
    errors: u32,
    /// Whether the rest of a message is being read as commands.
    spilled: bool,
}

/// Speaks IMAP until either side ends it. After STARTTLS there is no greeting.
pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    service: Service,
    stream: S,
    greet: bool,
) -> io::Result<()> {
    let (number, mischief) = service.open();
    let product = service.product().clone();
    let mut session = Session {
        wire: Wire::new(stream),
        number,
        user: None,
        connected: true,
        token_end: None,
        slot: None,
        selected: None,
        condstore: false,
        errors: 0,
        spilled: false,
        service,
        product,
    };
    for mischief in mischief {
        match mischief {
            Mischief::CutFromClient(octets) => session.wire.cut_from_client(octets),
            Mischief::CutToClient(octets) => session.wire.cut_to_client(octets),
            Mischief::Delay(time) => tokio::time::sleep(time).await,
            Mischief::Hang => {
                session.wire.ignore().await;
                return Ok(());
            }
            Mischief::No(words) | Mischief::Bad(words) => {
                session.wire.say(&format!("* BYE {words}\r\n"));
                session.wire.flush().await?;
                session.wire.close().await;
                return Ok(());
            }
            // What strikes a command or a mailbox has neither here: the connection ends.
            _ => return Ok(()),
        }
    }
    if greet {
        let greeting = voice::greeting(&session.product);
        session.wire.say(&greeting);
        session.wire.flush().await?;
    }
    while session.turn().await? == Flow::On {}
    session.wire.close().await;
    Ok(())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn extensions(&self) -> Extensions {
        let signed_in = self.user.is_some();
        let list = if signed_in { &self.product.after } else { &self.product.before };
        let offers = |name: &str| list.contains(&name);
        Extensions {
            list_extended: offers("LIST-EXTENDED"),
            multiappend: offers("MULTIAPPEND"),
            condstore: offers("CONDSTORE"),
            status_size: offers("STATUS=SIZE"),
            enable: offers("ENABLE"),
            r#move: offers("MOVE"),
            initial_response: offers("SASL-IR"),
            idle: offers("IDLE"),
            uidplus: offers("UIDPLUS"),
            unselect: offers("UNSELECT"),
        }
    }

    async fn turn(&mut self) -> io::Result<Flow> {
        let idle = self.product.idle;
        let received = if self.product.has(Habit::IdleTimeout) {
            let Ok(received) = tokio::time::timeout(idle, self.receive()).await else {
                return self.bye(voice::inactive(self.product.voice)).await;
            };
            received?
        } else {
            self.receive().await?
        };
        let pieces = match received {
            Received::Command(pieces) => pieces,
            Received::Refused => return self.count_error().await,
            Received::End => return Ok(Flow::End),
        };
        let Read { tag, verb, command } = command::read(pieces, self.extensions());
        let Some(tag) = tag else {
            let text = voice::wrong(self.product.voice, "received by server", Wrong::Unknown);
            self.wire.say(&format!("* BAD {text}\r\n"));
            self.wire.flush().await?;
            return self.count_error().await;
        };
        let effects = self.strike(&verb);
        if effects.drop_before {
            return Ok(Flow::End);
        }
        tokio::time::sleep(effects.delay).await;
        let command = match command {
            Err(wrong) => return self.finish(&tag, &verb, self.refused_syntax(&verb, wrong)).await,
            Ok(command) => command,
        };
        if let Some(refusal) = effects.refusal {
            return self.finish(&tag, &verb, refusal).await;
        }
        if let Some(refusal) = self.barred(&command, &verb) {
            return self.finish(&tag, &verb, refusal).await;
        }
        self.note(&command, effects.late);
        if let Some(late) = effects.late {
            self.commit_later(command, late);
            return Ok(Flow::End);
        }
        let outcome = self.perform(command, &tag).await?;
        if effects.drop_after {
            return Ok(Flow::End);
        }
        if effects.hang {
            self.wire.ignore().await;
            return Ok(Flow::End);
        }
        self.finish(&tag, &verb, outcome).await
    }

    fn refused_syntax(&self, verb: &str, wrong: Wrong) -> Outcome {
        if self.spilled && self.product.voice == Voice::Exchange {
            return Outcome::Bad("Command Error. 10".to_owned());
        }
        Outcome::Bad(voice::wrong(self.product.voice, verb, wrong))
    }

    /// Lets the script play, and gathers what it does to this command.
    fn strike(&mut self, verb: &str) -> Effects {
        let mut effects = Effects::default();
        let user = self.user.clone();
        let mischiefs = self.service.state().script.at_command(verb, user.as_deref());
        for mischief in mischiefs {
            match mischief {
                Mischief::CutFromClient(octets) => self.wire.cut_from_client(octets),
                Mischief::CutToClient(octets) => self.wire.cut_to_client(octets),
                Mischief::DropBefore => effects.drop_before = true,
                Mischief::DropAfter => effects.drop_after = true,
                Mischief::Hang => effects.hang = true,
                Mischief::LateCommit(time) => effects.late = Some(time),
                Mischief::Delay(time) => effects.delay += time,
                Mischief::No(text) => effects.refusal = Some(Outcome::No(text)),
                Mischief::Bad(text) => effects.refusal = Some(Outcome::Bad(text)),
                Mischief::Throttle(time) => {
                    if let Some(user) = &user {
                        self.service.throttle(user, time);
                    }
                }
                world => {
                    if let Some(user) = &user {
                        // Nothing to move or delete there is a day on which nobody did.
                        let _ = self.service.hands().play(user, &world);
                    }
                }
            }
        }
        effects
    }

    /// What keeps a command from being done, whatever it is.
    fn barred(&self, command: &Command, verb: &str) -> Option<Outcome> {
        let free =
            matches!(command, Command::Capability | Command::Noop | Command::Logout | Command::Id);
        let Some(user) = &self.user else {
            let allowed =
                free || matches!(command, Command::Login { .. } | Command::Authenticate { .. });
            return (!allowed).then(|| Outcome::Bad(voice::wrong_state(self.product.voice, verb)));
        };
        if matches!(command, Command::Logout | Command::Capability) {
            return None;
        }
        let state = || Some(Outcome::Bad(voice::wrong_state(self.product.voice, verb)));
        if matches!(command, Command::Login { .. } | Command::Authenticate { .. }) {
            return state();
        }
        if !self.connected {
            return Some(Outcome::Last {
                status: "BAD",
                text: "User is authenticated but not connected.".to_owned(),
                bye: CLOSED.to_owned(),
            });
        }
        if self.product.has(Habit::ExpiredTokenEndsSession)
            && self.token_end.is_some_and(|end| end <= self.service.now())
        {
            return Some(Outcome::Last {
                status: "BAD",
                text: "User is authenticated but not connected.".to_owned(),
                bye: "Session invalidated - AccessTokenExpired".to_owned(),
            });
        }
        let selecting = matches!(
            command,
            Command::Unselect
                | Command::Close
                | Command::Check
                | Command::Expunge
                | Command::UidExpunge(_)
                | Command::Fetch { .. }
                | Command::Store { .. }
                | Command::Search { .. }
                | Command::Copy { .. }
        );
        if selecting && self.selected.is_none() {
            return state();
        }
        if free {
            return None;
        }
        let append = matches!(command, Command::Append { .. });
        let (left, even) = self.service.throttled(user, append)?;
        let text = voice::throttled(left);
        let by_no = self.product.has(Habit::ThrottleByNo);
        let by_bad = self.product.has(Habit::ThrottleByBadAndBye);
        if by_bad && (even || !by_no) {
            return Some(Outcome::Last { status: "BAD", text, bye: CLOSED.to_owned() });
        }
        Some(Outcome::No(text))
    }

    async fn perform(&mut self, command: Command, tag: &str) -> io::Result<Outcome> {
        Ok(match command {
            Command::Capability => {
                let list = self.product.capabilities(self.user.is_some()).join(" ");
                self.wire.say(&format!("* CAPABILITY {list}\r\n"));
                Outcome::Ok(String::new())
            }
            Command::Noop | Command::Check => Outcome::Ok(String::new()),
            Command::Logout => Outcome::Last {
                status: "OK",
                text: voice::completed(self.product.voice, "LOGOUT"),
                bye: voice::farewell(self.product.voice).to_owned(),
            },
            Command::Id => {
                self.wire.say("* ID (\"name\" \"mailferry simulation\")\r\n");
                Outcome::Ok(String::new())
            }
            Command::Namespace => {
                let separator = self.product.separator;
                self.wire.say(&format!("* NAMESPACE ((\"\" \"{separator}\")) NIL NIL\r\n"));
                Outcome::Ok(String::new())
            }
            Command::Enable(names) => {
                let known = names.iter().any(|name| name == "CONDSTORE")
                    && self.product.offers("CONDSTORE");
                self.condstore |= known;
                self.wire.say(if known { "* ENABLED CONDSTORE\r\n" } else { "* ENABLED\r\n" });
                Outcome::Ok(String::new())
            }
            Command::Login { user, password } => self.login(&user, &password),
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(&mechanism, initial).await?
            }
            Command::List { reference, patterns, options } => {
                self.list(&reference, &patterns, &options)
            }
            Command::Lsub { reference, pattern } => self.lsub(&reference, &pattern),
            Command::Status { name, items } => self.status(&name, &items),
            Command::Create(name) => self.change(|mailbox| mailbox.create(&name)),
            Command::Delete(name) => self.change(|mailbox| mailbox.delete(&name)),
            Command::Rename { from, to } => self.change(|mailbox| mailbox.rename(&from, &to)),
            Command::Subscribe(name) => self.subscribe(&name, true),
            Command::Unsubscribe(name) => self.subscribe(&name, false),
            Command::Select { name, read_only } => self.select(&name, read_only),
            Command::Unselect => {
                self.selected = None;
                Outcome::Ok(String::new())
            }
            Command::Close => self.close_folder(),
            Command::Expunge => self.expunge(None),
            Command::UidExpunge(set) => self.expunge(Some(&set)),
            Command::Idle => return self.idle(tag).await,
            Command::Append { name, messages } => self.append(&name, messages).await,
            Command::Fetch { uid, set, items, changed_since } => {
                self.fetch(uid, &set, &items, changed_since).await?
            }
            Command::Store { uid, set, unchanged_since, change, silent, flags } => {
                self.store(uid, &set, unchanged_since, change, silent, &flags)
            }
            Command::Search { uid, keys } => self.search(uid, &keys),
            Command::Copy { uid, set, name, gone } => self.copy(uid, &set, &name, gone),
        })
    }

    /// Tells news, then the tagged line.
    async fn finish(&mut self, tag: &str, verb: &str, outcome: Outcome) -> io::Result<Flow> {
        // RFC 3501 section 7.4.1: no EXPUNGE while sequence numbers are in use.
        let numbers = matches!(verb, "FETCH" | "STORE" | "SEARCH");
        if !self.tell_news(!numbers) {
            return self.bye("Selected mailbox is gone, have to disconnect.").await;
        }
        let (status, text, bye) = match outcome {
            Outcome::Ok(text) if text.is_empty() => {
                ("OK", voice::completed(self.product.voice, verb), None)
            }
            Outcome::Ok(text) => ("OK", text, None),
            Outcome::No(text) => ("NO", text, None),
            Outcome::Bad(text) => ("BAD", text, None),
            Outcome::Last { status, text, bye } => (status, text, Some(bye)),
            Outcome::Ignored => {
                self.wire.ignore().await;
                return Ok(Flow::End);
            }
            Outcome::Gone => return Ok(Flow::End),
        };
        // LOGOUT says BYE first, RFC 3501 section 6.1.3; what is refused is answered first.
        match bye {
            Some(bye) if status == "OK" => {
                self.wire.say(&format!("* BYE {bye}\r\n{tag} {status} {text}\r\n"));
                self.wire.flush().await?;
                return Ok(Flow::End);
            }
            Some(bye) => {
                self.wire.say(&format!("{tag} {status} {text}\r\n"));
                return self.bye(&bye).await;
            }
            None => self.wire.say(&format!("{tag} {status} {text}\r\n")),
        }
        self.wire.flush().await?;
        if status == "OK" { Ok(Flow::On) } else { self.count_error().await }
    }

    async fn count_error(&mut self) -> io::Result<Flow> {
        self.errors = self.errors.saturating_add(1);
        if self.product.has(Habit::ErrorsEndSession) && self.errors >= self.product.errors {
            return self.bye(CLOSED).await;
        }
        Ok(Flow::On)
    }

    async fn bye(&mut self, words: &str) -> io::Result<Flow> {
        self.wire.say(&format!("* BYE {words}\r\n"));
        self.wire.flush().await?;
        Ok(Flow::End)
    }

    /// RFC 2177.
    async fn idle(&mut self, tag: &str) -> io::Result<Outcome> {
        let mut changed = self.service.watch();
        self.wire.say("+ idling\r\n");
        let until = tokio::time::sleep(self.product.idle);
        tokio::pin!(until);
        loop {
            if !self.tell_news(true) {
                self.wire.say("* BYE Selected mailbox is gone, have to disconnect.\r\n");
                self.wire.flush().await?;
                return Ok(Outcome::Gone);
            }
            self.wire.flush().await?;
            tokio::select! {
                line = self.wire.line() => {
                    let done = matches!(line?, Some(crate::simulate::wire::Line::Whole(line))
                        if line.eq_ignore_ascii_case(b"DONE"));
                    return Ok(if done {
                        Outcome::Ok(voice::completed(self.product.voice, "IDLE"))
                    } else {
                        Outcome::Bad(voice::wrong(self.product.voice, "IDLE", Wrong::Arguments))
                    });
                }
                _ = changed.changed() => {}
                () = &mut until, if self.product.has(Habit::IdleTimeout) => {
                    let words = voice::inactive(self.product.voice);
                    self.wire.say(&format!("* BYE {words}\r\n{tag} NO IDLE ended\r\n"));
                    self.wire.flush().await?;
                    return Ok(Outcome::Gone);
                }
            }
        }
    }
}
