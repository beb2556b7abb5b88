//! A few commands for a Redis server or a Sentinel, and their whole replies.

use super::connect;
use super::line::lost;
use crate::cli::print::cut;
use crate::control::Value;
use nuthatch_engine::protocol::resp::encode;
use nuthatch_engine::proxy::{server_said, wants_no_password};
use nuthatch_engine::topology::{Address, PoolSpec};
use std::io::{Read, Write};

/// The most bytes of all replies. INFO has a few thousand.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Who asks.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    pub user: Option<&'a str>,
    pub password: Option<&'a str>,
}

/// The replies, in the order of the commands. The error is for people, and never has the password.
pub fn words(
    spec: &PoolSpec,
    address: &Address,
    login: Login<'_>,
    commands: &[Vec<&str>],
) -> Result<Vec<Value>, String> {
    let mut stream = connect(spec, address).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let auth = login.password.map(|password| {
        ["AUTH"].into_iter().chain(login.user).chain([password]).collect::<Vec<_>>()
    });
    for words in auth.iter().chain(commands) {
        encode::command(&mut bytes, words);
    }
    let first = commands.first().map_or("", |words| words[0]);
    stream.write_all(&bytes).map_err(|error| lost(first, &error))?;
    let wanted = commands.len() + usize::from(auth.is_some());
    let (mut heard, mut replies) = (Vec::new(), Vec::new());
    let mut chunk = [0; 16 * 1024];
    while replies.len() < wanted {
        if let Some((value, len)) = Value::read(&heard) {
            heard.drain(..len);
            replies.push(value);
            continue;
        }
        let read = stream.read(&mut chunk).map_err(|error| lost(first, &error))?;
        if read == 0 || heard.len() > ANSWER_BYTES_MAX {
            return Err(format!("{first}: the connection was closed, or the answer is not Redis'"));
        }
        heard.extend_from_slice(&chunk[..read]);
    }
    if auth.is_some() {
        match replies.remove(0) {
            Value::Error(said) if !wants_no_password(&said) => {
                let said = server_said(said.as_bytes(), login.password);
                return Err(format!("AUTH: {}", cut(said.as_bytes())));
            }
            _ => {}
        }
    }
    Ok(replies)
}
