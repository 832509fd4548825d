//! The pure parts stay pure: what a module may not name, as a table over the files of `src/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::path::{Path, PathBuf};

/// The reactor, the ledger's engine and every way to the world outside.
const WORLD: &[&str] = &[
    "tokio",
    "rusqlite",
    "async_imap",
    "hickory_resolver",
    "hickory_server",
    "reqwest",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "TcpStream",
    "UdpSocket",
    "TcpListener",
];

/// Hidden time and chance.
const CLOCK: &[&str] = &[
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Instant::now",
    "std::time::SystemTime",
    "rand::",
];

/// Hidden time and chance for those who may follow tokio's time.
const CLOCK_OF_THE_SYSTEM: &[&str] =
    &["SystemTime::now", "Timestamp::now", "Zoned::now", "std::time::Instant", "rand::"];

/// Everything but the vocabulary itself and the error type.
const ABOVE_MODEL: &[&str] = &[
    "crate::desired",
    "crate::observed",
    "crate::planner",
    "crate::ports",
    "crate::document",
    "crate::render",
    "crate::cli",
    "crate::imap",
    "crate::copy",
    "crate::executor",
    "crate::verify",
    "crate::ledger",
];

/// Everything that acts or shows.
const ABOVE_PLANNER: &[&str] = &[
    "crate::accounts",
    "crate::cli",
    "crate::copy",
    "crate::document",
    "crate::executor",
    "crate::ledger",
    "crate::observe",
    "crate::progress",
    "crate::render",
    "crate::secrets",
    "crate::verify",
];

/// Which files (by the start of their path below `src/`), which exceptions, which words.
struct Rule {
    files: &'static [&'static str],
    but: &'static [&'static str],
    words: &'static [&'static [&'static str]],
}

const RULES: &[Rule] = &[
    Rule {
        files: &[
            "model/",
            "planner/",
            "desired",
            "observed",
            "observation",
            "render/",
            "message/",
            "profile/",
            "rehearse/forecast",
            "rehearse/sketch",
        ],
        but: &[],
        words: &[WORLD, CLOCK],
    },
    // The migration plan and what it includes are read from files, and nowhere else.
    Rule {
        files: &["document/", "document.rs"],
        but: &["document/files.rs", "document/exposed.rs"],
        words: &[WORLD, CLOCK],
    },
    Rule {
        files: &["ports/"],
        but: &[],
        words: &[&["rusqlite", "async_imap", "std::fs", "std::env"], CLOCK],
    },
    // The table of answers and the rules of patience are told everything, the time too.
    Rule {
        files: &["catalogue", "throttle/limits", "throttle/pace"],
        but: &[],
        words: &[WORLD, CLOCK],
    },
    // Renderers take values: plans, events, reports, evidence.
    Rule {
        files: &["render/", "progress/"],
        but: &[],
        words: &[&[
            "crate::executor::run",
            "crate::executor::mailbox",
            "crate::executor::owner",
            "crate::desired",
            "crate::imap",
            "crate::copy",
            "crate::ports::ledger",
        ]],
    },
    // Data flows one way: what lies below knows nothing of what lies above.
    Rule { files: &["model/"], but: &[], words: &[ABOVE_MODEL] },
    Rule {
        files: &["planner/", "desired", "observed", "observation", "message/", "profile/"],
        but: &[],
        words: &[ABOVE_PLANNER],
    },
    Rule {
        files: &["imap/"],
        but: &[],
        words: &[ABOVE_PLANNER, &["crate::planner", "crate::ports"]],
    },
    // One client, which knows how to wait and nothing of what is asked.
    Rule {
        files: &["http/"],
        but: &[],
        words: &[
            ABOVE_PLANNER,
            CLOCK_OF_THE_SYSTEM,
            &["crate::planner", "crate::ports", "crate::desired", "crate::observed", "std::fs"],
        ],
    },
    // A tenant is asked for tokens and for its directory; who uses them is not its business.
    Rule {
        files: &["microsoft365/"],
        but: &[],
        words: &[
            ABOVE_PLANNER,
            CLOCK_OF_THE_SYSTEM,
            &["crate::planner", "crate::imap", "std::fs", "std::env", "hyper"],
        ],
    },
    Rule {
        files: &[""],
        but: &["cli/wiring", "microsoft365/", "rehearse/tenant", "lib.rs"],
        words: &[&["crate::microsoft365"]],
    },
    Rule { files: &[""], but: &["http/", "simulate/web"], words: &[&["hyper", "http_body_util"]] },
    Rule {
        files: &["ledger/", "dns/", "secrets/"],
        but: &[],
        words: &[&[
            "crate::imap",
            "crate::copy",
            "crate::verify",
            "crate::cli",
            "crate::render",
            "crate::planner",
        ]],
    },
    Rule {
        files: &["copy/", "verify/", "executor/", "removal", "observe.rs", "accounts.rs"],
        but: &[],
        words: &[&[
            "crate::cli",
            "crate::render",
            "crate::document",
            "crate::ledger",
            "crate::secrets",
            "crate::dns",
            "crate::progress",
        ]],
    },
    // Nothing of ours is taken away from a destination but in one room.
    Rule { files: &[""], but: &["removal/", "imap/"], words: &[&["uid_expunge"]] },
    // The simulated services know how mail is named and dated, and nothing of who moves it.
    Rule {
        files: &["simulate/"],
        but: &[],
        words: &[
            ABOVE_PLANNER,
            &[
                "crate::planner",
                "crate::desired",
                "crate::observed",
                "crate::dns",
                "std::fs",
                "std::env",
            ],
            CLOCK_OF_THE_SYSTEM,
        ],
    },
    Rule {
        files: &[""],
        but: &["cli/wiring", "simulate/", "rehearse/", "lib.rs"],
        words: &[&["crate::simulate"]],
    },
    // Concrete providers and ledgers are chosen in one place.
    Rule {
        files: &[""],
        but: &["cli/wiring", "providers/", "providers.rs", "ledger/", "imap/", "lib.rs", "copy/"],
        words: &[&["crate::providers::", "crate::ledger::sqlite", "crate::ledger::Sqlite"]],
    },
];

