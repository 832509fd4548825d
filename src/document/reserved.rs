//! Words of the migration plan that this version knows and does not carry out. They are errors:
//! what a plan asks for is never left undone in silence.

use super::finding::{Finding, Findings};
use super::node::{Kind, Node};

/// Keys by path; `*` is any key or any item of a list.
const KEYS: [(&str, &str); 18] = [
    ("batches", "batches"),
    ("distribution_lists", "distribution lists"),
    ("catch_all", "catch-all addresses"),
    ("cutover", "cutovers"),
    ("communications", "communications"),
    ("source.control_panel", "the Rackspace control panel"),
    ("destination.engine", "other engines than IMAP"),
    ("mailboxes.*.batch", "batches"),
    ("mailboxes.*.aliases", "aliases"),
    ("mailboxes.*.merge", "merging two mailboxes into one"),
    ("dns.provider.server", "changing DNS"),
    ("dns.provider.key", "changing DNS"),
    ("dns.provider.secret", "changing DNS"),
    ("dns.zones.*.dkim", "DKIM"),
    ("dns.zones.*.ttl", "changing TTLs"),
    ("dns.cnames", "other CNAMEs"),
    ("checks.monster", "this check"),
    ("checks.quota_headroom", "this check"),
];

/// Values by path.
const VALUES: [(&str, &[&str]); 2] = [
    ("source.product", &["rackspace-hosted-exchange"]),
    ("dns.provider.kind", &["rfc2136", "cloudflare", "route53", "azure", "google", "digitalocean"]),
];

/// Reports reserved words and takes them out of the tree.
pub(super) fn refuse(node: &mut Node, findings: &Findings) {
    walk(node, &mut Vec::new(), findings);
}

fn walk(node: &mut Node, path: &mut Vec<String>, findings: &Findings) {
    if let Kind::Scalar { text, .. } = &node.kind
        && VALUES.iter().any(|(at, words)| fits(at, path) && words.contains(&text.as_str()))
    {
        let message = format!("`{text}` is not carried out by this version of mailferry");
        findings.add(Finding::error("P006", node.place, message).hint(
            "nothing of it would happen, so the migration plan is refused; see the schema for \
             what can be written here",
        ));
        node.kind = Kind::Refused;
    }
    match &mut node.kind {
        Kind::List(items) => {
            for item in items {
                path.push("*".to_owned());
                walk(item, path, findings);
                path.pop();
            }
        }
        Kind::Map(entries) => {
            entries.retain_mut(|(key, value)| {
                path.push(key.text.clone());
                let reserved = KEYS.iter().find(|(at, _)| fits(at, path));
                if let Some((_, what)) = reserved {
                    let message = format!(
                        "`{}` is not carried out by this version of mailferry, which knows \
                         nothing of {what}",
                        key.text
                    );
                    findings.add(Finding::error("P006", key.place, message).hint(
                        "remove it here and do this part by hand, or wait for a version that does",
                    ));
                } else {
                    walk(value, path, findings);
                }
                path.pop();
                reserved.is_none()
            });
        }
        Kind::Null | Kind::Scalar { .. } | Kind::Refused => {}
    }
}

fn fits(pattern: &str, path: &[String]) -> bool {
    let mut parts = path.iter();
    pattern.split('.').all(|want| parts.next().is_some_and(|part| want == "*" || want == part))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::yaml;

    /// Writes a path as nested YAML; `*` becomes an item of a list below `mailboxes`, else a key.
    fn document(path: &str, value: &str) -> String {
        let mut text = String::new();
        let mut list = false;
        for part in path.split('.') {
            match part {
                "*" if list => text.push_str("[{"),
                "*" => text.push_str("{some.key: {"),
                part => {
                    text.push_str(part);
                    text.push_str(": ");
                    list = part == "mailboxes";
                    if !list && !path.ends_with(part) && part != "zones" {
                        text.push('{');
                    }
                }
            }
        }
        text.push_str(value);
        let open: Vec<char> = text.chars().filter(|c| "{[".contains(*c)).collect();
        let close = open.iter().rev().map(|c| if *c == '{' { '}' } else { ']' });
        text.extend(close);
        format!("{{{text}}}")
    }

    #[test]
    fn every_reserved_word_is_reported_and_taken_out() {
        let words = VALUES.iter().flat_map(|(at, words)| words.iter().map(move |w| (*at, *w)));
        for (path, value) in KEYS.iter().map(|(at, _)| (*at, "x")).chain(words) {
            let text = document(path, value);
            let mut tree = yaml::parse(&text, 0).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            let findings = Findings::default();
            refuse(&mut tree, &findings);
            assert_eq!(findings.errors(), 1, "{text}");
            assert_eq!(findings.list.borrow().first().map(|f| f.code), Some("P006"), "{text}");
        }
    }

    #[test]
    fn no_reserved_word_is_carried_out() {
        // A key that the schema knows would be refused although it works.
        let schema = crate::document::schema().to_string();
        for key in ["batches", "cutover", "engine", "dkim", "ttl", "batch", "aliases"] {
            assert!(!schema.contains(&format!("\"{key}\":")), "{key}");
        }
    }
}
