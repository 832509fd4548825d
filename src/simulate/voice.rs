//! The words of the servers.
//!
//! Dovecot's are those of 2.3 as measured. Exchange's are those that were published; where nobody
//! published one (a missing folder, a name that is no name, the farewell) it is assumed.

use crate::simulate::command::Wrong;
use crate::simulate::mailbox::Refusal;
use crate::simulate::product::{Product, Voice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) fn greeting(product: &Product) -> String {
    match product.voice {
        Voice::Dovecot => format!(
            "* OK [CAPABILITY {}] Simulated server ready.\r\n",
            product.capabilities(false).join(" ")
        ),
        Voice::Exchange => format!(
            "* OK The Microsoft Exchange IMAP4 service is ready. [{}]\r\n",
            STANDARD.encode("SIMULATED.PROD.OUTLOOK.COM")
        ),
    }
}

pub(crate) fn farewell(voice: Voice) -> &'static str {
    match voice {
        Voice::Dovecot => "Logging out",
        Voice::Exchange => "Microsoft Exchange Server IMAP4 server signing off.",
    }
}

pub(crate) fn completed(voice: Voice, verb: &str) -> String {
    let verb = verb.strip_prefix("UID ").unwrap_or(verb);
    match voice {
        Voice::Dovecot => {
            let (first, rest) = verb.split_at(verb.len().min(1));
            format!("{first}{} completed.", rest.to_ascii_lowercase())
        }
        Voice::Exchange => format!("{verb} completed."),
    }
}

pub(crate) fn wrong(voice: Voice, verb: &str, wrong: Wrong) -> String {
    match (voice, wrong) {
        (Voice::Dovecot, Wrong::Unknown) => {
            format!("Error in IMAP command {verb}: Unknown command.")
        }
        (Voice::Dovecot, Wrong::Arguments) => {
            format!("Error in IMAP command {verb}: Invalid arguments.")
        }
        (Voice::Exchange, Wrong::Unknown) => "Command Error. 12".to_owned(),
        (Voice::Exchange, Wrong::Arguments) => "Command Argument Error. 11".to_owned(),
    }
}

pub(crate) fn wrong_state(voice: Voice, verb: &str) -> String {
    match voice {
        Voice::Dovecot => format!("Error in IMAP command {verb}: Not allowed in this state."),
        Voice::Exchange => "Command received in Invalid state.".to_owned(),
    }
}

pub(crate) fn not_signed_in(voice: Voice, verb: &str) -> String {
    match voice {
        Voice::Dovecot => "[AUTHENTICATIONFAILED] Authentication failed.".to_owned(),
        Voice::Exchange => format!("{verb} failed."),
    }
}

pub(crate) fn too_many_connections(limit: usize) -> String {
    format!(
        "[LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections={limit})"
    )
}

pub(crate) fn too_big(voice: Voice) -> &'static str {
    match voice {
        Voice::Dovecot => {
            "[LIMIT] Mail size is larger than the maximum size allowed by server configuration"
        }
        Voice::Exchange => "Maximum size of appendable message has been exceeded",
    }
}

pub(crate) fn inactive(voice: Voice) -> &'static str {
    match voice {
        Voice::Dovecot => "Disconnected for inactivity.",
        Voice::Exchange => "Connection is closed. 13",
    }
}

pub(crate) fn throttled(milliseconds: u128) -> String {
    format!("Request is throttled. Suggested Backoff Time: {milliseconds} milliseconds")
}

/// `into` says that a message was to go there, so that a missing folder may be made.
pub(crate) fn refused(voice: Voice, refusal: Refusal, into: bool) -> String {
    let dovecot = voice == Voice::Dovecot;
    match refusal {
        Refusal::Exists if dovecot => "[ALREADYEXISTS] Mailbox already exists",
        Refusal::Exists => "Mailbox already exists",
        Refusal::Missing if into => "[TRYCREATE] Mailbox doesn't exist",
        Refusal::Missing if dovecot => "[NONEXISTENT] Mailbox doesn't exist",
        Refusal::Missing => "Mailbox doesn't exist.",
        Refusal::Reserved => "Folder name is reserved",
        Refusal::BadName if dovecot => "[CANNOT] Invalid mailbox name",
        Refusal::BadName => "Invalid folder name.",
        Refusal::HasChildren => "Mailbox has children, delete them first",
        Refusal::Inbox if dovecot => "[CANNOT] INBOX can't be deleted.",
        Refusal::Inbox => "Folder cannot be deleted.",
        Refusal::NotSelectable => "Mailbox isn't selectable",
        Refusal::OverQuota if dovecot => "[OVERQUOTA] Quota exceeded (mailbox for user is full)",
        Refusal::OverQuota => "Server Unavailable. 15",
        Refusal::NoUids => "[LIMIT] No more UIDs",
    }
    .to_owned()
}
