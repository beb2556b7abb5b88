//! The longer explanations of `pool.rs`: what a writer of YAML most likely meant.

use super::node::Scalar;
use super::problem::Fault;
use super::quote::quoted;
use super::schema::{self, Key, Kind, WhenAbsent};
use super::{scalars, suggest};

/// Where a `//` begins in a scalar that was meant as a comment.
pub fn comment_in(scalar: &Scalar) -> Option<usize> {
    if scalar.text.starts_with("//") {
        return Some(0);
    }
    [" //", "\t//", "　//"]
        .iter()
        .filter_map(|mark| Some(scalar.text.find(mark)? + mark.len() - 2))
        .min()
}

pub fn comment_fault(scalar: &Scalar, at: usize) -> Fault {
    let start = scalar.text[..at].chars().count();
    let end = scalar.text.chars().count();
    let value = scalar.text[..at].trim_end();
    let comment = scalar.text[at + 2..].trim();
    let fault = Fault::new("comments begin with # in YAML; this // is read as part of the value")
        .span(start..end)
        .found(quoted(&scalar.text[at..]));
    // The comment alone: what stands before it may be wrong in ways of its own.
    if value.is_empty() { fault } else { fault.suggest(Some(format!("# {comment}"))) }
}

/// A fault of the part of a scalar before its comment: without a span of its own, all of it.
pub fn whole_unless_part(fault: Fault, part: &str) -> Fault {
    match fault.span {
        Some(_) => fault,
        None => fault.span(0..part.chars().count()),
    }
}

pub fn unknown_key(text: &str) -> Fault {
    if text.is_empty() {
        return Fault::new("a key is missing before this colon");
    }
    let fault = Fault::new("no key has this name").found(quoted(text));
    match suggest::key(text, schema::names()) {
        Some(key) => fault.suggest(Some(key.to_owned())),
        None => fault.expected(scalars::one_of(&schema::names().collect::<Vec<_>>())),
    }
}

/// The key an unknown word was probably meant as.
pub fn key_meant(text: &str) -> Option<&'static Key> {
    if schema::find(text).is_some() {
        return None;
    }
    suggest::key(text, schema::names()).and_then(schema::find)
}

pub fn key_outside(name: &Scalar) -> Fault {
    Fault::new(format!("the key `{}` stands outside of any pool", name.text))
        .note("begin with a line `name:` at the margin and indent the pool's keys below it")
}

pub fn pool_is_scalar(name: &Scalar, body: &Scalar) -> Fault {
    if schema::find(&name.text).is_some() {
        return key_outside(name);
    }
    if body.text.is_empty() {
        return Fault::new("this pool is empty")
            .expected("its keys on the lines below, all indented equally");
    }
    Fault::new("a pool's name is followed by a colon and the end of the line")
        .found(quoted(&body.text))
        .expected("its keys on the lines below, all indented equally")
}

pub fn servers_is_scalar(scalar: &Scalar) -> Fault {
    let fault = Fault::new("`servers` is a list")
        .found(quoted(&scalar.text))
        .expected("a line for each server below `servers:`, beginning with `- `");
    if scalar.text.starts_with('-') && !scalar.text.starts_with("- ") {
        fault.note("a blank is missing after the -")
    } else {
        fault
    }
}

pub fn list_is_scalar(row: &Key, scalar: &Scalar) -> Fault {
    Fault::new(format!("`{}` is a list", row.name))
        .found(quoted(&scalar.text))
        .expected(example(row))
}

pub fn mapping_for_value(row: &Key) -> Fault {
    let fault = Fault::new(format!("`{}` takes one value", row.name)).expected(example(row));
    match row.kind {
        Kind::HashTag => fault.note("braces mean something to YAML: put the value into quotes"),
        Kind::Servers => fault.note("every server's line begins with `- `"),
        Kind::Colocate | Kind::Addresses | Kind::Replicas => {
            Fault { message: format!("`{}` is a list", row.name).into(), ..fault }
        }
        _ => fault,
    }
}

/// A line as we would take it.
pub fn example(row: &Key) -> String {
    let value = match row.kind {
        Kind::Listen => "127.0.0.1:22121",
        Kind::Text => "some text",
        Kind::Number { .. } | Kind::NumberOr { .. } => match row.when_absent {
            WhenAbsent::Number(value) if value > 0 => {
                return format!("`{}: {value}`, say", row.name);
            }
            _ => "400",
        },
        Kind::Bool => "true",
        Kind::HashName => "fnv1a_64",
        Kind::DistributionName => "ketama",
        Kind::HashTag => "\"{}\"",
        Kind::Choice(words) => return format!("`{}: {}`, say", row.name, words[0]),
        Kind::Colocate => {
            return "`colocate:` and below it a line `- \"bull:\"` for each entry".into();
        }
        Kind::Addresses => {
            return format!(
                "`{}:` and below it a line `- 10.0.0.1:26379` for each address",
                row.name
            );
        }
        Kind::Replicas => {
            return "`replicas:` and below it a line `- 10.0.2.1:6379 shard-a` for each replica"
                .into();
        }
        Kind::Servers => {
            return "`servers:` and below it a line `- 127.0.0.1:6379:1` for each server".into();
        }
    };
    format!("`{}: {value}`, say", row.name)
}
