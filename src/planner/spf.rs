//! The one SPF record of a domain, with what a new mail service asks for merged in.

use std::collections::BTreeSet;

/// Returns the record that is there with the mechanisms of another one merged in: nothing of it is
/// lost, there is one record afterwards, and each mechanism of the other one is asked in it before
/// `all`. Earlier ones that keep a sender out still do.
///
/// The error says why nobody but a person can tell what is wanted.
pub(super) fn merged(now: &BTreeSet<String>, asked: &str) -> Result<String, String> {
    let asked = Record::read(asked).ok_or_else(|| {
        format!("what the tenant gives is no SPF record that can be merged: `{asked}`")
    })?;
    let mut records = now.iter();
    let (Some(text), None) = (records.next(), records.next()) else {
        if now.is_empty() {
            return Ok(asked.text());
        }
        return Err(format!(
            "there are {} SPF records, of which none counts (RFC 7208, 4.5)",
            now.len()
        ));
    };
    let Some(mut record) = Record::read(text) else {
        return Err(format!("the SPF record that is there cannot be read: `{text}`"));
    };
    let mut missing = Vec::new();
    for term in asked.terms.into_iter().filter(|term| !is_all(term)) {
        match record.first(&term) {
            None => missing.push(term),
            Some(first) if pass(first) == pass(&term) => {}
            Some(first) => {
                return Err(format!(
                    "`{first}` stands in it, and the first mechanism that matches decides (RFC \
                     7208, 4.6.2), so that `{term}` behind it would do nothing"
                ));
            }
        }
    }
    if missing.is_empty() {
        // As it is written, blanks included.
        return Ok(text.clone());
    }
    // What comes after `all` is never asked (RFC 7208, 5.1), and modifiers stand last by custom.
    let at = record.terms.iter().position(|term| is_all(term) || is_modifier(term));
    let at = at.unwrap_or(record.terms.len());
    record.terms.splice(at..at, missing);
    let lookups = record.lookups();
    if lookups > LOOKUPS {
        return Err(format!(
            "with what the tenant asks for it would have {lookups} terms that ask DNS, and more \
             than {LOOKUPS} make it void (RFC 7208, 4.6.4)"
        ));
    }
    Ok(record.text())
}

/// RFC 7208 section 4.6.4.
pub(super) const LOOKUPS: usize = 10;

/// Counts the terms of a record that ask DNS; those of the records that it includes are not known
/// here, and count as well. A text that is no record has none.
pub(super) fn lookups(text: &str) -> usize {
    Record::read(text).map_or(0, |record| record.lookups())
}

/// A record as its terms, in order.
struct Record {
    terms: Vec<String>,
}

