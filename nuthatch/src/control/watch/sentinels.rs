//! Talks to one Sentinel: one connection listens to its events, another one asks.
//!
//! An event says that something has happened, and not what to believe: it only makes us ask. Events get lost
//! with a connection, so everything is also asked once a second, and after each subscription.

use super::names::Names;
use super::roles::OfShard;
use crate::control::line::{Line, Login};
use crate::control::value::Value;
use nuthatch_engine::base::ShardId;
use nuthatch_engine::topology::kinds::sentinel::{Claim, SentinelId};
use nuthatch_engine::topology::{Address, Failover, PoolSpec};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

/// How often everything is asked, without a cause.
pub const PERIOD: Duration = Duration::from_secs(1);

/// How often at most, with one.
pub const PAUSE: Duration = Duration::from_millis(100);

/// How long a Sentinel may take to connect or to answer.
const LIMIT: Duration = Duration::from_secs(2);

/// Every so many times the replicas and the other Sentinels are asked for too.
const ROUNDS: u32 = 5;

/// What the tasks of a pool tell it.
pub enum Heard {
    /// What a Sentinel says of shards.
    Claims(SentinelId, Vec<(ShardId, Claim)>),
    /// Something happened.
    Event,
    Role {
        shard: ShardId,
        address: Address,
        epoch: u64,
        is_primary: bool,
    },
    Sights(Vec<OfShard>),
}

#[derive(Clone)]
pub struct Sentinel {
    pool: Arc<PoolSpec>,
    id: SentinelId,
    address: Address,
    login: Login,
}

impl Sentinel {
    pub fn new(
        pool: &Arc<PoolSpec>,
        id: SentinelId,
        address: Address,
        failover: &Failover,
    ) -> Sentinel {
        let login = Login {
            user: failover.sentinel_user.clone(),
            password: failover.sentinel_auth.clone(),
        };
        Sentinel { pool: Arc::clone(pool), id, address, login }
    }

    pub fn begin(self, wake: &Arc<Notify>, heard: &UnboundedSender<Heard>) {
        tokio::spawn(self.clone().ask_on(Arc::clone(wake), heard.clone()));
        tokio::spawn(self.listen_on(heard.clone()));
    }

    /// Asks for ever, and connects again when it must.
    async fn ask_on(self, wake: Arc<Notify>, heard: UnboundedSender<Heard>) {
        let mut was_well = true;
        while !heard.is_closed() {
            let told = self.ask_until_lost(&wake, &heard, &mut was_well).await;
            if let Err(error) = told
                && std::mem::replace(&mut was_well, false)
            {
                let (pool, sentinel) = (&*self.pool.name, self.address.to_string());
                tracing::warn!(pool, sentinel, %error, "a Sentinel does not answer");
            }
            let again = tokio::time::sleep(PERIOD / 2);
            tokio::select! { () = again => {}, () = wake.notified() => tokio::time::sleep(PAUSE).await }
        }
    }

