//! Mailboxes at a simulated Exchange that another tool half filled: it makes messages anew, so that
//! they are recognised by what they say.

use crate::ferry::{ADA, Ferry, MAP, Ran, Wanted};
use crate::lab::seeds::{self, Mail};
use crate::lab::wire::seconds;
use crate::lab::{Lab, LabOptions};
use crate::mailbox::mapped;
use crate::simulated::Exchange;
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::simulate::{Delivery, Habit, Message, Product, Writer};

/// Octets and date: what tells the messages of a source apart here. What Exchange would refuse is
/// told by its date alone, because a transform changes it.
type Look = (Vec<u8>, i64);

/// What another tool brought before.
struct Half {
    lab: Lab,
    exchange: Exchange,
    /// What the source holds, by folder.
    source: Vec<(&'static str, Vec<Mail>)>,
    /// How many were brought, of all.
    brought: usize,
    /// Messages that only the source has, by destination folder.
    missing: Vec<(String, Look)>,
}

fn look(mail: &Mail) -> Look {
    let fit = mail.bytes.split(|&octet| octet == b'\n').all(|line| line.len() <= 9_000)
        && mail.name != "bare CR";
    (if fit { mail.bytes.clone() } else { Vec::new() }, seconds(&mail.date))
}

/// Messages of every odd kind, and a few that are larger than one buffer.
fn mails() -> Vec<Mail> {
    let mut mails = seeds::awkward();
    mails.retain(|mail| !mail.flags.iter().any(|flag| flag == "\\Deleted"));
    mails.into_iter().chain((0..40).map(seeds::plain)).collect()
}

impl Half {
    /// Brings every second message, as `brings` changes it on its way.
    fn brought_by(brings: impl Fn(&Mail) -> Vec<u8>) -> Self {
        let users = [ADA.to_owned()];
        let lab = Lab::start(LabOptions { users: users.to_vec(), ..LabOptions::default() });
        let product = Product::exchange_online().without(Habit::BasicAuthRefused);
        let exchange = Exchange::with(product.without(Habit::SerialAppend), &users);
        let source = vec![("INBOX", mails()), ("Sent", mails())];
        lab.source.seed(ADA, &source);
        let (mut brought, mut missing) = (0, Vec::new());
        for (path, mails) in &source {
            let to = mapped(path);
            for (index, mail) in mails.iter().enumerate() {
                if index % 2 == 1 {
                    missing.push((to.clone(), look(mail)));
                    continue;
                }
                let system = mail.flags.iter().filter(|flag| flag.starts_with('\\'));
                let delivery = Delivery {
                    flags: Flags::from_words(system),
                    date: InternalDate::parse(&mail.date),
                    ..Delivery::new(brings(mail))
                };
                exchange.service.hands().deliver(ADA, &to, delivery).expect("a folder");
                brought += 1;
            }
        }
        Self { lab, exchange, source, brought, missing }
    }

    fn messages(&self, path: &str) -> Vec<Message> {
        self.exchange.service.oracle().messages(ADA, &mapped(path)).expect("a folder")
    }

    /// Accepts what is there, and applies.
    fn adopt(&self) -> (Ferry, Ran) {
        let wanted = Wanted {
            mailboxes: &[ADA],
            folders: MAP,
            destination_port: Some(self.exchange.port()),
            ..Wanted::default()
        };
        let ferry = Ferry::new(&self.lab, &wanted);
        self.exchange.trusted_by(&ferry.path("ca.pem"));
        let planned = ferry.expect(0, &["plan", "plan.yaml", "--out", "saved.json"]);
        let count: usize = self.source.iter().map(|(path, _)| self.messages(path).len()).sum();
        ferry.expect(4, &["apply", "saved.json"]);
        let now: usize = self.source.iter().map(|(path, _)| self.messages(path).len()).sum();
        assert_eq!(now, count, "a guard holds everything back");
        let line = planned
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with("acknowledge:") && line.contains("G301"))
            .unwrap_or_else(|| panic!("nothing to paste in\n{}", planned.stdout));
        let more = format!("{}\n", line.trim());
        ferry.write_plan(&self.lab, &Wanted { more, ..wanted });
        let ran = ferry.plan_and_apply(0);
        (ferry, ran)
    }

