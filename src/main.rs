//! The `mailferry` command; the library holds everything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    mailferry::cli::main()
}
