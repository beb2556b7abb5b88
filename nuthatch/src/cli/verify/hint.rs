//! Why keys might be misplaced: guesses that were tried on the sample before they are made.
//!
//! A file that places keys wrongly is wrong in one or two words as a rule. So we change the words,
//! every hash and every distribution, with and without tag, `colocate`, names and weights, and look
//! at where the sampled keys would be then. A change that puts nearly all in place and needs the fewest
//! words is very likely what the old proxy was told; chance does not place thirty keys right.
//!
//! A second kind of slip is found in the counts alone: addresses that changed hands. Then the keys
//! of one shard are all together, on the server that has another's name.
//!
//! We tried to tell *how* a key came to be where it is, one by one; examples do that better.

use super::super::load::View;
use super::super::print::percent;
use super::tally::{Place, Tally, place_of_shards, places};
use nuthatch_engine::base::Chance;
use nuthatch_engine::routing::distribution::Ring;
use nuthatch_engine::routing::{DISTRIBUTIONS, HASHES, HashTag, Router, name_order};
use nuthatch_engine::topology::{Address, Eject, PoolSpec};

/// Fewer keys than this may fall in place by chance.
const KEYS_MIN: usize = 30;
/// Keys that a guess is tried on, of all servers together.
const KEYS_MAX: usize = 2000;
/// A guess is told when it puts so many in place.
const PART_MIN: f64 = 0.9;
/// Misplaced up to here, what an ejection left behind explains it.
const STRAYS_MAX: f64 = 0.2;

/// What may be the matter with a pool, in the operator's words; the likeliest first.
pub fn hints(view: &View, places: &[Place], tallies: &[Tally]) -> Vec<String> {
    let sampled: u64 = tallies.iter().map(|tally| tally.sampled).sum();
    let misplaced: u64 = tallies.iter().map(|tally| tally.misplaced).sum();
    if misplaced == 0 {
        return Vec::new();
    }
    let exchanged = exchanged(view, places, tallies);
    if !exchanged.is_empty() {
        return exchanged;
    }
    let part_now = 1.0 - misplaced as f64 / sampled as f64;
    if let Some(guess) = best_guess(view, places, tallies, part_now) {
        return vec![format!(
            "with {} {} of the sample would be in place: did you mean that?",
            guess.words.join(" and "),
            percent(guess.part)
        )];
    }
    if view.spec.eject == Eject::Remap && 1.0 - part_now < STRAYS_MAX {
        return vec![
            "an ejection leaves such keys behind on the servers that stood in; nobody reads them"
                .to_owned(),
        ];
    }
    Vec::new()
}

/// Servers that hold each other's keys.
fn exchanged(view: &View, places: &[Place], tallies: &[Tally]) -> Vec<String> {
    let of_shard = place_of_shards(view, places);
    let mut holds = Vec::new();
    for (at, tally) in tallies.iter().enumerate().filter(|(_, tally)| tally.sampled > 0) {
        let mut by_place = vec![0; places.len()];
        for (shard, count) in tally.owners.iter().enumerate() {
            by_place[of_shard[shard]] += count;
        }
        let most = (0..places.len()).max_by_key(|&place| by_place[place]).unwrap_or(at);
        if (by_place[most] as f64) < PART_MIN * tally.sampled as f64 {
            return Vec::new();
        }
        holds.push((at, most));
    }
    let mut owners: Vec<usize> = holds.iter().map(|&(_, owner)| owner).collect();
    owners.sort_unstable();
    owners.dedup();
    let enough = tallies.iter().map(|tally| tally.sampled).sum::<u64>() >= KEYS_MIN as u64;
    // One server holding everything is no exchange.
    if owners.len() != holds.len() || holds.len() < 2 || !enough {
        return Vec::new();
    }
    holds
        .iter()
        .filter(|(at, owner)| at != owner)
        .map(|&(at, owner)| {
            let name = |place: usize| {
                let shard = places[place].shards[0];
                super::super::print::shown(view.spec.shards[shard].name.as_bytes())
            };
            format!(
                "{} holds the keys of {}, not of {}: are their addresses exchanged?",
                places[at].address,
                name(owner),
                name(at)
            )
        })
        .collect()
}

/// A change of the file and what it would do.
#[derive(Clone, PartialEq, Debug)]
struct Guess {
    words: Vec<String>,
    part: f64,
}

