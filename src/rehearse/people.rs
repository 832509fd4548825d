//! What people and providers do at the source while the migration goes on.

use crate::model::folder::FolderPath;
use crate::rehearse::stage::{Player, Stage};
use crate::simulate::{MailboxTruth, Undone};
use fastrand::Rng;

/// Lets people live for a while: mail comes, is read, moved and deleted. Returns what
/// happened, in words.
pub(crate) fn live(stage: &mut Stage, rng: &mut Rng) -> Result<Vec<String>, Undone> {
    let (mut came, mut read, mut moved, mut deleted) = (0, 0, 0, 0);
    for player in stage.players.clone() {
        for _ in 0..rng.usize(2..6) {
            arrive(stage, &player)?;
            came += 1;
        }
        let Some(truth) = stage.source.oracle().mailbox(&player.source) else { continue };
        let hands = stage.source.hands();
        let Some(inbox) = truth.get("INBOX") else { continue };
        for message in inbox.messages.iter().take(3) {
            let mut flags = message.flags.clone();
            flags.insert(if rng.bool() { "\\Flagged" } else { "\\Answered" });
            flags.insert("\\Seen");
            hands.set_flags(&player.source, "INBOX", message.uid, flags)?;
            read += 1;
        }
        if let Some((to, message)) = other(&truth).zip(inbox.messages.get(4)) {
            hands.move_message(&player.source, "INBOX", message.uid, &to)?;
            moved += 1;
        }
        if let Some(message) = inbox.messages.get(5) {
            hands.delete(&player.source, "INBOX", message.uid)?;
            deleted += 1;
        }
    }
    Ok(vec![format!(
        "At the source {came} messages arrive, {read} get flags, {moved} are moved to another folder, {deleted} are deleted."
    )])
}

/// A message arrives in the INBOX at the source.
pub(crate) fn arrive(stage: &mut Stage, player: &Player) -> Result<(), Undone> {
    use crate::ports::clock::Clock as _;
    let now = stage.clock.now();
    let letter = stage.author.fresh(player.mailbox.source.as_str(), &FolderPath::inbox(), now);
    stage.deliver(player, &letter)
}

/// A folder that people made and that is no special one.
fn other(truth: &MailboxTruth) -> Option<String> {
    truth
        .iter()
        .find(|(name, folder)| {
            *name != "INBOX"
                && folder.selectable
                && folder.special_use.is_none()
                && (name.starts_with("Invoices") || name.starts_with("Projects"))
        })
        .map(|(name, _)| name.clone())
}
