//! Parse, load, hand over.

use std::process::ExitCode;

fn main() -> ExitCode {
    nuthatch::cli::main()
}
