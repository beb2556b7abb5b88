//! Three redis-servers and a proxy before them.

use anyhow::{Context, Result};
use nuthatch_testbed::{Client, Proxy, RedisServer, Value, free_port, pool_yaml};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::ExitStatus;

use super::name_of;
use crate::paint;
use crate::stop::Stop;

/// Names, not ports, make the ring: so the picture is the same on every run. With these three,
/// the notes' keys happen to live on three different servers.
pub const NAMES: [&str; 3] = ["one", "two", "three"];

/// The pool of the course notes.
const KEYS: [(&str, &str); 6] = [
    ("hash", "fnv1a_64"),
    ("distribution", "ketama"),
    ("auto_eject_hosts", "true"),
    ("redis", "true"),
    ("server_retry_timeout", "2000"),
    ("server_failure_limit", "3"),
];

/// Where twemproxy's own example listens.
const USUAL_PORT: u16 = 22121;

pub struct Stage {
    servers: Vec<RedisServer>,
    proxy: Proxy,
    port: u16,
    /// Our connection through the proxy; made anew after an error.
    client: Option<Client>,
}

impl Stage {
    pub fn set(binary: &Path, stop: &Stop) -> Result<Stage> {
        let mut servers = Vec::new();
        for _ in NAMES {
            servers.push(RedisServer::start()?);
            stop.check()?;
        }
        let port = match TcpListener::bind((Ipv4Addr::LOCALHOST, USUAL_PORT)) {
            Ok(_) => USUAL_PORT,
            Err(_) => free_port(),
        };
        let entries: Vec<String> =
            servers.iter().zip(NAMES).map(|(server, name)| server.entry(1, name)).collect();
        let yaml = pool_yaml("sxt", port, &KEYS, &entries);
        let mut proxy = Proxy::start(binary, &yaml, &[])?;

        paint::heading("On stage");
        for (i, server) in servers.iter_mut().enumerate() {
            let pid = server.process().pid();
            let name = paint::server(i, &format!("{:<6}", NAMES[i]));
            println!("  redis-server  {name} port {:<6} pid {pid}", server.port());
        }
        let pid = proxy.process().pid();
        println!("  {:<20} port {port:<6} pid {pid}", name_of(binary));
        paint::heading("The proxy's config");
        for line in yaml.lines() {
            println!("  {line}");
        }
        Ok(Stage { servers, proxy, port, client: None })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn server_ports(&self) -> Vec<(&'static str, u16)> {
        NAMES.into_iter().zip(self.servers.iter().map(RedisServer::port)).collect()
    }

    pub fn server(&mut self, index: usize) -> &mut RedisServer {
        &mut self.servers[index]
    }

    pub fn proxy_ended(&mut self) -> Option<ExitStatus> {
        self.proxy.process().ended()
    }

    /// One command through the proxy. A broken connection is an answer too.
    pub fn ask(&mut self, args: &[&str]) -> Result<Answer> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => self.proxy.client().context("the proxy takes no connection")?,
        };
        match client.command(args) {
            Ok(value) => {
                self.client = Some(client);
                Ok(Answer::Reply(value))
            }
            Err(error) => Ok(Answer::Broken(error)),
        }
    }

    /// Many commands through the proxy in one write.
    pub fn ask_all(&mut self, commands: &[Vec<String>]) -> Result<Vec<Value>> {
        let mut client = self.proxy.client()?;
        Ok(client.pipeline(commands)?)
    }

    /// One command to one server, past the proxy.
    pub fn ask_server(&self, index: usize, args: &[&str]) -> Result<Value> {
        let mut client = self.servers[index].client()?;
        Ok(client.command(args)?)
    }

    /// The servers that say they hold `key`. One that is down says nothing.
    pub fn holders(&self, key: &str) -> Vec<usize> {
        let holds = |index: &usize| {
            self.ask_server(*index, &["EXISTS", key]).is_ok_and(|value| value.as_int() == Some(1))
        };
        (0..self.servers.len()).filter(holds).collect()
    }
}

/// What a client sees.
pub enum Answer {
    Reply(Value),
    Broken(io::Error),
}

impl Answer {
    pub fn is(&self, wanted: &Value) -> bool {
        matches!(self, Answer::Reply(value) if value == wanted)
    }

    pub fn show(&self) -> String {
        match self {
            Answer::Reply(value) => value.to_string(),
            Answer::Broken(error) => format!("(no answer) {error}"),
        }
    }
}

/// The names of servers, painted, for the screen; padding comes from the caller's column being
/// the last.
pub fn names(indexes: &[usize]) -> String {
    if indexes.is_empty() {
        return "nobody".to_owned();
    }
    let names: Vec<String> = indexes.iter().map(|&i| paint::server(i, NAMES[i])).collect();
    names.join(" and ")
}
