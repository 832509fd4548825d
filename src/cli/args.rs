//! The arguments; the doc comments are the help texts.

use crate::model::sampling::Sampling;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Moves an organisation's mail between IMAP servers: plan, review, apply, verify.
///
/// A migration plan in YAML says what is wanted. `plan` shows what would be done, `apply` does
/// exactly that, `verify` proves that nothing was lost. The source is only ever read.
#[derive(Debug, Parser)]
#[command(name = "mailferry", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0 done · 1 error · 2 changes (with --detailed-exitcode) · 3 stale or expired plan, nothing done
  4 a guard needs acknowledgement · 5 partly applied, run again to resume · 6 a check failed
  7 locked · 8 something could not be observed · 9 declined · 64 usage · 65 invalid migration plan
  130/143 interrupted, ledger consistent";

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Where the ledger is [default: .mailferry/NAME.sqlite beside the migration plan]
    #[arg(long, global = true, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Consent to send the plan's secrets to this server; remembered in your user configuration
    #[arg(
        long,
        global = true,
        value_name = "HOST[:PORT]",
        env = "MAILFERRY_TRUST",
        value_delimiter = ','
    )]
    pub trust: Vec<String>,
    /// Meet the simulated services of a running `rehearse --keep` in place of the plan's servers
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "state")]
    pub rehearsal: Option<PathBuf>,
    /// Allow the migration plan to run its `command` secrets
    #[arg(long, global = true)]
    pub allow_commands: bool,
    /// Allow the migration plan to name files outside its own folder
    #[arg(long, global = true)]
    pub allow_outside: bool,
    /// Never ask; what would be asked is declined
    #[arg(long, global = true)]
    pub no_input: bool,
    /// No colours, whatever the terminal can do
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Show the causes of errors too
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a migration plan without talking to any server
    Validate(ValidateArgs),
    /// Look at both sides and at DNS, and show what would be done
    Plan(PlanArgs),
    /// Show a saved plan in any format, also when it is stale
    Show(ShowArgs),
    /// Do what was planned: a saved plan, or a migration plan after showing it and asking
    Apply(ApplyArgs),
    /// Prove that everything arrived: both sides are listed and read again
    Verify(VerifyArgs),
    /// Show what the ledger knows, also while an apply runs
    Status(StatusArgs),
    /// Run the whole migration plan against simulated services on this machine, with faults
    Rehearse(RehearseArgs),
    /// Explain a code, or the words of a server
    Explain(ExplainArgs),
    /// Let a mailbox rest: a running apply ends its work on it, later ones leave it out
    Pause(PauseArgs),
    /// End the rest of a mailbox
    Resume(ResumeArgs),
    /// Have messages that stay behind tried again by the next apply
    Retry(RetryArgs),
    /// Take our own copies away from a destination mailbox, after showing them and asking
    Rollback(RollbackArgs),
    /// Keep folders of the source as mbox or Maildir on this machine, with a proof of their own
    Archive(ArchiveArgs),
    /// Print the JSON schema of a file format
    Schema(SchemaArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
}

/// Formats of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal
    Text,
    /// For a pull request, at most 60,000 bytes
    Markdown,
    /// Everything, for programs
    Json,
    /// A page of its own
    Html,
}

/// Formats of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResultFormat {
    /// For a terminal
    Text,
    /// For programs
    Json,
}

