//! The pid file: the number alone, without a line feed, as twemproxy wrote it.
//!
//! It goes at every orderly end. Only ours does: a successor may have written its own by then.

use anyhow::Context;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    text: String,
}

impl PidFile {
    pub fn write(path: &Path) -> anyhow::Result<PidFile> {
        let text = std::process::id().to_string();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(path)
            .with_context(|| format!("cannot write the pid file {}", path.display()))?;
        let pid_file = PidFile { path: path.to_owned(), text };
        file.write_all(pid_file.text.as_bytes())
            .with_context(|| format!("cannot write the pid file {}", path.display()))?;
        Ok(pid_file)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_is_removed() {
        let path = std::env::temp_dir().join(format!("nuthatch-pid-{}", std::process::id()));
        let ours = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        drop(ours);
        assert!(!path.exists());
        let ours = PidFile::write(&path).unwrap();
        fs::write(&path, "1").unwrap();
        drop(ours);
        assert!(path.exists(), "a successor's");
        fs::remove_file(&path).unwrap();
    }
}
