//! Which folders of a destination have a special use.

use crate::model::folder::{FolderPath, SpecialUse};
use std::collections::BTreeMap;

/// Folders of one destination mailbox by their special use, RFC 6154.
#[derive(Clone, Debug, Default)]
pub struct Uses(BTreeMap<FolderPath, SpecialUse>);

impl Uses {
    /// Takes what a complete LIST said.
    pub const fn new(folders: BTreeMap<FolderPath, SpecialUse>) -> Self {
        Self(folders)
    }

    /// Returns the folders with this special use.
    pub fn of(&self, special_use: SpecialUse) -> impl Iterator<Item = &FolderPath> {
        self.0.iter().filter(move |(_, has)| **has == special_use).map(|(path, _)| path)
    }

    /// Tells whether a folder has a special use; then it is there under exactly this name.
    pub fn has(&self, path: &FolderPath) -> bool {
        self.0.contains_key(path)
    }

    /// Returns the one folder that a source folder with a special use belongs into although it has
    /// another name. None where several have the use, and none for a folder that shows messages of
    /// others: what lies in such a one at the source lies somewhere else as well.
    pub fn home(&self, special_use: SpecialUse, source: &FolderPath) -> Option<&FolderPath> {
        let mut homes = self.of(special_use).filter(|_| !special_use.is_view());
        let home = homes.next().filter(|home| *home != source)?;
        homes.next().is_none().then_some(home)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_folder_of_the_same_use_is_a_home() {
        let path = |text: &str| text.parse::<FolderPath>().unwrap();
        let uses = |all: &[(&str, SpecialUse)]| {
            Uses::new(all.iter().map(|(name, special_use)| (path(name), *special_use)).collect())
        };
        let home = |uses: &Uses, special_use, from: &str| {
            uses.home(special_use, &path(from)).map(ToString::to_string)
        };
        let one = uses(&[("Sent Items", SpecialUse::Sent), ("All", SpecialUse::All)]);
        assert_eq!(home(&one, SpecialUse::Sent, "Sent").as_deref(), Some("Sent Items"));
        assert_eq!(home(&one, SpecialUse::Sent, "Sent Items"), None);
        assert_eq!(home(&one, SpecialUse::Trash, "Trash"), None);
        assert_eq!(home(&one, SpecialUse::All, "All Mail"), None);
        let two = uses(&[("Sent Items", SpecialUse::Sent), ("Sent", SpecialUse::Sent)]);
        assert_eq!(home(&two, SpecialUse::Sent, "Gesendet"), None);
        assert_eq!(home(&two, SpecialUse::Sent, "Sent"), None);
    }
}
