//! Dovecot. Measured with 2.3.19, Maildir and mdbox.

use super::Profile;
use super::names::Names;
use crate::message::transform::Transform;

/// It stores NUL as 0x80 and a bare LF as CRLF, drops a CR at the very end, and keeps everything
/// else; a literal8 changes nothing of that. It refuses a message without an octet. Names: it
/// tells cases apart, refuses `~` at the start of a path, control characters and more than 255
/// octets of one name; with Maildir++ it refuses `.`, which parts folders on its disk, where the
/// separator is another one, and more than 254 octets of a path. It tells none of that before.
pub(super) const PROFILE: Profile = Profile {
    name: "dovecot",
    label: "dovecot-v1",
    message_size: None,
    needs: &[Transform::NulOctets, Transform::LineEnds, Transform::DoubledLineEnds],
    refuses_invalid_header: false,
    keeps_literal8: false,
    keywords: true,
    drops: &[],
    store_again: &[],
    names: Names {
        no_start: Some('~'),
        no_control: true,
        may_refuse: &['.'],
        octets: Some(255),
        ..Names::ANY
    },
    no_mail: &[],
    makes_superiors: true,
    rewrites: false,
    // With a round trip of 40 ms a window of 16 moved 199 messages a second, one of 1 moved 18.
    window: 16,
    errors: None,
};
