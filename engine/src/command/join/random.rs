//! RANDOMKEY over several shards. Each shard gets RANDOMKEY and DBSIZE in one write; its key is chosen
//! with the weight of its size, so every key of the pool has about the same chance.

use crate::protocol::resp::reply;

/// The first half of `replies` are the keys, the other half the sizes. `draw` is a random number.
pub fn pick(out: &mut Vec<u8>, replies: &[Option<&[u8]>], draw: u64) -> bool {
    let (keys, sizes) = replies.split_at(replies.len() / 2);
    let mut choices = Vec::with_capacity(keys.len());
    let mut total = 0u64;
    for (key, size) in keys.iter().zip(sizes) {
        let (Some(key), Some(size)) = (key, size.and_then(reply::integer)) else {
            return false;
        };
        // A shard without a key has a null, whatever its size: all its keys have expired.
        if key.first() == Some(&b'$') && !key.starts_with(b"$-1") {
            total = total.saturating_add(size.max(1) as u64);
            choices.push((total, *key));
        }
    }
    let chosen = if total == 0 {
        keys.first().copied().flatten()
    } else {
        let draw = draw % total;
        choices.iter().find(|(end, _)| draw < *end).map(|(_, key)| *key)
    };
    out.extend_from_slice(chosen.unwrap_or_default());
    chosen.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(keys: &[&str], sizes: &[&str], draw: u64) -> String {
        let replies = keys.iter().chain(sizes).map(|it| Some(it.as_bytes()));
        let mut out = Vec::new();
        assert!(pick(&mut out, &replies.collect::<Vec<_>>(), draw));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_larger_shard_is_chosen_more_often() {
        let (keys, sizes) = (["$1\r\na\r\n", "$1\r\nb\r\n"], [":1\r\n", ":3\r\n"]);
        let of_b = (0..4).filter(|&draw| picked(&keys, &sizes, draw).contains('b')).count();
        assert_eq!(of_b, 3);
    }

    #[test]
    fn sizes_without_sense_do_no_harm() {
        let (keys, size) = (["$1\r\na\r\n"; 3], ":9223372036854775807\r\n");
        assert_eq!(picked(&keys, &[size; 3], u64::MAX), "$1\r\na\r\n");
    }

    #[test]
    fn an_empty_shard_is_never_chosen() {
        for draw in 0..3 {
            assert_eq!(
                picked(&["$-1\r\n", "$1\r\nb\r\n"], &[":0\r\n", ":2\r\n"], draw),
                "$1\r\nb\r\n"
            );
        }
        assert_eq!(picked(&["_\r\n", "_\r\n"], &[":0\r\n", ":0\r\n"], 5), "_\r\n");
    }
}
