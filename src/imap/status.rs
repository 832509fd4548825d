//! What a folder and a mailbox hold: STATUS, NAMESPACE, GETQUOTAROOT.

use crate::imap::connection::{Connection, plain};
use crate::imap::error::ImapError;
use crate::imap::mailbox_name;
use crate::imap::pending::{Kept, Sink};
use crate::imap::quote;
use crate::imap::response::Untagged;
use crate::imap::value::Value;
use crate::model::folder::RawName;
use crate::model::uid::{Uid, UidValidity};
use crate::observed::{Namespace, Quota};
use std::collections::BTreeMap;

/// What STATUS told; every item that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusData {
    /// MESSAGES.
    pub messages: u32,
    /// UIDNEXT.
    pub uid_next: Uid,
    /// UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// HIGHESTMODSEQ, where the server has CONDSTORE; zero says that the folder keeps none.
    pub highest_modseq: Option<u64>,
    /// SIZE in octets, where the server has STATUS=SIZE, RFC 8438.
    pub size: Option<u64>,
}

/// Where a folder stands: UIDVALIDITY and UIDNEXT.
pub type Position = (UidValidity, Uid);

/// UIDNEXT and UIDVALIDITY are nz-numbers, RFC 3501 section 9.
fn positive(items: &[Value], name: &str) -> Option<u32> {
    number(items, name).filter(|&number| number > 0)
}

fn unreadable(command: &'static str, what: String) -> ImapError {
    ImapError::Unreadable { command, what, words: None }
}

impl Connection {
    /// Asks for the state of a folder that is not selected; every item must come back.
    pub async fn status(&self, name: &RawName) -> Result<StatusData, ImapError> {
        let (modseq, size) = (self.has("CONDSTORE"), self.has("STATUS=SIZE"));
        let mut parts = plain("STATUS ");
        quote::mailbox(&mut parts, name)?;
        let mut items = " (MESSAGES UIDNEXT UIDVALIDITY".to_owned();
        if modseq {
            items.push_str(" HIGHESTMODSEQ");
        }
        if size {
            items.push_str(" SIZE");
        }
        quote::text(&mut parts, &(items + ")"));
        let answer = self.link.ask("STATUS", parts, &["STATUS"]).await?;
        let line = of_folder(&answer.data, name)
            .ok_or_else(|| unreadable("STATUS", format!("nothing came about `{name}`")))?;
        let items = line.values.get(1).and_then(Value::list).filter(|_| line.complete);
        let items = items
            .ok_or_else(|| unreadable("STATUS", format!("the line about `{name}` is malformed")))?;
        let missing = |item: &str| unreadable("STATUS", format!("{item} of `{name}` is missing"));
        Ok(StatusData {
            messages: number(items, "MESSAGES").ok_or_else(|| missing("MESSAGES"))?,
            uid_next: positive(items, "UIDNEXT").map(Uid).ok_or_else(|| missing("UIDNEXT"))?,
            uid_validity: positive(items, "UIDVALIDITY")
                .map(UidValidity)
                .ok_or_else(|| missing("UIDVALIDITY"))?,
            highest_modseq: if modseq {
                Some(number(items, "HIGHESTMODSEQ").ok_or_else(|| missing("HIGHESTMODSEQ"))?)
            } else {
                None
            },
            size: if size {
                Some(number(items, "SIZE").ok_or_else(|| missing("SIZE"))?)
            } else {
                None
            },
        })
    }

    /// Asks where the folders of a mailbox stand: in one round trip with LIST-STATUS, RFC 5819, else
    /// with one STATUS for each, sent together. What was put off, and what LIST-STATUS left out, is
    /// asked for again alone, when the server wants it. Each folder has its own outcome.
    ///
    /// # Errors
    /// When nothing could be asked: the connection is lost, or LIST was refused.
    pub async fn positions(
        &self,
        names: &[RawName],
    ) -> Result<BTreeMap<RawName, Result<Position, ImapError>>, ImapError> {
        const ITEMS: &str = "(UIDNEXT UIDVALIDITY)";
        let mut lines = Vec::new();
        let mut refused = BTreeMap::new();
        if self.has("LIST-STATUS") {
            let command = format!("LIST \"\" \"*\" RETURN (STATUS {ITEMS})");
            lines = self.link.ask("LIST", plain(command), &["STATUS"]).await?.data;
        } else {
            // Few enough that neither side fills its buffers with what the other does not read.
            for some in names.chunks(50) {
                let mut tickets = Vec::new();
                for name in some {
                    let mut parts = plain("STATUS ");
                    quote::mailbox(&mut parts, name)?;
                    quote::text(&mut parts, &format!(" {ITEMS}"));
                    let sink = Sink::Collect(&["STATUS"], Kept::default());
                    tickets.push((name, self.link.send("STATUS", parts, sink).await?));
                }
                for (name, ticket) in tickets {
                    match ticket.answer().await {
                        Ok(answer) => lines.extend(answer.data),
                        Err(error) if error.loses_connection() => return Err(error),
                        Err(error) if self.link.is_put_off(&error) => {}
                        Err(error) => drop(refused.insert(name.clone(), error)),
                    }
                }
            }
        }
        let mut positions = BTreeMap::new();
        for name in names {
            let position = match (refused.remove(name), told(&lines, name)) {
                (Some(error), _) => Err(error),
                (None, Some(position)) => Ok(position),
                (None, None) => match self.status(name).await {
                    Ok(status) => Ok((status.uid_validity, status.uid_next)),
                    Err(error) if error.loses_connection() => return Err(error),
                    Err(error) => Err(error),
                },
            };
            positions.insert(name.clone(), position);
        }
        Ok(positions)
    }

