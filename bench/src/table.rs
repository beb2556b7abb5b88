//! The report as Markdown, for the terminal and for the docs.

use crate::contestants::{BASE, CONTESTANTS, OURS};
use crate::row::{Figure, Report, Row, SATURATED, STOLEN_MAX, STRANGERS_MAX};
use crate::summary::{self, Line, Spread};
use crate::workloads;
use std::fmt::Write;

const HEADER: &str = "\
| | CPU us/request | user | system | x nutcracker (spread) | requests/s | x nutcracker | p50 us | p99 | \
p99.9 | servers' CPU us/request | calls/request | peak MiB | settled | core used | notes |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|
";

/// Everything.
pub fn report(report: &Report) -> String {
    let mut text = format!("## {}\n\n", report.date);
    for line in &report.machine {
        let _ = writeln!(text, "- {line}");
    }
    let _ = writeln!(text, "- options: {}", report.options);
    for contestant in &CONTESTANTS {
        let _ = writeln!(text, "- `{}`: {}", contestant.name, contestant.what);
    }
    let races = summary::races(&report.rows);
    text.push_str(&overview(&races));
    for race in &races {
        text.push_str(&self::race(race));
    }
    text.push_str(&figures(&report.figures));
    text
}

/// Ours compared with the base, one line for each workload, as in the README.
fn overview(races: &[Vec<Line<'_>>]) -> String {
    let ours = |workload: &str, servers: &str, is_pinned: bool| {
        let lines = races.iter().flatten();
        lines.filter(|line| line.like.contestant == OURS).find(|line| {
            let like = line.like;
            like.workload == workload && like.servers == servers && like.is_pinned == is_pinned
        })
    };
    let cell =
        |ratio: Option<Spread>| ratio.map_or(String::new(), |it| format!("{:.2}", it.median));
    let mut text = String::new();
    for workload in &workloads::WORKLOADS {
        let null = ours(workload.name, "null", true);
        let real = ours(workload.name, "real", false);
        if null.or(real).is_none_or(|line| line.rate_ratio.is_none()) {
            continue;
        }
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} | {} | {} |",
            workload.what,
            cell(null.and_then(|line| line.cpu_ratio)),
            workload.required,
            cell(real.and_then(|line| line.rate_ratio)),
            cell(real.and_then(|line| line.servers_ratio)),
        );
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\n### {OURS} / {BASE}\n\n| | CPU a request, null servers, pinned | at most | throughput, \
         real servers, unpinned | servers' CPU a request |\n|---|--:|--:|--:|--:|\n{text}"
    )
}

