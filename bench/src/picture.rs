//! The picture for the README: CPU a request as a ratio to nutcracker's, one bar a workload.
//!
//! Plain SVG written by hand: no fonts but the reader's own, colours that hold on a light and on a
//! dark page, the number beside each bar, so that nobody has to measure with a ruler.

use crate::contestants::{BASE, OURS};
use crate::row::Report;
use crate::summary::{self, Line};
use crate::workloads;
use std::fmt::Write;

const WIDTH: f64 = 800.0;
const LEFT: f64 = 372.0;
/// Where nutcracker's line stands, and how far a bar may go beyond it.
const ONE: f64 = 300.0;
const MOST: f64 = 1.2;
const TOP: f64 = 92.0;
const ROW: f64 = 30.0;
const BAR: f64 = 16.0;

const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.t{font-size:17px;font-weight:600}.s{font-size:12.5px;fill:#59636e}.l{font-size:13px}\
.n{font-size:13px;font-weight:600}.b{fill:#1a7f72}.r{fill:#c2601c}.g{fill:#d7dde3}\
.o{stroke:#59636e;stroke-width:1.5;stroke-dasharray:4 3}.p{fill:#ffffff}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.b{fill:#3fb8a5}.r{fill:#e08a4a}\
.g{fill:#30363d}.o{stroke:#9198a1}.p{fill:#0d1117}}";

/// None if there is nothing to compare.
pub fn svg(report: &Report) -> Option<String> {
    let races = summary::races(&report.rows);
    let mut bars: Vec<(&str, f64)> = Vec::new();
    for race in &races {
        let like = race[0].like;
        if like.servers != "null" || !like.is_pinned {
            continue;
        }
        let ours = |line: &&Line<'_>| line.like.contestant == OURS;
        let Some(ratio) = race.iter().find(ours).and_then(|line| line.cpu_ratio) else { continue };
        let what = workloads::by_name(&like.workload).map_or("", |workload| workload.what);
        bars.push((what, ratio.median));
    }
    if bars.is_empty() {
        return None;
    }
    let height = TOP + ROW * bars.len() as f64 + 44.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"CPU per request of {OURS} relative to {BASE}\">\n<style>{STYLE}</style>\n\
         <rect class=\"p\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n"
    );
    let _ = writeln!(
        svg,
        "<text class=\"t\" x=\"20\" y=\"34\">CPU per request, {OURS} beside {BASE}</text>"
    );
    let _ = writeln!(
        svg,
        "<text class=\"s\" x=\"20\" y=\"55\">Shorter is better. The dashed line is {BASE} -v 4 in \
         the same rounds; the proxy has a core of its own.</text>"
    );
    for (at, (what, ratio)) in bars.iter().enumerate() {
        let y = TOP + ROW * at as f64;
        let middle = y + BAR / 2.0 + 4.5;
        let length = ONE * ratio.min(MOST);
        let class = if *ratio <= 1.0 { "b" } else { "r" };
        let _ = writeln!(
            svg,
            "<text class=\"l\" x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"g\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{ONE}\" height=\"{BAR}\" rx=\"3\"/>\n\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"3\"/>\n\
             <text class=\"n\" x=\"{:.1}\" y=\"{middle:.1}\">{ratio:.2}</text>",
            LEFT - 12.0,
            escaped(what),
            LEFT + length.max(ONE) + 12.0,
        );
    }
    let bottom = TOP + ROW * bars.len() as f64;
    let x = LEFT + ONE;
    let _ = writeln!(
        svg,
        "<line class=\"o\" x1=\"{x}\" y1=\"{:.1}\" x2=\"{x}\" y2=\"{bottom:.1}\"/>\n\
         <text class=\"s\" x=\"{x}\" y=\"{:.1}\" text-anchor=\"middle\">{BASE} = 1</text>\n\
         <text class=\"s\" x=\"20\" y=\"{:.1}\">{}, {}. Made by cargo xtask bench.</text>\n</svg>",
        TOP - 8.0,
        TOP - 14.0,
        bottom + 24.0,
        escaped(&report.date),
        escaped(&report.options),
    );
    Some(svg)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Row;

    #[test]
    fn a_bar_for_each_race_that_can_be_compared() {
        let row = |contestant: &str, workload: &str, user_us| Row {
            servers: "null".into(),
            is_pinned: true,
            contestant: contestant.into(),
            workload: workload.into(),
            user_us,
            ..Row::default()
        };
        let rows = vec![row(OURS, "p1", 1.0), row(BASE, "p1", 2.0), row(OURS, "p16", 1.0)];
        let svg = svg(&Report { rows, ..Report::default() }).unwrap();
        assert_eq!(svg.matches("class=\"b\"").count(), 1);
        assert!(svg.contains(">0.50<"));
        assert!(super::svg(&Report::default()).is_none());
    }
}
