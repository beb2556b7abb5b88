//! The course notes' session, with the servers' replies.

use anyhow::Result;

use super::stage::{Stage, names};
use super::verdict::Verdict;
use super::wire::{Command, Meaning, Speech};
use crate::paint;

/// Commands, and the meaning that their replies should have.
fn script(speech: Speech) -> Vec<(Command, Meaning)> {
    let value = |text: &str| Meaning::Values(vec![text.to_owned()]);
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut script = vec![
        (Command::set("msg", "hello"), Meaning::Done),
        (Command::get("msg"), value("hello")),
        (Command::set("date", "2015"), Meaning::Done),
        (Command::get("date"), value("2015")),
    ];
    match speech {
        Speech::Redis => script.push((
            Command::AddMembers("numbers".into(), texts(&["1", "3", "6", "2"])),
            Meaning::Number(4),
        )),
        // memcached has no sets; it can be asked for keys of several servers at once.
        Speech::Memcached => script.extend([
            (Command::set("numbers", "1 3 6 2"), Meaning::Done),
            (
                Command::Gets(texts(&["msg", "date", "numbers"])),
                Meaning::Values(texts(&["hello", "2015", "1 3 6 2"])),
            ),
        ]),
    }
    script
}

pub fn play(stage: &mut Stage, verdict: &mut Verdict) -> Result<()> {
    paint::heading("A session through the proxy");
    let speech = stage.speech();
    // Column widths for the script.
    let (left, width) = if speech == Speech::Redis { (24, 20) } else { (29, 28) };
    println!(
        "{}",
        paint::dim(&format!("  {:<left$}{:<width$}{}", "command", "reply", "server with the key"))
    );
    for (command, wanted) in script(speech) {
        let answer = stage.ask(&command)?;
        let typed = command.typed(speech);
        let mut holders = Vec::new();
        for key in command.keys() {
            let here = stage.holders(key);
            verdict.expect(here.len() == 1, || {
                format!("the key {key} of `{typed}` should be on one server, not {}", here.len())
            });
            holders.extend(here);
        }
        println!("  {typed:<left$}{:<width$}{}", answer.show(), names(&holders));
        verdict.expect(answer.is(&wanted), || {
            format!("`{typed}` should answer {wanted:?}, not {}", answer.show())
        });
    }
    Ok(())
}
