//! Frees the path of a Unix socket, without loss of data.
//!
//! When a process ends, the file of its socket stays, and a new process cannot bind there until it is
//! removed. twemproxy removed any file at a pool's `listen`. We remove a socket that no process
//! serves. For anything else at that path the error says what is there.

use std::fs::{self, FileType, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// After `Ok` there is nothing at the path. An error says why we must not use it.
///
/// Another process may bind between our last check and the removal. That is the time of one system
/// call, and no lock can prevent it. If another process binds after the removal, our bind fails, with
/// the error of any address in use.
pub fn clear(path: &Path) -> io::Result<()> {
    let Some(there) = look(path)? else { return Ok(()) };
    if !there.file_type().is_socket() {
        let text = format!(
            "{} is at this path and is not removed: move it away, or choose another path",
            kind(there.file_type())
        );
        return Err(io::Error::new(ErrorKind::AlreadyExists, text));
    }
    if is_served(path)? {
        return Err(ErrorKind::AddrInUse.into());
    }
    let is_same = |now: &Metadata| (now.dev(), now.ino()) == (there.dev(), there.ino());
    match look(path)? {
        None => return Ok(()),
        Some(now) if is_same(&now) => {}
        // Another process has bound there meanwhile.
        Some(_) => return Err(ErrorKind::AddrInUse.into()),
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// What is at a path. A link is not followed.
fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        there => there.map(Some),
    }
}

fn kind(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_file() => "an ordinary file",
        _ => "a device",
    }
}

/// Whether a process serves this socket. We do not wait: if its queue is full and it accepts nothing,
/// we would wait for ever.
fn is_served(path: &Path) -> io::Result<bool> {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&socket2::SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        // No process serves it, or it was removed meanwhile.
        Err(error)
            if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) =>
        {
            Ok(false)
        }
        // Its queue is full, or it is a socket of another type.
        Err(error)
            if error.kind() == ErrorKind::WouldBlock
                || error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) =>
        {
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    /// A folder for one test, removed at its end.
    struct Place(std::path::PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let name = format!("nuthatch-unix-path-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Place(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn an_unused_socket_is_removed() {
        let place = Place::new("stale");
        let path = place.0.join("s");
        clear(&path).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        clear(&path).unwrap();
        assert!(!path.exists());
        drop(UnixDatagram::bind(&path).unwrap());
        clear(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_served_socket_stays() {
        let place = Place::new("served");
        let path = place.0.join("s");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(clear(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        // Fill the queue: nothing here accepts.
        socket2::SockRef::from(&listener).listen(1).unwrap();
        let waiting: Vec<_> = std::iter::from_fn(|| try_connect(&path)).take(100).collect();
        assert!(waiting.len() < 100, "the queue has no end");
        assert_eq!(clear(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        let other = place.0.join("d");
        let _datagrams = UnixDatagram::bind(&other).unwrap();
        assert_eq!(clear(&other).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert!(path.exists() && other.exists());
    }

    /// A connection, if it is made at once.
    fn try_connect(path: &Path) -> Option<socket2::Socket> {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.set_nonblocking(true).unwrap();
        let connected = socket.connect(&socket2::SockAddr::unix(path).unwrap());
        connected.is_ok().then_some(socket)
    }

    #[test]
    fn other_files_stay() {
        let place = Place::new("other");
        let (file, folder, link) =
            (place.0.join("file"), place.0.join("folder"), place.0.join("link"));
        fs::write(&file, "data").unwrap();
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for (path, kind) in
            [(&file, "an ordinary file"), (&folder, "a folder"), (&link, "a symbolic link")]
        {
            let error = clear(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            let text = error.to_string();
            assert!(text.starts_with(kind) && text.contains("not removed"), "{text}");
        }
        assert!(clear(Path::new("/dev/null")).unwrap_err().to_string().starts_with("a device"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "data");
        assert!(folder.is_dir() && link.is_symlink());
    }
}
