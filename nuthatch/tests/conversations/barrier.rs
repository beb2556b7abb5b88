//! Waits until what clients did about publish and subscribe has arrived everywhere.
//!
//! ```text
//!   a client ──▶ its worker ──mail──▶ other workers      who listens
//!                    └─────hub────▶ servers              SUBSCRIBE, UNSUBSCRIBE
//!   a publisher ──▶ server ──hub──▶ workers ──▶ clients  messages
//! ```
//!
//! *Workers* are asked for a list of clients, which every worker has to answer. A worker reads its mail in order, so it
//! has read what other workers said before. It reads what has arrived on its sockets in the same turn or before, and
//! has written its answers in the next turn; so each is asked twice.
//!
//! *Servers* are asked for a PING. A server reads all sockets that have something before it writes a reply, and
//! writes what it owes to all of them.
//!
//! What is large is read and written in several turns: for that the receiver waits longer (`Sides::deliver`).

use nuthatch_testbed::Client;

/// Connections that nobody talks on.
pub struct Barrier {
    /// One for each pool.
    pub pools: Vec<Client>,
    pub servers: Vec<Client>,
}

impl Barrier {
    /// Before somebody publishes: all know who listens.
    pub fn settle(&mut self) {
        self.ask_workers();
        self.ask_servers();
    }

    /// After it: all have what was published.
    pub fn pass_on(&mut self) {
        self.ask_servers();
        self.ask_workers();
    }

    fn ask_workers(&mut self) {
        for _ in 0..2 {
            for pool in &mut self.pools {
                let reply = pool.command(&["CLIENT", "LIST", "TYPE", "pubsub"]).unwrap();
                assert!(!reply.is_error(), "{reply}");
            }
        }
    }

    pub fn ask_servers(&mut self) {
        for server in &mut self.servers {
            assert_eq!(server.command_raw(&["PING"]).unwrap(), b"+PONG\r\n");
        }
    }
}
