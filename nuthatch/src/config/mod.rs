//! Text to checked values.
//!
//! ```text
//!  bytes ─▶ decode ─▶ yaml ─▶ pool ─▶ Config          and beside it, whatever happens:
//!            │    ▲     │       │                     every Problem of the file, in one go
//!            │    └ slips, if refused
//!            text       tree    schema: one row a key
//! ```
//!
//! The file format is twemproxy's, its rules checked against nutcracker 0.5.0 by
//! `tests/config_oracle/`. YAML is read as text with places and typed here, by the table in
//! `schema.rs`: see docs/adr/0001-yaml-as-text.md. More is accepted than nutcracker did; nothing
//! nutcracker accepted is read in another way.
//!
//! [`load`] and [`parse`] are pure but for the reading of the file: hosts are looked up by
//! `resolve`. This room knows the engine's tables (hashes, distributions); they do not know it.

mod advice;
mod build;
mod characters;
mod checked;
mod colocate;
mod decode;
mod differs;
mod export;
mod failover;
mod failover_keys;
mod flag;
mod key;
mod listen;
mod node;
mod place;
mod pool;
mod problem;
mod quote;
mod reference;
mod resolve;
mod scalars;
mod schema;
mod secret;
mod secret_lines;
mod secret_words;
mod servers;
mod slips;
mod source;
mod stops;
mod suggest;
mod wording;
mod written;
mod yaml;

pub use checked::{Config, Pool};
pub use differs::{Difference, differences};
pub use export::{Export, Loss, export};
pub use flag::listen_of_flag;
pub use listen::{Listen, UNIX_PATH_MAX};
pub use place::Place;
pub use pool::SERVERS_MAX;
pub use problem::{Problem, Severity};
pub use quote::quoted;
pub use reference::reference;
pub use resolve::{Bind, resolve};
pub use schema::number_bounds;
pub use source::Source;
pub use suggest::nearest;

use node::Node;
use nuthatch_engine::routing::name_order;
use nuthatch_engine::topology::Manners;
use pool::PoolReader;
use problem::Fault;
use std::io::Read;
use std::path::Path;
use yaml::Tree;

/// Bytes of a file we read. Over it the file is refused: it is not a configuration.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Pools in a file. Over it the file is refused: each is compared with all others.
pub const POOLS_MAX: usize = 4096;

/// What a file gives: the configuration and its warnings, or everything that is wrong with it.
pub type Outcome = Result<(Config, Vec<Problem>), Vec<Problem>>;

/// Reads a file. `manners_default` is for pools that do not say.
pub fn load(path: &Path, manners_default: Manners) -> Outcome {
    let name = path.to_string_lossy();
    let refuse = |fault| Err(vec![Source::new(&name, "").problem(Place::default(), fault)]);
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => refuse(Fault::new(format!("this file cannot be read: {error}"))),
        Ok(length) if length as u64 > FILE_BYTES_MAX => {
            refuse(Fault::new("this file is too large to be a configuration"))
        }
        Ok(_) => parse_bytes(&bytes, &name, manners_default),
    }
}

/// Reads a text; `file_name` is for the messages only.
pub fn parse(text: &str, file_name: &str, manners_default: Manners) -> Outcome {
    parse_bytes(text.as_bytes(), file_name, manners_default)
}

/// Whatever the bytes are, this returns.
pub fn fuzz(bytes: &[u8]) {
    let (Ok((_, problems)) | Err(problems)) = parse_bytes(bytes, "fuzz.yml", Manners::Modern);
    for problem in problems {
        assert!(!problem.to_string().is_empty());
    }
}

