//! The names of what a plan calls unknown, made and recognised in one place.

use crate::model::address::{Address, Domain};
use crate::model::folder::FolderPath;

pub(super) fn source_mailbox(mailbox: &Address) -> String {
    format!("source mailbox {mailbox}")
}

pub(super) fn destination_mailbox(mailbox: &Address) -> String {
    format!("destination mailbox {mailbox}")
}

const SOURCE_FOLDER: &str = "source folder";

pub(super) fn source_folder(mailbox: &Address, folder: &FolderPath) -> String {
    format!("{SOURCE_FOLDER} {mailbox}/{folder}")
}

/// Tells whether something unknown is a folder of the source, or where it goes.
pub fn is_source_folder(object: &str) -> bool {
    object.starts_with(SOURCE_FOLDER)
}

pub(super) fn destination_folder(mailbox: &Address, folder: &FolderPath) -> String {
    format!("destination folder {mailbox}/{folder}")
}

pub(super) fn destination_namespace(mailbox: &Address) -> String {
    format!("destination namespace {mailbox}")
}

pub(super) fn zone(zone: &Domain) -> String {
    format!("zone {zone}")
}

pub(super) fn name_server(server: &str, zone: &Domain) -> String {
    format!("name server {server} for {zone}")
}

pub(super) fn records(what: &str, zone: &Domain, server: &str) -> String {
    format!("{what} {zone} at {server}")
}

pub(super) fn at_tenant(what: &str, domain: &Domain) -> String {
    format!("{what} {domain} at the tenant")
}

/// Tells whether an unknown object is the mailbox at the source or the destination, or a part.
pub(super) fn concerns(object: &str, mailbox: &Address, destination: &Address) -> bool {
    let sides = [("source ", mailbox), ("destination ", destination)];
    sides.into_iter().any(|(side, address)| {
        object
            .strip_prefix(side)
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(_, rest)| rest.strip_prefix(address.as_str()))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_object_is_recognised_by_its_mailbox_and_not_by_a_longer_name() {
        let ada: Address = "ada@acme.example".parse().unwrap();
        let other: Address = "other@acme.example".parse().unwrap();
        let longer: Address = "ada@acme.example.org".parse().unwrap();
        let folder = FolderPath::inbox();
        assert!(concerns(&source_mailbox(&ada), &ada, &other));
        assert!(concerns(&destination_folder(&ada, &folder), &other, &ada));
        assert!(!concerns(&destination_mailbox(&ada), &ada, &other));
        assert!(!concerns(&source_folder(&longer, &folder), &ada, &ada));
    }
}
