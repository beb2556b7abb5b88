//! `nuthatch ring`: each server's share of a pool, and the keys that a change of the file would move.
//!
//! ```text
//!   FILE         ─▶ share: a row for each server, with a bar
//!   FILE, OTHER  ─▶ share of both, then moves: from where to where, how much, how it was counted
//! ```
//!
//! Pools of two files are matched by name. If both files have one pool, these two are compared under
//! any name. Moves are counted by the names of shards on the ring, as in `routing::explain`;
//! `moves.rs` adds the changes that names do not show.

mod moves;
mod share;

use super::flags::CONF_FILE;
use super::load::{self, View};
use super::print::shown;
use crate::config::Pool;
use share::Bars;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct Ring {
    /// The configuration: twemproxy's YAML
    #[arg(short, long, value_name = "FILE", default_value = CONF_FILE)]
    conf_file: PathBuf,
    /// Only this pool; absent: every pool of the file
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Count the moves of these keys, one a line, instead of hashes
    #[arg(long, value_name = "KEYFILE", requires = "other")]
    keys: Option<PathBuf>,
    /// One JSON object a line: for each ring, then for the moves
    #[arg(long)]
    json: bool,
    /// A second configuration: show the keys that would move if it replaced the first one
    #[arg(value_name = "OTHER")]
    other: Option<PathBuf>,
}

/// A file and its pools that are shown.
struct Side<'a> {
    file: &'a Path,
    views: Vec<View>,
}

pub fn run(asked: &Ring) -> anyhow::Result<ExitCode> {
    let before = match load::pools(&asked.conf_file, asked.pool.as_deref()) {
        Ok(views) => Side { file: &asked.conf_file, views },
        Err(code) => return Ok(code),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let bars = Bars::of_locale();
    let Some(file) = asked.other.as_deref() else {
        for view in &before.views {
            draw(&mut out, asked.json, before.file, view, bars)?;
        }
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    };
    let pools = match load::all(file) {
        Ok(pools) => pools,
        Err(code) => return Ok(code),
    };
    let (pairs, unpaired) = pair(before.views, pools);
    if let (Some(name), true) = (&asked.pool, pairs.is_empty()) {
        return Ok(load::no_such_pool(file, name, &unpaired.theirs));
    }
    for (ours, theirs) in &pairs {
        draw(&mut out, asked.json, before.file, ours, bars)?;
        draw(&mut out, asked.json, file, theirs, bars)?;
        let between = moves::Between { before: ours, after: theirs, files: [before.file, file] };
        let text = between.show(asked.keys.as_deref(), asked.json)?;
        writeln!(out, "{text}")?;
    }
    if !asked.json {
        let theirs = unpaired.theirs.iter().filter(|_| asked.pool.is_none());
        for (name, file) in unpaired
            .ours
            .iter()
            .map(|view| (&view.spec.name, before.file))
            .chain(theirs.map(|pool| (&pool.spec.name, file)))
        {
            writeln!(out, "pool {} is only in {}", shown(name.as_bytes()), file.display())?;
        }
    }
    out.flush()?;
    Ok(if pairs.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn draw(out: &mut impl Write, json: bool, file: &Path, view: &View, bars: Bars) -> io::Result<()> {
    let shares = share::shares(view);
    if json {
        writeln!(out, "{}", share::json(file, view, &shares))
    } else {
        writeln!(out, "{}", share::draw(file, view, &shares, bars))
    }
}

/// Pools that are in one file only.
struct Unpaired {
    ours: Vec<View>,
    theirs: Vec<Pool>,
}

fn pair(ours: Vec<View>, mut theirs: Vec<Pool>) -> (Vec<(View, View)>, Unpaired) {
    let mut pairs = Vec::new();
    let mut unpaired = Vec::new();
    let both_only = ours.len() == 1 && theirs.len() == 1;
    for view in ours {
        let name = &view.spec.name;
        match theirs.iter().position(|pool| both_only || pool.spec.name == *name) {
            Some(at) => pairs.push((view, View::new(theirs.remove(at).spec))),
            None => unpaired.push(view),
        }
    }
    (pairs, Unpaired { ours: unpaired, theirs })
}
