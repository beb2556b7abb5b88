//! A Redis or a memcached server, with the same functions.

use anyhow::Result;
use nuthatch_testbed::{MemcachedServer, Process, RedisServer};

use super::wire::{Speech, Wire};
use crate::install::{MEMCACHED, Need, REDIS_SERVER};

pub enum Server {
    Redis(RedisServer),
    Memcached(MemcachedServer),
}

impl Speech {
    /// The server program for it.
    pub fn need(self) -> &'static Need {
        match self {
            Speech::Redis => &REDIS_SERVER,
            Speech::Memcached => &MEMCACHED,
        }
    }
}

impl Server {
    pub fn start(speech: Speech) -> Result<Server> {
        Ok(match speech {
            Speech::Redis => Server::Redis(RedisServer::start()?),
            Speech::Memcached => Server::Memcached(MemcachedServer::start()?),
        })
    }

    pub fn port(&self) -> u16 {
        match self {
            Server::Redis(server) => server.port(),
            Server::Memcached(server) => server.port(),
        }
    }

    /// The line for a pool's `servers`.
    pub fn entry(&self, name: &str) -> String {
        match self {
            Server::Redis(server) => server.entry(1, name),
            Server::Memcached(server) => server.entry(1, name),
        }
    }

    pub fn wire(&self) -> Result<Wire> {
        Ok(match self {
            Server::Redis(server) => Wire::new(server.client()?, Speech::Redis),
            Server::Memcached(server) => Wire::new(server.client()?, Speech::Memcached),
        })
    }

    pub fn process(&mut self) -> &mut Process {
        match self {
            Server::Redis(server) => server.process(),
            Server::Memcached(server) => server.process(),
        }
    }

    /// Kills it at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.process().kill()
    }

    /// Starts it again, empty, on the same port.
    pub fn restart(&mut self) -> Result<()> {
        match self {
            Server::Redis(server) => server.restart(),
            Server::Memcached(server) => server.restart(),
        }
    }
}
