//! A plan as one self-contained page.

use super::page::page;
use super::sections::{self, Line};
use crate::planner::saved::SavedPlan;
use maud::{Markup, html};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--page:#fff;--soft:#f3f5f7;--plus:#136c2e;--minus:#a5161d;\
--risk:#8a5a00;--ask:#0b5c8a}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--page:#14171a;--soft:#1f2429;--plus:#6fcf8b;\
--minus:#ff8b86;--risk:#f2c14e;--ask:#7cc4ef}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:76rem;\
margin:2rem auto;padding:0 1rem}\
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}\
pre{background:var(--soft);padding:.8rem 1rem;border-radius:.4rem;white-space:pre-wrap;\
overflow-wrap:anywhere}\
.plus{color:var(--plus)}.minus{color:var(--minus)}.risk{color:var(--risk)}.ask{color:var(--ask)}\
.sum{font-weight:600}";

/// Renders a plan as a page without scripts and without anything fetched from elsewhere.
pub fn render(saved: &SavedPlan) -> String {
    let plan = &saved.plan;
    let body = html! {
        h1 { (sections::name(saved)) }
        p { (sections::looked_at(plan)) }
        @for section in sections::all(plan) {
            section {
                h2 { (section.title) }
                pre { @for line in &section.lines { (shown(line)) "\n" } }
            }
        }
        @if let Some(sentence) = sections::nothing(plan) { p { (sentence) } }
        p.sum { (plan.summary_line()) }
    };
    page(&format!("Migration plan {}", saved.digest.short()), STYLE, &body)
}

fn shown(line: &Line) -> Markup {
    let class = match line.mark {
        '+' => "plus",
        '-' => "minus",
        '!' => "risk",
        '?' => "ask",
        _ => "",
    };
    html! {
        @if class.is_empty() { (line.shown()) } @else { span class=(class) { (line.shown()) } }
    }
}
