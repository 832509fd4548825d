//! The migration plan: YAML to findings, and to what is wanted when there is no error.
//!
//! text → tree with places → variables, literal secrets, reserved words → types → [`Desired`].
//! Every step reports all that it finds and lets the next one run on the rest.

mod closest;
mod csv_file;
mod diagnostics;
mod excerpt;
mod exposed;
mod files;
mod finding;
mod include;
mod literal;
mod lower;
mod migration_plan;
mod mx_set;
mod node;
mod read;
mod reserved;
mod spanned;
mod variables;
mod yaml;

pub use diagnostics::{Diagnostic, Diagnostics, Related};
pub use exposed::tracked as git_tracks;
pub use finding::Severity;
pub use variables::PREFIX as VARIABLE_PREFIX;

use crate::desired::Desired;
use crate::error::{Error, ErrorKind};
use crate::model::digest::Hasher;
use files::{Files, read_text};
use finding::{Finding, Findings};
use migration_plan::MigrationPlan;
use node::{Node, Place};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a migration plan may do, decided outside of it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Includes, CSV files, CAs and secret files may lie outside of the plan's folder.
    pub allow_outside: bool,
    /// `command` secrets may be named.
    pub allow_commands: bool,
    /// The variables for `${env.…}`; names that do not start with [`VARIABLE_PREFIX`] are never
    /// read.
    pub env: BTreeMap<String, String>,
    /// Nobody will read a secret or verify a certificate by the plan: files that hold them need not
    /// be there, and those with passwords are not read.
    pub rehearsing: bool,
}

/// A migration plan that was read.
#[derive(Debug)]
pub struct Loaded {
    /// What is wanted; `None` when there is an error among the findings.
    pub desired: Option<Desired>,
    /// All findings.
    pub diagnostics: Diagnostics,
    /// The folder of the migration plan, resolved: what it names lies below.
    pub root: PathBuf,
}

/// Reads a migration plan and everything that it includes; secrets are not read.
///
/// # Errors
/// When the file itself cannot be read as text. What is wrong inside it is in
/// [`Loaded::diagnostics`].
pub fn load(path: &Path, options: &Options) -> Result<Loaded, Error> {
    let shown_path = path.display();
    let unreadable = |reason: String| {
        Error::new(
            ErrorKind::InvalidPlan,
            "P001",
            format!("the migration plan {shown_path} {reason}"),
        )
        .hint("name a YAML file in UTF-8 with at most 4 MiB")
    };
    let text = read_text(path, yaml::LARGEST).map_err(|error| unreadable(error.reason()))?;
    let real = path
        .canonicalize()
        .map_err(|error| unreadable(format!("cannot be read: {}", files::plain(&error))))?;
    let root = real.parent().unwrap_or(Path::new("/")).to_path_buf();
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let mut files = Files::new(root.clone(), options.allow_outside);
    let file = files.add(&name, text);
    let findings = Findings::default();
    let desired = parse(file, &files, &findings)
        .and_then(|main| desired(main, &mut files, &findings, options))
        .filter(|_| findings.errors() == 0);
    Ok(Loaded { desired, diagnostics: Diagnostics::new(&files, findings), root })
}

/// Returns the JSON Schema of a migration plan, draft 7, because editors read up to that.
pub fn schema() -> serde_json::Value {
    let generator = schemars::generate::SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<MigrationPlan>().to_value()
}

/// Parses a file that was added; `None` when it is no YAML, and a finding says so.
fn parse(file: u32, files: &Files, findings: &Findings) -> Option<Node> {
    let text = &files.get(file)?.text;
    let blank = text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    });
    if blank {
        let place = Place { file, start: 0, end: 0 };
        findings.add(
            Finding::error("P002", place, "the file holds nothing")
                .hint("start with `version: 1`; the schema and the examples show what follows"),
        );
        return None;
    }
    match yaml::parse(text, file) {
        Ok(node) => Some(node),
        Err(refused) => {
            literal::guess(text, file, findings);
            let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            let place = Place { file, start: short(refused.start), end: short(refused.end) };
            let hint = "anchors, aliases, merge keys, tags, a second document and equal keys are \
                        not taken; further errors show when this one is gone";
            findings.add(Finding::error("P002", place, refused.message).hint(hint));
            None
        }
    }
}

fn desired(
    mut main: Node,
    files: &mut Files,
    findings: &Findings,
    options: &Options,
) -> Option<Desired> {
    let mut used = BTreeSet::new();
    variables::replace(&mut main, &options.env, &mut used, findings);
    let mut trees = include::read(&main, files, findings);
    for tree in &mut trees {
        variables::replace(tree, &options.env, &mut used, findings);
    }
    let secrets: BTreeSet<String> =
        std::iter::once(&main).chain(&trees).flat_map(literal::names).collect();
    for tree in std::iter::once(&mut main).chain(&mut trees) {
        literal::refuse(tree, &secrets, findings);
        reserved::refuse(tree, findings);
    }
    let mut plan: MigrationPlan = read::read(&main, findings)?;
    for tree in &mut trees {
        include::restrict(tree, findings);
        if let Some(included) = read::read(tree, findings) {
            include::merge(&mut plan, included);
        }
    }
    let digest = digest(files, &options.env, &used);
    lower::lower(&plan, main.place, files, findings, options, digest)
}

/// Starts the digest over the document: texts, and variables, because they change the meaning.
fn digest(files: &Files, env: &BTreeMap<String, String>, used: &BTreeSet<String>) -> Hasher {
    let mut digest = Hasher::new();
    let mut put = |kind: &str, text: &str| {
        // The length keeps the end of one part from being read as the start of the next.
        digest.update(format!("{kind} {}\0", text.len()).as_bytes());
        digest.update(text.as_bytes());
    };
    for file in &files.list {
        put("text", &file.text);
    }
    for name in used {
        put("variable", name);
        put("value", env.get(name).map(String::as_str).unwrap_or_default());
    }
    digest
}
