//! Where a flag says to listen: a host beside a port of its own, or `/path` with an octal mode after
//! a blank, read by the rules of a pool's `listen`.

use super::listen::{self, Listen};
use super::place::Place;
use super::problem::{Fault, Problem};
use super::resolve::{Bind, bind_of};
use super::source::Source;

const EXPECTED: &str = "an address or name of this machine such as `127.0.0.1`, or a Unix socket's \
                        path, which begins with `/`";

/// Reads the flag and looks its host up, which may block. With it come the warnings.
pub fn listen_of_flag(
    flag: &str,
    text: &str,
    port: u16,
) -> Result<(Bind, Vec<Problem>), Box<Problem>> {
    let problem = |fault| Source::new(flag, "").problem(Place::default(), fault);
    let found = read(text, port).and_then(|(listen, warnings)| {
        let bind = bind_of(&listen).map_err(|fault| fault.expected(EXPECTED))?;
        Ok((bind, warnings))
    });
    match found {
        Ok((bind, warnings)) => Ok((bind, warnings.into_iter().map(problem).collect())),
        Err(fault) => Err(Box::new(problem(fault))),
    }
}

fn read(text: &str, port: u16) -> Result<(Listen, Vec<Fault>), Fault> {
    if text.starts_with('/') {
        return listen::read(text);
    }
    let host = listen::unbracketed(text);
    if host.is_empty() {
        let fault = Fault::new("the address is empty").expected(EXPECTED);
        return Err(fault.note("0.0.0.0 listens on every IPv4 address, :: on every IPv6 one"));
    }
    match listen::host_fault(host) {
        Some(fault) => Err(fault.expected(EXPECTED)),
        None => Ok((Listen::Tcp { host: host.into(), port }, listen::warnings_of_host(host))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Bind, Vec<Problem>), String> {
        listen_of_flag("-a", text, 22222).map_err(|problem| problem.to_string())
    }

    #[test]
    fn hosts_are_those_of_listen() {
        for (text, want) in [
            ("127.0.0.1", "127.0.0.1:22222"),
            ("0.0.0.0", "0.0.0.0:22222"),
            ("127.1", "127.0.0.1:22222"),
            ("::1", "[::1]:22222"),
            ("[::1]", "[::1]:22222"),
            ("::", "[::]:22222"),
        ] {
            let (bind, warnings) = read(text).unwrap();
            assert_eq!(bind, Bind::Tcp(want.parse().unwrap()), "{text}");
            assert!(warnings.is_empty());
        }
        let (bind, warnings) = read("*").unwrap();
        let Bind::Tcp(address) = bind else { panic!("{bind:?}") };
        assert!(address.ip().is_loopback() && address.port() == 22222, "{address}");
        assert!(warnings[0].to_string().starts_with("-a: warning: `*` listens"), "{}", warnings[0]);
    }

    #[test]
    fn paths_and_modes_are_those_of_listen() {
        let unix = |path: &str, mode| Bind::Unix { path: path.into(), mode };
        for (text, want, warned) in [
            ("/run/x.sock", unix("/run/x.sock", None), 0),
            ("/run/x.sock 0660", unix("/run/x.sock", Some(0o660)), 0),
            ("/run/x.sock abc", unix("/run/x.sock", None), 1),
        ] {
            let (bind, warnings) = read(text).unwrap();
            assert_eq!((bind, warnings.len()), (want, warned), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_says_what_could() {
        for (text, words) in [
            ("", "-a: error: the address is empty"),
            ("x.sock/", "does not resolve"),
            ("./run/x.sock", "does not resolve"),
            ("127.0.0.1 ", "does not resolve"),
            ("1.2.3.400", "400 is above 255"),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.contains(words), "{text}: {problem}");
            assert!(problem.contains("path, which begins with `/`"), "{text}: {problem}");
        }
        let problem = read("/run/x.sock 1000").unwrap_err();
        assert!(problem.contains("not a file mode") && problem.contains("0660"), "{problem}");
        let problem = read(&format!("/{}", "x".repeat(107))).unwrap_err();
        assert!(problem.contains("at most 107 bytes"), "{problem}");
    }
}
