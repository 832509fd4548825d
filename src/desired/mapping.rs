//! Where a folder goes.

use super::{FolderPolicy, Mapped, Pattern};
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::position::Position;
use crate::profile::names::Names;

/// Stands for a `/` inside of a component while patterns are matched; private use, so that no
/// folder's name holds it.
const INNER_SLASH: char = '\u{f8ff}';

impl Pattern {
    /// Compiles a glob; `\` escapes the next character, `\/` is a `/` inside of a name.
    pub fn new(text: &str, position: Position) -> Result<Self, String> {
        let mut prepared = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match (c, c == '\\') {
                (_, true) => match chars.next() {
                    Some('/') => prepared.push(INNER_SLASH),
                    Some(next) => prepared.extend(['\\', next]),
                    None => return Err("it ends with a single `\\`".to_owned()),
                },
                (c, false) => prepared.push(c),
            }
        }
        // RFC 3501 section 5.1: INBOX is one folder in every spelling.
        let first = prepared.split('/').next().unwrap_or_default();
        if first.eq_ignore_ascii_case("INBOX") {
            prepared.replace_range(..first.len(), "INBOX");
        }
        if prepared.is_empty() {
            return Err("it is empty".to_owned());
        }
        let glob = globset::GlobBuilder::new(&prepared)
            .literal_separator(true)
            .backslash_escape(true)
            .empty_alternates(true)
            .build()
            .map_err(|error| error.kind().to_string())?
            .compile_matcher();
        Ok(Self { text: text.to_owned(), glob, position })
    }

    /// Tells whether the whole path matches.
    pub fn matches(&self, path: &FolderPath) -> bool {
        let inner = INNER_SLASH.to_string();
        let parts: Vec<String> =
            path.components().iter().map(|part| part.replace('/', &inner)).collect();
        self.glob.is_match(parts.join("/"))
    }
}

impl FolderPolicy {
    /// Says where a folder of the source goes at a destination with such names.
    ///
    /// The first that applies: the exclusions, the folder's own entry in `map`, its special use,
    /// the nearest folder above in `map`, the rules, what is usual between the two products, else
    /// the same path; characters that the destination cannot store are replaced last, first as the
    /// migration plan says and then as its profile does.
    pub fn map(
        &self,
        path: &FolderPath,
        special_use: Option<SpecialUse>,
        mailbox_excludes: &[Pattern],
        names: &Names,
    ) -> Mapped {
        match self.wanted(path, special_use, mailbox_excludes) {
            Mapped::To { path, position } => Mapped::To { path: names.fitted(&path), position },
            other => other,
        }
    }

    /// Tells whether it is said where a folder goes, by its name or its special use.
    pub fn names(&self, path: &FolderPath, special_use: SpecialUse) -> bool {
        self.map.contains_key(path)
            || self.by_use.contains_key(&special_use)
            || self.usual.contains_key(path)
    }

    /// Says where a folder goes before the destination's profile has its say.
    pub fn wanted(
        &self,
        path: &FolderPath,
        special_use: Option<SpecialUse>,
        mailbox_excludes: &[Pattern],
    ) -> Mapped {
        let excluded = self.exclude.iter().chain(mailbox_excludes).find(|p| p.matches(path));
        if let Some(pattern) = excluded {
            return Mapped::Excluded { position: pattern.position.clone() };
        }
        if let Some((to, position)) = self.map.get(path) {
            return self.stored(to.clone(), position.clone());
        }
        if let Some(to) = special_use.and_then(|special_use| self.by_use.get(&special_use)) {
            return self.stored(to.clone(), None);
        }
        let entry = |at: &FolderPath| self.map.get(at).map(|(to, position)| (to, position.clone()));
        if let Some((to, position)) = above(path, entry) {
            return self.stored(to, position);
        }
        let text = path.to_string();
        for rule in &self.rules {
            if rule.pattern.is_match(&text) {
                let position = Some(rule.position.clone());
                let to = rule.pattern.replace(&text, rule.to.as_str());
                return match to.parse() {
                    Ok(to) => self.stored(to, position),
                    Err(reason) => Mapped::Invalid { reason, position },
                };
            }
        }
        let usual = |at: &FolderPath| self.usual.get(at).map(|to| (to, ()));
        let to = self.usual.get(path).cloned();
        let to = to.or_else(|| above(path, usual).map(|(to, ())| to));
        self.stored(to.unwrap_or_else(|| path.clone()), None)
    }

    fn stored(&self, path: FolderPath, position: Option<Position>) -> Mapped {
        if self.characters.is_empty() {
            return Mapped::To { path, position };
        }
        let replace = |part: &String| {
            let mut out = String::new();
            for c in part.chars() {
                match self.characters.get(&c) {
                    Some(replacement) => out.push_str(replacement),
                    None => out.push(c),
                }
            }
            out
        };
        match FolderPath::new(path.components().iter().map(replace).collect()) {
            Ok(path) => Mapped::To { path, position },
            Err(_) => Mapped::Invalid {
                reason: format!("nothing is left of a part of {path} when `characters` is applied"),
                position,
            },
        }
    }
}

/// The nearest folder above that has an entry takes those below along.
fn above<'a, P>(
    path: &FolderPath,
    entry: impl Fn(&FolderPath) -> Option<(&'a FolderPath, P)>,
) -> Option<(FolderPath, P)> {
    let mut above = path.parent();
    while let Some(parent) = above {
        if let Some((to, place)) = entry(&parent) {
            let below = path.components().iter().skip(parent.components().len());
            let components = to.components().iter().chain(below).cloned().collect();
            return FolderPath::new(components).ok().map(|to| (to, place));
        }
        above = parent.parent();
    }
    None
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