fn best_guess(view: &View, places_now: &[Place], tallies: &[Tally], now: f64) -> Option<Guess> {
    let kept: usize = tallies.iter().map(|tally| tally.kept.len()).sum();
    if kept < KEYS_MIN {
        return None;
    }
    let step = kept.div_ceil(KEYS_MAX);
    let keys: Vec<(&Address, &[u8])> = places_now
        .iter()
        .zip(tallies)
        .flat_map(|(place, tally)| tally.kept.iter().map(|key| (&place.address, key.as_slice())))
        .step_by(step)
        .collect();
    // It must leave at most half of what is misplaced now.
    let needed = PART_MIN.max(f64::midpoint(1.0, now));
    let mut best: Option<Guess> = None;
    for (spec, shard_words) in shapes(&view.spec) {
        let shape = View::new(spec);
        let places = places(&shape);
        let of_shard = place_of_shards(&shape, &places);
        for (router, words) in routers(&shape.router) {
            let words: Vec<String> = shard_words.iter().cloned().chain(words).collect();
            let Some(part) = part_in_place(&router, &places, &of_shard, &keys, needed) else {
                continue;
            };
            let is_better = best.as_ref().is_none_or(|best| {
                part > best.part || part >= best.part && words.len() < best.words.len()
            });
            if is_better && !words.is_empty() {
                best = Some(Guess { words, part });
            }
        }
    }
    best
}

/// The pool with other distributions, names and weights, each with the words for the change.
fn shapes(spec: &PoolSpec) -> Vec<(PoolSpec, Vec<String>)> {
    let mut shapes = Vec::new();
    for distribution in DISTRIBUTIONS.iter().filter(|row| row.name != "random") {
        for (plain_names, plain_weights) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let mut shape = PoolSpec { distribution, ..spec.clone() };
            let mut words = Vec::new();
            if distribution != spec.distribution {
                words.push(format!("`distribution: {}`", distribution.name));
            }
            if plain_names {
                for shard in &mut shape.shards {
                    shard.name = default_name(&shard.address).into();
                }
                shape.shards.sort_by(|a, b| name_order(&a.name, &b.name));
                words.push("the servers' names left out".to_owned());
            }
            if plain_weights {
                shape.shards.iter_mut().for_each(|shard| shard.weight = 1);
                words.push("every weight 1".to_owned());
            }
            let is_same = |plain: bool, differs: bool| plain && !differs;
            let names_differ =
                spec.shards.iter().any(|shard| *shard.name != *default_name(&shard.address));
            let weights_differ = spec.shards.iter().any(|shard| shard.weight != 1);
            if !is_same(plain_names, names_differ) && !is_same(plain_weights, weights_differ) {
                shapes.push((shape, words));
            }
        }
    }
    shapes
}

/// The name of a server that has none.
fn default_name(address: &Address) -> String {
    match address {
        Address::Tcp { host, port: 11211 } => host.to_string(),
        Address::Tcp { host, port } => format!("{host}:{port}"),
        Address::Unix { path } => format!("{path}:"),
    }
}

/// A ring asked with other hashes and tags.
fn routers(router: &Router) -> Vec<(Router, Vec<String>)> {
    let braces = HashTag { open: b'{', close: b'}' };
    let mut tags = vec![router.hash_tag()];
    tags.extend([None, Some(braces)].into_iter().filter(|tag| *tag != router.hash_tag()));
    let mut colocates = vec![router.colocate().cloned()];
    colocates.extend(router.colocate().is_some().then_some(None));
    let mut routers = Vec::new();
    for (tag, colocate) in tags.iter().flat_map(|&tag| colocates.iter().map(move |one| (tag, one)))
    {
        for hash in &HASHES {
            let mut words = Vec::new();
            if colocate.as_ref() != router.colocate() {
                words.push("no `colocate`".to_owned());
            }
            if hash != router.hash {
                words.push(format!("`hash: {}`", hash.name));
            }
            match tag {
                tag if tag == router.hash_tag() => {}
                None => words.push("no `hash_tag`".to_owned()),
                Some(_) => words.push("`hash_tag: \"{}\"`".to_owned()),
            }
            let mut other = router.clone();
            other.hash = hash;
            other.set_parts(tag, colocate.clone());
            routers.push((other, words));
        }
    }
    routers
}

