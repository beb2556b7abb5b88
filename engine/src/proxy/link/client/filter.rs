//! Which clients CLIENT LIST shows and CLIENT KILL closes.

use crate::base::Time;
use crate::base::slab::Key;
use crate::proxy::link::client::Client;

/// Every condition that is there must hold.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Filter {
    pub ids: Option<Vec<u64>>,
    pub address: Option<Box<[u8]>>,
    pub user: Option<Box<[u8]>>,
    pub name: Option<Box<[u8]>>,
    pub library: Option<Box<[u8]>>,
    pub db: Option<u32>,
    /// At least so many seconds old.
    pub age_s: Option<u64>,
    /// Silent for at least so many seconds.
    pub idle_s: Option<u64>,
    /// No client is a replica, a primary or a subscriber.
    pub is_of_other_type: bool,
    /// An address of ours: none is known for a client.
    pub is_of_other_address: bool,
    /// Without the client that asks, who is this one.
    pub skips_asker: bool,
    pub skips: Option<(crate::base::WorkerId, Key)>,
}

impl Filter {
    pub fn passes(&self, client: &Client, worker: crate::base::WorkerId, now: Time) -> bool {
        let origin = client.origin();
        let names = client.settings.names.as_deref();
        let is = |wanted: &Option<Box<[u8]>>, found: &[u8]| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let at_least = |wanted: Option<u64>, since: Time| {
            wanted.is_none_or(|wanted| now.since(since).as_secs() >= wanted)
        };
        !self.is_of_other_type
            && !self.is_of_other_address
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&origin.id))
            && is(&self.address, client.address().as_bytes())
            && is(&self.user, b"default")
            && is(&self.name, names.map_or(&[][..], |names| &names.name))
            && is(&self.library, names.map_or(&[][..], |names| &names.library))
            && self.db.is_none_or(|db| db == client.settings.db)
            && at_least(self.age_s, origin.since)
            && at_least(self.idle_s, client.heard_at())
            && self.skips != Some((worker, client.key()))
    }
}
