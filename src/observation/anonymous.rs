//! Stand-ins for names.

use super::{Folder, Observation};
use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::model::reading::{Failure, Reading};
use crate::model::shape::Shape;
use std::collections::{BTreeMap, BTreeSet};

/// Names that mail programs and servers give by themselves, in lower case.
const FOLDERS: [&str; 34] = [
    "all mail",
    "archive",
    "archives",
    "calendar",
    "contacts",
    "conversation history",
    "deleted items",
    "deleted messages",
    "drafts",
    "files",
    "flagged",
    "important",
    "inbox",
    "infected items",
    "journal",
    "junk",
    "junk e-mail",
    "junk email",
    "junk mail",
    "notes",
    "outbox",
    "public folders",
    "rss feeds",
    "sent",
    "sent items",
    "sent mail",
    "sent messages",
    "shared folders",
    "spam",
    "starred",
    "sync issues",
    "tasks",
    "templates",
    "trash",
];

/// Keywords that mail programs set by themselves, in lower case.
const KEYWORDS: [&str; 15] = [
    "$forwarded",
    "$junk",
    "$label1",
    "$label2",
    "$label3",
    "$label4",
    "$label5",
    "$mdnsent",
    "$notjunk",
    "$phishing",
    "$submitted",
    "forwarded",
    "junk",
    "nonjunk",
    "notjunk",
];

/// Characters with which destinations have trouble; a stand-in keeps them, so that the trouble is
/// the same.
const TROUBLE: &str = "/\\.*%\"&~#";

/// Numbers names in the order in which they come; upper and lower case share a number.
#[derive(Debug)]
struct Stand {
    word: &'static str,
    /// By the name in lower case: its number, and its spellings so far.
    known: BTreeMap<String, (usize, Vec<String>)>,
}

impl Stand {
    fn new(word: &'static str) -> Self {
        Self { word, known: BTreeMap::new() }
    }

    /// Returns the number of a name, and which of its spellings this is.
    fn number(&mut self, name: &str) -> (usize, usize) {
        let next = self.known.len() + 1;
        let (number, spellings) =
            self.known.entry(name.to_lowercase()).or_insert_with(|| (next, Vec::new()));
        let spelling = spellings.iter().position(|known| known == name).unwrap_or_else(|| {
            spellings.push(name.to_owned());
            spellings.len() - 1
        });
        (*number, spelling)
    }

    fn of(&mut self, name: &str) -> String {
        let (number, spelling) = self.number(name);
        let word = self.word;
        // Spellings of one name differ in case only, as their stand-ins do: each letter of the
        // word is one binary digit.
        let spelled = word.chars().enumerate().map(|(at, letter)| {
            if spelling >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        });
        format!("{}-{number}", spelled.collect::<String>())
    }
}

/// Everything that has got a stand-in.
#[derive(Debug)]
struct Stands {
    people: Stand,
    domains: Stand,
    folders: Stand,
    keywords: Stand,
}

pub(super) fn anonymous(observation: Observation) -> Observation {
    let mut stands = Stands {
        people: Stand::new("person"),
        domains: Stand::new("domain"),
        folders: Stand::new("folder"),
        keywords: Stand::new("keyword"),
    };
    let mut observation = observation;
    for mailbox in &mut observation.mailboxes {
        mailbox.address = stands.address(&mailbox.address);
        match &mut mailbox.contents {
            Reading::Absent => {}
            Reading::Unreadable(failure) => *failure = silent(failure),
            Reading::Present(contents) => {
                if let Reading::Unreadable(failure) = &mut contents.quota {
                    *failure = silent(failure);
                }
                for folder in &mut contents.folders {
                    stands.folder(folder);
                }
                contents.folders.sort_by(|one, other| one.path.cmp(&other.path));
            }
        }
    }
    observation.anonymous = true;
    observation
}

impl Stands {
    fn address(&mut self, address: &Address) -> Address {
        let (person, domain) =
            (self.people.of(address.local()), self.domains.of(address.domain().as_str()));
        // Made of letters, digits and hyphens, so that it always is an address.
        format!("{person}@{domain}.example").parse().unwrap_or_else(|_| address.clone())
    }

    fn folder(&mut self, folder: &mut Folder) {
        folder.path = self.path(&folder.path);
        match &mut folder.state {
            Reading::Absent => {}
            Reading::Unreadable(failure) => *failure = silent(failure),
            Reading::Present(seen) => {
                if let Some(shape) = &mut seen.shape {
                    self.shape(shape);
                }
            }
        }
    }

    fn path(&mut self, path: &FolderPath) -> FolderPath {
        let parts = path.components().iter().map(|part| self.part(part)).collect();
        // No stand-in is empty, so that it always is a path.
        FolderPath::new(parts).unwrap_or_else(|_| FolderPath::inbox())
    }

    fn part(&mut self, part: &str) -> String {
        let bare = part.trim_end();
        if FOLDERS.contains(&bare.to_lowercase().as_str()) {
            return part.to_owned();
        }
        let mut stand = self.folders.of(bare);
        let kept: BTreeSet<char> = bare.chars().filter(|c| TROUBLE.contains(*c)).collect();
        stand.extend(kept);
        // A character beyond ASCII makes a name longer on the wire.
        if !bare.is_ascii() {
            stand.push('é');
        }
        stand.extend(part.get(bare.len()..).into_iter().flat_map(str::chars));
        stand
    }