impl Record {
    /// Reads a record; `None` when it is none, or has a term that names nothing.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        if !words.next()?.eq_ignore_ascii_case("v=spf1") {
            return None;
        }
        let terms: Vec<String> = words.map(ToOwned::to_owned).collect();
        let empty = |term: &String| term.ends_with(':') || term.ends_with('=');
        (!terms.iter().any(empty)).then_some(Self { terms })
    }

    /// Returns the first term before `all` that is a mechanism, whatever becomes of whom it names.
    fn first(&self, wanted: &str) -> Option<&String> {
        let wanted = bare(wanted);
        self.terms.iter().take_while(|term| !is_all(term)).find(|term| bare(term) == wanted)
    }

    fn lookups(&self) -> usize {
        self.terms.iter().filter(|term| looks_up(term)).count()
    }

    fn text(&self) -> String {
        let words = std::iter::once("v=spf1").chain(self.terms.iter().map(String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// A term without the `+` that it may be written with.
fn pass(term: &str) -> String {
    term.strip_prefix('+').unwrap_or(term).to_ascii_lowercase()
}

fn bare(term: &str) -> String {
    term.trim_start_matches(['+', '-', '~', '?']).to_ascii_lowercase()
}

fn is_all(term: &str) -> bool {
    bare(term) == "all"
}

/// `name=value`; the `=` of a macro in a mechanism comes behind its `:`.
fn is_modifier(term: &str) -> bool {
    let name = term.split(['=', ':', '/']).next().unwrap_or_default();
    term.get(name.len()..).is_some_and(|rest| rest.starts_with('='))
}

/// Tells whether a term costs one of the lookups that RFC 7208 section 4.6.4 allows.
fn looks_up(term: &str) -> bool {
    let term = bare(term);
    let name = term.split(['=', ':', '/']).next().unwrap_or_default();
    ["include", "a", "mx", "ptr", "exists", "redirect"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "v=spf1 include:spf.protection.outlook.com -all";

    fn of(now: &[&str]) -> Result<String, String> {
        merged(&now.iter().map(ToString::to_string).collect(), ASKED)
    }

    #[test]
    fn nothing_of_the_record_that_is_there_is_lost() {
        for (now, wanted) in [
            (
                "v=spf1 include:emailsrvr.com ~all",
                "v=spf1 include:emailsrvr.com include:spf.protection.outlook.com ~all",
            ),
            (
                "v=spf1 ip4:192.0.2.0/24 a:mail.acme.example mx ?all exp=why.acme.example",
                "v=spf1 ip4:192.0.2.0/24 a:mail.acme.example mx include:spf.protection.outlook.com ?all exp=why.acme.example",
            ),
            (
                "v=spf1 mx redirect=_spf.acme.example",
                "v=spf1 mx include:spf.protection.outlook.com redirect=_spf.acme.example",
            ),
            (
                "v=spf1 exists:%{l}.x=y.example",
                "v=spf1 exists:%{l}.x=y.example include:spf.protection.outlook.com",
            ),
            ("v=spf1", "v=spf1 include:spf.protection.outlook.com"),
            // There for nobody: it stands behind `all`.
            (
                "v=spf1 -all include:spf.protection.outlook.com",
                "v=spf1 include:spf.protection.outlook.com -all include:spf.protection.outlook.com",
            ),
        ] {
            assert_eq!(of(&[now]).as_deref(), Ok(wanted), "{now}");
            assert_eq!(of(&[wanted]).as_deref(), Ok(wanted), "again: {wanted}");
        }
    }

    #[test]
    fn a_record_that_has_it_stays_as_it_is_written() {
        let there = "v=spf1  +Include:SPF.protection.outlook.com   ~all";
        assert_eq!(of(&[there]).as_deref(), Ok(there));
        assert_eq!(of(&[]).as_deref(), Ok(ASKED));
    }

    #[test]
    fn a_mechanism_that_is_decided_otherwise_before_is_for_a_person() {
        for sign in ['-', '~', '?'] {
            let first = format!("{sign}Include:spf.protection.outlook.com");
            for behind in ["", " include:spf.protection.outlook.com"] {
                let why = of(&[&format!("v=spf1 mx {first}{behind} ~all")]).unwrap_err();
                assert!(why.contains(&first) && why.contains("4.6.2"), "{why}");
            }
        }
        // The first one passes them; what stands behind it is never asked.
        let there = "v=spf1 include:spf.protection.outlook.com -include:spf.protection.outlook.com";
        assert_eq!(of(&[there]).as_deref(), Ok(there));
    }

    #[test]
    fn terms_that_ask_dns_are_counted_and_no_others() {
        assert_eq!(lookups("v=spf1 a mx/24 +ptr exists:%{i}.x include:y redirect=z"), 6);
        assert_eq!(lookups("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 exp=why.example -all"), 0);
        assert_eq!(lookups("no record of include:this"), 0);
    }

    #[test]
    fn what_only_a_person_can_decide_is_not_guessed() {
        assert!(of(&["v=spf1 -all", "v=spf1 mx -all"]).unwrap_err().contains("2 SPF records"));
        assert!(of(&["v=spf1 include: -all"]).unwrap_err().contains("cannot be read"));
        let many = (0..10).fold(String::new(), |many, n| format!("{many}include:{n}.example "));
        assert!(of(&[&format!("v=spf1 {many}-all")]).unwrap_err().contains("11 terms"));
        let now = BTreeSet::from(["v=spf1 -all".to_owned()]);
        assert!(merged(&now, "v=spf1 include: spf.example ~all").unwrap_err().contains("tenant"));
    }
}