    /// Asks for the personal namespace, RFC 2342; `None` when the server does not offer to tell
    /// or tells that there is none.
    pub async fn namespace(&self) -> Result<Option<Namespace>, ImapError> {
        if !self.has("NAMESPACE") {
            return Ok(None);
        }
        let answer = self.link.ask("NAMESPACE", plain("NAMESPACE"), &["NAMESPACE"]).await?;
        let malformed = || unreadable("NAMESPACE", "the line is malformed".to_owned());
        let line = answer.data.last().filter(|line| line.complete).ok_or_else(malformed)?;
        let personal = line.values.first().ok_or_else(malformed)?;
        if personal.is_nil() {
            return Ok(None);
        }
        let first = personal.list().and_then(|all| all.first()).and_then(Value::list);
        let Some([prefix, separator, ..]) = first else { return Err(malformed()) };
        let prefix = prefix.string().ok_or_else(malformed)?;
        let separator = match separator.string() {
            Some([octet]) if octet.is_ascii() => Some(char::from(*octet)),
            None if separator.is_nil() => None,
            _ => return Err(malformed()),
        };
        Ok(Some(Namespace { prefix: mailbox_name::decode_text(prefix), separator }))
    }

    /// Asks for the storage of the quota roots of a folder, RFC 9208; the one with the least room
    /// when there are several, `None` when none limits storage.
    pub async fn quota_root(&self, name: &RawName) -> Result<Option<Quota>, ImapError> {
        const COMMAND: &str = "GETQUOTAROOT";
        if !self.has("QUOTA") {
            return Ok(None);
        }
        let mut parts = plain("GETQUOTAROOT ");
        quote::mailbox(&mut parts, name)?;
        let answer = self.link.ask(COMMAND, parts, &["QUOTAROOT", "QUOTA"]).await?;
        if answer.data.iter().any(|line| !line.complete) {
            return Err(unreadable(COMMAND, "a line is malformed".to_owned()));
        }
        let root_lines: Vec<Untagged> =
            answer.data.iter().filter(|line| line.keyword == "QUOTAROOT").cloned().collect();
        if root_lines.is_empty() {
            // Dovecot with a quota plugin and no quota for the user says OK and nothing else.
            return Ok(None);
        }
        let roots = of_folder(&root_lines, name)
            .ok_or_else(|| unreadable(COMMAND, format!("nothing came about `{name}`")))?;
        let roots: Vec<_> = roots.values.iter().skip(1).filter_map(Value::octets).collect();
        let mut tightest: Option<Quota> = None;
        for line in answer.data.iter().filter(|line| line.keyword == "QUOTA") {
            let [root, resources, ..] = line.values.as_slice() else {
                return Err(unreadable(COMMAND, "a QUOTA line is malformed".to_owned()));
            };
            if !root.octets().is_some_and(|root| roots.contains(&root)) {
                continue;
            }
            if let Some(quota) = storage(resources)? {
                let room = |quota: &Quota| {
                    quota.limit.map_or(u64::MAX, |limit| limit.saturating_sub(quota.used))
                };
                if tightest.is_none_or(|known| room(&quota) < room(&known)) {
                    tightest = Some(quota);
                }
            }
        }
        Ok(tightest)
    }
}

fn storage(resources: &Value) -> Result<Option<Quota>, ImapError> {
    let malformed =
        || unreadable("GETQUOTAROOT", "the resources of a root are malformed".to_owned());
    for resource in resources.list().ok_or_else(malformed)?.chunks(3) {
        let [name, used, limit] = resource else { return Err(malformed()) };
        if name.upper().as_deref() != Some("STORAGE") {
            continue;
        }
        let units = |value: &Value| value.number::<u64>().and_then(|n| n.checked_mul(1_024));
        let used = units(used).ok_or_else(malformed)?;
        let limit = units(limit).ok_or_else(malformed)?;
        return Ok(Some(Quota { used, limit: Some(limit) }));
    }
    Ok(None)
}

fn told(lines: &[Untagged], name: &RawName) -> Option<Position> {
    let line = of_folder(lines, name).filter(|line| line.complete)?;
    let items = line.values.get(1).and_then(Value::list)?;
    let validity = positive(items, "UIDVALIDITY").map(UidValidity)?;
    Some((validity, positive(items, "UIDNEXT").map(Uid)?))
}

/// Finds the line about a folder: the very name, or else one that differs in case only, because
/// servers spell the INBOX their own way.
fn of_folder<'a>(lines: &'a [Untagged], name: &RawName) -> Option<&'a Untagged> {
    let named = |line: &&Untagged, same: fn(&[u8], &[u8]) -> bool| {
        line.values.first().and_then(Value::octets).is_some_and(|octets| same(octets, &name.0))
    };
    let exact = lines.iter().rfind(|line| named(line, |a, b| a == b));
    exact.or_else(|| lines.iter().rfind(|line| named(line, <[u8]>::eq_ignore_ascii_case)))
}

fn number<N: std::str::FromStr>(items: &[Value], name: &str) -> Option<N> {
    items.chunks(2).find_map(|pair| match pair {
        [key, value] if key.upper().as_deref() == Some(name) => value.number(),
        _ => None,
    })
}
