//! Finds secrets that are written out, and keeps them out of every excerpt.

use super::closest::closest;
use super::finding::{Finding, Findings};
use super::node::{Kind, Node, Place};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Keys whose value is a name under `secrets`.
const REFERENCES: [&str; 5] =
    ["secret", "source_secret", "destination_secret", "user_key", "secret_key"];

/// The kinds of secret that `secrets` can hold.
const KINDS: [&str; 3] = ["env", "file", "command"];

/// Returns the names under `secrets`.
pub(super) fn names(node: &Node) -> BTreeSet<String> {
    match node.get("secrets").map(|secrets| &secrets.kind) {
        Some(Kind::Map(entries)) => entries.iter().map(|(key, _)| key.text.clone()).collect(),
        _ => BTreeSet::new(),
    }
}

/// Reports literal secrets and references to nothing, and takes both out of the tree.
pub(super) fn refuse(node: &mut Node, known: &BTreeSet<String>, findings: &Findings) {
    if let Kind::Map(entries) = &mut node.kind {
        for (key, value) in entries {
            if key.text == "secrets" {
                section(value, findings);
            } else {
                walk(&key.text, value, known, findings);
            }
        }
    }
}

fn walk(key: &str, node: &mut Node, known: &BTreeSet<String>, findings: &Findings) {
    if node.text().is_some() {
        if REFERENCES.contains(&key) {
            reference(node, known, findings);
        } else if is_secret(key) {
            let message = format!("a secret is written out at `{key}`");
            refuse_literal(node, message, findings);
        }
        return;
    }
    match &mut node.kind {
        Kind::List(items) => {
            for item in items {
                walk(key, item, known, findings);
            }
        }
        Kind::Map(entries) => entries.retain_mut(|(key, value)| {
            let was_text = value.text().is_some();
            walk(&key.text, value, known, findings);
            let refused = was_text && matches!(value.kind, Kind::Refused);
            // No key of the migration plan but `passwords` has such a name: told once is enough.
            !refused || REFERENCES.contains(&key.text.as_str()) || key.text == "passwords"
        }),
        Kind::Null | Kind::Scalar { .. } | Kind::Refused => {}
    }
}

fn refuse_literal(node: &mut Node, message: String, findings: &Findings) {
    mask(node, findings);
    findings.add(
        Finding::error("P009", node.place, message)
            .label("not shown")
            .hint(
                "name it under `secrets`, for example `secrets: { ada: { env: ADA_PASSWORD } }` or \
                 `{ file: secrets/ada }`, and write `secret: ada` here",
            )
            .hint("change the secret itself when this file has left your machine"),
    );
    node.kind = Kind::Refused;
}

/// Hides all scalars in a part of the tree.
fn mask(node: &Node, findings: &Findings) {
    match &node.kind {
        Kind::Scalar { .. } => findings.mask(node.extent),
        Kind::List(items) => items.iter().for_each(|item| mask(item, findings)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| mask(value, findings)),
        Kind::Null | Kind::Refused => {}
    }
}

fn reference(node: &mut Node, known: &BTreeSet<String>, findings: &Findings) {
    let Some(name) = node.text() else { return };
    if known.contains(name) {
        return;
    }
    let guess = closest(name, known.iter().map(String::as_str));
    let finding = Finding::error("P016", node.place, "no secret has this name");
    let finding = if let Some(guess) = guess {
        finding.hint(format!("did you mean `{guess}`?"))
    } else {
        // Perhaps it is the secret itself.
        findings.mask(node.extent);
        let defined: Vec<&str> = known.iter().map(String::as_str).collect();
        let known = match defined.as_slice() {
            [] => "nothing is named under `secrets`".to_owned(),
            names => format!("named under `secrets`: {}", names.join(", ")),
        };
        finding
            .label("not shown, it could be the secret itself")
            .hint(format!("{known}; the value here is a name, never the secret"))
    };
    findings.add(finding);
    node.kind = Kind::Refused;
}

fn section(node: &mut Node, findings: &Findings) {
    let Kind::Map(entries) = &mut node.kind else {
        mask(node, findings);
        return;
    };
    for (key, value) in entries {
        let whole = value.text().is_some() || matches!(value.kind, Kind::List(_));
        if whole {
            let message = format!("the secret `{}` is written out", key.text);
            refuse_literal(value, message, findings);
            continue;
        }
        let Kind::Map(kinds) = &mut value.kind else { continue };
        kinds.retain_mut(|(kind, value)| {
            if kind.text == "env" && value.text().is_some_and(|name| !is_variable(name)) {
                let message =
                    format!("`env` of the secret `{}` is not a variable's name", key.text);
                refuse_literal(value, message, findings);
            }
            if KINDS.contains(&kind.text.as_str()) || closest(&kind.text, KINDS).is_some() {
                return true;
            }
            let message = format!("the secret `{}` is written out at `{}`", key.text, kind.text);
            refuse_literal(value, message, findings);
            false
        });
        if kinds.is_empty() {
            // Told; an empty mapping would be told again.
            value.kind = Kind::Refused;
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Tells whether a key of this name holds a secret.
fn is_secret(key: &str) -> bool {
    let key: String =
        key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let whole = ["key", "pass", "pw", "pwd", "credential", "credentials", "authorization"];
    let ends = [
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "token",
        "secret",
        "apikey",
        "accesskey",
        "privatekey",
        "secretkey",
        "userkey",
    ];
    whole.contains(&key.as_str()) || ends.iter().any(|end| key.ends_with(end))
}

/// Finds what could be a secret in a text that is no YAML, so that no excerpt repeats it.
pub(super) fn guess(text: &str, file: u32, findings: &Findings) {
    static LINE: LazyLock<Option<regex::Regex>> = LazyLock::new(|| {
        let key = r"(?i)(?:pass|pw|token|secret|key|credential|authorization)[\w-]*";
        // A block goes on as long as lines are indented.
        let value = r"[|>][^\n]*(?:\n(?:[ \t]+[^\n]*)?)*|[^\n]*";
        regex::Regex::new(&format!(r#"{key}["']?[ \t]*[:=][ \t]*({value})"#)).ok()
    });
    let hidden: Vec<std::ops::Range<usize>> = match LINE.as_ref() {
        Some(line) => {
            line.captures_iter(text).filter_map(|found| found.get(1)).map(|m| m.range()).collect()
        }
        // Without the expression nothing is known to be harmless.
        None => std::iter::once(0..text.len()).collect(),
    };
    for range in hidden {
        let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        findings.mask(Place { file, start: short(range.start), end: short(range.end) });
    }
}