fn parse_bytes(bytes: &[u8], file_name: &str, manners_default: Manners) -> Outcome {
    let (mut source, text, mut problems) = decode::decode(file_name, bytes)?;
    let tree = yaml::read(&source, &text, &slips::Columns::default());
    tree.root.iter().for_each(|root| source.hide_values(root));
    let (pools, found) = check(&source, tree, manners_default);
    if problems.is_empty() && !found.iter().any(Problem::is_error) {
        let found = without_secrets(&source, found);
        return Ok((Config { pools, source }, found));
    }
    // Refused. Mend what looks like a typing slip, and report the other problems too.
    let mended = slips::mend(&source);
    if mended.problems.is_empty() {
        problems.extend(found);
    } else {
        let slips = mended.problems;
        let tree = yaml::read(&source, &mended.text, &mended.columns);
        tree.root.iter().for_each(|root| source.hide_values(root));
        let (_, mut found) = check(&source, tree, manners_default);
        // A warning of what was mended just there would confuse.
        found.retain(|problem| {
            let same = |slip: &Problem| (slip.line, slip.column) == (problem.line, problem.column);
            problem.is_error() || !slips.iter().any(same)
        });
        problems.extend(slips);
        problems.extend(found);
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(without_secrets(&source, problems))
}

/// Once more, since some problems were found before all secrets were.
fn without_secrets(source: &Source, problems: Vec<Problem>) -> Vec<Problem> {
    problems.into_iter().map(|problem| problem.without_secrets(source)).collect()
}

/// From a tree to pools, and all that is wrong.
fn check(source: &Source, tree: Tree, manners_default: Manners) -> (Vec<Pool>, Vec<Problem>) {
    let complete = tree.complete;
    let problems = tree.problems;
    let mut reader = PoolReader { source, manners_default, complete, problems };
    let report = |reader: &mut PoolReader<'_>, place, fault| {
        reader.problems.push(source.problem(place, fault));
    };
    let entries = match tree.root {
        Some(Node::Mapping(entries, _)) => entries,
        Some(Node::Unusable(_)) => Vec::new(),
        Some(other) => {
            if complete {
                report(&mut reader, other.place(), root_fault());
            }
            Vec::new()
        }
        None => {
            if complete {
                report(&mut reader, Place::default(), root_fault());
            }
            Vec::new()
        }
    };
    if entries.is_empty() && complete && reader.problems.is_empty() {
        report(&mut reader, Place::default(), root_fault());
    }
    if entries.len() > POOLS_MAX {
        let fault =
            Fault::new("this file has too many pools").expected(format!("at most {POOLS_MAX}"));
        report(&mut reader, Place::default(), fault);
        return (Vec::new(), reader.problems);
    }
    let mut pools: Vec<Pool> = Vec::new();
    let mut names: Vec<(String, Place)> = Vec::new();
    let last = entries.len();
    for (number, (name, body)) in entries.iter().enumerate() {
        let Node::Scalar(name) = name else {
            report(&mut reader, name.place(), Fault::new("a pool's name is a plain word"));
            continue;
        };
        if name.text.is_empty() {
            report(&mut reader, name.place, Fault::new("a pool needs a name before the colon"));
        }
        if let Some((_, first)) = names.iter().find(|(other, _)| *other == name.text) {
            let shown = source.quoted(name.place, &name.text);
            let fault = Fault::new(format!("two pools have the name {shown}"))
                .note(format!("the other stands in line {}", first.line));
            report(&mut reader, name.place, fault);
        }
        names.push((name.text.clone(), name.place));
        // Only the pool in which reading stopped may have more keys than we saw.
        reader.complete = complete || number + 1 < last;
        pools.extend(reader.pool(name, body));
    }
    let mut problems = reader.problems;
    problems.extend(same_listen(source, &pools));
    problems.extend(advice::of_listeners(source, &pools));
    pools.sort_by(|a, b| name_order(&a.spec.name, &b.spec.name));
    problems.sort_by_key(|problem| (problem.line, problem.column));
    (pools, problems)
}

fn root_fault() -> Fault {
    Fault::new("this file holds no pool").expected(
        "a pool's name and a colon at the margin, and below it, indented, its keys: `listen`, `servers` and so on",
    )
}

/// Two pools cannot listen on one address.
fn same_listen(source: &Source, pools: &[Pool]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, pool) in pools.iter().enumerate() {
        if let Some(first) = pools[..index].iter().find(|p| p.listen_text == pool.listen_text) {
            let shown = source.quoted(pool.listen_place, &pool.listen_text);
            let fault = Fault::new(format!("two pools listen on {shown}")).note(format!(
                "pool {} does in line {}",
                quoted(&first.spec.name),
                first.listen_place.line
            ));
            let problem = source.problem(pool.listen_place, fault);
            problems.push(problem.in_pool(&pool.spec.name).at_key("listen"));
        }
    }
    problems
}