/// Formats of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EvidenceFormat {
    /// For a terminal
    Text,
    /// The evidence itself
    Json,
    /// A page of its own
    Html,
    /// For continuous integration: a suite for each mailbox
    Junit,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// Write the saved plan here, for review and `apply`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: PlanFormat,
    /// Exit 2 when there is anything to do, also for a person
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Write here, as JSON, what is at the source in numbers: folders, messages, sizes; no content
    #[arg(long, value_name = "FILE")]
    pub observation: Option<PathBuf>,
    /// In the observation, numbered stand-ins for addresses and names of folders
    #[arg(long, requires = "observation")]
    pub anonymous: bool,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The saved plan
    pub file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: PlanFormat,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A saved plan (JSON) or a migration plan (YAML)
    pub file: PathBuf,
    /// Refuse unless the saved plan has this digest (at least its first 12 digits)
    #[arg(long, value_name = "DIGEST", value_parser = expected)]
    pub expect: Option<String>,
    /// Refuse a saved plan that is older, such as 90m, 24h or 7d
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub max_age: String,
    /// The migration plan, when it is not where the saved plan says
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Only actions of this mailbox, or this action; may be repeated
    #[arg(long, value_name = "MAILBOX|ACTION")]
    pub only: Vec<String>,
    /// No actions of this mailbox, or not this action; may be repeated
    #[arg(long, value_name = "MAILBOX|ACTION")]
    pub skip: Vec<String>,
    /// Do not ask; never runs what users would notice or what cannot be undone
    #[arg(long)]
    pub auto_approve: bool,
    /// Do nothing but remove extra copies of ours that `verify` found; they are listed first, and a
    /// person agrees at the prompt or with --expect and the digest of the list
    #[arg(long, conflicts_with = "auto_approve")]
    pub fix_own_duplicates: bool,
    /// Check everything and show what would run, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print: text with progress, or one JSON event a line
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// Only this mailbox
    #[arg(long, value_name = "MAILBOX")]
    pub only: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: EvidenceFormat,
    /// Write the HTML report here as well
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Read every body on both sides, whatever the migration plan says
    #[arg(long, conflicts_with = "sample")]
    pub full: bool,
    /// Read these bodies: `auto`, `full`, `5%` or `300` of each mailbox
    #[arg(long, value_name = "SAMPLE")]
    pub sample: Option<Sampling>,
    /// Write messages that stay behind, are missing or differ here: .csv or .json
    #[arg(long, value_name = "FILE")]
    pub exceptions: Option<PathBuf>,
    /// Put subjects and Message-IDs into that file, read from the source
    #[arg(long, requires = "exceptions")]
    pub with_subjects: bool,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// Write every message that was changed on its way here, with the names of its changes: CSV
    #[arg(long, value_name = "FILE")]
    pub changes: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Arguments of `rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// The migration plan; none of its hosts is reached and none of its secrets is read
    #[arg(required_unless_present = "habits")]
    pub plan: Option<PathBuf>,
    /// List what the simulated services do, each with its source, and rehearse nothing
    #[arg(long, conflicts_with_all = ["plan", "out", "keep", "from_observation"])]
    pub habits: bool,
    /// Decides mail, faults and kills; the dates of mail count from today
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// How many messages are in each mailbox of the simulated source
    #[arg(long, value_name = "NUMBER", default_value_t = 150, value_parser = clap::value_parser!(u32).range(20..=20_000))]
    pub messages: u32,
    /// Play at most so many mailboxes of the migration plan, the first ones
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub mailboxes: u32,
    /// Folders and sizes like those that `plan --observation` saw, scaled down, and a forecast for
    /// all of them
    #[arg(long, value_name = "FILE")]
    pub from_observation: Option<PathBuf>,
    /// No faults, no kills: see the plain course first
    #[arg(long)]
    pub calm: bool,
    /// Where plans, outputs, the ledger and the report go [default: a new temporary directory]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Keep the services afterwards until Ctrl-C, for commands with --rehearsal
    #[arg(long)]
    pub keep: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A code such as E104, or a line that a server said, quoted
    #[arg(required = true, value_name = "CODE|TEXT")]
    pub what: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Arguments of `pause`.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// The mailbox, by its address in the migration plan
    pub mailbox: String,
    /// Why, for whoever reads plan, status and apply
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// The mailbox, by its address in the migration plan
    pub mailbox: String,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Arguments of `retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// The mailbox, by its address in the migration plan
    pub mailbox: String,
    /// Only messages of this folder of the source
    #[arg(long, value_name = "PATH")]
    pub folder: Option<String>,
    /// Only messages with this reason, such as `refused` or `no-body`
    #[arg(long, value_name = "CLASS")]
    pub reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// The mailbox, by its address in the migration plan
    pub mailbox: String,
    /// Remove the copies that the ledger proves to be ours and that nobody changed since
    #[arg(long, required = true)]
    pub copies: bool,
    /// Do not ask when this is the digest of what would be removed (at least its first 12 digits)
    #[arg(long, value_name = "DIGEST", value_parser = expected)]
    pub expect: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: ResultFormat,
}

/// Formats of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ArchiveFormat {
    /// One file a folder (mboxrd)
    Mbox,
    /// One file a message (Maildir++)
    Maildir,
}

/// Arguments of `archive`.
#[derive(Debug, Args)]
pub struct ArchiveArgs {
    /// The migration plan
    pub plan: PathBuf,
    /// The mailbox, by its address in the migration plan
    #[arg(long, value_name = "ADDRESS")]
    pub mailbox: String,
    /// Only this folder of the source; may be repeated [default: all of them]
    #[arg(long, value_name = "PATH")]
    pub folder: Vec<String>,
    /// Only messages of this day of UTC or a later one, such as 2020-01-31
    #[arg(long, value_name = "DAY")]
    pub since: Option<String>,
    /// Only messages of days of UTC before this one
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
    /// The folder of the archive; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How messages are kept
    #[arg(long, value_enum)]
    pub format: ArchiveFormat,
    /// Write no message: read the archive back, and every message from the source once more
    #[arg(long)]
    pub verify: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub output: ResultFormat,
}

/// File formats that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The migration plan in YAML
    MigrationPlan,
    /// The saved plan in JSON
    SavedPlan,
    /// What `plan --observation` writes, in JSON
    Observation,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which format
    #[arg(value_enum, default_value = "migration-plan")]
    pub of: SchemaOf,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {}

/// Refuses what is too short to name one digest.
fn expected(given: &str) -> Result<String, String> {
    if given.len() < 12 || !given.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Err("name at least the first 12 digits of the digest".to_owned());
    }
    Ok(given.to_owned())
}
