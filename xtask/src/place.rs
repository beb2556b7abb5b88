//! Where the workspace and its build lie.

use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};

/// The workspace's root: xtask's manifest lies one below it.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The target folder: we were built into `<target>/debug/xtask`. Asking our own path honours
/// CARGO_TARGET_DIR and cargo's configuration without reading either.
pub fn target() -> Result<PathBuf> {
    let exe = env::current_exe()?;
    let target = exe.ancestors().nth(2).context("the executable lies in no target folder")?;
    Ok(target.to_owned())
}

/// cargo as it called us, or the one in PATH.
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}
