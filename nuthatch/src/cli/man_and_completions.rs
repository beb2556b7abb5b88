//! `nuthatch man` and `nuthatch completions`, for packagers: printed from the table of flags.

use clap::{Args, Command};
use clap_complete::Shell;
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Args, Debug)]
pub struct Completions {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// One page with a section for each command, as `man nuthatch` shows it.
pub fn man(table: &Command) -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    clap_mangen::Man::new(table.clone()).render(&mut page)?;
    for command in table.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("nuthatch {}", command.get_name());
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let man = clap_mangen::Man::new(command.clone().bin_name(name));
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    io::stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}

pub fn completions(mut table: Command, asked: &Completions) -> anyhow::Result<ExitCode> {
    // Into memory first: the generator panics when the reader of a pipe closes it.
    let mut script = Vec::new();
    clap_complete::generate(asked.shell, &mut table, "nuthatch", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
