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
    /// A character that no name may start with.
    pub no_start: Option<char>,
    /// A blank at the end of a name is refused or lost.
    pub no_trailing_blank: bool,
    /// Levels of folders.
    pub levels: Option<usize>,
}

impl Names {
    /// Every name is taken as it is, and cases are told apart.
    pub const ANY: Self = Self {
        ignores_case: false,
        may_ignore_case: false,
        reserved: &[],
        forbidden: &[],
        no_start: None,
        no_trailing_blank: false,
        levels: None,
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
        let instead = |c| if self.forbidden.contains(&c) { Self::INSTEAD } else { c };
        let mut fitted: String = part.chars().map(instead).collect();
        if self.no_trailing_blank {
            let kept = fitted.trim_end().len();
            let blanks = fitted.split_off(kept).chars().count();
            fitted.extend(std::iter::repeat_n(Self::INSTEAD, blanks));
        }
        if self.no_start.is_some_and(|start| fitted.starts_with(start)) {
            fitted.replace_range(..1, &Self::INSTEAD.to_string());
        }
        if level == 0 && self.reserved.iter().any(|name| name.eq_ignore_ascii_case(&fitted)) {
            fitted.push(Self::INSTEAD);
        }
        fitted
    }

    /// Says why a path cannot be stored although its parts can.
    pub fn refusal(&self, path: &FolderPath) -> Option<String> {
        let levels = self.levels.filter(|&levels| path.components().len() > levels)?;
        Some(format!("it lies {} levels deep, and {levels} are held", path.components().len()))
    }
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
        assert_eq!(fitted("dovecot", &["~home", "a~"]), "_home/a~");
        assert_eq!(fitted("generic", &["~a% ", "Files"]), "~a% /Files");
    }

    #[test]
    fn depth_is_refused() {
        let names = Names { levels: Some(2), ..Names::ANY };
        assert_eq!(names.refusal(&"a/b".parse().unwrap()), None);
        assert!(names.refusal(&"a/b/c".parse().unwrap()).unwrap().contains("3 levels"));
    }
}