    /// Returns what mailferry stored, by destination folder.
    fn sent(&self) -> Vec<(String, Look)> {
        let mut sent = Vec::new();
        for (path, mails) in &self.source {
            let looks: Vec<Look> = mails.iter().map(look).collect();
            for message in self.messages(path) {
                if message.writer == Writer::Other {
                    continue;
                }
                let date = message.date.instant().as_second();
                let changed = looks.contains(&(Vec::new(), date));
                let octets = if changed { Vec::new() } else { message.given.to_vec() };
                sent.push((mapped(path), (octets, date)));
            }
        }
        sent.sort();
        sent
    }

    /// Adopts, and checks that exactly what was missing was sent, and that nothing that was there
    /// is changed but for flags that it lacked.
    #[track_caller]
    fn adopted_but(mut self, changed: usize) {
        self.missing.sort();
        let before: Vec<Vec<Message>> =
            self.source.iter().map(|(path, _)| self.messages(path)).collect();
        let (ferry, ran) = self.adopt();
        let found = format!("Found {} messages", self.brought - changed);
        assert!(ran.stdout.contains(&found), "{found}: {}", ran.stdout);
        let copied = format!("Copied {} messages", self.missing.len());
        assert!(ran.stdout.contains(&copied), "{copied}: {}", ran.stdout);
        let sent = self.sent();
        let few = |looks: &[(String, Look)]| {
            looks.iter().map(|(path, (_, date))| format!("{path} {date}")).collect::<Vec<_>>()
        };
        assert!(sent == self.missing, "sent {:?}\nmissing {:?}", few(&sent), few(&self.missing));
        for ((path, _), before) in self.source.iter().zip(&before) {
            let now = self.messages(path);
            for message in before {
                let there = now.iter().find(|other| other.uid == message.uid);
                let there = there.unwrap_or_else(|| panic!("{path}: UID {} is gone", message.uid));
                assert!(there.served == message.served && there.flags == message.flags, "{path}");
            }
        }
        let named = "look like messages of the source by date";
        let told: usize = ran
            .stderr
            .lines()
            .filter_map(|line| {
                line.split_once(" messages look like messages of the source by date")
            })
            .map(|(before, _)| before.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
            .sum();
        assert_eq!(told, changed, "{named}: {}", ran.stderr);
        ferry.settled();
    }
}

/// A batch of Exchange's own keeps flags and dates; the messages come in as others do, so that they
/// are made anew and get fields of its own.
#[test]
fn what_a_batch_of_exchange_copied_is_adopted_by_what_it_says() {
    let half = Half::brought_by(|mail| {
        let fields = "X-MS-Exchange-Organization-AuthSource: MX1.PROD.OUTLOOK.COM\r\n\
                      X-MS-Has-Attach: \r\nX-MS-Exchange-Transport-EndToEndLatency: 00:00:01.2\r\n";
        [fields.as_bytes(), &mail.bytes].concat()
    });
    half.adopted_but(0);
}

/// imapsync sends octets as they are; with `--addheader` it gives a Message-Id to what has none.
#[test]
fn what_imapsync_copied_to_exchange_is_adopted_by_what_it_says() {
    let half = Half::brought_by(|mail| {
        let text = String::from_utf8_lossy(&mail.bytes).to_ascii_lowercase();
        if text.contains("message-id:") {
            return mail.bytes.clone();
        }
        [b"Message-Id: <17@imapsync>\r\n".as_slice(), &mail.bytes].concat()
    });
    half.adopted_but(0);
}

/// A tool that writes into the text of messages: what it wrote into is nobody's, is named, and its
/// original is sent.
#[test]
fn what_says_something_else_at_exchange_is_not_adopted_and_named() {
    let changed = |mail: &Mail| mail.name.starts_with("plain") && mail.name.ends_with('5');
    let mut half = Half::brought_by(|mail| {
        let more = if changed(mail) { "Scanned by the old provider.\r\n" } else { "" };
        [mail.bytes.as_slice(), more.as_bytes()].concat()
    });
    let mut count = 0;
    for (path, mails) in &half.source {
        let brought = mails.iter().step_by(2).filter(|mail| changed(mail));
        for mail in brought {
            half.missing.push((mapped(path), look(mail)));
            count += 1;
        }
    }
    assert!(count > 0, "something is changed");
    half.adopted_but(count);
}
