//! Exchange Online, from what Microsoft and others published. Nothing here was measured.

use super::Profile;
use super::names::Names;
use crate::message::transform::Transform;

/// The longest line that is sent. Lines of 9,900 to 10,500 octets and more ended connections, by
/// the reports that imapsync's FAQ for Exchange collects; what follows such a line may be read as
/// commands.
const LINE: u32 = 9_000;

/// Sources: Microsoft's pages on IMAP migration (35 MB by default), on limits of Exchange Online
/// (300 levels of folders) and imapsync's FAQ for Office 365 (names, `Files`, `\Flagged`,
/// `$MDNSent`, ten errors).
pub(super) const PROFILE: Profile = Profile {
    name: "exchange-online",
    label: "exchange-v0",
    message_size: Some(35 * 1024 * 1024),
    needs: &[Transform::NulOctets, Transform::LineEnds, Transform::LongLines(LINE)],
    refuses_invalid_header: false,
    keeps_literal8: false,
    keywords: false,
    drops: &["$MDNSent"],
    store_again: &["\\Flagged"],
    names: Names {
        ignores_case: true,
        reserved: &["Files"],
        forbidden: &['/'],
        no_trailing_blank: true,
        levels: Some(300),
        ..Names::ANY
    },
    no_mail: &[
        "Calendar",
        "Contacts",
        "Conversation History",
        "Journal",
        "Notes",
        "Outbox",
        "RSS Feeds",
        "Sync Issues",
        "Tasks",
    ],
    makes_superiors: true,
    rewrites: true,
    window: 1,
    errors: Some(10),
};
