//! The simulated services of a rehearsal with their doors, and what plays in them.

use crate::clock::SystemClock;
use crate::desired::{Desired, DesiredMailbox, Login, LoginStyle, Side};
use crate::error::Result;
use crate::imap::mailbox_name;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::folder::{FolderPath, RawName};
use crate::model::server::TlsMode;
use crate::ports::clock::Clock;
use crate::rehearse::Choice;
use crate::rehearse::content::{Author, Letter};
use crate::rehearse::directions::{Directions, made_up};
use crate::rehearse::fault::{unset, unwritten};
use crate::rehearse::network::Network;
use crate::rehearse::observed::Observed;
use crate::rehearse::performance::HabitShown;
use crate::rehearse::tenant::Directory;
use crate::simulate::{
    Authority, Delivery, HABITS, Habit, HabitFact, Listener, Oracle, Product, Service,
    SteppedClock, Throttle, Undone,
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// One mailbox of the migration plan and its accounts at both services.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    pub(crate) mailbox: DesiredMailbox,
    pub(crate) source: String,
    pub(crate) destination: String,
}

/// Every letter that was ever at the source, by its mailbox and the digest of its octets, and how
/// often it was there. The octets are shared with the service.
pub(crate) type Ever = BTreeMap<(Address, Digest), (Bytes, usize)>;

/// Everything that is simulated.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) desired: Desired,
    pub(crate) source: Service,
    pub(crate) destination: Service,
    pub(crate) clock: SteppedClock,
    pub(crate) network: Network,
    pub(crate) directory: Option<Directory>,
    pub(crate) players: Vec<Player>,
    pub(crate) ever: Ever,
    pub(crate) author: Author,
    pub(crate) directions: Directions,
    /// The file of the directions.
    pub(crate) path: PathBuf,
    /// What stands for what: the name that the migration plan gives, and what it is here.
    pub(crate) cast: Vec<(String, String)>,
    /// Open for as long as the stage is there.
    doors: Vec<Listener>,
}

/// From so many messages of a mailbox on, one is larger than Microsoft's default takes.
const OVERSIZED: usize = 40;

/// What one APPEND takes at the simulated Exchange. The assumed 100 ms would make a rehearsal ten
/// times as long; the forecast counts with them.
const APPEND: Duration = Duration::from_millis(10);

/// For how long closed connections are counted.
const LINGER: Duration = Duration::from_secs(1);

/// Above this a user is throttled for seconds, where Exchange says minutes.
const THROTTLE: Throttle =
    Throttle { appends: 90, per: Duration::from_secs(5), backoff: Duration::from_millis(1_500) };

/// How long before the rehearsal the mail was there: long enough that the provider purges its Trash
/// within the days after the cutover.
const BEFORE: Duration = Duration::from_secs(20 * 24 * 3_600);

impl Stage {
    /// Sets the stage: services, accounts, letters, doors on 127.0.0.1, directions.
    pub(crate) async fn set(desired: Desired, choice: &Choice, folder: &Path) -> Result<Self> {
        let begin = SystemClock.now().checked_sub(BEFORE).map_err(|error| unset(&error))?;
        let clock = SteppedClock::starting_at(begin);
        let source = Service::new(source_product(&desired), Arc::new(clock.clone()));
        // One server can be both sides, with other mailboxes.
        let one = desired.source.endpoint.to_string() == desired.destination.endpoint.to_string();
        let destination = if one {
            source.clone()
        } else {
            Service::new(destination_product(&desired), Arc::new(clock.clone()))
        };
        let mut players = Vec::new();
        for mailbox in desired.mailboxes.values().take(choice.mailboxes) {
            players.push(Player {
                source: enrol(&source, &mailbox.source_login),
                destination: enrol(&destination, &mailbox.destination_login),
                mailbox: mailbox.clone(),
            });
        }
        let names: BTreeSet<Address> =
            players.iter().map(|player| player.mailbox.source.clone()).collect();
        let author = Author::new(choice.seed, clock.now());
        let hosts: Vec<String> = [&desired.source, &desired.destination]
            .iter()
            .map(|side| side.endpoint.host.clone())
            .chain(Directory::hosts())
            .collect();
        let authority = Authority::for_hosts(&hosts).map_err(|error| unset(&error))?;
        let network = Network::start(&desired, Arc::new(clock.clone()))
            .await
            .map_err(|error| unset(&error))?;
        let time = Arc::new(clock.clone());
        let directory = Directory::start(&desired, &players, &destination, &authority, time)
            .await
            .map_err(|error| unset(&error))?;
        let ca = folder.join("ca.pem");
        std::fs::write(&ca, authority.pem()).map_err(|error| unwritten(&ca, &error))?;
        let mut stage = Self {
            source,
            destination,
            clock,
            network,
            directory,
            players,
            ever: Ever::new(),
            author,
            directions: Directions::new(ca, names),
            path: folder.join("rehearsal.json"),
            cast: Vec::new(),
            doors: Vec::new(),
            desired,
        };
        stage.open(&authority).await?;
        if let Some(directory) = &stage.directory {
            stage.directions.routes.extend(directory.routes());
            stage.cast.push(directory.cast());
        }
        stage.cast.append(&mut stage.network.cast);
        stage.directions.dns = stage.network.routes();
        stage.directions.resolvers = stage.network.asked();
        stage.fill(choice).map_err(|error| unset(&error))?;
        stage.clock.advance(BEFORE);
        stage.direct()?;
        Ok(stage)
    }

