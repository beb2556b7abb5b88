//! Three servers of one kind and a proxy in front of them.

use anyhow::{Context, Result};
use nuthatch_testbed::{Proxy, free_port, pool_yaml};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::ExitStatus;

use super::server::Server;
use super::wire::{Command, Counts, Meaning, Reply, Speech, Wire};
use crate::paint;
use crate::stop::Stop;

/// The ring is made of names, not ports, so the output is the same on every run. With these three
/// names, the keys of the course notes are on three different servers.
pub const NAMES: [&str; 3] = ["one", "two", "three"];

/// The pool of the course notes.
const KEYS: [(&str, &str); 5] = [
    ("hash", "fnv1a_64"),
    ("distribution", "ketama"),
    ("auto_eject_hosts", "true"),
    ("server_retry_timeout", "2000"),
    ("server_failure_limit", "3"),
];

/// The port of twemproxy's own example.
const USUAL_PORT: u16 = 22121;

pub struct Stage {
    speech: Speech,
    servers: Vec<Server>,
    proxy: Proxy,
    port: u16,
    /// Our connection through the proxy. After an error we make a new one.
    wire: Option<Wire>,
}

impl Stage {
    pub fn set(speech: Speech, binary: &Path, stop: &Stop) -> Result<Stage> {
        let mut servers = Vec::new();
        for _ in NAMES {
            servers.push(Server::start(speech)?);
            stop.check()?;
        }
        let port = match TcpListener::bind((Ipv4Addr::LOCALHOST, USUAL_PORT)) {
            Ok(_) => USUAL_PORT,
            Err(_) => free_port(),
        };
        let entries: Vec<String> =
            servers.iter().zip(NAMES).map(|(server, name)| server.entry(name)).collect();
        let mut keys = KEYS.to_vec();
        // Without this key it is a pool of memcached servers, as in twemproxy.
        if speech == Speech::Redis {
            keys.push(("redis", "true"));
        }
        let yaml = pool_yaml("sxt", port, &keys, &entries);
        let mut proxy = Proxy::start(binary, &yaml, &[])?;

        paint::heading("Running");
        for (i, server) in servers.iter_mut().enumerate() {
            let pid = server.process().pid();
            let name = paint::server(i, &format!("{:<6}", NAMES[i]));
            let program = speech.need().program;
            println!("  {program:<12}  {name} port {:<6} pid {pid}", server.port());
        }
        let pid = proxy.process().pid();
        println!("  {:<20} port {port:<6} pid {pid}", name_of(binary));
        paint::heading("The proxy's config");
        for line in yaml.lines() {
            println!("  {line}");
        }
        Ok(Stage { speech, servers, proxy, port, wire: None })
    }

    pub fn speech(&self) -> Speech {
        self.speech
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn server_ports(&self) -> Vec<(&'static str, u16)> {
        NAMES.into_iter().zip(self.servers.iter().map(Server::port)).collect()
    }

    pub fn server(&mut self, index: usize) -> &mut Server {
        &mut self.servers[index]
    }

    pub fn proxy_ended(&mut self) -> Option<ExitStatus> {
        self.proxy.process().ended()
    }

    /// One command through the proxy. A broken connection is an answer too.
    pub fn ask(&mut self, command: &Command) -> Result<Answer> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => self.new_wire().context("the proxy takes no connection")?,
        };
        match wire.ask(command) {
            Ok(reply) => {
                self.wire = Some(wire);
                Ok(Answer::Reply(reply))
            }
            Err(error) => Ok(Answer::Broken(error)),
        }
    }

    /// Many commands through the proxy in one write.
    pub fn ask_all(&mut self, commands: &[Command]) -> Result<Vec<Reply>> {
        Ok(self.new_wire()?.ask_all(commands)?)
    }

    fn new_wire(&self) -> Result<Wire> {
        Ok(Wire::new(self.proxy.client()?, self.speech))
    }

    /// One command to one server, without the proxy.
    pub fn ask_server(&self, index: usize, command: &Command) -> Result<Reply> {
        Ok(self.servers[index].wire()?.ask(command)?)
    }

    /// Each server's own counts.
    pub fn counts(&self) -> Result<Vec<Counts>> {
        self.servers.iter().map(|server| self.speech.counts(&mut server.wire()?)).collect()
    }

    /// The servers that say they have `key`. A server that is down does not count.
    pub fn holders(&self, key: &str) -> Vec<usize> {
        let holds = |index: &usize| {
            let reply = self.ask_server(*index, &Command::Exists(key.into()));
            let is_yes = |meaning| matches!(meaning, Meaning::Number(1) | Meaning::Values(_));
            reply.is_ok_and(|reply| is_yes(reply.meaning))
        };
        (0..self.servers.len()).filter(holds).collect()
    }
}

/// What a client sees.
pub enum Answer {
    Reply(Reply),
    Broken(io::Error),
}

impl Answer {
    pub fn is(&self, wanted: &Meaning) -> bool {
        matches!(self, Answer::Reply(reply) if reply.meaning == *wanted)
    }

    pub fn is_value(&self, wanted: &str) -> bool {
        self.is(&Meaning::Values(vec![wanted.to_owned()]))
    }

    pub fn show(&self) -> String {
        match self {
            Answer::Reply(reply) => reply.shown.clone(),
            Answer::Broken(error) => format!("(no answer) {error}"),
        }
    }
}

/// The names of servers, painted, for the screen. They are not padded: use them in the last column.
pub fn names(indexes: &[usize]) -> String {
    if indexes.is_empty() {
        return "no server".to_owned();
    }
    let names: Vec<String> = indexes.iter().map(|&i| paint::server(i, NAMES[i])).collect();
    names.join(" and ")
}

/// The file name of a program, for the screen.
fn name_of(binary: &Path) -> String {
    binary.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
