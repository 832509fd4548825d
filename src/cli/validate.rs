//! `mailferry validate`.

use crate::cli::args::{Global, ResultFormat, ValidateArgs};
use crate::cli::output::Output;
use crate::cli::{Ended, document as plan_file};
use crate::document;
use crate::error::{ErrorKind, Result};

pub(crate) fn run(args: &ValidateArgs, global: &Global, output: &Output) -> Result<Ended> {
    let loaded = document::load(&args.plan, &plan_file::options(global))?;
    match args.format {
        ResultFormat::Json => Output::result(&format!("{:#}\n", loaded.diagnostics.to_json()))?,
        ResultFormat::Text => {
            let shown = loaded.diagnostics.render(output.color_errors);
            if !shown.trim().is_empty() {
                Output::say(shown.trim_end());
            }
            if let Some(desired) = &loaded.desired {
                let zones = desired.zones.len();
                Output::result(&format!(
                    "{} is valid: {} mailbox{}, {zones} DNS zone{}.\nNext: mailferry plan {}\n",
                    args.plan.display(),
                    desired.mailboxes.len(),
                    if desired.mailboxes.len() == 1 { "" } else { "es" },
                    if zones == 1 { "" } else { "s" },
                    crate::model::words::shell(&args.plan.to_string_lossy()),
                ))?;
            }
        }
    }
    Ok(if loaded.desired.is_some() { Ended::Done } else { Ended::As(ErrorKind::InvalidPlan) })
}
