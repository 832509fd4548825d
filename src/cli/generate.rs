//! `mailferry schema`, `completions` and `man`: files that are made from the types.

use crate::cli::Ended;
use crate::cli::args::{Arguments, CompletionsArgs, ManArgs, SchemaArgs, SchemaOf};
use crate::cli::output::Output;
use crate::error::{Error, ErrorKind, Result};
use clap::CommandFactory;

/// Written by hand: the tests check every golden plan against it, unknown fields forbidden.
const SAVED_PLAN_SCHEMA: &str = include_str!("../../schema/saved-plan.schema.json");

pub(crate) fn schema(args: &SchemaArgs) -> Result<Ended> {
    let schema = match args.of {
        SchemaOf::MigrationPlan => crate::document::schema(),
        SchemaOf::Observation => crate::observation::schema(),
        SchemaOf::SavedPlan => {
            return Output::result(SAVED_PLAN_SCHEMA).map(|()| Ended::Done);
        }
    };
    let text = serde_json::to_string_pretty(&schema).map_err(|error| {
        Error::new(ErrorKind::Failed, "E003", "the schema could not be written").source(error)
    })?;
    Output::result(&format!("{text}\n"))?;
    Ok(Ended::Done)
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Ended> {
    let mut octets = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "mailferry", &mut octets);
    Output::result(&String::from_utf8_lossy(&octets))?;
    Ok(Ended::Done)
}

pub(crate) fn man(_: &ManArgs) -> Result<Ended> {
    let mut octets = Vec::new();
    clap_mangen::Man::new(Arguments::command()).render(&mut octets).map_err(|error| {
        Error::new(ErrorKind::Failed, "E003", "the manual page could not be written").source(error)
    })?;
    Output::result(&String::from_utf8_lossy(&octets))?;
    Ok(Ended::Done)
}
