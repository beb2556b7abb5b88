//! Statistics on a Unix socket: `-a /path`, with a mode if one follows.

use crate::collectors::Name;
use nuthatch_testbed::{Client, Folder, Process, Proxy, free_port, pool_yaml};
use serde_json::Value as Json;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

/// A folder with a configuration, and what `-a` may name in it.
struct Place {
    folder: Folder,
    yaml: String,
}

impl Place {
    fn new() -> Place {
        let servers = ["127.0.0.1:1:1 one".to_owned()];
        let yaml = pool_yaml("p", free_port(), &[("redis", "true")], &servers);
        Place { folder: Folder::new().unwrap(), yaml }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Serves with `-a` this file in the folder, and the mode after a blank.
    fn serve(&self, name: Name, file: &str) -> Proxy {
        let address = self.path(file).display().to_string();
        Proxy::start(&name.path(&self.folder), &self.yaml, &["-a", &address]).unwrap()
    }

    /// Exit code and stderr of a start that fails.
    fn refused(&self, name: Name, address: &str) -> (Option<i32>, String) {
        let file = self.path("pools.yml");
        fs::write(&file, &self.yaml).unwrap();
        let port = free_port().to_string();
        let config = file.display().to_string();
        let args = ["-o", "", "-s", &port, "-c", &config, "-a", address].map(ToOwned::to_owned);
        let folder = Folder::new().unwrap();
        let mut process = Process::start(&name.path(&self.folder), args, folder).unwrap();
        let status = process.wait(LONG).unwrap();
        (status.code(), process.log())
    }
}

fn document(path: &Path) -> Json {
    let text = Client::connect_unix(path).unwrap().recv_to_end().unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn mode(path: &Path) -> u32 {
    let found = fs::symlink_metadata(path).unwrap();
    assert!(found.file_type().is_socket());
    found.permissions().mode() & 0o777
}

#[test]
fn a_path_is_served_under_every_name() {
    for name in Name::all() {
        let place = Place::new();
        let _proxy = place.serve(name, "s.sock");
        let path = place.path("s.sock");
        assert_eq!(document(&path)["p"]["one"]["requests"], 0, "{name:?}");
        // What bind makes of it under a service's umask, 022.
        assert_eq!(mode(&path), 0o755, "{name:?}");
        if name == Name::Nutcracker {
            continue;
        }
        let mut client = Client::connect_unix(&path).unwrap();
        client.send_raw(b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let text = String::from_utf8(client.recv_to_end().unwrap()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
        assert_eq!(serde_json::from_str::<Json>(body).unwrap()["p"]["one"]["server_live"], 1);
    }
}

#[test]
fn a_mode_may_follow() {
    for (text, wanted) in [("s.sock 0660", 0o660), ("s.sock 600", 0o600), ("s.sock 0", 0o755)] {
        let place = Place::new();
        let _proxy = place.serve(Name::DropIn, text);
        let path = place.path("s.sock");
        assert_eq!(mode(&path), wanted, "{text}");
        assert_eq!(document(&path)["service"], "nutcracker");
    }
}

/// nutcracker does not start then.
#[test]
fn a_socket_left_behind_is_replaced() {
    let place = Place::new();
    let path = place.path("s.sock");
    let mut first = place.serve(Name::Nuthatch, "s.sock");
    first.process().kill().unwrap();
    assert!(path.exists(), "left behind");
    let _second = place.serve(Name::DropIn, "s.sock");
    assert_eq!(document(&path)["service"], "nutcracker");
}

#[test]
fn what_is_served_or_no_socket_stays() {
    let place = Place::new();
    let (socket, file, folder, link) =
        (place.path("served"), place.path("file"), place.path("folder"), place.path("link"));
    let _served = UnixListener::bind(&socket).unwrap();
    fs::write(&file, "data").unwrap();
    fs::create_dir(&folder).unwrap();
    symlink(&socket, &link).unwrap();
    for name in [Name::Nuthatch, Name::DropIn] {
        for (path, cure) in [
            (&socket, "ss -lxp src"),
            (&file, "move it away"),
            (&folder, "move it away"),
            (&link, "move it away"),
        ] {
            let (code, text) = place.refused(name, &path.display().to_string());
            assert_eq!(code, Some(1), "{name:?} {}: {text}", path.display());
            assert!(text.contains("the stats socket cannot listen on"), "{text}");
            assert!(text.contains(&path.display().to_string()) && text.contains(cure), "{text}");
        }
    }
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
    assert_eq!(fs::read_to_string(&file).unwrap(), "data");
    assert!(folder.is_dir() && link.is_symlink());
}

/// nutcracker refuses the same, but for the mode, which it does not know here.
#[test]
fn what_cannot_be_listened_on_says_why() {
    let place = Place::new();
    let none = place.path("none/s.sock").display().to_string();
    let long = format!("/{}", "x".repeat(120));
    let modes = place.path("s.sock 1000").display().to_string();
    let cases = [
        ("", "the address is empty"),
        ("s.sock", "path, which begins with `/`"),
        ("./s.sock", "path, which begins with `/`"),
        (&none, "the socket's folder does not exist"),
        (&long, "at most 107 bytes"),
        (&modes, "this is not a file mode"),
    ];
    for name in Name::all() {
        for (address, words) in cases {
            if name == Name::Nutcracker && address == modes {
                // It has no modes here: the blank and what follows are part of the name.
                continue;
            }
            let (code, text) = place.refused(name, address);
            assert_eq!(code, Some(1), "{name:?} {address}: {text}");
            assert!(name == Name::Nutcracker || text.contains(words), "{name:?}: {text}");
        }
    }
}

/// glibc reads `*` as this machine's loopback, and so nutcracker listens there.
#[test]
fn a_star_is_the_loopback() {
    for name in Name::all() {
        let place = Place::new();
        let proxy = Proxy::start(&name.path(&place.folder), &place.yaml, &["-a", "*"]).unwrap();
        let port = proxy.stats_port();
        let mut client = Client::connect(("::1", port))
            .or_else(|_| Client::connect(("127.0.0.1", port)))
            .unwrap();
        let text = client.recv_to_end().unwrap();
        assert!(text.starts_with(b"{\"service\":"), "{name:?}");
    }
}

#[test]
fn curl_reads_a_socket() {
    if nuthatch_testbed::find_program("curl").is_none() {
        return;
    }
    let place = Place::new();
    let _proxy = place.serve(Name::Nuthatch, "s.sock 0600");
    let output = Command::new("curl")
        .args(["-sf", "--max-time", "5", "--unix-socket"])
        .arg(place.path("s.sock"))
        .arg("http://localhost/ready")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"ready\":true}\n");
}