fn source() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Leaves out comments and what only tests compile: the rest of a file after `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

/// Finds a word that is not a part of a longer one.
fn names(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && (word.ends_with(':') || !after.is_some_and(part))
    })
}

fn broken(file: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for rule in RULES {
        let applies = rule.files.iter().any(|start| file.starts_with(start))
            && !rule.but.iter().any(|start| file.starts_with(start))
            && !file.ends_with("tests.rs");
        if !applies {
            continue;
        }
        for (number, line) in code(text) {
            for word in rule.words.iter().copied().flatten() {
                if names(line, word) {
                    broken.push(format!("src/{file}:{number} names {word}"));
                }
            }
        }
    }
    broken
}

#[test]
fn pure_modules_name_nothing_of_the_world() {
    let mut found = Vec::new();
    files(&source(), &mut found);
    assert!(found.len() > 20, "the sources are where they are looked for");
    let mut all = Vec::new();
    for path in found {
        let file = path.strip_prefix(source()).unwrap().to_string_lossy().replace('\\', "/");
        all.extend(broken(&file, &std::fs::read_to_string(&path).unwrap()));
    }
    all.sort();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn the_table_catches_what_it_forbids() {
    for (file, text) in [
        ("planner/x.rs", "use std::fs::read;"),
        ("model/x.rs", "let now = jiff::Timestamp::now();"),
        ("desired.rs", "tokio::spawn(x);"),
        ("desired/folders.rs", "std::env::var(\"X\")"),
        ("render/x.rs", "use crate::executor::run::Run;"),
        ("executor/run.rs", "use crate::providers::rackspace;"),
        ("copy/x.rs", "use crate::simulate::Service;"),
        ("simulate/x.rs", "use crate::copy::pending;"),
        ("document/load.rs", "std::fs::read_to_string(path)"),
        ("executor/x.rs", "connection.uid_expunge(&set)"),
        ("executor/x.rs", "use crate::microsoft365::AppTokens;"),
        ("microsoft365/x.rs", "use crate::imap::Tcp;"),
        ("accounts.rs", "hyper::client::conn::http1::handshake(io)"),
        ("http/x.rs", "use crate::ports::secrets::Secrets;"),
    ] {
        assert_eq!(broken(file, text).len(), 1, "{file}: {text}");
    }
    for (file, text) in [
        ("planner/x.rs", "// std::fs is not used here"),
        ("planner/x.rs", "let my_tokio_like = 1;"),
        ("document/files.rs", "std::fs::read_to_string(path)"),
        ("cli/wiring.rs", "use crate::providers::rackspace;"),
        ("cli/wiring/x.rs", "use crate::simulate::Service;"),
        ("model/x.rs", "#[cfg(test)]\nmod tests { use std::fs; }"),
    ] {
        assert!(broken(file, text).is_empty(), "{file}: {text}");
    }
}
