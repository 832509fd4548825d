//! A simulated Exchange Online as the destination of lanes, over real TLS on loopback.

use crate::far::{Far, KEPT};
use crate::lab::Lab;
use crate::lab::client::Stored;
use crate::lab::wire::dated;
use crate::mailbox::Contents;
use crate::random::Random;
use mailferry::clock::SystemClock;
use mailferry::model::internal_date::InternalDate;
use mailferry::simulate::{
    Authority, Delivery, Fault, Habit, Listener, Mischief, Product, Service, Throttle, When,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How far a UID of a moved message is from those of the folder that it came from.
const AWAY: u32 = 1 << 24;

/// A service in this process, and its door.
pub(crate) struct Exchange {
    pub(crate) service: Service,
    door: Listener,
    pem: String,
    // Its tasks end with it.
    _runtime: Runtime,
}

impl Exchange {
    /// Starts one that makes messages anew, stores them one after another and throttles, with the
    /// users of a lab and the password of its destination.
    pub(crate) fn start(users: &[String]) -> Self {
        let mut product = Product::exchange_online().without(Habit::BasicAuthRefused);
        product.append_time = Duration::from_millis(6);
        product.throttle = Some(Throttle {
            appends: 150,
            per: Duration::from_secs(3),
            backoff: Duration::from_millis(700),
        });
        Self::with(product, users)
    }

    /// Starts a product.
    pub(crate) fn with(product: Product, users: &[String]) -> Self {
        let service = Service::new(product, Arc::new(SystemClock));
        for user in users {
            service.add_user(user, Lab::DESTINATION_PASSWORD);
        }
        let authority = Authority::create().expect("a certificate authority");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let door = runtime.block_on(Listener::start(&service, &authority)).expect("a port");
        Self { service, door, pem: authority.pem().to_owned(), _runtime: runtime }
    }

    pub(crate) fn port(&self) -> u16 {
        self.door.port()
    }

    /// Adds its CA to those that a migration plan names.
    pub(crate) fn trusted_by(&self, ca: &Path) {
        let before = fs::read_to_string(ca).expect("the lab's CA");
        fs::write(ca, format!("{before}\n{}", self.pem)).expect("the CAs can be written");
    }

    /// Returns a mailbox.
    pub(crate) fn mailbox(&self, user: &str) -> Simulated {
        Simulated {
            service: self.service.clone(),
            user: user.to_owned(),
            moved: BTreeMap::new(),
            hung: 0,
        }
    }
}

/// A mailbox of it.
pub(crate) struct Simulated {
    service: Service,
    user: String,
    /// Where what is in [`KEPT`] was sent, by UID.
    moved: BTreeMap<u32, String>,
    /// How many APPENDs were told to hang.
    hung: usize,
}

impl Simulated {
    fn strikes(&self, nth: u64, what: Mischief) {
        let (verb, user) = ("APPEND".to_owned(), Some(self.user.clone()));
        self.service.add_fault(Fault { when: When::Command { verb, user, nth }, what });
    }
}

impl Far for Simulated {
    fn count(&mut self, path: &str) -> u64 {
        self.uids(path).map_or(0, |uids| uids.len() as u64)
    }

    fn uids(&mut self, path: &str) -> Option<BTreeSet<u32>> {
        let messages = self.service.oracle().messages(&self.user, path)?;
        Some(messages.iter().map(|message| message.uid).collect())
    }

    fn deliver(&mut self, path: &str, date: i64, octets: &[u8]) -> Option<u32> {
        let date = InternalDate::parse(&dated(date));
        let delivery = Delivery { date, ..Delivery::new(octets.to_vec()) };
        self.service.hands().deliver(&self.user, path, delivery).ok()
    }

    fn keep(&mut self, path: &str, uid: u32) {
        let hands = self.service.hands();
        // It is there already after the first time.
        let _ = hands.create(&self.user, KEPT);
        let uid = hands.move_message(&self.user, path, uid, KEPT).expect("a move");
        self.moved.insert(uid, path.to_owned());
    }

    /// What the store has, and not what it serves; what its user moved is where it was sent.
    fn contents(&mut self) -> Contents {
        let mut contents = Contents::new();
        let truth = self.service.oracle().mailbox(&self.user).expect("a user");
        for (path, folder) in truth {
            for message in folder.messages {
                let home = if path == KEPT { self.moved.get(&message.uid) } else { None };
                let stored = Stored {
                    uid: home.map_or(message.uid, |_| message.uid + AWAY),
                    flags: message.flags.iter().map(str::to_owned).collect(),
                    date: message.date.instant().as_second(),
                    bytes: message.given.to_vec(),
                };
                contents.entry(home.unwrap_or(&path).clone()).or_default().push(stored);
            }
        }
        contents
    }

    fn words(&self) -> Vec<String> {
        ["\\Answered", "\\Seen", "\\Flagged", "\\Draft"].map(str::to_owned).into()
    }

    fn rewrites(&self) -> bool {
        true
    }

    fn harm(&mut self, random: &mut Random) {
        let nth = 1 + random.below(12);
        let time = Duration::from_millis(100 + random.below(1_400));
        let what = match random.below(9) {
            0 => Mischief::DropBefore,
            1 => Mischief::DropAfter,
            2 => Mischief::LateCommit(time),
            3 => Mischief::Delay(time),
            4 => Mischief::Throttle(time),
            5 => Mischief::No("Server Unavailable. 15".to_owned()),
            _ => return,
        };
        self.strikes(nth, what);
    }

    fn hang(&mut self, after: u64) {
        self.hung += 1;
        self.strikes(after + 1, Mischief::Hang);
    }

    fn hangs(&mut self) -> bool {
        let mine = |fault: &&Fault| {
            let When::Command { user, .. } = &fault.when else { return false };
            fault.what == Mischief::Hang && user.as_ref() == Some(&self.user)
        };
        self.hung > 0 && self.service.script().struck().iter().filter(mine).count() == self.hung
    }
}
