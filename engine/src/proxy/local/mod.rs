//! Answers requests that need no server.
//!
//! | file            | answers                                          |
//! |-----------------|--------------------------------------------------|
//! | `connection.rs` | PING, QUIT, AUTH, SELECT, RESET                  |
//! | `hello.rs`      | HELLO                                            |
//! | `client.rs`     | CLIENT, about the client's own connection        |
//! | `clients.rs`    | CLIENT LIST, KILL, PAUSE                         |
//! | `info.rs`       | INFO                                             |
//! | `server.rs`     | ROLE, CLUSTER, ACL                               |
//!
//! COMMAND and HELP need only the table: `command/local.rs` answers them.

pub mod client;
mod clients;
pub mod connection;
pub mod hello;
pub mod info;
mod server;

use crate::command::keys;
use crate::command::memcache::Local as LocalLine;
use crate::command::{Command, Local, local};
use crate::protocol::memcache;
use crate::protocol::resp::{Args, encode};
use crate::proxy::carry::{Exchange, Taken};
use crate::texts;

pub fn answer(
    x: &mut Exchange<'_>,
    local: Local,
    command: &'static Command,
    args: &Args<'_>,
) -> Taken {
    match local {
        Local::Ping => connection::ping(x, command, args),
        Local::Echo => {
            let text = args.get(1).unwrap_or_default();
            x.answer(|out| encode::bulk(out, text));
        }
        Local::Quit => connection::quit(x),
        Local::Auth => connection::auth(x, args),
        Local::Hello => return hello::hello(x, args),
        Local::Select => return connection::select(x, args),
        Local::Client => return client::client(x, command, args),
        Local::Help => x.answer(|out| local::help(out, command)),
        Local::Command => {
            let version = x.client.settings.version;
            match keys::resolve(command, args) {
                Ok(row) => x.answer(|out| local::command(out, version, row, args)),
                Err(error) => connection::refuse_keys(x, command, args, error),
            }
        }
        Local::Reset => connection::reset(x),
        Local::Info => return info::info(x, command, args),
        Local::Acl => server::acl(x, command, args),
        Local::Cluster => server::cluster(x, command, args),
        Local::ModuleList => x.answer(|out| encode::array(out, 0)),
        Local::Role => server::role(x),
        Local::Reads => server::reads(x, command),
    }
    Taken::Yes
}

/// The same for memcached's protocol.
pub fn answer_line(x: &mut Exchange<'_>, local: LocalLine) {
    match local {
        LocalLine::Version => x.answer(|out| memcache::encode::line(out, texts::MEMCACHE_VERSION)),
        LocalLine::Noop => x.answer(|out| memcache::encode::line(out, "MN")),
        LocalLine::Quit => x.client.finish(x.turn, true),
    }
}
