//! The folders of the workspace and its build.

use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};

/// The workspace's root: xtask's manifest is one folder below it.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The target folder: our program is `<target>/debug/xtask`. So this is right with any
/// CARGO_TARGET_DIR and any cargo configuration.
pub fn target() -> Result<PathBuf> {
    let exe = env::current_exe()?;
    let target = exe.ancestors().nth(2).context("the executable is not in a target folder")?;
    Ok(target.to_owned())
}

/// The cargo that called us, or the one in PATH.
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}
