//! The course notes' session.

use anyhow::Result;
use nuthatch_testbed::Value;

use super::Verdict;
use super::stage::{Stage, names};
use crate::paint;

/// A command as typed, and its reply.
fn script() -> [(&'static str, Value); 5] {
    let ok = || Value::Simple("OK".into());
    [
        ("set msg hello", ok()),
        ("get msg", Value::bulk("hello")),
        ("set date 2015", ok()),
        ("get date", Value::bulk("2015")),
        ("sadd numbers 1 3 6 2", Value::Integer(4)),
    ]
}

pub fn play(stage: &mut Stage, verdict: &mut Verdict) -> Result<()> {
    paint::heading("A session through the proxy");
    let head = format!("  {:<24}{:<20}{}", "command", "reply", "who holds the key");
    println!("{}", paint::dim(&head));
    for (typed, wanted) in script() {
        let args: Vec<&str> = typed.split(' ').collect();
        let answer = stage.ask(&args)?;
        let holders = stage.holders(args[1]);
        println!("  {typed:<24}{:<20}{}", answer.show(), names(&holders));
        verdict.expect(answer.is(&wanted), || {
            format!("`{typed}` should answer {wanted}, not {}", answer.show())
        });
        verdict.expect(holders.len() == 1, || {
            format!("the key of `{typed}` should be on one server, not {}", holders.len())
        });
    }
    Ok(())
}
