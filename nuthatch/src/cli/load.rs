//! Reads and checks the configuration for a command.
//!
//! Every command reports the same errors for the same file, on stderr, so that stdout has only
//! answers. Then it returns an exit code: 1 for a bad file, 2 for a pool that the file does not have,
//! as clap does for any other wrong argument.

use super::default_manners;
use super::print::tell;
use crate::config::{self, Config, Pool, Problem, nearest, quoted};
use nuthatch_engine::routing::Router;
use nuthatch_engine::topology::kinds::fixed;
use nuthatch_engine::topology::{PoolSpec, ShardState};
use std::path::Path;
use std::process::ExitCode;

/// The exit code of a wrong argument.
const USAGE: u8 = 2;

/// The checked configuration and its warnings. `None`: all errors are printed.
pub fn config(file: &Path) -> Option<(Config, Vec<Problem>)> {
    match config::load(file, default_manners()) {
        Ok(read) => Some(read),
        Err(problems) => {
            refuse(file, &problems);
            None
        }
    }
}

pub fn say(problems: &[Problem]) {
    for problem in problems {
        tell!("{problem}");
    }
}

/// Prints all errors, then the line that scripts look for.
pub fn refuse(file: &Path, problems: &[Problem]) {
    say(problems);
    tell!("nutcracker: configuration file '{}' syntax is invalid", file.display());
}

/// A pool with all its shards live.
pub struct View {
    pub spec: PoolSpec,
    pub router: Router,
}

impl View {
    pub fn new(spec: PoolSpec) -> View {
        let live = vec![ShardState::Live; spec.shards.len()];
        View { router: fixed::router(&spec, &live), spec }
    }
}

/// All pools of a file. On an error, prints the reasons and returns the exit code. Warnings are not
/// printed: they matter for serving, not for a question about keys.
pub fn all(file: &Path) -> Result<Vec<Pool>, ExitCode> {
    config(file).map(|(config, _)| config.pools).ok_or(ExitCode::FAILURE)
}

/// The named pool, or all pools.
pub fn pools(file: &Path, named: Option<&str>) -> Result<Vec<View>, ExitCode> {
    let mut pools = all(file)?;
    if let Some(name) = named {
        if !pools.iter().any(|pool| *pool.spec.name == *name) {
            return Err(no_such_pool(file, name, &pools));
        }
        pools.retain(|pool| *pool.spec.name == *name);
    }
    Ok(pools.into_iter().map(|pool| View::new(pool.spec)).collect())
}

pub fn no_such_pool(file: &Path, name: &str, pools: &[Pool]) -> ExitCode {
    tell!("nuthatch: {}", no_pool_text(file, name, pools.iter().map(|p| &*p.spec.name)));
    ExitCode::from(USAGE)
}

fn no_pool_text<'a>(
    file: &Path,
    name: &str,
    pools: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let has: Vec<String> = pools.clone().map(quoted).collect();
    let mut text =
        format!("{} has no pool {}; it has {}", file.display(), quoted(name), has.join(", "));
    if let Some(near) = nearest(name, pools) {
        text.push_str("\n  did you mean ");
        text.push_str(&quoted(near));
        text.push('?');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::no_pool_text;
    use std::path::Path;

    #[test]
    fn the_error_for_an_unknown_pool_lists_the_pools() {
        let text =
            |name| no_pool_text(Path::new("a.yml"), name, ["alpha", "user_cache"].into_iter());
        assert_eq!(
            text("user-cache"),
            "a.yml has no pool `user-cache`; it has `alpha`, `user_cache`\n  \
             did you mean `user_cache`?"
        );
        assert_eq!(text("zebra"), "a.yml has no pool `zebra`; it has `alpha`, `user_cache`");
    }
}
