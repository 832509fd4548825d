use super::*;
use crate::desired::FolderRule;
use crate::profile::names::Names;

fn at(line: u32) -> Position {
    Position { file: "plan.yaml".to_owned(), line, column: 1 }
}

fn path(text: &str) -> FolderPath {
    text.parse().unwrap()
}

fn policy() -> FolderPolicy {
    let entry = |from: &str, to: &str, line| (path(from), (path(to), Some(at(line))));
    FolderPolicy {
        map: [
            entry("Sent", "Sent Items", 1),
            entry("Old", "Archive", 2),
            entry("Old/Keep", "Kept", 3),
        ]
        .into(),
        by_use: [(SpecialUse::Junk, path("Junk Email")), (SpecialUse::Sent, path("Outbox"))].into(),
        rules: vec![FolderRule {
            pattern: regex::Regex::new(r"^Projects/(\d{4})/(.*)$").unwrap(),
            to: "Projects $1/$2".to_owned(),
            position: at(4),
        }],
        exclude: vec![Pattern::new("Trash/**", at(5)).unwrap()],
        ..FolderPolicy::default()
    }
}

fn mapped(policy: &FolderPolicy, from: &str, special_use: Option<SpecialUse>) -> String {
    match policy.map(&path(from), special_use, &[], &Names::ANY) {
        Mapped::To { path, .. } => path.to_string(),
        Mapped::Excluded { position } => format!("excluded {}", position.line),
        Mapped::Invalid { reason, .. } => format!("invalid: {reason}"),
    }
}

#[test]
fn the_first_that_applies_says_where_a_folder_goes() {
    let policy = policy();
    for (from, special_use, to) in [
        ("INBOX", None, "INBOX"),
        ("Sent", Some(SpecialUse::Sent), "Sent Items"),
        ("Gesendet", Some(SpecialUse::Sent), "Outbox"),
        ("Gesendet", None, "Gesendet"),
        ("Sent/2024", None, "Sent Items/2024"),
        ("Old/x/y", None, "Archive/x/y"),
        ("Old/Keep/y", None, "Kept/y"),
        ("Old/Spam", Some(SpecialUse::Junk), "Junk Email"),
        ("Older", None, "Older"),
        ("Projects/2024/a/b", None, "Projects 2024/a/b"),
        ("Trash", None, "Trash"),
        ("Trash/a/b", None, "excluded 5"),
    ] {
        assert_eq!(mapped(&policy, from, special_use), to, "{from}");
    }
}

#[test]
fn the_place_of_the_rule_is_told() {
    let to = |from: &str| match policy().map(&path(from), None, &[], &Names::ANY) {
        Mapped::To { position, .. } => position.map(|position| position.line),
        other => panic!("{other:?}"),
    };
    assert_eq!(to("Old/x"), Some(2));
    assert_eq!(to("Projects/2024/x"), Some(4));
    assert_eq!(to("Elsewhere"), None);
}

#[test]
fn a_mailbox_excludes_more() {
    let own = [Pattern::new("inbox/Lists/*", at(9)).unwrap()];
    let excluded = Mapped::Excluded { position: at(9) };
    assert_eq!(policy().map(&path("INBOX/Lists/a"), None, &own, &Names::ANY), excluded);
    assert_ne!(policy().map(&path("INBOX/Lists/a/b"), None, &own, &Names::ANY), excluded);
    assert_ne!(policy().map(&path("INBOX/Lists"), None, &own, &Names::ANY), excluded);
}

#[test]
fn a_slash_inside_a_name_is_no_separator() {
    let pattern = |text: &str| Pattern::new(text, at(1)).unwrap();
    assert!(pattern("A/*").matches(&path(r"A/x\/y")));
    assert!(pattern(r"A/x\/y").matches(&path(r"A/x\/y")));
    assert!(!pattern("A/x/y").matches(&path(r"A/x\/y")));
    assert!(!pattern(r"A/x\/y").matches(&path("A/x/y")));
    assert!(pattern(r"a\*b").matches(&path("a*b")));
    assert!(!pattern(r"a\*b").matches(&path("axb")));
    assert!(Pattern::new("a[", at(1)).is_err());
    assert!(Pattern::new("", at(1)).is_err());
}

#[test]
fn characters_that_cannot_be_stored_are_replaced_in_names_only() {
    let mut policy = policy();
    policy.characters = [('/', "-".to_owned()), ('*', String::new())].into();
    assert_eq!(mapped(&policy, r"a\/b/c", None), "a-b/c");
    assert!(mapped(&policy, "a/*", None).starts_with("invalid"));
}

#[test]
fn a_rule_that_gives_no_path_is_invalid() {
    let mut policy = policy();
    for to in ["", "/x", "$1//y", "a\\q"] {
        if let Some(rule) = policy.rules.first_mut() {
            to.clone_into(&mut rule.to);
        }
        assert!(mapped(&policy, "Projects/2024/x", None).starts_with("invalid"), "{to}");
    }
}
