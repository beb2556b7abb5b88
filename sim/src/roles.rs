//! What a simulated Redis does as a primary and as a replica.

use crate::redis::Redis;
use crate::resp::Value;
use crate::server_state::Trouble;

/// To a connection that waits, when the server becomes a replica.
const DEMOTED: &str =
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";

impl Redis {
    pub fn is_refused_by_replica(name: &str) -> bool {
        const WRITES: [&str; 11] = [
            "SET", "MSET", "DEL", "UNLINK", "APPEND", "INCRBY", "LPUSH", "RPUSH", "BLPOP", "BRPOP",
            "FLUSHALL",
        ];
        WRITES.contains(&name)
    }

    pub fn role(&self, trouble: Trouble) -> Value {
        let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
        let offset = Value::Integer(self.data.log.len() as i64);
        if trouble.is_replica {
            let port = Value::Integer(1);
            Value::Array(vec![bulk("slave"), bulk("toy"), port, bulk("connected"), offset])
        } else {
            Value::Array(vec![bulk("master"), offset, Value::Array(Vec::new())])
        }
    }

    /// It is a replica from now on: nothing waits at it, and its lists are those of its primary. These are
    /// not copied.
    pub fn demote(&mut self) {
        for waiter in std::mem::take(&mut self.lists.waiters) {
            self.outbox.push((waiter.end, Value::Error(DEMOTED.to_owned())));
        }
        self.lists.clear();
    }
}