/// The part of the keys that are where this router looks; `None` as soon as it cannot be `needed`.
fn part_in_place(
    router: &Router,
    places: &[Place],
    of_shard: &[usize],
    keys: &[(&Address, &[u8])],
    needed: f64,
) -> Option<f64> {
    if !matches!(router.ring, Ring::Ketama(_) | Ring::Modula(_)) {
        return None;
    }
    let strays_max = (keys.len() as f64 * (1.0 - needed)) as usize;
    let mut strays = 0;
    let mut chance = Chance::new(0);
    for &(address, key) in keys {
        let owner = router.route(key, &mut chance)?;
        if places[of_shard[owner.index()]].address != *address {
            strays += 1;
            if strays > strays_max {
                return None;
            }
        }
    }
    Some(1.0 - strays as f64 / keys.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuthatch_engine::topology::Manners;

    const FILE: &str = "p:\n  listen: 127.0.0.1:1\n  redis: true\n  servers:\n  \
                        - 127.0.0.1:6379:1 one\n  - 127.0.0.1:6380:2 two\n  \
                        - 127.0.0.1:6381:1 three\n";

    fn view(text: &str) -> View {
        let (config, _) = crate::config::parse(text, "t.yml", Manners::Modern).unwrap();
        View::new(config.pools[0].spec.clone())
    }

    /// Keys stored by one file, looked for by another.
    fn hints_between(stored: &str, asked: &str, keys: &[String]) -> Vec<String> {
        let (stored, asked) = (view(stored), view(asked));
        let places = places(&asked);
        let mut tallies: Vec<Tally> =
            places.iter().map(|_| Tally::new(asked.spec.shards.len())).collect();
        for key in keys {
            let owner = stored.router.route(key.as_bytes(), &mut Chance::new(0)).unwrap();
            let address = &stored.spec.shards[owner.index()].address;
            let at = places.iter().position(|place| place.address == *address).unwrap();
            tallies[at].add(&asked, &places[at], key.clone().into_bytes());
        }
        hints(&asked, &places, &tallies)
    }

    fn keys(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("{{user:{}}}:{n}:name", n * 7919)).collect()
    }

    #[test]
    fn a_wrong_word_is_named() {
        let md5 = FILE.replace("  servers", "  hash: md5\n  servers");
        let modula = FILE.replace("  servers", "  distribution: modula\n  servers");
        let tag = FILE.replace("  servers", "  hash_tag: \"{}\"\n  servers");
        let colocate = FILE.replace("  servers", "  colocate: [\"{user:\"]\n  servers");
        let plain = FILE.replace(" one", "").replace(" two", "").replace(" three", "");
        let equal = FILE.replace(":2 two", ":1 two");
        let both = md5.replace("  hash", "  distribution: modula\n  hash");
        let cases = [
            (&md5, FILE, "`hash: md5`"),
            (&modula, FILE, "`distribution: modula`"),
            (&tag, FILE, "`hash_tag: \"{}\"`"),
            (&FILE.to_owned(), &tag, "no `hash_tag`"),
            (&FILE.to_owned(), &colocate, "no `colocate`"),
            (&plain, FILE, "the servers' names left out"),
            (&equal, FILE, "every weight 1"),
            (&both, FILE, "`distribution: modula` and `hash: md5`"),
        ];
        for (stored, asked, words) in cases {
            let text =
                format!("with {words} 100.0% of the sample would be in place: did you mean that?");
            assert_eq!(hints_between(stored, asked, &keys(600)), [text], "{words}");
        }
    }

    #[test]
    fn exchanged_addresses_are_named() {
        let asked = FILE.replace("6379:1 one", "x:1 one").replace("6380:2 two", "6379:2 two");
        let asked = asked.replace("x:1 one", "6380:1 one");
        assert_eq!(
            hints_between(FILE, &asked, &keys(300)),
            [
                "127.0.0.1:6380 holds the keys of two, not of one: are their addresses exchanged?",
                "127.0.0.1:6379 holds the keys of one, not of two: are their addresses exchanged?",
            ]
        );
    }

    #[test]
    fn little_is_not_guessed_at() {
        let md5 = FILE.replace("  servers", "  hash: md5\n  servers");
        assert_eq!(hints_between(&md5, FILE, &keys(20)), [""; 0]);
        assert_eq!(hints_between(FILE, FILE, &keys(300)), [""; 0]);
        let other = FILE.replace("one", "ONE").replace("two", "TWO").replace("three", "THREE");
        assert_eq!(hints_between(&other, FILE, &keys(600)), [""; 0], "names nobody knows");
    }
}
