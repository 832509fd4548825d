//! What people do with a message and its copy, at both sides or right before somebody looks again.

use crate::cloud::Flow;
use crate::finding::Finding;
use crate::mutant::Mutant;
use crate::people::PURGE_DAYS;
use crate::world::{Scope, World, goes, mailbox};
use jiff::Timestamp;
use mailferry::planner::plan::{Kind, Plan};
use mailferry::ports::clock::Clock as _;
use mailferry::simulate::{Message, Writer};
use std::time::Duration;

fn is_ours(message: &Message) -> bool {
    message.writer != Writer::Other
}

impl World {
    /// A life of the program begins; returns where mail arrives.
    pub(crate) fn begins(&self) -> Option<Flow> {
        let cloud = self.cloud.as_ref()?;
        cloud.zone.begins();
        Some(cloud.zone.flow())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn letters_of_others(&self) -> u64 {
        self.others.lock().expect("one thread").count()
    }

    /// How many of them arrived since the MX moved.
    pub(crate) fn arrived(&self) -> u64 {
        self.others.lock().expect("one thread").arrived
    }

    /// Says which of them are not as others left them.
    pub(crate) fn wronged(&self) -> Vec<Finding> {
        self.others.lock().expect("one thread").wronged()
    }

    /// A plan was made: from now on everything has to be looked at again.
    pub(crate) fn planned(&mut self, plan: &Plan) {
        let Some(cloud) = &self.cloud else { return };
        let frozen = self.mutants.has(Mutant::DnsOfYesterday);
        cloud.zone.planned(frozen);
        let removes = plan.ready.iter().any(|it| matches!(it.kind, Kind::RemoveCopies(_)));
        if removes && (frozen || std::mem::take(&mut self.may_move) && self.own.bool()) {
            cloud.zone.moves(self.own.bool());
        }
    }

    /// What people delete when all is copied, while the MX may move; tells whether the next life
    /// is a calm one.
    pub(crate) async fn tidy(&mut self) -> bool {
        if self.own.u8(0..4) == 0 {
            self.month().await;
        }
        let mut rng = self.own.fork();
        let deleted = self.people().tidy(&mut rng);
        for (user, octets) in deleted {
            // Its user changes the copy.
            if self.own.bool() {
                continue;
            }
            for (name, folder) in mailbox(&self.destination, &user) {
                let ours = |it: &&Message| is_ours(it) && it.given == octets;
                for message in folder.messages.iter().filter(ours) {
                    let mut flags = message.flags.clone();
                    flags.insert("\\Draft");
                    let hands = self.destination.hands();
                    hands.set_flags(&user, &name, message.uid, flags).expect("a message");
                }
            }
        }
        let calm = self.own.bool();
        let Some(cloud) = &mut self.cloud else { return calm };
        if self.own.u8(0..3) == 0 {
            cloud.live();
        } else {
            cloud.zone.returns();
        }
        self.may_move = true;
        calm
    }

    /// So much time passes that the source purges what was there, while more comes.
    async fn month(&mut self) {
        self.people().look();
        let days = u64::try_from(PURGE_DAYS + 1).expect("days");
        tokio::time::sleep(Duration::from_secs(days * 86_400)).await;
        let mut people = self.people.lock().expect("one thread");
        people.look();
        for user in &self.users {
            people.grow(&mut self.own, user, "Trash", 1);
            people.grow(&mut self.own, user, "Spam", 1);
        }
        people.leave();
    }

    /// After the process was killed, people move what came last: it may be what nobody has an
    /// answer for.
    pub(crate) async fn moves_what_came(&mut self, since: Timestamp) {
        if self.scope != Scope::Whole || self.own.bool() {
            return;
        }
        // What was written before the end is stored.
        tokio::time::sleep(Duration::from_millis(5)).await;
        for user in &self.users {
            let mailbox = mailbox(&self.destination, user);
            let came = mailbox
                .iter()
                .flat_map(|(name, folder)| folder.messages.iter().map(move |it| (name, it)))
                .filter(|(_, it)| is_ours(it) && it.saved >= since)
                .max_by_key(|(_, it)| (it.saved, it.uid));
            let Some((from, message)) = came else { continue };
            let names = ["Drafts", "Deleted Items", "INBOX"];
            let to = names[self.own.usize(0..3)];
            if from != to && mailbox.contains_key(to) {
                let hands = self.destination.hands();
                hands.move_message(user, from, message.uid, to).expect("a message");
            }
        }
    }

    /// A person deletes a message at both sides and then restores it at the source, where it is
    /// another one with the same octets and date.
    pub(crate) fn restore(&mut self) {
        // Without UIDPLUS nobody knows which copy was deleted.
        if self.scope != Scope::Whole
            || !self.destination.product().after.contains(&"UIDPLUS")
            || self.own.u8(0..3) > 0
        {
            return;
        }
        let mut people = self.people.lock().expect("one thread");
        people.look();
        for user in &self.users {
            let (source, there) = (mailbox(&self.source, user), mailbox(&self.destination, user));
            let all = || source.values().flat_map(|folder| &folder.messages);
            let copies = |octets: &[u8]| {
                let folders = there.iter();
                let all =
                    folders.flat_map(|(name, it)| it.messages.iter().map(move |it| (name, it)));
                all.filter(|(_, it)| it.given == octets).collect::<Vec<_>>()
            };
            let mut pairs = Vec::new();
            for (name, folder) in &source {
                for message in &folder.messages {
                    if all().filter(|it| it.given == message.given).count() > 1 {
                        continue;
                    }
                    if let [(place, copy)] = copies(&message.given)[..]
                        && is_ours(copy)
                        && *place == goes(name)
                    {
                        pairs.push((name, message, place, copy.uid));
                    }
                }
            }
            if pairs.is_empty() {
                continue;
            }
            let (name, message, place, copy) = pairs[self.own.usize(0..pairs.len())];
            self.destination.hands().delete(user, place, copy).expect("a message");
            let gone = self
                .destination
                .deeds()
                .iter()
                .filter(|it| it.session.is_none() && it.verb == "DELETE" && it.user == *user)
                .filter(|it| it.octets.as_deref() == Some(message.given.as_ref()))
                .count();
            people.restore(user, name, message, gone);
        }
        people.leave();
    }
}
