//! `mailferry explain`.

use crate::catalogue::Example;
use crate::catalogue::explain::{self, Explanation, Meaning};
use crate::cli::Ended;
use crate::cli::args::{ExplainArgs, ResultFormat};
use crate::cli::output::Output;
use crate::error::{Error, ErrorKind, Result};
use std::fmt::Write as _;

pub(crate) fn run(args: &ExplainArgs) -> Result<Ended> {
    let wanted = args.what.join(" ");
    let explained = if explain::looks_like_a_code(&wanted) {
        explain::code(&wanted).ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                "E010",
                format!("`{wanted}` is no code that mailferry gives"),
            )
            .hint(format!("The nearest ones are {}.", explain::near(&wanted).join(", ")))
        })?
    } else {
        explain::words(&wanted).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "E011", "no known answer of a server has these words")
                .hint("Give the whole line, quoted, for example `mailferry explain 'NO [LIMIT] Maximum number of connections'`.")
                .hint("docs/errors.md lists every code.")
        })?
    };
    let shown = match args.format {
        ResultFormat::Text => text(&explained),
        ResultFormat::Json => {
            let json = serde_json::to_string_pretty(&explained).map_err(|error| {
                Error::new(
                    ErrorKind::Failed,
                    "E003",
                    "the explanation could not be written as JSON",
                )
                .source(error)
            })?;
            format!("{json}\n")
        }
    };
    Output::result(&shown)?;
    Ok(Ended::Done)
}

fn text(explained: &Explanation) -> String {
    let mut text = format!("{}  {}\n", explained.code, explained.says);
    if explained.answers.is_empty() {
        let _ = writeln!(text, "\nNext: {}", explained.next);
    }
    for meaning in &explained.answers {
        let _ = writeln!(text, "\nAbout: {}", about(meaning));
        let _ = writeln!(text, "mailferry {}.", meaning.by_itself);
        for (index, next) in meaning.next.iter().enumerate() {
            let _ = writeln!(text, "{}{next}", if index == 0 { "Next: " } else { "      " });
        }
        text.push_str("Known texts:\n");
        for Example { words, source } in meaning.texts {
            let _ = writeln!(text, "  {words}\n      seen: {source}");
        }
    }
    text
}

fn about(meaning: &Meaning) -> String {
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().replace('_', " ");
    let class = serde_json::to_value(meaning.class).map(name).unwrap_or_default();
    let products: Vec<String> = meaning
        .products
        .iter()
        .map(|product| serde_json::to_value(product).map(name).unwrap_or_default())
        .collect();
    format!("{class} (said by: {})", products.join(", "))
}