/// One workload under one set of conditions.
fn race(lines: &[Line<'_>]) -> String {
    let like = lines[0].like;
    let setting = if like.is_pinned { "pinned" } else { "unpinned" };
    let mut text = format!("\n### {}: {} servers, {setting}\n\n", like.workload, like.servers);
    let target = workloads::by_name(&like.workload);
    if let Some(workload) = target {
        let _ = writeln!(text, "{}.\n", workload.what);
    }
    text.push_str(HEADER);
    for line in lines {
        text.push_str(&self::line(line));
    }
    let ours = lines.iter().find(|line| line.like.contestant == OURS);
    if like.is_pinned
        && like.servers == "null"
        && let Some(workload) = target
        && let Some(ratio) = ours.and_then(|line| line.cpu_ratio)
    {
        // Within 5 % of the required value counts as met. The goal has no tolerance.
        let verdict = if ratio.median <= workload.goal {
            "the goal is reached"
        } else if ratio.median <= workload.required * 1.05 {
            "what is required is met"
        } else {
            "NOT met"
        };
        let is_limit = lines
            .iter()
            .filter(|line| [OURS, BASE].contains(&line.like.contestant.as_str()))
            .all(|line| line.median(|row| row.cpu.share) >= SATURATED);
        let _ = writeln!(
            text,
            "\nTarget: {:.2}, goal {:.2}; measured {:.3}: {verdict}{}.",
            workload.required,
            workload.goal,
            ratio.median,
            if is_limit { "" } else { ", but in rows that are not saturated" }
        );
    }
    text
}

fn line(line: &Line<'_>) -> String {
    let name = &line.like.contestant;
    if line.rows.is_empty() {
        let why = line.failed.unwrap_or("no row");
        return format!("| {name} | | | | | | | | | | | | | | | failed: {why} |\n");
    }
    let is_proxy = line.median(Row::cpu_us) > 0.0;
    let of_proxy = |text: String| if is_proxy { text } else { String::new() };
    let calls = match line.syscalls() {
        Some(calls) => format!("{calls:.3}"),
        None => of_proxy("not counted".to_owned()),
    };
    let mib =
        |of: fn(&Row) -> u64| of_proxy(format!("{:.1}", line.median(|r| of(r) as f64) / 1024.0));
    format!(
        "| {name} | {} | {} | {} | {} | {:.0} | {} | {:.0} | {:.0} | {:.0} | {:.2} | {calls} | {} | {} | {} | {} |\n",
        of_proxy(format!("{:.2}", line.median(Row::cpu_us))),
        of_proxy(format!("{:.2}", line.median(|row| row.cpu.user_us))),
        of_proxy(format!("{:.2}", line.median(|row| row.cpu.system_us))),
        if name == BASE { "1".to_owned() } else { spread(line.cpu_ratio) },
        line.median(|row| row.per_second),
        if name == BASE { "1".to_owned() } else { spread(line.rate_ratio) },
        line.median(|row| row.latency.p50_us),
        line.median(|row| row.latency.p99_us),
        line.median(|row| row.latency.p999_us),
        line.median(|row| row.cpu.servers_us),
        mib(|row| row.peak_kib),
        mib(|row| row.settled_kib),
        of_proxy(format!("{:.2}", line.median(|row| row.cpu.share))),
        notes(line, is_proxy),
    )
}

fn spread(spread: Option<Spread>) -> String {
    match spread {
        None => String::new(),
        Some(Spread { median, least, most, .. }) if (most - least).abs() < 1e-9 => {
            format!("{median:.3}")
        }
        Some(Spread { median, least, most, .. }) => format!("{median:.3} ({least:.2}-{most:.2})"),
    }
}

fn notes(line: &Line<'_>, is_proxy: bool) -> String {
    let mut notes = Vec::new();
    if is_proxy && line.like.is_pinned && line.median(|row| row.cpu.share) < SATURATED {
        notes.push("not saturated".to_owned());
    }
    let noisy = line.rows.iter().filter(|row| !row.is_quiet()).count();
    if noisy > 0 {
        notes.push(format!("{noisy} of {} rounds disturbed", line.rows.len()));
    }
    let errors: u64 = line.rows.iter().map(|row| row.errors).sum();
    if errors > 0 {
        let first = line.rows.iter().find(|row| row.errors > 0);
        let first = first.map_or("", |row| row.first_error.as_str());
        notes.push(format!("{errors} errors: {first}"));
    }
    let misses: u64 = line.rows.iter().map(|row| row.misses).sum();
    if misses > 0 {
        notes.push(format!("{misses} misses"));
    }
    if let Some(why) = line.failed {
        notes.push(format!("a round failed: {why}"));
    }
    notes.join("; ")
}

/// Scenarios: a table for each, a line for each figure, a column for each contestant.
fn figures(figures: &[Figure]) -> String {
    let mut text = String::new();
    for scenario in unique(figures.iter().map(|figure| &figure.scenario)) {
        let here: Vec<&Figure> =
            figures.iter().filter(|figure| figure.scenario == scenario).collect();
        let contestants = unique(here.iter().map(|figure| &figure.contestant));
        let _ = writeln!(text, "\n### {scenario}\n\n| | {} |", contestants.join(" | "));
        let _ = writeln!(text, "|---|{}", "--:|".repeat(contestants.len()));
        for what in unique(here.iter().map(|figure| &figure.what)) {
            let cell = |contestant: &str| {
                let is_it = |it: &&&Figure| it.what == what && it.contestant == contestant;
                here.iter().find(is_it).map_or(String::new(), |figure| cell(figure))
            };
            let cells: Vec<String> = contestants.iter().map(|it| cell(it)).collect();
            let _ = writeln!(text, "| {what} | {} |", cells.join(" | "));
        }
    }
    text
}

fn cell(figure: &Figure) -> String {
    let value = match figure.value {
        None => "not measured".to_owned(),
        Some(value) if value.abs() >= 1000.0 => format!("{value:.0} {}", figure.unit),
        Some(value) => format!("{value:.2} {}", figure.unit),
    };
    if figure.note.is_empty() { value } else { format!("{value} ({})", figure.note) }
}

fn unique<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name.as_str()) {
            seen.push(name);
        }
    }
    seen
}

/// One row as text, for the terminal.
pub fn progress(row: &Row) -> String {
    let setting = if row.is_pinned { "pinned" } else { "unpinned" };
    let head = format!(
        "{:5}{setting:9}{:10}{:2} {:11}",
        row.servers, row.workload, row.round, row.contestant
    );
    if let Some(why) = &row.failed {
        return format!("{head} failed: {why}");
    }
    let noisy = if row.is_quiet() { "" } else { "  disturbed" };
    format!(
        "{head} cpu {:8.2} us  {:8.0}/s  p50 {:7.0}  p99 {:7.0} us  core {:.2}  servers {:6.2} us{}{noisy}",
        row.cpu_us(),
        row.per_second,
        row.latency.p50_us,
        row.latency.p99_us,
        row.cpu.share,
        row.cpu.servers_us,
        if row.errors > 0 {
            format!("  {} errors: {}", row.errors, row.first_error)
        } else {
            String::new()
        },
    )
}

/// What the marks of a row mean, for the end of the report.
pub fn legend() -> String {
    format!(
        "Not saturated: the proxy used less than {SATURATED} of its core, so something else was the \
         limit. Disturbed: other processes used more than {STRANGERS_MAX} of a core, or the \
         hypervisor kept more than {STOLEN_MAX}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Cpu;

    #[test]
    fn the_overview_sets_each_workload_beside_its_bar() {
        let row = |contestant: &str, servers: &str, is_pinned, per_second| Row {
            workload: "p1".into(),
            contestant: contestant.into(),
            servers: servers.into(),
            is_pinned,
            per_second,
            cpu: Cpu { user_us: 1.0 / per_second, servers_us: 3.0, ..Cpu::default() },
            ..Row::default()
        };
        let rows = [
            row(OURS, "null", true, 4.0),
            row(BASE, "null", true, 2.0),
            row(OURS, "real", false, 3.0),
            row(BASE, "real", false, 2.0),
        ];
        let text = overview(&summary::races(&rows));
        let what = workloads::WORKLOADS[0].what;
        assert!(text.ends_with(&format!("| {what} | 0.50 | 0.83 | 1.50 | 1.00 |\n")), "{text}");
        assert_eq!(overview(&summary::races(&rows[..1])), "");
    }
}
