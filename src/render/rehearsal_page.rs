//! A rehearsal as one self-contained page.

use crate::rehearse::performance::{Act, HabitShown, Performance, Ran, Step};
use crate::render::page::page;
use crate::render::rehearsal::{ended, kills, verdict};
use crate::render::style::{clean, thousands};
use maud::{Markup, html};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--page:#fff;--soft:#f3f5f7;--good:#136c2e;--bad:#a5161d;--dim:#5b6570}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--page:#14171a;--soft:#1f2429;--good:#6fcf8b;--bad:#ff8b86;--dim:#9aa4ae}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:76rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2.2rem;border-top:1px solid var(--soft);padding-top:1rem}\
pre{background:var(--soft);padding:.8rem 1rem;border-radius:.4rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .7rem .25rem 0;vertical-align:top}\
th{color:var(--dim);font-weight:500}summary{cursor:pointer;font-family:ui-monospace,monospace;font-size:13px}\
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}.dim{color:var(--dim)}\
.big{font-size:1.15rem;margin:.2rem 0}.n{text-align:right;white-space:nowrap}";

/// Renders the report, without scripts and without anything fetched from elsewhere.
pub fn html(performance: &Performance) -> String {
    let holds = performance.holds();
    let struck: usize = performance.faults.values().sum();
    let body = html! {
        h1 { "Rehearsal of " (clean(&performance.migration)) }
        p.big {
            @if holds { span.good { "It went well." } }
            @else { span.bad { "It did not go well." } }
            " " (performance.mailboxes.0) " of " (performance.mailboxes.1) " mailboxes, "
            (thousands(performance.messages.0 as u64)) " messages, "
            (crate::model::size::Size(performance.messages.1).to_string()) "; "
            (struck) " faults, " (kills(performance)) " kills, " (performance.days)
            " days on its clock, " (performance.seconds) " s."
        }
        p.dim {
            "Simulated services on one machine: no server of " (clean(&performance.plan))
            " was reached, none of its secrets was read. Seed " (performance.seed) "."
        }
        h2 { "What the stores say" }
        @if performance.in_the_way.is_empty() {
            pre { @for line in verdict(&performance.verdict) { (line) "\n" } }
        } @else {
            p.bad { "Nothing was copied: the migration plan has to change." }
            ul { @for guard in &performance.in_the_way { li { (clean(guard)) } } }
        }
        h2 { "What stood for what" }
        table {
            @for (name, what) in &performance.cast {
                tr { td { (clean(name)) } td { (clean(what)) } }
            }
        }
        @if !performance.guards.is_empty() { (guards(performance)) }
        @if let Some(forecast) = &performance.forecast {
            h2 { "The real one, by the observation" }
            pre { (crate::render::forecast::text(forecast)) }
        }
        h2 { "The course" }
        @for act in &performance.acts { (one(act)) }
        h2 { "What went wrong on purpose" }
        @if performance.faults.is_empty() { p { "Nothing." } }
        table {
            @for (what, times) in &performance.faults {
                tr { td.n { (times) " ×" } td { (clean(what)) } }
            }
        }
        @if !performance.remarks.is_empty() {
            h2 { "Remarks" }
            ul { @for remark in &performance.remarks { li { (clean(remark)) } } }
        }
        (habits(&performance.habits))
    };
    page(&format!("Rehearsal of {}", clean(&performance.migration)), STYLE, &body)
}

fn guards(performance: &Performance) -> Markup {
    html! {
        h2 { "For a person, before the real one" }
        p { "Each of these guards stops the real apply until the migration plan acknowledges it; the rehearsal did it in a person's place." }
        table {
            tr { th { "Guard" } th { "Object" } th { "Risk" } }
            @for guard in &performance.guards {
                tr { td { (guard.code) } td { (clean(&guard.object)) } td { (clean(&guard.message)) } }
            }
        }
    }
}

fn one(act: &Act) -> Markup {
    html! {
        h3 { (clean(&act.title)) }
        @for step in &act.steps {
            @match step {
                Step::Happened(sentence) => p { (clean(sentence)) },
                Step::Ran(ran) => (command(ran)),
            }
        }
    }
}

fn command(ran: &Ran) -> Markup {
    let class = if ran.holds() { "good" } else { "bad" };
    html! {
        details open[!ran.holds()] {
            summary {
                "$ " (clean(&ran.shown)) "  "
                span class=(class) { (ended(ran)) }
                span.dim { "  " (ran.tenths / 10) "." (ran.tenths % 10) " s" }
            }
            pre { @for line in ran.output.lines() { (clean(line)) "\n" } }
        }
    }
}

fn habits(habits: &[HabitShown]) -> Markup {
    html! {
        h2 { "Habits of the simulated services" }
        p.dim { "Documented by the vendor, reported by somebody who met it, or assumed." }
        table {
            tr { th { "Habit" } th { "Known" } th { "What it does, and from where that is known" } }
            @for habit in habits {
                tr {
                    td { (habit.name) }
                    td { (habit.evidence) }
                    td { (habit.what) br; span.dim { (habit.source) } }
                }
            }
        }
    }
}
