//! What a scalar means: numbers, switches, names, hash tags.
//!
//! nutcracker's rules, digit for digit, since YAML's own would read `0x190` as 400 and `True` as
//! true. Every refusal says what is expected, and suggests it if the intention is clear.
//! One rule is ours: a number that does not fit is refused, where nutcracker let it wrap round at
//! 32 bits.

use super::problem::Fault;
use super::quote::quoted;
use super::suggest;
use nuthatch_engine::routing::{
    DISTRIBUTIONS, Distribution, HASHES, Hash, HashTag, distribution, hash,
};

/// A number of decimal digits within bounds.
pub fn number(text: &str, min: u32, max: u32, unit: &str) -> Result<u32, Fault> {
    let expected = expected_number(min, max, unit);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let fault = Fault::new("this is not a plain number")
            .found(quoted(text))
            .expected(expected)
            .suggest(meant_number(text, unit));
        return Err(match number_note(text) {
            Some(note) => fault.note(note),
            None => fault,
        });
    }
    let value = text
        .bytes()
        .fold(0u64, |sum, byte| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0')));
    match u32::try_from(value) {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        Ok(value) if value < min => {
            Err(Fault::new("this number is too small").found(quoted(text)).expected(expected))
        }
        _ => {
            let fault = Fault::new("this number is too large").found(quoted(text));
            let wraps = max == i32::MAX.unsigned_abs() && value > u64::from(u32::MAX);
            Err(if wraps {
                fault.expected(expected).note("nutcracker let such numbers wrap round at 32 bits")
            } else {
                fault.expected(expected)
            })
        }
    }
}

/// A number where a word could stand too.
pub fn number_or(text: &str, word: &str, (min, max): (u32, u32), unit: &str) -> Result<u32, Fault> {
    number(text, min, max, unit).map_err(|fault| {
        let expected = format!("{}, or `{word}`", expected_number(min, max, unit));
        fault.expected(expected)
    })
}

fn expected_number(min: u32, max: u32, unit: &str) -> String {
    let unit = match unit {
        "" => String::new(),
        "ms" => " of milliseconds".to_owned(),
        unit => format!(" of {unit}"),
    };
    format!("a number{unit} from {min} to {max}, digits only")
}

fn number_note(text: &str) -> Option<&'static str> {
    if text.starts_with(['-', '+']) {
        Some("a number has no sign here")
    } else if text.starts_with("0x") {
        Some("hexadecimal is not read; write it in decimal")
    } else if suggest::is_typographic(text) {
        Some("these are full-width characters: switch the keyboard to English")
    } else {
        None
    }
}

/// The number that `0x190`, `400ms`, `2s`, `1_000`, `４００` were meant to be.
fn meant_number(text: &str, unit: &str) -> Option<String> {
    let text = suggest::plain(text).to_lowercase();
    if let Some(hex) = text.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).ok().map(|value| value.to_string());
    }
    let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',' | ' ')).collect();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let value: u64 = digits[..end].parse().ok()?;
    let factor = match (&digits[end..], unit) {
        ("", _) | ("ms" | "msec", "ms") | (".0", _) => 1,
        ("s" | "sec", "ms") => 1000,
        ("m" | "min", "ms") => 60_000,
        _ => return None,
    };
    Some(value.saturating_mul(factor).to_string())
}

pub fn boolean(text: &str) -> Result<bool, Fault> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::new("this is neither true nor false")
            .found(quoted(text))
            .expected("`true` or `false`, in lower case")
            .suggest(suggest::boolean(text).map(str::to_owned))),
    }
}

pub fn hash_name(text: &str) -> Result<&'static Hash, Fault> {
    hash::by_name(text).ok_or_else(|| {
        let names: Vec<&str> = HASHES.iter().map(|hash| hash.name).collect();
        name("hash", text, &names)
    })
}

pub fn distribution_name(text: &str) -> Result<&'static Distribution, Fault> {
    distribution::by_name(text).ok_or_else(|| {
        let names: Vec<&str> = DISTRIBUTIONS.iter().map(|row| row.name).collect();
        name("distribution", text, &names)
    })
}

/// One of a few words: its index.
pub fn choice(text: &str, words: &[&str]) -> Result<usize, Fault> {
    words.iter().position(|word| *word == text).ok_or_else(|| {
        Fault::new("this is none of the words known here")
            .found(quoted(text))
            .expected(one_of(words))
            .suggest(suggest::nearest(text, words.iter().copied()).map(str::to_owned))
    })
}

