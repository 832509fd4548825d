//! What a destination holds against names of folders.

use crate::model::folder::FolderPath;

/// The rules for names of one product.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Names that differ in upper and lower case only are one folder.
    pub ignores_case: bool,
    /// Nobody knows whether they are.
    pub may_ignore_case: bool,
    /// Names that are taken, in any case, at the first level.
    pub reserved: &'static [&'static str],
    /// Characters that no name may hold.
    pub forbidden: &'static [char],
    /// No name may hold control characters (U+0000 to U+001F).
    pub no_control: bool,
    /// Characters that some installations refuse, which they do not tell before.
    pub may_refuse: &'static [char],
    /// A character that no whole path may start with.
    pub no_start: Option<char>,
    /// A blank at the end of a name is refused or lost.
    pub no_trailing_blank: bool,
    /// Levels of folders.
    pub levels: Option<usize>,
    /// Octets of one name in modified UTF-7, RFC 3501 section 5.1.3.
    pub octets: Option<usize>,
}

impl Names {
    /// Every name is taken as it is, and cases are told apart.
    pub const ANY: Self = Self {
        ignores_case: false,
        may_ignore_case: false,
        reserved: &[],
        forbidden: &[],
        no_control: false,
        may_refuse: &[],
        no_start: None,
        no_trailing_blank: false,
        levels: None,
        octets: None,
    };

    /// Stands for a character that the destination cannot store.
    const INSTEAD: char = '_';

    /// Returns the path as the destination can store it; the same path when it can.
    pub fn fitted(&self, path: &FolderPath) -> FolderPath {
        let components = path.components().iter().enumerate();
        let fitted = components.map(|(level, part)| self.part(level, part)).collect();
        FolderPath::new(fitted).unwrap_or_else(|_| path.clone())
    }

    fn part(&self, level: usize, part: &str) -> String {
        let refused = |c| self.forbidden.contains(&c) || (self.no_control && c < ' ');
        let instead = |c| if refused(c) { Self::INSTEAD } else { c };
        let mut fitted: String = part.chars().map(instead).collect();
        if self.no_trailing_blank {
            let kept = fitted.trim_end().len();
            let blanks = fitted.split_off(kept).chars().count();
            fitted.extend(std::iter::repeat_n(Self::INSTEAD, blanks));
        }
        if level == 0 && self.no_start.is_some_and(|start| fitted.starts_with(start)) {
            fitted.replace_range(..1, &Self::INSTEAD.to_string());
        }
        if level == 0 && self.reserved.iter().any(|name| name.eq_ignore_ascii_case(&fitted)) {
            fitted.push(Self::INSTEAD);
        }
        fitted
    }

    /// Says why a path cannot be stored although its parts can.
    pub fn refusal(&self, path: &FolderPath) -> Option<String> {
        let components = path.components();
        if let Some(levels) = self.levels.filter(|&levels| components.len() > levels) {
            return Some(format!(
                "it lies {} levels deep, and {levels} are held",
                components.len()
            ));
        }
        let limit = self.octets?;
        let longest = components.iter().map(|part| octets(part)).max().filter(|&it| it > limit)?;
        Some(format!("a name in it has {longest} octets as it is sent, and {limit} are held"))
    }
}

/// Counts the octets of a name in modified UTF-7.
fn octets(part: &str) -> usize {
    let (mut sum, mut units) = (0, 0);
    // Each run of hidden characters is `&`, base64 of its UTF-16 without padding, `-`.
    let hidden = |units: usize| if units == 0 { 0 } else { (units * 16).div_ceil(6) + 2 };
    for c in part.chars() {
        if matches!(c, ' '..='~') {
            sum += hidden(std::mem::take(&mut units)) + if c == '&' { 2 } else { 1 };
        } else {
            units += c.len_utf16();
        }
    }
    sum + hidden(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::by_name;

    fn fitted(profile: &str, parts: &[&str]) -> String {
        let path = FolderPath::new(parts.iter().map(|&part| part.to_owned()).collect()).unwrap();
        by_name(profile).unwrap().names.fitted(&path).to_string()
    }

    #[test]
    fn only_what_a_product_cannot_hold_is_replaced() {
        assert_eq!(fitted("cyrus", &["a%b\\c", "R&D, *.*"]), "a_b_c/R&D, *.*");
        assert_eq!(fitted("cyrus", &["a/b"]), "a_b");
        assert_eq!(fitted("cyrus", &["{5}", "a{b"]), "_5_/a_b");
        assert_eq!(fitted("exchange-online", &["FILES", "Files", "end "]), "FILES_/Files/end_");
        assert_eq!(fitted("dovecot", &["~home", "a~", "~b"]), "_home/a~/~b");
        assert_eq!(fitted("dovecot", &["a\tb\u{1}", "\u{7f}"]), "a_b_/\u{7f}");
        assert_eq!(fitted("generic", &["~a% ", "Files"]), "~a% /Files");
    }

    #[test]
    fn depth_is_refused() {
        let names = Names { levels: Some(2), ..Names::ANY };
        assert_eq!(names.refusal(&"a/b".parse().unwrap()), None);
        assert!(names.refusal(&"a/b/c".parse().unwrap()).unwrap().contains("3 levels"));
    }

    #[test]
    fn length_counts_as_it_is_sent() {
        for (part, sent) in [
            ("abc", "abc"),
            ("R&D", "R&-D"),
            ("é", "&AOk-"),
            ("éé", "&AOkA6Q-"),
            ("aéb", "a&AOk-b"),
            ("😀", "&2D3eAA-"),
            ("", ""),
        ] {
            assert_eq!(octets(part), sent.len(), "{part}");
        }
        let dovecot = by_name("dovecot").unwrap().names;
        let refused = |part: &str| dovecot.refusal(&part.parse().unwrap()).is_some();
        assert!(!refused(&"n".repeat(255)) && refused(&"n".repeat(256)));
        assert!(!refused(&"é".repeat(94)) && refused(&"é".repeat(95)));
        assert!(!refused(&vec!["d"; 400].join("/")), "the whole path is not one name");
    }
}
