//! A message that goes to many clients of one channel.
//!
//! ```text
//!   setup    each client subscribes; the server's one confirmation is given by hand
//!   a step   one message from the server ─▶ flush: every client has it
//! ```

use super::stage;
use anyhow::{Context, Result, ensure};
use nuthatch_engine::base::{PoolId, Time, WorkerId};
use nuthatch_engine::proxy::{Action, ConnId, Gathering, Step, Worker};

/// Clients that listen. One delivery is the message to one of them.
pub const SUBSCRIBERS: u32 = 64;

const HELLO_3: &[u8] = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const SUBSCRIBE: &[u8] = b"*2\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n";
const CONFIRMED: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
const PAYLOAD_BYTES: usize = 100;

/// See the module's head.
pub struct Delivery {
    worker: Worker,
    now: Time,
    clients: Vec<ConnId>,
    /// The connection with the subscription.
    hub: Option<ConnId>,
    message: Vec<u8>,
}

impl Delivery {
    pub fn new(is_resp3: bool) -> Result<Delivery> {
        let worker = Worker::new(WorkerId(0), 7, &stage::snapshot_with_resp3());
        let message = format!(
            "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n${PAYLOAD_BYTES}\r\n{}\r\n",
            "x".repeat(PAYLOAD_BYTES)
        );
        let mut delivery = Delivery {
            worker,
            now: Time::from_ms(1000),
            clients: Vec::new(),
            hub: None,
            message: message.into_bytes(),
        };
        for id in 1..=u64::from(SUBSCRIBERS) {
            delivery.subscribe(id, is_resp3)?;
        }
        Ok(delivery)
    }

    fn subscribe(&mut self, id: u64, is_resp3: bool) -> Result<()> {
        self.turn();
        let client = self.worker.handle_accept(PoolId(0), id, None);
        self.clients.push(client);
        if is_resp3 {
            self.worker.handle_bytes(client, HELLO_3);
            let (to_clients, _) = self.flush();
            ensure!(to_clients.starts_with(b"%"), "HELLO 3 was refused");
            self.turn();
        }
        self.worker.handle_bytes(client, SUBSCRIBE);
        let mut heard = Vec::new();
        // Connecting, its handshake, the subscription.
        for _ in 0..4 {
            let (to_clients, to_hub) = self.flush();
            heard.extend(to_clients);
            self.turn();
            if to_hub.ends_with(SUBSCRIBE) {
                let hub = self.hub.context("no hub")?;
                self.worker.handle_bytes(hub, CONFIRMED);
            }
        }
        self.flush();
        let mut confirmed = CONFIRMED.to_vec();
        confirmed[0] = if is_resp3 { b'>' } else { b'*' };
        ensure!(heard == confirmed, "SUBSCRIBE: {:?}", String::from_utf8_lossy(&heard));
        Ok(())
    }

    /// This many messages.
    pub fn run(&mut self, steps: u32) -> Result<()> {
        let hub = self.hub.context("nobody has subscribed")?;
        let message = std::mem::take(&mut self.message);
        for _ in 0..steps {
            self.turn();
            self.worker.handle_bytes(hub, &message);
            self.worker.finish_turn(Gathering::None);
            let mut delivered = 0;
            while let Some(step) = self.worker.poll() {
                let Step::Write(conn) = step else { continue };
                let len = self.worker.output(conn).len();
                ensure!(len == message.len(), "{len} bytes are no message");
                self.worker.handle_written(conn, len);
                delivered += 1;
            }
            ensure!(delivered == SUBSCRIBERS, "only {delivered} have the message");
        }
        self.message = message;
        Ok(())
    }

    fn turn(&mut self) {
        self.now = Time(self.now.0 + 1_000);
        self.worker.begin_turn(self.now);
    }

    /// The end of a turn. Returns what clients and the hub's server got.
    fn flush(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (mut to_clients, mut to_hub) = (Vec::new(), Vec::new());
        self.worker.finish_turn(Gathering::None);
        while let Some(step) = self.worker.poll() {
            match step {
                Step::Act(Action::Connect { conn, .. }) => {
                    self.hub = Some(conn);
                    self.worker.handle_connected(conn);
                }
                Step::Act(_) => {}
                Step::Write(conn) => {
                    let output = self.worker.output(conn);
                    let is_hub = self.hub == Some(conn);
                    let out = if is_hub { &mut to_hub } else { &mut to_clients };
                    out.extend_from_slice(output);
                    let len = output.len();
                    self.worker.handle_written(conn, len);
                }
            }
        }
        (to_clients, to_hub)
    }
}