    fn shape(&mut self, shape: &mut Shape) {
        let flags = std::mem::take(&mut shape.flags);
        shape.flags = flags
            .into_iter()
            .map(|(flag, count)| {
                let known =
                    flag.starts_with('\\') || KEYWORDS.contains(&flag.to_lowercase().as_str());
                (if known { flag } else { self.keywords.of(&flag) }, count)
            })
            .collect();
        if let Some(failure) = &mut shape.incomplete {
            *failure = silent(failure);
        }
    }
}

/// Keeps of the server's words what cannot name anybody: the verdict and a response code that is
/// registered (RFC 5530, RFC 3501). Sentences of mailferry's own name mailboxes and folders.
fn silent(failure: &Failure) -> Failure {
    let words = failure.words.as_deref().map(|words| {
        let kept = words.split_whitespace().map(|word| word.trim_matches(['[', ']']));
        let kept: Vec<&str> = kept.filter(|word| CODES.contains(word)).collect();
        kept.join(" ")
    });
    Failure {
        message: "it could not be read".to_owned(),
        words: words.filter(|words| !words.is_empty()),
        hint: None,
    }
}

/// The words that [`silent`] keeps.
const CODES: [&str; 23] = [
    "ALERT",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "BAD",
    "BYE",
    "CANNOT",
    "CLIENTBUG",
    "CONTACTADMIN",
    "CORRUPTION",
    "EXPIRED",
    "INUSE",
    "LIMIT",
    "NO",
    "NONEXISTENT",
    "NOPERM",
    "OVERQUOTA",
    "PARSE",
    "PRIVACYREQUIRED",
    "SERVERBUG",
    "THROTTLED",
    "TRYCREATE",
    "UNAVAILABLE",
    "UNKNOWN-CTE",
];

#[cfg(test)]
mod tests {
    use super::super::{Contents, FORMAT_VERSION, Mailbox, Seen};
    use super::*;
    use crate::model::flags::Flags;

    fn failure() -> Failure {
        Failure {
            message: "source folder Divorce of zoe@acme.example could not be read".to_owned(),
            words: Some("NO [NOPERM] Mailbox Divorce of zoe@acme.example is shut".to_owned()),
            hint: Some("Ask zoe.".to_owned()),
        }
    }

    fn observation() -> Observation {
        let mut shape = Shape::under(Some(10));
        shape.add(20, None, &Flags::from_words(["\\Seen", "$Forwarded", "Divorce"]));
        shape.incomplete = Some(failure());
        let seen = Seen { subscribed: true, messages: Some(1), shape: Some(shape) };
        let folder =
            |path: &str, state| Folder { path: path.parse().unwrap(), special_use: None, state };
        let folders = vec![
            folder("Divorce", Reading::Present(seen.clone())),
            folder("INBOX/Acme", Reading::Present(seen.clone())),
            folder("Sent/divorce ", Reading::Present(seen.clone())),
            folder("Acme\\/Müller", Reading::Unreadable(failure())),
            folder("Trash", Reading::Present(seen)),
        ];
        let contents = Contents { quota: Reading::Unreadable(failure()), folders };
        let mailbox =
            |address: &str, contents| Mailbox { address: address.parse().unwrap(), contents };
        Observation {
            format_version: FORMAT_VERSION,
            mailferry: "0".to_owned(),
            made_at: jiff::Timestamp::UNIX_EPOCH,
            anonymous: false,
            product: "imap".to_owned(),
            mailboxes: vec![
                mailbox("zoe@acme.example", Reading::Present(contents)),
                mailbox("zoe@other.test", Reading::Unreadable(failure())),
            ],
        }
    }

    #[test]
    fn nothing_that_names_anybody_is_left() {
        let text = observation().anonymous().to_json().unwrap().to_lowercase();
        for word in ["zoe", "acme", "other.test", "divorce", "müller", "shut", "mailbox "] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        for word in ["noperm", "$forwarded", "trash", "sent", "inbox", "keyword-1"] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }

    #[test]
    fn the_same_name_has_the_same_stand_in_and_keeps_what_makes_trouble() {
        let anonymous = observation().anonymous();
        assert!(anonymous.anonymous);
        let addresses: Vec<_> =
            anonymous.mailboxes.iter().map(|mailbox| mailbox.address.as_str()).collect();
        assert_eq!(addresses, ["person-1@domain-1.example", "person-1@domain-2.example"]);
        let contents = anonymous.mailboxes[0].contents.present().unwrap();
        let paths: Vec<_> = contents.folders.iter().map(|folder| folder.path.to_string()).collect();
        assert_eq!(
            paths,
            ["INBOX/folder-2", "Sent/Folder-1 ", "Trash", "folder-1", "folder-3\\/é"]
        );
        assert_eq!(anonymous, observation().anonymous());
        let again = Observation::parse(&anonymous.to_json().unwrap()).unwrap();
        assert_eq!(again, anonymous);
    }
}
