//! The cutover: a day of low TTLs, the change of the records, the mail that comes meanwhile, and the
//! days after it.

use crate::error::Result;
use crate::model::address::Domain;
use crate::model::folder::FolderPath;
use crate::ports::clock::Clock as _;
use crate::rehearse::course::Course;
use crate::rehearse::fault::unset;
use crate::rehearse::network::{LAG, Lands, SHORT};
use crate::rehearse::people;
use crate::simulate::{Delivery, Habit};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// How long the records are changed before mailferry looks whether every server shows them.
const SOON: Duration = Duration::from_secs(60);

/// Messages that are sent to each mailbox in the first hour after the change.
const SENT: usize = 4;

/// Days between the change and the closing of the source, as the guide has it.
const AFTER: u32 = 14;

impl Course<'_> {
    /// Plays the cutover of every zone of the migration plan.
    pub(crate) async fn cutover(&mut self) -> Result<()> {
        let zones = &self.stage.desired.zones;
        let moves = zones.values().any(|zone| zone.mx.is_some());
        let changes = zones.values().any(|zone| zone.spf.is_some() || zone.autodiscover.is_some());
        if !moves {
            self.performance.remarks.push(
                "The migration plan says nothing of an MX record, so that there was no cutover."
                    .to_owned(),
            );
        }
        if moves {
            self.day_before().await?;
        }
        if moves || changes {
            self.records_change().await?;
        }
        if moves {
            self.days_after().await?;
        } else if changes {
            self.event("A day passes; every server and resolver shows the new records.");
            self.stage.clock.advance(DAY);
            self.anything_left(&[0]).await?;
        }
        Ok(())
    }

    async fn day_before(&mut self) -> Result<()> {
        self.act("The cutover: the day before");
        self.stage.network.shorten().await.map_err(|error| unset(&error))?;
        self.event(format!(
            "A person at the DNS host lowers the TTL of the MX records to {SHORT} s. A day passes on the clock of the rehearsal."
        ));
        self.stage.clock.advance(DAY);
        self.event(
            "A message comes to the source for every mailbox; the last pass before the change:",
        );
        for player in self.stage.players.clone() {
            people::arrive(&mut self.stage, &player).map_err(|error| unset(&error))?;
        }
        self.pass().await
    }

    async fn records_change(&mut self) -> Result<()> {
        self.act("The records change");
        let saved = self.plan_once(&[0]).await?;
        let steps = self.read(&saved)?.plan.for_person;
        for step in &steps {
            self.stage
                .network
                .change(&step.zone, &step.records)
                .await
                .map_err(|error| unset(&error))?;
            self.event(format!("A person at the DNS host does the step `{}`.", step.id));
        }
        self.stage.clock.advance(SOON);
        // Of a zone with several servers all but the first are behind.
        let lags = |zone: &Domain| {
            self.stage.desired.zones.get(zone).is_some_and(|zone| zone.servers.len() != 1)
        };
        if steps.is_empty() {
            self.event("Every record is as wanted already.");
        } else if steps.iter().any(|step| lags(&step.zone)) {
            self.event(format!(
                "A minute later a second name server still shows the old records; it lags {} min behind:",
                LAG.as_secs() / 60
            ));
            self.anything_left(&[2]).await?;
        }
        Ok(())
    }

    async fn days_after(&mut self) -> Result<()> {
        let (late, there) = self.first_hour()?;
        self.event(format!(
            "Within the hour {} messages come: senders whose resolver has the old MX bring {late} to the source, {there} arrive at the destination.",
            late + there
        ));
        self.event("By now every server shows the new records; what came late moves:");
        self.pass().await?;
        self.anything_left(&[0]).await?;

        self.act(&format!("{AFTER} days later"));
        self.stage.clock.advance(DAY * AFTER);
        let purges = self.stage.source.product().has(Habit::PurgeAfterDays);
        self.event(if purges {
            format!("{AFTER} days pass; the provider purges Trash and Spam at the source.")
        } else {
            format!("{AFTER} days pass.")
        });
        self.verify().await
    }

    /// Mail of the hour after the change: each sender asks a resolver where it goes.
    fn first_hour(&mut self) -> Result<(usize, usize)> {
        let (mut late, mut there) = (0, 0);
        for turn in 0..SENT {
            for player in self.stage.players.clone() {
                let domain = player.mailbox.source.domain();
                // A resolver that heard of the old records keeps them for their TTL.
                let lands = self.stage.network.lands(&domain, turn);
                let lands = lands.map_err(|error| unset(&error))?;
                if lands == Lands::Source {
                    people::arrive(&mut self.stage, &player).map_err(|error| unset(&error))?;
                    late += 1;
                } else if lands == Lands::Destination {
                    let to = player.mailbox.destination.as_str();
                    let now = self.stage.clock.now();
                    let letter = self.stage.author.fresh(to, &FolderPath::inbox(), now);
                    let delivery = Delivery::new(letter.octets);
                    let hands = self.stage.destination.hands();
                    hands
                        .deliver(&player.destination, "INBOX", delivery)
                        .map_err(|error| unset(&error))?;
                    there += 1;
                }
            }
            self.stage.clock.advance(HOUR / u32::try_from(SENT).unwrap_or(1));
        }
        Ok((late, there))
    }
}
