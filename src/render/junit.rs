//! A verification in the XML of `JUnit`: a suite for each mailbox, a case for each check.

use crate::render::evidence_words::{check_words, place};
use crate::verify::evidence::{Check, Evidence, MailboxEvidence, Verdict};
use std::fmt::Write as _;

/// Renders the evidence. What is broken is a failure, what could not be read an error; the assumed
/// profile by which rewritten messages are equal is a property of each suite.
pub fn xml(evidence: &Evidence) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let totals = &evidence.totals;
    let cases: usize = evidence.mailboxes.iter().map(|m| m.all_checks().count()).sum();
    let _ = writeln!(
        text,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        escaped(&evidence.migration),
        cases + evidence.checks.len(),
        totals.broken,
        totals.unknown
    );
    let profile = evidence.profile.as_deref();
    for mailbox in &evidence.mailboxes {
        suite(mailbox, profile, &mut text);
    }
    if !evidence.checks.is_empty() {
        let checks: Vec<_> = evidence.checks.iter().map(|check| (String::new(), check)).collect();
        cases_of("all mailboxes", profile, &checks, &mut text);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(mailbox: &MailboxEvidence, profile: Option<&str>, text: &mut String) {
    let mut checks: Vec<(String, &Check)> =
        mailbox.checks.iter().map(|check| (String::new(), check)).collect();
    for folder in &mailbox.folders {
        checks.extend(folder.checks.iter().map(|check| (place(folder), check)));
    }
    cases_of(mailbox.mailbox.as_str(), profile, &checks, text);
}

fn cases_of(name: &str, profile: Option<&str>, checks: &[(String, &Check)], text: &mut String) {
    let of = |verdict| checks.iter().filter(|(_, check)| check.verdict == verdict).count();
    let _ = writeln!(
        text,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        escaped(name),
        checks.len(),
        of(Verdict::Broken),
        of(Verdict::Unknown)
    );
    if let Some(profile) = profile {
        let _ = writeln!(
            text,
            "    <properties><property name=\"assumed profile\" value=\"{}\"/></properties>",
            escaped(profile)
        );
    }
    for (place, check) in checks {
        let case =
            if place.is_empty() { check.name.clone() } else { format!("{place}: {}", check.name) };
        let _ = write!(
            text,
            "    <testcase classname=\"{}\" name=\"{}\"",
            escaped(name),
            escaped(&case)
        );
        let element = match check.verdict {
            Verdict::Holds => {
                text.push_str("/>\n");
                continue;
            }
            Verdict::Broken => "failure",
            Verdict::Unknown => "error",
        };
        let _ = writeln!(
            text,
            ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
            escaped(&check_words(check)),
            escaped(&check.examples.join("\n"))
        );
    }
    text.push_str("  </testsuite>\n");
}

/// XML 1.0 knows no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_says_ends_an_element() {
        assert_eq!(escaped("a<\"&>\u{0}\n"), "a&lt;&quot;&amp;&gt;\\u{0}&#10;");
    }
}
