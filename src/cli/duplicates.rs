//! `mailferry apply --fix-own-duplicates`.

use crate::cli::Ended;
use crate::cli::args::{ApplyArgs, Global};
use crate::cli::output::Output;
use crate::cli::signals::Signals;
use crate::cli::verify::desk;
use crate::cli::wiring::{Mode, World};
use crate::copy::desk::Desk;
use crate::desired::DesiredMailbox;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::own_duplicates::{self, Duplicate, Found};
use crate::model::address::Address;
use crate::model::words::shell;
use crate::removal::Hands;
use crate::render::style::{clean, count, thousands};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) async fn run(args: &ApplyArgs, global: &Global, output: &Output) -> Result<Ended> {
    let world = World::open(&args.file, global, output, Mode::Write)?;
    let mailboxes = chosen(args, &world)?;
    let signals = Signals::listen();
    let held = world.hold("apply", &signals.cancel)?;
    world.consents().await?;
    let telling = world.looking(output);
    let compare = world.desired.compare;
    // A dry run writes nothing, not even what an earlier run left over.
    let hands = if args.dry_run { Hands::Bound } else { Hands::Free };
    let mut found: BTreeMap<Address, (Desk, Found)> = BTreeMap::new();
    for mailbox in &mailboxes {
        let desk = desk(&world, &telling.listener, &signals, &mailbox.source, 0);
        let of = own_duplicates::find(&world.accounts, &desk, mailbox, compare, hands).await?;
        found.insert(mailbox.source.clone(), (desk, of));
    }
    telling.finish();
    let removable: Vec<Duplicate> =
        found.values().flat_map(|(_, found)| found.removable.clone()).collect();
    let digest = own_duplicates::digest(&removable).short();
    Output::result(&shown(&found, &removable, &digest, args))?;
    // What came at another time was delivered by somebody else, and `verify` counts it as nobody's
    // double either.
    let ours = |(one, _): &(Duplicate, String)| one.extra.same_date != Some(false);
    let left = found.values().any(|(_, found)| found.left.iter().any(ours));
    if !removable.is_empty() && !args.dry_run {
        agree(args, output, &removable, &digest)?;
        let mut removed = 0;
        let mut since = Vec::new();
        for mailbox in &mailboxes {
            let Some((desk, of)) = found.get(&mailbox.source) else { continue };
            if of.removable.is_empty() {
                continue;
            }
            let (gone, mut now) =
                own_duplicates::remove(&world.accounts, desk, mailbox, &of.removable, compare)
                    .await?;
            removed += gone;
            since.append(&mut now.left);
        }
        if let Some(error) = held.lost() {
            return Err(error);
        }
        let mut text = format!("Removed {}.", count(removed, "extra copy", "extra copies"));
        for (one, reason) in &since {
            let _ = write!(text, "\n{}: stays: {reason}", named(one));
        }
        let file = shell(&args.file.to_string_lossy());
        let _ = writeln!(text, "\nNext: mailferry verify {file}");
        Output::result(&text)?;
        if removed < removable.len() as u64 {
            return Ok(Ended::As(ErrorKind::Partial));
        }
    }
    Ok(if left { Ended::As(ErrorKind::CheckFailed) } else { Ended::Done })
}

fn chosen(args: &ApplyArgs, world: &World) -> Result<Vec<DesiredMailbox>> {
    let all = &world.desired.mailboxes;
    if let Some(name) =
        args.only.iter().chain(&args.skip).find(|name| !all.keys().any(|m| m.as_str() == **name))
    {
        return Err(Error::new(
            ErrorKind::Usage,
            "E082",
            format!("--fix-own-duplicates takes mailboxes in --only and --skip, and `{name}` is none of the migration plan"),
        )
        .hint("Name a mailbox by its address in the migration plan."));
    }
    let named = |list: &[String], mailbox: &Address| list.iter().any(|n| n == mailbox.as_str());
    Ok(all
        .values()
        .filter(|m| args.only.is_empty() || named(&args.only, &m.source))
        .filter(|m| !named(&args.skip, &m.source))
        .cloned()
        .collect())
}

/// Removing cannot be undone: a person agrees, at the prompt or to the digest of exactly this list.
fn agree(args: &ApplyArgs, output: &Output, removable: &[Duplicate], digest: &str) -> Result<()> {
    if let Some(expected) = &args.expect {
        if own_duplicates::digest(removable).is_named_by(expected) {
            return Ok(());
        }
        return Err(Error::new(
            ErrorKind::Stale,
            "E083",
            format!("the list of extra copies has digest {digest}, and {expected} was expected; nothing was removed"),
        )
        .hint("Look at the list as it is now."));
    }
    let copies = count(removable.len() as u64, "extra copy", "extra copies");
    if output.confirm(&format!("Remove {copies}? That cannot be undone.")) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Declined, "E084", "nothing was removed: nobody agreed to the list")
        .hint(format!("Answer `yes` at a terminal, or run again with `--expect {digest}`.")))
}

fn shown(
    found: &BTreeMap<Address, (Desk, Found)>,
    removable: &[Duplicate],
    digest: &str,
    args: &ApplyArgs,
) -> String {
    let mut text = String::new();
    for (_, found) in found.values() {
        for one in &found.removable {
            let _ = writeln!(text, "- {}", named(one));
        }
        for (one, reason) in found.left.iter().chain(&found.moved) {
            let _ = writeln!(text, "  {}: stays: {reason}", named(one));
        }
    }
    if removable.is_empty() {
        text.push_str("No extra copy of ours can be removed.\n");
    } else {
        let copies = count(removable.len() as u64, "extra copy", "extra copies");
        let _ = writeln!(text, "{copies} of ours, digest {digest}.");
        if args.dry_run {
            text.push_str("Dry run: nothing was removed.\n");
        }
    }
    text
}

fn named(one: &Duplicate) -> String {
    let twins: Vec<String> = one.extra.twins.keys().map(ToString::to_string).collect();
    // Where it is a copy of nothing that can be found, that is the reason why it stays.
    let of = if twins.is_empty() {
        String::new()
    } else {
        let word = match one.extra.said {
            None => "a copy of",
            Some(_) => "says the same, under the assumed profile v0, as",
        };
        format!(", {word} UID {}", twins.join(", "))
    };
    format!(
        "{} {}: UID {}, {}, {} octets{of}",
        clean(one.folder.mailbox.as_str()),
        clean(&one.folder.folder.to_string()),
        one.extra.uid,
        clean(&one.extra.date),
        thousands(one.extra.size),
    )
}
