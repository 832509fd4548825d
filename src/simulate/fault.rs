//! What goes wrong and when: a script that plays the same way each time.

use std::time::Duration;

/// When a fault strikes; counting starts at 1 and goes over all connections of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// The n-th connection, before its greeting.
    Connection(u64),
    /// The n-th command of this verb (`APPEND`, `UID FETCH`), of one user or of any.
    Command {
        /// In upper case, with `UID ` before it where there is one.
        verb: String,
        /// The mailbox's address; `None` is any.
        user: Option<String>,
        /// Which one.
        nth: u64,
    },
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// The connection ends after so many octets more from the client.
    CutFromClient(u64),
    /// The connection ends after so many octets more to the client.
    CutToClient(u64),
    /// The connection ends, and the command was not done.
    DropBefore,
    /// The command is done and the connection ends without the answer.
    DropAfter,
    /// The connection ends, and what was to be appended is stored after this time.
    LateCommit(Duration),
    /// The command is done and never answered; the connection stays.
    Hang,
    /// The command is done this much later.
    Delay(Duration),
    /// The command is refused by NO with these words.
    No(String),
    /// The command is refused by BAD with these words.
    Bad(String),
    /// The user is throttled for this time from now on.
    Throttle(Duration),
    /// Another writer stores these octets in a folder of the user before the command is done.
    Deliver {
        /// The folder's name on the wire.
        folder: String,
        /// The message.
        octets: Vec<u8>,
    },
    /// Another writer stores the newest message of a folder again.
    DeliverTwin {
        /// The folder's name on the wire.
        folder: String,
    },
    /// The user moves the newest message of a folder to another one.
    Move {
        /// From where.
        from: String,
        /// To where.
        to: String,
    },
    /// The user deletes the newest message of a folder.
    Delete {
        /// The folder's name on the wire.
        folder: String,
    },
    /// The user sets a flag on the newest message of a folder.
    Flag {
        /// The folder's name on the wire.
        folder: String,
        /// The flag.
        flag: String,
    },
    /// A folder gets another UIDVALIDITY and every message another UID.
    NewUidValidity {
        /// The folder's name on the wire.
        folder: String,
    },
}

/// One fault; it strikes once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it strikes.
    pub when: When,
    /// What happens.
    pub what: Mischief,
}

/// A script of faults, with what has struck.
#[derive(Clone, Debug, Default)]
pub struct Script {
    waiting: Vec<(Fault, u64)>,
    struck: Vec<Fault>,
}

impl Script {
    /// Takes the faults in the order in which they strike when several meet.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { waiting: faults.into_iter().map(|fault| (fault, 0)).collect(), struck: Vec::new() }
    }

    /// Draws faults of connections and APPENDs from a seed; the same seed gives the same script
    /// with the same version of `fastrand`.
    pub fn seeded(seed: u64, count: usize) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let faults: Vec<Fault> = (0..count).map(|_| drawn(&mut chance)).collect();
        Self::new(faults)
    }

    /// Returns the faults that have not struck.
    pub fn waiting(&self) -> impl Iterator<Item = &Fault> {
        self.waiting.iter().map(|(fault, _)| fault)
    }

    /// Returns the faults that have struck, in their order.
    pub fn struck(&self) -> &[Fault] {
        &self.struck
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.waiting.push((fault, 0));
    }

    fn strike(&mut self, mut fits: impl FnMut(&When) -> Option<u64>) -> Vec<Mischief> {
        let mut now = Vec::new();
        self.waiting.retain_mut(|(fault, seen)| {
            let Some(nth) = fits(&fault.when) else { return true };
            *seen += 1;
            if *seen < nth {
                return true;
            }
            now.push(fault.what.clone());
            self.struck.push(fault.clone());
            false
        });
        now
    }

    pub(crate) fn at_connection(&mut self) -> Vec<Mischief> {
        self.strike(|when| match when {
            When::Connection(nth) => Some(*nth),
            When::Command { .. } => None,
        })
    }

    pub(crate) fn at_command(&mut self, wanted: &str, who: Option<&str>) -> Vec<Mischief> {
        self.strike(|when| match when {
            When::Command { verb, user, nth } => {
                let meant = user.is_none() || user.as_deref() == who;
                (verb == wanted && meant).then_some(*nth)
            }
            When::Connection(_) => None,
        })
    }
}

fn drawn(chance: &mut fastrand::Rng) -> Fault {
    let time = Duration::from_millis(chance.u64(1..3_000));
    let inbox = || "INBOX".to_owned();
    let append = |chance: &mut fastrand::Rng| When::Command {
        verb: "APPEND".to_owned(),
        user: None,
        nth: chance.u64(1..40),
    };
    let (when, what) = match chance.u8(0..12) {
        0 => (When::Connection(chance.u64(1..8)), Mischief::CutFromClient(chance.u64(1..20_000))),
        1 => (When::Connection(chance.u64(1..8)), Mischief::CutToClient(chance.u64(1..20_000))),
        2 => (append(chance), Mischief::DropBefore),
        3 => (append(chance), Mischief::DropAfter),
        4 => (append(chance), Mischief::LateCommit(time)),
        5 => (append(chance), Mischief::Hang),
        6 => (append(chance), Mischief::Delay(time)),
        7 => (append(chance), Mischief::No("Server Unavailable. 15".to_owned())),
        8 => (append(chance), Mischief::Throttle(time)),
        9 => (append(chance), Mischief::DeliverTwin { folder: inbox() }),
        10 => (append(chance), Mischief::Flag { folder: inbox(), flag: "\\Seen".to_owned() }),
        _ => (append(chance), Mischief::Delete { folder: inbox() }),
    };
    Fault { when, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_faults_and_another_seed_others() {
        let faults = |seed| Script::seeded(seed, 20).waiting().cloned().collect::<Vec<_>>();
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7), faults(8));
    }

    #[test]
    fn a_fault_strikes_once_at_its_time_and_for_its_user() {
        let mut script = Script::new([Fault {
            when: When::Command { verb: "APPEND".to_owned(), user: Some("ada".to_owned()), nth: 2 },
            what: Mischief::Hang,
        }]);
        assert!(script.at_command("APPEND", Some("ada")).is_empty());
        assert!(script.at_command("APPEND", Some("bob")).is_empty());
        assert!(script.at_command("UID FETCH", Some("ada")).is_empty());
        assert_eq!(script.at_command("APPEND", Some("ada")), [Mischief::Hang]);
        assert!(script.at_command("APPEND", Some("ada")).is_empty());
        assert_eq!(script.struck().len(), 1);
    }
}
