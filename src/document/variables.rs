//! `${env.MAILFERRY_VAR_NAME:?why}` in values.

use super::finding::{Finding, Findings};
use super::node::{Kind, Node};
use crate::model::words::shown;
use std::collections::{BTreeMap, BTreeSet};

/// The only names that a migration plan may read.
pub const PREFIX: &str = "MAILFERRY_VAR_";

const OPEN: &str = "${env.";

/// Replaces the variables in all values and adds the names that were used to `used`.
pub(super) fn replace(
    node: &mut Node,
    env: &BTreeMap<String, String>,
    used: &mut BTreeSet<String>,
    findings: &Findings,
) {
    match &mut node.kind {
        Kind::Scalar { text, .. } if text.contains(OPEN) => match expand(text, env, used) {
            Ok(expanded) => node.kind = Kind::Scalar { text: expanded, quoted: true },
            Err((message, hint)) => {
                findings.add(Finding::error("P008", node.place, message).hint(hint));
                node.kind = Kind::Refused;
            }
        },
        Kind::List(items) => items.iter_mut().for_each(|item| replace(item, env, used, findings)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                if key.text.contains(OPEN) {
                    let message = "variables are allowed in values, not in keys";
                    findings.add(
                        Finding::error("P008", key.place, message)
                            .hint("write the key out; only its value may hold `${env.…}`"),
                    );
                }
                replace(value, env, used, findings);
            }
        }
        Kind::Null | Kind::Scalar { .. } | Kind::Refused => {}
    }
}

fn expand(
    text: &str,
    env: &BTreeMap<String, String>,
    used: &mut BTreeSet<String>,
) -> Result<String, (String, String)> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        out.push_str(before);
        let form = || format!("write `${{env.{PREFIX}NAME:?why it is needed}}`");
        let Some((inside, behind)) = after.split_once('}') else {
            return Err(("`${env.` has no `}`".to_owned(), form()));
        };
        let (name, why) = match inside.split_once(":?") {
            Some((name, why)) => (name, why.trim()),
            None => (inside, ""),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(fits) || name.is_empty() {
            return Err((format!("`{}` is no variable", shown(name.as_bytes())), form()));
        }
        if !name.starts_with(PREFIX) {
            return Err((
                format!("a migration plan cannot read the variable `{name}`"),
                format!("only names that start with `{PREFIX}` can be read"),
            ));
        }
        let value = env.get(name).ok_or_else(|| {
            let why =
                if why.is_empty() { String::new() } else { format!(": {}", shown(why.as_bytes())) };
            (format!("the variable `{name}` is not set{why}"), format!("export {name}=…"))
        })?;
        if value.chars().any(char::is_control) {
            return Err((
                format!("the variable `{name}` holds a control character"),
                "give it one line of text".to_owned(),
            ));
        }
        used.insert(name.to_owned());
        out.push_str(value);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}
