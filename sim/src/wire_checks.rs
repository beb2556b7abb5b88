//! Looks at what workers send to servers of pools with replicas (`wires.rs`).

use crate::transport::Owner;
use crate::wires::{Place, place_of};
use crate::world::World;

impl World {
    /// Checks what a worker has sent in its turn.
    pub(crate) fn check_wires(&mut self, worker: usize) {
        let sent = std::mem::take(&mut self.hosts[worker].sent);
        let followed = self.hosts[worker].followed.clone();
        for (end, bytes) in sent {
            let Owner::Server(toy) = self.net.owner(end.peer()) else { continue };
            let Some(&group) = self.ledger.lineage.group_of.get(&toy) else { continue };
            let pool = self.replicas.groups[group].pool;
            let number = toy - self.servers[pool][0];
            let place = match &followed {
                Some(snapshot) => place_of(snapshot, pool, number),
                // It has begun with the servers of the file.
                None if number < self.plan.pools[pool].shards.len() => Place::Primary,
                None => Place::Neither,
            };
            for wrong in self.replicas.wires.take(end, &bytes, place) {
                let text = format!("worker {worker} sends to server {toy} on {end:?}: {wrong}");
                self.ledger.fail(text);
            }
        }
    }
}
