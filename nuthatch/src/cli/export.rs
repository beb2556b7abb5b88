//! `nuthatch export`: writes the configuration for another proxy, to go back to it.
//!
//! The text goes to stdout. Settings that it cannot express go to stderr, one line each.

use super::load;
use super::print::tell;
use crate::config;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct Export {
    /// The proxy that reads it
    #[arg(long = "for", value_name = "PROXY")]
    reader: Reader,
    /// The configuration: twemproxy's YAML, our keys included
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Reader {
    /// nutcracker 0.5.0
    Nutcracker,
}

pub fn run(asked: &Export) -> anyhow::Result<ExitCode> {
    let Reader::Nutcracker = asked.reader;
    let Some((config, _)) = load::config(&asked.file) else {
        return Ok(ExitCode::FAILURE);
    };
    let export = config::export(&config).map_err(anyhow::Error::msg)?;
    for loss in &export.losses {
        tell!("{}:{loss}", asked.file.display());
    }
    io::stdout().lock().write_all(export.text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
