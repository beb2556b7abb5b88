//! What today's clients say before and between their commands, answered here: AUTH, SELECT,
//! CLIENT, PING and so on (HELLO and INFO have files of their own). Texts are Redis' own where a client
//! might look at them.

use crate::base::limits::CLIENT_NAME_BYTES_MAX;
use crate::command::keys::{self, KeyError};
use crate::command::{Command, Local, local};
use crate::protocol::resp::{Args, Version, encode};
use crate::proxy::carry::request::{Path, Taken};
use crate::proxy::plan::texts;
use crate::topology::Manners;

/// A subcommand of CLIENT: its name, arguments with the two words before them, what it does.
struct ClientRow {
    name: &'static str,
    args: usize,
    about: &'static str,
    run: fn(&mut Path<'_>, &Args<'_>),
}

const CLIENT_ROWS: [ClientRow; 8] = [
    ClientRow { name: "getname", args: 2, about: "The name of this connection.", run: get_name },
    ClientRow { name: "help", args: 2, about: "This text.", run: client_help },
    ClientRow { name: "id", args: 2, about: "The number of this connection.", run: client_id },
    ClientRow {
        name: "info",
        args: 2,
        about: "What is known of this connection.",
        run: client_info,
    },
    ClientRow { name: "no-evict", args: 3, about: "Taken, without an effect.", run: on_or_off },
    ClientRow { name: "no-touch", args: 3, about: "Taken, without an effect.", run: on_or_off },
    ClientRow {
        name: "setinfo",
        args: 4,
        about: "Set the name or version of the library.",
        run: set_info,
    },
    ClientRow { name: "setname", args: 3, about: "Name this connection.", run: set_name },
];

impl Path<'_> {
    pub fn answer_locally(
        &mut self,
        local: Local,
        command: &'static Command,
        args: &Args<'_>,
    ) -> Taken {
        match local {
            Local::Ping => self.ping(command, args),
            Local::Echo => {
                let text = args.get(1).unwrap_or_default();
                self.answer(|out| encode::bulk(out, text));
            }
            Local::Quit => {
                if self.pool.spec.manners == Manners::Modern {
                    self.answer(|out| encode::status(out, "OK"));
                }
                self.client.finish(self.turn, true);
            }
            Local::Auth => self.auth(args),
            Local::Hello => return self.hello(args),
            Local::Select => self.select(args),
            Local::Client => self.client_command(args),
            Local::Help => self.answer(|out| local::help(out, command)),
            Local::Command => {
                let version = self.client.version;
                match keys::resolve(command, args) {
                    Ok(row) => self.answer(|out| local::command(out, version, row, args)),
                    Err(error) => self.refuse_keys(command, args, &error),
                }
            }
            Local::Reset => return self.reset(),
            Local::Info => return self.info(args),
        }
        Taken::Yes
    }

    fn ping(&mut self, command: &Command, args: &Args<'_>) {
        match args.get(1) {
            _ if args.len() > 2 => self.refuse_keys(command, args, &KeyError::Arity(command.name)),
            None => self.answer(|out| encode::status(out, "PONG")),
            Some(text) => self.answer(|out| encode::bulk(out, text)),
        }
    }

    fn auth(&mut self, args: &Args<'_>) {
        let (user, password) = match args.len() {
            2 => (&b"default"[..], args.get(1).unwrap_or_default()),
            3 => (args.get(1).unwrap_or_default(), args.get(2).unwrap_or_default()),
            _ => return self.refuse(args.name(), texts::SYNTAX),
        };
        // As in Redis: a lone password is a mistake where none is set, a user's is not.
        if args.len() == 2 && self.pool.spec.redis_auth.is_none() {
            return self.error(texts::NO_PASSWORD_SET);
        }
        if self.is_right(user, password) {
            self.client.authenticated = true;
            return self.answer(|out| encode::status(out, "OK"));
        }
        if self.pool.spec.manners == Manners::Twemproxy {
            self.client.authenticated = self.pool.spec.redis_auth.is_none();
            if args.len() == 2 {
                return self.error(texts::INVALID_PASSWORD);
            }
        }
        self.error(texts::WRONGPASS);
    }

    /// The one user is `default`; without `redis_auth` any password is right, as in Redis.
    pub fn is_right(&self, user: &[u8], password: &[u8]) -> bool {
        let Some(right) = &self.pool.spec.redis_auth else {
            return user == b"default";
        };
        // Every byte is looked at, so that the time tells nothing of where a guess went wrong.
        let mut differs = usize::from(user != b"default") | (right.len() ^ password.len());
        for (at, &byte) in password.iter().enumerate() {
            differs |= usize::from(byte ^ right.as_bytes().get(at).copied().unwrap_or(0));
        }
        differs == 0
    }

    fn select(&mut self, args: &Args<'_>) {
        let wanted = args.get(1).and_then(|n| std::str::from_utf8(n).ok()?.parse::<i32>().ok());
        let served = self.pool.spec.redis_db;
        match wanted {
            None => self.error("ERR value is not an integer or out of range"),
            Some(n) if i64::from(n) == i64::from(served) => {
                self.answer(|out| encode::status(out, "OK"));
            }
            Some(n) => {
                let pool = &self.pool.spec.name;
                let text = format!("ERR DB index {n}: pool '{pool}' serves database {served} only");
                self.error(&text);
            }
        }
    }

    /// Back to a fresh connection, once what came before is answered.
    fn reset(&mut self) -> Taken {
        if self.client.in_flight() > 0 {
            return Taken::NotYet;
        }
        self.client.authenticated = self.pool.spec.redis_auth.is_none();
        self.client.version = Version::Resp2;
        self.client.lane = self.pool.lane(Version::Resp2);
        self.client.info = None;
        self.answer(|out| encode::status(out, "RESET"));
        Taken::Yes
    }

    fn client_command(&mut self, args: &Args<'_>) {
        let given = args.get(1).unwrap_or_default();
        let row = CLIENT_ROWS.iter().find(|row| given.eq_ignore_ascii_case(row.name.as_bytes()));
        match row {
            None => {
                let given = encode::quoted(given);
                self.error([b"ERR unknown subcommand '", given, b"'. Try CLIENT HELP."].concat());
            }
            Some(row) if args.len() != row.args => {
                let name = row.name;
                self.error(format!("ERR wrong number of arguments for 'client|{name}' command"));
            }
            Some(row) => (row.run)(self, args),
        }
    }
}