    async fn open(&mut self, authority: &Authority) -> Result<()> {
        let sides = [
            (self.desired.source.clone(), self.source.clone(), "source"),
            (self.desired.destination.clone(), self.destination.clone(), "destination"),
        ];
        for (side, service, name) in sides {
            let endpoint = &side.endpoint;
            let door = Listener::start_with(&service, authority, endpoint.tls)
                .await
                .map_err(|error| unset(&error))?;
            let what = what(&service, &side);
            let secured = match endpoint.tls {
                TlsMode::Implicit => "TLS",
                TlsMode::Starttls => "STARTTLS",
                TlsMode::None => "no TLS",
            };
            self.cast.push((
                format!("{endpoint} ({name})"),
                format!("{what} on 127.0.0.1:{}, {secured}", door.port()),
            ));
            self.directions.routes.insert(endpoint.to_string(), door.port());
            self.doors.push(door);
        }
        Ok(())
    }

    fn fill(&mut self, choice: &Choice) -> Result<(), Undone> {
        let mut observed = choice.observation.as_ref().map(|observation| {
            let wanted: Vec<&Address> =
                self.players.iter().map(|player| &player.mailbox.source).collect();
            Observed::of(observation, &wanted, choice)
        });
        for (number, player) in self.players.clone().into_iter().enumerate() {
            let author = &mut self.author;
            let (folders, letters) = if let Some(observed) = &mut observed {
                observed.mailbox(author, &player.mailbox)
            } else {
                let first = number == 0 && choice.messages >= OVERSIZED;
                let separator = self.destination.product().separator;
                let messages = choice.messages;
                author.mailbox(&self.desired, &player.mailbox, separator, messages, first)
            };
            let hands = self.source.hands();
            for folder in folders {
                let name = self.at_source(&folder.path);
                // Those of the product are there already.
                if hands.create(&player.source, &name).is_err() {
                    continue;
                }
                if folder.subscribed {
                    hands.subscribe(&player.source, &name)?;
                }
                if let Some(special_use) = folder.special_use {
                    hands.mark(&player.source, &name, special_use)?;
                }
            }
            for letter in letters {
                self.deliver(&player, &letter)?;
            }
        }
        Ok(())
    }

    /// Puts a letter into the source.
    pub(crate) fn deliver(&mut self, player: &Player, letter: &Letter) -> Result<(), Undone> {
        let delivery = Delivery {
            flags: letter.flags.clone(),
            date: Some(letter.date.clone()),
            ..Delivery::new(letter.octets.clone())
        };
        let name = self.at_source(&letter.folder);
        self.source.hands().deliver(&player.source, &name, delivery)?;
        self.came(player, &letter.octets);
        Ok(())
    }

    /// Notes that octets were at the source.
    fn came(&mut self, player: &Player, octets: &Bytes) {
        let key = (player.mailbox.source.clone(), Digest::of(octets));
        self.ever.entry(key).or_insert_with(|| (octets.clone(), 0)).1 += 1;
    }