fn name(what: &str, text: &str, names: &[&str]) -> Fault {
    Fault::new(format!("no {what} has this name"))
        .found(quoted(text))
        .expected(one_of(names))
        .suggest(suggest::nearest(text, names.iter().copied()).map(str::to_owned))
}

/// `` `a`, `b` or `c` ``
pub fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// Exactly two bytes. One character of two bytes in UTF-8 passes: its halves are the tag, as in
/// nutcracker.
pub fn hash_tag(text: &str) -> Result<HashTag, Fault> {
    if let &[open, close] = text.as_bytes() {
        return Ok(HashTag { open, close });
    }
    let meant = suggest::plain(text);
    let meant = if meant.len() == 2 && meant.is_ascii() { Some(meant) } else { first_last(text) };
    Err(Fault::new("a hash tag is exactly two characters of one byte each")
        .found(format!("{}, {} bytes", quoted(text), text.len()))
        .expected("two such as `\"{}\"`, in quotes")
        .suggest(meant.map(|meant| format!("\"{meant}\""))))
}

/// `{tag}` probably means `{}`.
fn first_last(text: &str) -> Option<String> {
    let is_mark = |c: &char| c.is_ascii_punctuation();
    let (first, last) =
        (text.chars().next().filter(is_mark)?, text.chars().last().filter(is_mark)?);
    (text.chars().count() > 2).then(|| format!("{first}{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = i32::MAX.unsigned_abs();

    fn meant(text: &str) -> Option<Box<str>> {
        number(text, 0, MAX, "ms").unwrap_err().suggestion
    }

    #[test]
    fn numbers_are_digits_that_fit() {
        assert_eq!(number("400", 0, MAX, ""), Ok(400));
        assert_eq!(number("0400", 0, MAX, ""), Ok(400));
        assert_eq!(number(&"0".repeat(100), 0, MAX, ""), Ok(0));
        assert_eq!(number("2147483647", 0, MAX, ""), Ok(MAX));
        for bad in ["", "-1", "+1", "1.0", "1e3", "0x190", " 1", "1 ", "2147483648", "４００"] {
            assert!(number(bad, 0, MAX, "").is_err(), "{bad:?}");
        }
        for wrapping in ["4294967296", "4294967297", &"9".repeat(50)] {
            assert!(number(wrapping, 0, MAX, "").is_err(), "{wrapping:?}");
        }
        assert!(number("0", 1, 65535, "").is_err());
        assert!(number("65536", 1, 65535, "").is_err());
    }

    #[test]
    fn numbers_that_are_nearly_right_get_the_right_one() {
        assert_eq!(meant("0x190").as_deref(), Some("400"));
        assert_eq!(meant("400ms").as_deref(), Some("400"));
        assert_eq!(meant("2s").as_deref(), Some("2000"));
        assert_eq!(meant("1_000").as_deref(), Some("1000"));
        assert_eq!(meant("４００").as_deref(), Some("400"));
        assert_eq!(meant("soon"), None);
    }

    #[test]
    fn switches_are_two_words() {
        assert_eq!(boolean("true"), Ok(true));
        assert_eq!(boolean("false"), Ok(false));
        for (bad, meant) in [("True", "true"), ("yes", "true"), ("0", "false"), ("flase", "false")]
        {
            assert_eq!(boolean(bad).unwrap_err().suggestion.as_deref(), Some(meant), "{bad}");
        }
    }

    #[test]
    fn hash_tags_are_two_bytes() {
        assert_eq!(hash_tag("{}"), Ok(HashTag { open: b'{', close: b'}' }));
        assert_eq!(hash_tag("$$"), Ok(HashTag { open: b'$', close: b'$' }));
        assert_eq!(hash_tag("  "), Ok(HashTag { open: b' ', close: b' ' }));
        assert_eq!(hash_tag("é"), Ok(HashTag { open: 0xc3, close: 0xa9 }));
        assert_eq!(hash_tag("｛｝").unwrap_err().suggestion.as_deref(), Some("\"{}\""));
        assert_eq!(hash_tag("{tag}").unwrap_err().suggestion.as_deref(), Some("\"{}\""));
        assert!(hash_tag("{").is_err());
    }
}