    async fn ask_until_lost(
        &self,
        wake: &Notify,
        heard: &UnboundedSender<Heard>,
        was_well: &mut bool,
    ) -> io::Result<()> {
        let mut line = Line::open(&self.address, &self.login, LIMIT).await?;
        let mut names = Names::new(&self.pool);
        let mut round = 0;
        loop {
            let is_woken = round > 0 && {
                let woken = wake.notified();
                // Not all proxies at the same moment.
                let jitter = Duration::from_millis(u64::from(self.id.0) * 37 % 200);
                let next = tokio::time::sleep(PERIOD.saturating_sub(jitter));
                tokio::select! { () = woken => true, () = next => false }
            };
            let mut claims = self.ask(&mut line, is_woken || round % ROUNDS == 0).await?;
            for (shard, claim) in &mut claims {
                rename(&mut names, shard.index(), claim).await;
            }
            if !std::mem::replace(was_well, true) {
                let (pool, sentinel) = (&*self.pool.name, self.address.to_string());
                tracing::info!(pool, sentinel, "a Sentinel answers again");
            }
            if heard.send(Heard::Claims(self.id, claims)).is_err() {
                return Ok(());
            }
            round += 1;
            if is_woken {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// For each shard the epoch, then the address; and if `all` the replicas and the other Sentinels.
    async fn ask(&self, line: &mut Line, all: bool) -> io::Result<Vec<(ShardId, Claim)>> {
        const WORDS: [&str; 4] = ["MASTER", "GET-MASTER-ADDR-BY-NAME", "REPLICAS", "SENTINELS"];
        let words = &WORDS[..if all { 4 } else { 2 }];
        let tilt: &[&str] = &["INFO", "sentinel"];
        let mut commands: Vec<[&str; 3]> = Vec::new();
        for shard in &self.pool.shards {
            commands.extend(words.iter().map(|word| ["SENTINEL", word, &shard.name]));
        }
        let commands: Vec<&[&str]> =
            std::iter::once(tilt).chain(commands.iter().map(|words| &words[..])).collect();
        let answers = line.ask(&commands).await?;
        let in_tilt = answers[0].text().is_some_and(|info| info.contains("sentinel_tilt:1"));
        let claims = answers[1..].chunks(words.len()).enumerate().filter_map(|(at, answers)| {
            Some((ShardId(at as u16), Claim { in_tilt, ..claim(answers)? }))
        });
        Ok(claims.collect())
    }

    /// Listens for ever. Without the right to listen there are no events, and asking goes on.
    async fn listen_on(self, heard: UnboundedSender<Heard>) {
        while !heard.is_closed() {
            match self.listen_until_lost(&heard).await {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    let (pool, sentinel) = (&*self.pool.name, self.address.to_string());
                    tracing::warn!(
                        pool,
                        sentinel,
                        %error,
                        "a Sentinel lets us not listen to its events; it is asked once a second"
                    );
                    return;
                }
                // The task that asks says so.
                _ => tokio::time::sleep(PERIOD / 2).await,
            }
        }
    }

    async fn listen_until_lost(&self, heard: &UnboundedSender<Heard>) -> io::Result<()> {
        let mut line = Line::open(&self.address, &self.login, LIMIT).await?;
        let channels = [
            "PSUBSCRIBE",
            "+switch-master",
            "+promoted-slave",
            "?sdown",
            "+odown",
            "+slave",
            "+reboot",
            "?tilt",
            "+reset-master",
            "+failover-end",
        ];
        if let Some(Value::Error(said)) = line.ask(&[&channels]).await?.first() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, said.clone()));
        }
        loop {
            // Messages, and the confirmations of the other channels.
            line.next().await?;
            if heard.send(Heard::Event).is_err() {
                return Ok(());
            }
        }
    }
}

/// Servers that the file names have that name from here on.
async fn rename(names: &mut Names, shard: usize, claim: &mut Claim) {
    for address in claim.replicas.iter_mut().flatten().chain([&mut claim.primary]) {
        *address = names.as_in_file(shard, address.clone()).await;
    }
}

/// The answers for one shard. `None`: the Sentinel does not know this name, or knows no address.
fn claim(answers: &[Value]) -> Option<Claim> {
    let [master, address, more @ ..] = answers else {
        return None;
    };
    let epoch = master.field("config-epoch")?.parse().ok()?;
    let primary = address.address()?;
    Some(Claim {
        epoch,
        primary,
        in_tilt: false,
        replicas: more.first().map(Value::addresses),
        sentinels: more.get(1).map(Value::addresses),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::read(text.as_bytes()).unwrap().0
    }

    #[test]
    fn answers_are_a_claim() {
        let master = "*4\r\n$4\r\nname\r\n$1\r\nm\r\n$12\r\nconfig-epoch\r\n$1\r\n3\r\n";
        let address = "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n";
        let replicas = "*1\r\n*4\r\n$2\r\nip\r\n$1\r\nh\r\n$4\r\nport\r\n$2\r\n80\r\n";
        let answers = [value(master), value(address), value(replicas), value("*0\r\n")];
        let claim = claim(&answers).unwrap();
        assert_eq!((claim.epoch, claim.primary.to_string()), (3, "127.0.0.1:6379".to_owned()));
        assert_eq!(claim.replicas.unwrap()[0].to_string(), "h:80");
        assert_eq!(claim.sentinels, Some(Vec::new()));
        let unknown = value("-ERR No such master with that name\r\n");
        assert_eq!(super::claim(&[unknown, Value::Null]), None);
    }
}