    /// Returns the habits that are switched on at one of the services.
    pub(crate) fn habits(&self) -> Vec<HabitShown> {
        let (here, there) = (self.source.product(), self.destination.product());
        let network = self.network.habits();
        let tenant = self.directory.as_ref().map(Directory::habits).unwrap_or_default();
        let on = |fact: &&HabitFact| {
            let habit = fact.habit;
            here.has(habit)
                || there.has(habit)
                || network.contains(&habit)
                || tenant.contains(&habit)
        };
        HABITS.iter().filter(on).map(super::shown).collect()
    }

    /// Writes the directions as they are now.
    pub(crate) fn direct(&mut self) -> Result<()> {
        let ahead = self.clock.now().duration_since(SystemClock.now()).as_millis();
        self.directions.ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
        self.directions.write(&self.path)
    }

    /// Returns the name of a folder at the source, as on the wire.
    pub(crate) fn at_source(&self, path: &FolderPath) -> String {
        on_the_wire(path, self.source.product().separator)
    }

    /// Counts the messages that sessions stored at the destination.
    pub(crate) fn stored(&self) -> usize {
        let oracle: Oracle = self.destination.oracle();
        self.players
            .iter()
            .filter_map(|player| oracle.stored_by_sessions(&player.destination))
            .sum()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Directions to services that are gone lead to long waits.
        let _ = std::fs::remove_file(&self.path);
    }
}

pub(crate) fn on_the_wire(path: &FolderPath, separator: char) -> String {
    let RawName(octets) = mailbox_name::encode(path, Some(separator), "")
        .unwrap_or_else(|_| RawName(path.to_string().replace('/', "-").into_bytes()));
    String::from_utf8_lossy(&octets).into_owned()
}

fn source_product(desired: &Desired) -> Product {
    match desired.source.product.as_str() {
        "rackspace-email" => Product::rackspace(),
        _ => Product::plain().with(Habit::MasterLogin),
    }
}

/// Tells whether the destination is played by Exchange Online.
pub(crate) fn is_exchange(side: &Side) -> bool {
    side.product == "microsoft-365"
        || side.profile.as_deref().is_some_and(|name| name.starts_with("exchange"))
}

fn destination_product(desired: &Desired) -> Product {
    let side = &desired.destination;
    if !is_exchange(side) {
        return Product::plain().with(Habit::MasterLogin);
    }
    let mut product = Product::exchange_online();
    if side.product != "microsoft-365" {
        product = product.without(Habit::BasicAuthRefused).with(Habit::MasterLogin);
    }
    product.append_time = APPEND;
    product.linger = LINGER;
    product.throttle = Some(THROTTLE);
    product
}

fn what(service: &Service, side: &Side) -> String {
    let product = service.product();
    let name = match (side.product.as_str(), is_exchange(side)) {
        ("rackspace-email", _) => "Rackspace Email",
        (_, true) => "Exchange Online",
        _ => "an IMAP server",
    };
    match product.habits.len() {
        0 => format!("a simulated {}", name.trim_start_matches("an ")),
        1 => format!("{name}, simulated with 1 habit"),
        habits => format!("{name}, simulated with {habits} habits"),
    }
}

/// Makes the account that a log-in reaches, and returns its name.
fn enrol(service: &Service, login: &Login) -> String {
    let password = made_up(&login.secret);
    match &login.style {
        LoginStyle::Login { user } => {
            if let Some((mailbox, master)) = user.split_once('*') {
                service.set_master(master, &password);
                service.add_user(mailbox, &format!("{password}-of-its-own"));
                return mailbox.to_owned();
            }
            service.add_user(user, &password);
            user.clone()
        }
        LoginStyle::PlainAs { authorization, authentication } => {
            service.set_master(authentication, &password);
            service.add_user(authorization, &format!("{password}-of-its-own"));
            authorization.clone()
        }
        // The tenant gives its tokens.
        LoginStyle::XOAuth2 { user } => {
            service.add_user(user, &format!("{password}-of-its-own"));
            user.clone()
        }
    }
}
