//! Cyrus IMAP. Measured with 3.6.1 as Debian 12 has it.

use super::Profile;
use super::names::Names;
use crate::message::transform::Transform;

/// It refuses NUL and bare LF, and keeps NUL in the body of a literal8; it refuses a header line
/// without a field name and a message without an octet. Raw 8-bit octets in the message's own
/// header become `X` (`munge8bit`, on unless somebody switched it off) and it says OK. It tells
/// cases apart. In names it refuses the characters below; control characters, too. 400 letters and
/// 30 levels it takes. It makes selectable folders of what lies above a new one.
pub(super) const PROFILE: Profile = Profile {
    name: "cyrus",
    label: "cyrus-v1",
    message_size: None,
    needs: &[Transform::NulOctets, Transform::LineEnds, Transform::EightBitHeaders],
    refuses_invalid_header: true,
    keeps_literal8: true,
    keywords: true,
    drops: &[],
    store_again: &[],
    names: Names {
        forbidden: &['%', '\\', '"', '^', '<', '>', '|', '`', ';', '/', '{', '}', '\u{7f}'],
        no_control: true,
        ..Names::ANY
    },
    no_mail: &[],
    makes_superiors: true,
    rewrites: false,
    window: 16,
    errors: None,
};
