//! A rehearsal as text, while it goes on and in the end.

use crate::rehearse::performance::{Act, Ended, HabitShown, Performance, Ran, Verdict};
use crate::render::style::{clean, count, thousands, yaml};
use std::fmt::Write as _;
use std::path::Path;

/// Lines of a command's output that are shown; all of them are in its file.
const LINES: usize = 12;

/// What is said before it begins.
pub fn prologue(plan: &str, folder: &Path) -> String {
    format!(
        "Rehearsing {} on this machine: no server of the plan is reached, none of its secrets is read.\n\
         Everything that is written goes to {}\n\
         Each command is run with `--rehearsal rehearsal.json` of that directory, which is left out below.\n",
        clean(plan),
        folder.display()
    )
}

/// The title of an act.
pub fn act(act: &Act, color: bool) -> String {
    let (bold, plain) = if color { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    format!("\n{bold}# {}{plain}\n", clean(&act.title))
}

/// Something that happened.
pub fn event(sentence: &str) -> String {
    format!("  * {}\n", clean(sentence))
}

/// How far a command is.
pub fn progress(stored: usize, all: usize, seconds: u64) -> String {
    format!("{} of {} messages at the destination, {seconds} s", number(stored), number(all))
}

fn number(of: usize) -> String {
    thousands(of as u64)
}

/// A command that ended.
pub fn ran(ran: &Ran, color: bool) -> String {
    let mut text = format!("$ {}\n", clean(&ran.shown));
    for line in excerpt(ran) {
        let _ = writeln!(text, "  {line}");
    }
    let ended = ended(ran);
    let (red, plain) = if color && !ran.holds() { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
    let _ = writeln!(
        text,
        "  {red}{ended}{plain} after {}.{} s; all of it in {}",
        ran.tenths / 10,
        ran.tenths % 10,
        ran.file
    );
    text
}

/// Says how a command ended.
pub fn ended(ran: &Ran) -> String {
    match ran.ended {
        Ended::Killed if ran.holds() => "killed".to_owned(),
        Ended::Killed => "KILLED, where it should have ended".to_owned(),
        Ended::Hung => "HUNG: it did nothing for ten minutes and was killed".to_owned(),
        Ended::Signal(number) => format!(
            "ENDED BY SIGNAL {number}, which the rehearsal did not send; look into the log of the system"
        ),
        Ended::Code(code) if ran.wanted.is_empty() && !ran.holds() => {
            format!("EXIT {code}, where it was to be killed")
        }
        Ended::Code(code) if ran.holds() => format!("exit {code}"),
        Ended::Code(code) => {
            let wanted: Vec<String> = ran.wanted.iter().map(ToString::to_string).collect();
            format!("EXIT {code}, where {} is right", wanted.join(" or "))
        }
    }
}

/// The lines that say most. Of a plan these are the first and the last, of the others the end.
pub fn excerpt(ran: &Ran) -> Vec<String> {
    let lines: Vec<String> = ran
        .output
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with(REMINDER))
        .map(clean)
        .collect();
    let is_plan = ran.shown.starts_with("mailferry plan");
    if is_plan && ran.holds() {
        let told = |line: &&String| {
            line.starts_with("observed:")
                || line.starts_with("Plan:")
                || line.starts_with("! ")
                || line.starts_with("Mailboxes (")
                || line.starts_with("No changes")
        };
        return lines.iter().filter(told).take(LINES).cloned().collect();
    }
    // A line with a time is one of progress: only what had to be waited for is of interest.
    let progress = |line: &String| line.starts_with(|c: char| c.is_ascii_digit());
    let (told, waits): (Vec<String>, Vec<String>) = (
        lines.iter().filter(|line| !progress(line)).cloned().collect(),
        lines.iter().filter(|line| progress(line) && line.contains("waiting")).cloned().collect(),
    );
    let mut shown: Vec<String> = waits.iter().take(WAITS).map(|line| short(line)).collect();
    if waits.len() > WAITS {
        shown.push(format!("and {} waits more", waits.len() - WAITS));
    }
    let is_proof = ran.shown.starts_with("mailferry verify");
    let limit = if is_proof && ran.again && ran.holds() { PROOF } else { LINES };
    let skipped = told.len().saturating_sub(limit);
    if skipped > 0 && limit > PROOF {
        shown.push("…".to_owned());
    }
    shown.extend(told.into_iter().skip(skipped));
    shown
}

/// Lines of a proof that was shown before: the accounting and the verdict.
const PROOF: usize = 2;

/// Waits of a command that are shown.
const WAITS: usize = 3;

/// Columns of a line that is shown.
const COLUMNS: usize = 180;

fn short(line: &str) -> String {
    let mut short: String = line.chars().take(COLUMNS).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// What is said in the end.
pub fn epilogue(performance: &Performance, page: &str, color: bool) -> String {
    let (bold, red, plain) =
        if color { ("\u{1b}[1m", "\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "", "") };
    let mut text = String::new();
    if performance.in_the_way.is_empty() {
        let _ = writeln!(text, "\n{bold}# What the stores of the simulated services say{plain}");
        for line in verdict(&performance.verdict) {
            let _ = writeln!(text, "  {line}");
        }
    }
    for guard in &performance.in_the_way {
        let _ = writeln!(text, "  IN THE WAY  {}: the migration plan has to change", clean(guard));
    }
    let struck: usize = performance.faults.values().sum();
    let kills = kills(performance);
    let _ = writeln!(
        text,
        "  {} struck, {} by `kill -9`, {} passed on the clock of the rehearsal",
        count(struck as u64, "fault", "faults"),
        count(kills as u64, "end", "ends"),
        count(performance.days.unsigned_abs(), "day", "days"),
    );
    if !performance.guards.is_empty() {
        let _ = writeln!(text, "\n{bold}# Before the real one{plain}");
        let _ = writeln!(
            text,
            "  A person has to acknowledge {}. `plan` prints the entries of the real servers;\n  here they were:",
            count(performance.guards.len() as u64, "guard", "guards")
        );
        for guard in &performance.guards {
            let _ = writeln!(
                text,
                "    - {{ code: {}, object: {}, digest: {} }}",
                guard.code,
                yaml(&guard.object),
                guard.digest
            );
        }
    }
    for remark in &performance.remarks {
        let _ = writeln!(text, "  * {}", clean(remark));
    }
    if let Some(forecast) = &performance.forecast {
        let _ = writeln!(text, "\n{bold}# The real one, by the observation{plain}");
        text.push_str(&crate::render::forecast::text(forecast));
    }
    let assumed = performance.habits.iter().filter(|habit| habit.evidence == "assumed").count();
    let _ = writeln!(
        text,
        "\nThe services had {}, {assumed} assumed: `mailferry rehearse --habits` lists every habit there is, with its source.",
        count(performance.habits.len() as u64, "habit", "habits")
    );
    if performance.holds() {
        let _ =
            writeln!(text, "{bold}The rehearsal went well{plain} in {} s.", performance.seconds);
    } else {
        let _ = writeln!(
            text,
            "{red}The rehearsal did not go well{plain}: what is wrong stands above in capitals."
        );
    }
    let _ = writeln!(text, "Report: {}", clean(page));
    text
}

/// Counts commands that were killed.
pub fn kills(performance: &Performance) -> usize {
    let commands = performance.acts.iter().flat_map(Act::commands);
    commands.filter(|ran| ran.ended == Ended::Killed).count()
}

/// Lines of one kind that are shown; more would hide the others.
const SHOWN: usize = 20;

/// The verdict in lines.
pub fn verdict(verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    let excepted: usize = verdict.excepted.values().sum();
    lines.push(format!(
        "{} at the source = {} at the destination + {} in another folder there + {} excluded by the plan + {} staying behind, named + {} lost",
        count(verdict.at_source as u64, "message", "messages"),
        number(verdict.arrived),
        number(verdict.misplaced.len() + verdict.stayed),
        number(verdict.excluded),
        number(excepted),
        number(verdict.lost.len())
    ));
    for (reason, many) in &verdict.excepted {
        lines.push(format!("  stays behind: {} {}", number(*many), clean(reason)));
    }
    if verdict.changed > 0 {
        lines.push(format!(
            "{} on the way by a transform that is named, and {} the same",
            count(verdict.changed as u64, "message was changed", "messages were changed"),
            if verdict.changed == 1 { "says" } else { "say" }
        ));
    }
    if verdict.gone_since > 0 {
        lines.push(format!(
            "{} vanished from the source since, by its users or its provider",
            count(verdict.gone_since as u64, "message", "messages")
        ));
    }
    for (name, wrong) in [
        ("LOST", &verdict.lost),
        ("DOUBLED", &verdict.doubled),
        ("MISPLACED", &verdict.misplaced),
        ("COPIED, AND NOBODY ASKED FOR IT", &verdict.uncalled),
        ("ALTERED", &verdict.altered),
        ("GONE FROM THE DESTINATION", &verdict.gone),
        ("THE SOURCE CHANGED", &verdict.source_changed),
        ("NOT TRUE", &verdict.untrue),
    ] {
        for line in wrong.iter().take(SHOWN) {
            lines.push(format!("{name}  {}", clean(line)));
        }
        if wrong.len() > SHOWN {
            lines.push(format!("{name}  and {} more", number(wrong.len() - SHOWN)));
        }
    }
    if verdict.holds() {
        lines.push(
            "lost 0 · doubled 0 · in another folder 0 · other flags or dates 0 · gone from the destination 0 · changes at the source 0"
                .to_owned(),
        );
    }
    lines
}

/// The beginning of [`reminder`].
const REMINDER: &str = "rehearsal: ";

/// What every command says that met simulated services.
pub fn reminder(directions: &str) -> String {
    format!(
        "{REMINDER}these were simulated services; each command named above needs `--rehearsal {}`, too",
        crate::model::words::shell(directions)
    )
}

/// What is said while the services stay.
pub fn kept(plan: &str, directions: &str) -> String {
    format!(
        "The services stay until Ctrl-C. In another terminal, for example:\n  mailferry plan {} --rehearsal {}",
        crate::model::words::shell(plan),
        crate::model::words::shell(directions)
    )
}

/// The list of habits.
pub fn habits(habits: &[HabitShown]) -> String {
    let mut text = String::new();
    let width = habits.iter().map(|habit| habit.name.len()).max().unwrap_or(0);
    for habit in habits {
        let _ = writeln!(text, "{:<width$}  {:<10}  {}", habit.name, habit.evidence, habit.what);
        let _ = writeln!(text, "{:width$}  {:<10}  {}", "", "", habit.source);
    }
    let assumed = habits.iter().filter(|habit| habit.evidence == "assumed").count();
    let _ = writeln!(
        text,
        "\n{}: documented by the vendor, reported by somebody who met it, or assumed ({assumed}).",
        count(habits.len() as u64, "habit", "habits")
    );
    text
}
