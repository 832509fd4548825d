//! Plans as people and programs read them. Values in, text out: no I/O, no clock.
//!
//! Text, Markdown and HTML show the same sections and nothing that the JSON lacks.

pub mod changes;
pub mod diff;
pub mod evidence;
mod evidence_words;
pub mod exceptions;
mod fold;
pub mod forecast;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod outcome;
mod page;
pub mod rehearsal;
pub mod rehearsal_page;
pub mod rollback;
mod sections;
pub mod style;
pub mod text;
