//! The documents say what the program does: codes, keys, command lines, links, test names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use clap::Parser;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every document that a reader of the repository meets.
const DOCUMENTS: [&str; 10] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/commands.md",
    "docs/errors.md",
    "docs/microsoft-365.md",
    "docs/migration-plan.md",
    "docs/rehearse.md",
    "docs/safety.md",
];

/// Codes that more than one file gives, always with the one meaning of their row.
const SHARED: [&str; 16] = [
    "E003", "E102", "E103", "E104", "E106", "E107", "E130", "E132", "E133", "E301", "E310", "P004",
    "P011", "P018", "P020", "P024",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(below: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

/// The sources by their path below `src/`, without comments and without what only tests compile.
fn sources() -> BTreeMap<String, String> {
    let mut found = Vec::new();
    files(&root().join("src"), ".rs", &mut found);
    assert!(found.len() > 20, "the sources are where they are looked for");
    found
        .into_iter()
        .map(|path| {
            let name =
                path.strip_prefix(root().join("src")).unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .filter(|(name, _)| !name.ends_with("tests.rs"))
        .map(|(name, text)| {
            let code: Vec<&str> = text
                .lines()
                .take_while(|line| line.trim() != "#[cfg(test)]")
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            (name, code.join("\n"))
        })
        .collect()
}

/// Where each code is given. A comparison with a code gives none.
fn given() -> BTreeMap<String, BTreeSet<String>> {
    let code = Regex::new(r#""([EPFG][0-9]{3})""#).unwrap();
    let compared =
        Regex::new(r#"(?s)(?:[=!]= "[EPFG][0-9]{3}"|matches!\([^()]*\.code,.*?\))"#).unwrap();
    let mut given: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources() {
        let text = compared.replace_all(&text, "");
        for found in code.captures_iter(&text) {
            given.entry(found[1].to_owned()).or_default().insert(file.clone());
        }
    }
    given
}

/// The rows of docs/errors.md by their code.
fn rows() -> BTreeMap<String, String> {
    let row = Regex::new(r"(?m)^\| `([EPFG][0-9]{3})` \| (.+) \|$").unwrap();
    let text = text("docs/errors.md");
    let mut rows = BTreeMap::new();
    for found in row.captures_iter(&text) {
        let twice = rows.insert(found[1].to_owned(), found[2].to_owned());
        assert!(twice.is_none(), "{} has two rows in docs/errors.md", &found[1]);
    }
    rows
}

#[test]
fn every_code_has_its_row_and_every_row_its_code() {
    let given: BTreeSet<String> = given().into_keys().collect();
    let rows: BTreeSet<String> = rows().into_keys().collect();
    assert!(given.len() > 80, "the codes are found: {given:?}");
    let missing: Vec<_> = given.difference(&rows).collect();
    let gone: Vec<_> = rows.difference(&given).collect();
    assert!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
    assert!(gone.is_empty(), "in docs/errors.md and given nowhere: {gone:?}");
}

#[test]
fn a_code_has_one_meaning() {
    let mut several = BTreeSet::new();
    for (code, files) in given() {
        if files.len() > 1 {
            several.insert(code.clone());
            assert!(
                SHARED.contains(&code.as_str()),
                "{code} is given in {files:?}: give one of them a code of its own, or add it to \
                 SHARED when its row in docs/errors.md is right for all"
            );
        }
    }
    for code in SHARED {
        assert!(several.contains(code), "{code} is given in one file only: take it out of SHARED");
    }
    // The words that stand right behind a code are in its row: a sentence of another meaning is
    // seen by whoever has to write it there.
    let sentence = Regex::new(
        r#"(?s)"([EPFG][0-9]{3})",\s*(?:[a-z.]+,\s*)?(?:format!\(\s*)?"((?:[^"\\]|\\.)*)""#,
    )
    .unwrap();
    let holes = Regex::new(r"\{[^}]*\}").unwrap();
    let rows = rows();
    let (mut checked, mut unsaid) = (0, Vec::new());
    for (file, text) in sources() {
        for found in sentence.captures_iter(&text) {
            let words = holes
                .split(&found[2])
                .map(|part| part.trim_matches(|c: char| !c.is_alphanumeric()))
                .max_by_key(|part| part.len())
                .unwrap_or_default()
                .replace("\\\"", "\"");
            let row = rows.get(&found[1]).map(String::as_str).unwrap_or_default();
            if !row.contains(&words) {
                unsaid.push(format!("src/{file}: {} says `{words}`", &found[1]));
            }
            checked += 1;
        }
    }
    assert!(unsaid.is_empty(), "not in its row in docs/errors.md:\n{}", unsaid.join("\n"));
    assert!(checked > 60, "only {checked} sentences were found");
}

fn keys(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::Object(properties)) = map.get("properties") {
                found.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

fn constants(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            found.extend(map.get("const").and_then(|word| word.as_str()).map(ToOwned::to_owned));
            map.values().for_each(|value| constants(value, found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| constants(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_and_word_of_the_schema_is_explained() {
    let schema = serde_json::from_str(&text("schema/migration-plan.schema.json")).unwrap();
    let (mut names, mut words) = (BTreeSet::new(), BTreeSet::new());
    keys(&schema, &mut names);
    constants(&schema, &mut words);
    assert!(names.len() > 40 && words.len() > 5, "{names:?} {words:?}");
    let reference = text("docs/migration-plan.md");
    let missing: Vec<_> = names
        .iter()
        .chain(&words)
        .filter(|name| !reference.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "not in docs/migration-plan.md: {missing:?}");
}

/// The blocks of a document between fences of a language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut inside: Option<String> = None;
    for line in text(document).lines() {
        match &mut inside {
            Some(block) if line == "```" => blocks.push(std::mem::take(block)),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
                continue;
            }
            None if line == format!("```{language}") => {
                inside = Some(String::new());
                continue;
            }
            None => continue,
        }
        inside = None;
    }
    blocks
}

fn is_valid(yaml: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.yaml");
    std::fs::write(&path, yaml).unwrap();
    let options = mailferry::document::Options {
        allow_outside: false,
        allow_commands: false,
        rehearsing: false,
        env: BTreeMap::new(),
    };
    let loaded = mailferry::document::load(&path, &options).unwrap();
    let shown = loaded.diagnostics.render(false);
    assert!(loaded.desired.is_some() && shown.trim().is_empty(), "{yaml}\n{shown}");
}

#[test]
fn the_migration_plan_in_the_readme_is_valid_as_it_stands() {
    let plans = blocks("README.md", "yaml");
    assert_eq!(plans.len(), 1);
    assert!(plans[0].lines().count() <= 26, "it is short");
    is_valid(&plans[0]);
}

/// A whole migration plan of the reference is checked as it is, a part within one.
#[test]
fn the_examples_of_the_reference_are_valid() {
    let parts = blocks("docs/migration-plan.md", "yaml");
    assert!(parts.len() > 5);
    let base = [
        ("version", "version: 1\n"),
        ("name", "name: acme\n"),
        ("domains", "domains: [acme.example]\n"),
        ("source", "source: { product: rackspace-email }\n"),
        ("destination", "destination: { product: imap, imap: { host: imap.new.example } }\n"),
        (
            "mailboxes",
            "mailboxes:\n  - { address: ada@acme.example, secret: ada, destination_secret: ada }\n",
        ),
        ("secrets", "secrets: { ada: { env: ADA_PASSWORD } }\n"),
    ];
    for part in parts {
        let has = |key: &str| part.lines().any(|line| line.starts_with(&format!("{key}:")));
        let rest: String =
            base.iter().filter(|(key, _)| !has(key)).map(|(_, yaml)| *yaml).collect();
        is_valid(&format!("{part}{rest}"));
    }
}

/// Splits a command line as a shell does, as far as the documents need it.
fn words(line: &str) -> Vec<String> {
    let word = Regex::new(r#""[^"]*"|\S+"#).unwrap();
    word.find_iter(line)
        .map(|word| word.as_str())
        .take_while(|word| !matches!(*word, "|" | ">" | "#" | "&&" | ";"))
        .map(|word| word.trim_matches('"').to_owned())
        .collect()
}

#[test]
fn every_command_line_is_understood() {
    let inline = Regex::new(r"`(mailferry [a-z][^`]*)`").unwrap();
    let mut checked = 0;
    for document in DOCUMENTS {
        let mut lines: Vec<String> =
            inline.captures_iter(&text(document)).map(|found| found[1].to_owned()).collect();
        for language in ["sh", "console"] {
            for block in blocks(document, language) {
                let shown = block.lines().map(|line| line.trim_start_matches("$ "));
                lines.extend(
                    shown.filter(|line| line.starts_with("mailferry ")).map(ToOwned::to_owned),
                );
            }
        }
        for line in lines {
            // A command alone is a name in a sentence.
            if words(&line).len() < 3 {
                let name = words(&line)[1].clone();
                let known = <mailferry::cli::args::Arguments as clap::CommandFactory>::command();
                assert!(known.find_subcommand(&name).is_some(), "{document}: {line}");
            } else if let Err(error) = mailferry::cli::args::Arguments::try_parse_from(words(&line))
            {
                panic!("{document}: {line}\n{error}");
            }
            checked += 1;
        }
    }
    assert!(checked > 15, "only {checked} command lines were found");
}

#[test]
fn every_command_and_exit_code_is_in_the_readme() {
    let readme = text("README.md");
    let known = <mailferry::cli::args::Arguments as clap::CommandFactory>::command();
    for command in known.get_subcommands() {
        let row = format!("| `mailferry {}", command.get_name());
        assert!(readme.contains(&row), "README.md has no row for {}", command.get_name());
    }
    for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 65, 130, 143] {
        assert!(readme.contains(&format!("| {code} |")), "README.md has no row for exit {code}");
    }
}

/// The names of headings as GitHub makes anchors of them.
fn anchors(document: &str) -> BTreeSet<String> {
    text(document)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn relative_links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut checked = 0;
    for document in DOCUMENTS {
        for found in link.captures_iter(&text(document)) {
            let target = &found[1];
            if target.starts_with("http://") || target.starts_with("https://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(document).parent().unwrap();
            let file = if path.is_empty() { PathBuf::from(document) } else { folder.join(path) };
            assert!(root().join(&file).exists(), "{document}: {target} does not exist");
            if !anchor.is_empty() {
                let known = anchors(&file.to_string_lossy());
                assert!(known.contains(anchor), "{document}: {target} has no such heading");
            }
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} links were found");
}

/// docs/safety.md names tests, and ARCHITECTURE.md files: both must be there.
#[test]
fn named_tests_and_files_exist() {
    let mut found = Vec::new();
    files(&root().join("src"), ".rs", &mut found);
    files(&root().join("tests"), ".rs", &mut found);
    let all: String = found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let test = Regex::new(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`").unwrap();
    let mut checked = 0;
    for found in test.captures_iter(&text("docs/safety.md")) {
        let name = &found[1];
        assert!(all.contains(&format!("fn {name}(")), "docs/safety.md names no test {name}");
        checked += 1;
    }
    assert!(checked > 20, "only {checked} tests are named");
    let file = Regex::new(r"`((?:src|tests|schema|examples|docs)/[^`\s*{]+)`").unwrap();
    for document in DOCUMENTS {
        for found in file.captures_iter(&text(document)) {
            assert!(root().join(&found[1]).exists(), "{document}: {} is not there", &found[1]);
        }
    }
}
