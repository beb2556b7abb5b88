//! CLIENT: a client names itself, and asks about its connection.

use crate::base::limits::CLIENT_NAME_BYTES_MAX;
use crate::protocol::resp::{Args, Version, encode};
use crate::proxy::carry::Exchange;
use crate::texts;

/// A subcommand of CLIENT: its name, arguments with the two words before them, what it does.
struct ClientRow {
    name: &'static str,
    args: usize,
    about: &'static str,
    run: fn(&mut Exchange<'_>, &Args<'_>),
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

pub fn client(x: &mut Exchange<'_>, args: &Args<'_>) {
    let given = args.get(1).unwrap_or_default();
    let row = CLIENT_ROWS.iter().find(|row| given.eq_ignore_ascii_case(row.name.as_bytes()));
    match row {
        None => {
            x.error(texts::unknown_subcommand("client", given));
        }
        Some(row) if args.len() != row.args => {
            x.error(texts::arity(&format!("client|{}", row.name)));
        }
        Some(row) => (row.run)(x, args),
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

fn get_name(x: &mut Exchange<'_>, _: &Args<'_>) {
    let version = x.client.settings.version;
    let name = x.client.settings.names.as_ref().map(|info| info.name.clone()).unwrap_or_default();
    x.answer(
        |out| {
            if name.is_empty() { encode::null(out, version) } else { encode::bulk(out, &name) }
        },
    );
}

fn client_help(x: &mut Exchange<'_>, _: &Args<'_>) {
    x.answer(|out| {
        encode::array(out, 1 + 2 * CLIENT_ROWS.len());
        encode::status(out, &texts::help_head("client"));
        for row in &CLIENT_ROWS {
            encode::status(out, &row.name.to_ascii_uppercase());
            encode::status(out, &texts::help_about(row.about));
        }
    });
}

fn client_id(x: &mut Exchange<'_>, _: &Args<'_>) {
    let id = x.client.origin().id as i64;
    x.answer(|out| encode::integer(out, id));
}

fn client_info(x: &mut Exchange<'_>, _: &Args<'_>) {
    let client = &*x.client;
    let info = client.settings.names.as_deref();
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let peer = client.origin().peer.map_or_else(|| "unix:0".to_owned(), |peer| peer.to_string());
    let line = format!(
        "id={} addr={peer} name={} age={} db={} resp={} lib-name={} lib-ver={}\n",
        client.origin().id,
        text(info.map(|info| &*info.name)),
        x.turn.now.since(client.origin().since).as_secs(),
        x.pool.spec.redis_db,
        if client.settings.version == Version::Resp3 { 3 } else { 2 },
        text(info.map(|info| &*info.library)),
        text(info.map(|info| &*info.library_version)),
    );
    // RESP3 clients of Redis get a verbatim string here; a bulk string reads the same.
    x.answer(|out| encode::bulk(out, line.as_bytes()));
}

fn on_or_off(x: &mut Exchange<'_>, args: &Args<'_>) {
    let word = args.get(2).unwrap_or_default();
    if word.eq_ignore_ascii_case(b"on") || word.eq_ignore_ascii_case(b"off") {
        x.answer(|out| encode::status(out, "OK"));
    } else {
        x.error(texts::SYNTAX);
    }
}

fn set_info(x: &mut Exchange<'_>, args: &Args<'_>) {
    let (field, value) = (args.get(2).unwrap_or_default(), args.get(3).unwrap_or_default());
    let is = |name: &str| field.eq_ignore_ascii_case(name.as_bytes());
    if !is("lib-name") && !is("lib-ver") {
        return x.error(texts::setinfo_option(field));
    }
    if let Err(text) = check_name(value) {
        if text == texts::NAME_TOO_LONG {
            return x.error(text);
        }
        return x.error(texts::setinfo_characters(field));
    }
    let info = x.client.settings.names_mut();
    if is("lib-name") {
        info.library = value.into();
    } else {
        info.library_version = value.into();
    }
    x.answer(|out| encode::status(out, "OK"));
}

fn set_name(x: &mut Exchange<'_>, args: &Args<'_>) {
    let name = args.get(2).unwrap_or_default();
    match check_name(name) {
        Ok(()) => {
            x.client.settings.names_mut().name = name.into();
            x.answer(|out| encode::status(out, "OK"));
        }
        Err(text) => x.error(text),
    }
}
