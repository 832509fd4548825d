//! A server of which nothing is known but that it speaks IMAP.

use super::Profile;
use super::names::Names;
use crate::message::transform::Transform;

/// RFC 3501 section 4.3 allows no NUL in a literal, and the servers that were measured refuse or
/// change a bare LF. Whether cases are told apart nobody knows: names that differ in nothing else
/// are asked about.
pub(super) const PROFILE: Profile = Profile {
    name: "generic",
    label: "generic-v1",
    message_size: None,
    needs: &[Transform::NulOctets, Transform::LineEnds, Transform::DoubledLineEnds],
    refuses_invalid_header: false,
    keeps_literal8: false,
    keywords: true,
    drops: &[],
    store_again: &[],
    names: Names { may_ignore_case: true, ..Names::ANY },
    no_mail: &[],
    makes_superiors: false,
    rewrites: false,
    window: 16,
    errors: None,
};