pub fn check_name(name: &[u8]) -> Result<(), &'static str> {
    if name.len() > CLIENT_NAME_BYTES_MAX {
        return Err(texts::NAME_TOO_LONG);
    }
    if name.iter().all(|b| (b'!'..=b'~').contains(b)) {
        Ok(())
    } else {
        Err(texts::NAME_CHARACTERS)
    }
}

fn get_name(path: &mut Path<'_>, _: &Args<'_>) {
    let version = path.client.version;
    let name = path.client.info.as_ref().map(|info| info.name.clone()).unwrap_or_default();
    path.answer(|out| {
        if name.is_empty() { encode::null(out, version) } else { encode::bulk(out, &name) }
    });
}

fn client_help(path: &mut Path<'_>, _: &Args<'_>) {
    path.answer(|out| {
        encode::array(out, 1 + 2 * CLIENT_ROWS.len());
        encode::status(out, "CLIENT <subcommand> [<arg> ...]. Subcommands are:");
        for row in &CLIENT_ROWS {
            encode::status(out, &row.name.to_ascii_uppercase());
            encode::status(out, &format!("    {}", row.about));
        }
    });
}

fn client_id(path: &mut Path<'_>, _: &Args<'_>) {
    let id = path.client.id as i64;
    path.answer(|out| encode::integer(out, id));
}

fn client_info(path: &mut Path<'_>, _: &Args<'_>) {
    let client = &*path.client;
    let info = client.info.as_deref();
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let peer = client.peer.map_or_else(|| "unix:0".to_owned(), |peer| peer.to_string());
    let line = format!(
        "id={} addr={peer} name={} age={} db={} resp={} lib-name={} lib-ver={}\n",
        client.id,
        text(info.map(|info| &*info.name)),
        path.turn.now.since(client.since).as_secs(),
        path.pool.spec.redis_db,
        if client.version == Version::Resp3 { 3 } else { 2 },
        text(info.map(|info| &*info.library)),
        text(info.map(|info| &*info.library_version)),
    );
    // RESP3 clients of Redis get a verbatim string here; a bulk string reads the same.
    path.answer(|out| encode::bulk(out, line.as_bytes()));
}

fn on_or_off(path: &mut Path<'_>, args: &Args<'_>) {
    let word = args.get(2).unwrap_or_default();
    if word.eq_ignore_ascii_case(b"on") || word.eq_ignore_ascii_case(b"off") {
        path.answer(|out| encode::status(out, "OK"));
    } else {
        path.error(texts::SYNTAX);
    }
}

fn set_info(path: &mut Path<'_>, args: &Args<'_>) {
    let (field, value) = (args.get(2).unwrap_or_default(), args.get(3).unwrap_or_default());
    let is = |name: &str| field.eq_ignore_ascii_case(name.as_bytes());
    if !is("lib-name") && !is("lib-ver") {
        let field = String::from_utf8_lossy(&field[..field.len().min(128)]).into_owned();
        return path.error(format!("ERR Unrecognized option '{field}'"));
    }
    if let Err(text) = check_name(value) {
        if text == texts::NAME_TOO_LONG {
            return path.error(text);
        }
        let field = String::from_utf8_lossy(field).to_ascii_lowercase();
        return path
            .error(format!("ERR {field} cannot contain spaces, newlines or special characters."));
    }
    let info = path.client.info_mut();
    if is("lib-name") {
        info.library = value.into();
    } else {
        info.library_version = value.into();
    }
    path.answer(|out| encode::status(out, "OK"));
}

fn set_name(path: &mut Path<'_>, args: &Args<'_>) {
    let name = args.get(2).unwrap_or_default();
    match check_name(name) {
        Ok(()) => {
            path.client.info_mut().name = name.into();
            path.answer(|out| encode::status(out, "OK"));
        }
        Err(text) => path.error(text),
    }
}
