//! The pid file: only the number, without a line feed, as twemproxy wrote it.
//!
//! It is removed at every normal end, if it still holds our number: a new process may have written
//! its own by then. A file with other content is not a pid file and is neither overwritten nor
//! removed: a wrong `-p` must not destroy a configuration. A named pipe or a device is written, but
//! we never wait for it.

use anyhow::{Context, ensure};
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// More bytes than a number has, with white space around it.
const BYTES_MAX: u64 = 64;

#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    text: String,
}

impl PidFile {
    pub fn write(path: &Path) -> anyhow::Result<PidFile> {
        let failure = || format!("cannot write the pid file {}", path.display());
        let is_other = beginning(path).is_ok_and(|bytes| !is_pid(&bytes));
        ensure!(
            !is_other,
            "{}: it holds something other than a process id and is not overwritten",
            failure()
        );
        let pid_file = PidFile { path: path.to_owned(), text: std::process::id().to_string() };
        open(OpenOptions::new().write(true).create(true).truncate(true).mode(0o644), path)
            .and_then(|mut file| file.write_all(pid_file.text.as_bytes()))
            .with_context(failure)?;
        Ok(pid_file)
    }
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

/// The first bytes of an ordinary file. No bytes of another file, which may have no end.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open(OpenOptions::new().read(true), path)?;
    if file.metadata()?.is_file() {
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// A number. Also an empty file, or one full of zeros, which a crash of the machine may leave.
fn is_pid(bytes: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_whitespace() || *byte == 0;
    bytes.iter().all(is_part) && bytes.len() as u64 != BYTES_MAX
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if beginning(&self.path).is_ok_and(|bytes| bytes == self.text.as_bytes()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("nuthatch-pid-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_file_with_other_content_stays() {
        let path = path("other");
        for left in ["", "123", "123\n", "\0\0\0"] {
            fs::write(&path, left).unwrap();
            let written = PidFile::write(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
            drop(written);
        }
        for other in ["alpha:\n  listen: h:1\n".to_owned(), "1".repeat(100)] {
            fs::write(&path, &other).unwrap();
            let error = PidFile::write(&path).unwrap_err().to_string();
            assert!(error.contains("other than a process id"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), other);
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn we_never_wait_for_a_pipe_or_a_device() {
        drop(PidFile::write(Path::new("/dev/null")).unwrap());
        assert!(Path::new("/dev/null").exists());
        if cfg!(target_os = "linux") {
            // A write fails; a read never ends.
            assert!(PidFile::write(Path::new("/dev/full")).is_err());
        }
        let path = path("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        assert!(PidFile::write(&path).is_err(), "no process reads it");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn only_our_own_file_is_removed() {
        let path = path("own");
        let ours = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        drop(ours);
        assert!(!path.exists());
        let ours = PidFile::write(&path).unwrap();
        fs::write(&path, "1").unwrap();
        drop(ours);
        assert!(path.exists(), "the file of a new process");
        fs::remove_file(&path).unwrap();
    }
}
