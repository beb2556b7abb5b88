//! The picture for the README: CPU a request as a ratio to nutcracker's, one bar a workload.
//!
//! Plain SVG written by hand: the reader's own font, colours for a light and for a dark page, and the
//! number beside each bar. A text that is too wide gets another line, or is cut at its end
//! (`font.rs`).

use crate::contestants::{BASE, OURS};
use crate::font::Font;
use crate::row::Report;
use crate::summary::{self, Line};
use crate::workloads;
use std::fmt::Write;

const WIDTH: f64 = 800.0;
/// Between a text and the frame.
const MARGIN: f64 = 20.0;
const LEFT: f64 = 384.0;
/// The position of nutcracker's line, and how far a bar may go beyond it.
const ONE: f64 = 300.0;
const MOST: f64 = 1.2;
const ROW: f64 = 30.0;
const BAR: f64 = 16.0;
/// From a line of small text to the next.
const SMALL_LINE: f64 = 18.0;

/// A class of texts: its font as in `STYLE`.
struct Class {
    name: &'static str,
    font: Font,
}

const TITLE: Class = Class { name: "t", font: Font { px: 17.0, is_bold: true } };
const SMALL: Class = Class { name: "s", font: Font { px: 12.5, is_bold: false } };
const LABEL: Class = Class { name: "l", font: Font { px: 13.0, is_bold: false } };
const NUMBER: Class = Class { name: "n", font: Font { px: 13.0, is_bold: true } };

const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.t{font-size:17px;font-weight:600}.s{font-size:12.5px;fill:#59636e}.l{font-size:13px}\
.n{font-size:13px;font-weight:600}.b{fill:#1a7f72}.r{fill:#c2601c}.g{fill:#d7dde3}\
.o{stroke:#59636e;stroke-width:1.5;stroke-dasharray:4 3}.p{fill:#ffffff}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.b{fill:#3fb8a5}.r{fill:#e08a4a}\
.g{fill:#30363d}.o{stroke:#9198a1}.p{fill:#0d1117}}";

/// Which point of a text its `x` is.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// What is drawn so far, from top to bottom.
#[derive(Default)]
struct Canvas {
    shapes: String,
}

impl Canvas {
    /// Draws a text, moved or cut so that it stays within the frame.
    fn text(&mut self, class: &Class, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let text = class.font.shortened(text, WIDTH - 2.0 * MARGIN);
        let width = class.font.width(&text);
        let (before, word) = match anchor {
            Anchor::Start => (0.0, ""),
            Anchor::Middle => (width / 2.0, " text-anchor=\"middle\""),
            Anchor::End => (width, " text-anchor=\"end\""),
        };
        let x = x.clamp(MARGIN + before, WIDTH - MARGIN - (width - before));
        let (name, text) = (class.name, escaped(&text));
        let _ = writeln!(
            self.shapes,
            "<text class=\"{name}\" x=\"{x:.1}\" y=\"{y:.1}\"{word}>{text}</text>"
        );
    }

    /// Draws a text in as many lines as it needs, the first at `y`. Returns the `y` of a next line.
    fn lines(&mut self, class: &Class, mut y: f64, step: f64, text: &str) -> f64 {
        for line in class.font.lines(text, WIDTH - 2.0 * MARGIN) {
            self.text(class, (MARGIN, y), Anchor::Start, &line);
            y += step;
        }
        y
    }

    fn bar(&mut self, class: &str, y: f64, length: f64) {
        let _ = writeln!(
            self.shapes,
            "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"3\"/>"
        );
    }
}

/// None if there is nothing to compare.
pub fn svg(report: &Report) -> Option<String> {
    let bars = bars(report);
    if bars.is_empty() {
        return None;
    }
    let mut canvas = Canvas::default();
    let title = format!("CPU per request, {OURS} beside {BASE}");
    let y = canvas.lines(&TITLE, 34.0, 21.0, &title);
    let legend = format!(
        "Shorter is better. The dashed line is {BASE} -v 4 in the same rounds; the proxy has a core of its own."
    );
    let top = canvas.lines(&SMALL, y, SMALL_LINE, &legend) + SMALL_LINE + 1.0;
    for (at, (what, ratio)) in bars.iter().enumerate() {
        let y = top + ROW * at as f64;
        let middle = y + BAR / 2.0 + 4.5;
        let length = ONE * ratio.min(MOST);
        let label = LABEL.font.shortened(what, LEFT - 12.0 - MARGIN);
        canvas.text(&LABEL, (LEFT - 12.0, middle), Anchor::End, &label);
        canvas.bar("g", y, ONE);
        canvas.bar(if *ratio <= 1.0 { "b" } else { "r" }, y, length);
        let behind = LEFT + length.max(ONE) + 12.0;
        canvas.text(&NUMBER, (behind, middle), Anchor::Start, &format!("{ratio:.2}"));
    }
    let bottom = top + ROW * bars.len() as f64;
    let x = LEFT + ONE;
    let _ = writeln!(
        canvas.shapes,
        "<line class=\"o\" x1=\"{x}\" y1=\"{:.1}\" x2=\"{x}\" y2=\"{bottom:.1}\"/>",
        top - 8.0
    );
    canvas.text(&SMALL, (x, top - 14.0), Anchor::Middle, &format!("{BASE} = 1"));
    let source = format!("{}, {}. Made by cargo xtask bench.", report.date, report.options);
    let height = canvas.lines(&SMALL, bottom + 24.0, SMALL_LINE, &source) + 2.0;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"CPU per request of {OURS} relative to {BASE}\">\n<style>{STYLE}</style>\n\
         <rect class=\"p\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n{}</svg>\n",
        canvas.shapes
    ))
}

/// The label of each bar, and our CPU a request divided by nutcracker's.
fn bars(report: &Report) -> Vec<(&'static str, f64)> {
    let mut bars = Vec::new();
    for race in summary::races(&report.rows) {
        let like = race[0].like;
        if like.servers != "null" || !like.is_pinned {
            continue;
        }
        let ours = |line: &&Line<'_>| line.like.contestant == OURS;
        let Some(ratio) = race.iter().find(ours).and_then(|line| line.cpu_ratio) else { continue };
        let what = workloads::by_name(&like.workload).map_or("", |workload| workload.what);
        bars.push((what, ratio.median));
    }
    bars
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Cpu, Row};
    use std::fs;
    use std::path::{Path, PathBuf};

    fn row(contestant: &str, workload: &str, user_us: f64) -> Row {
        Row {
            servers: "null".into(),
            is_pinned: true,
            contestant: contestant.into(),
            workload: workload.into(),
            cpu: Cpu { user_us, ..Cpu::default() },
            ..Row::default()
        }
    }

    /// Reads the picture's texts back and compares each with the frame.
    fn must_be_framed(svg: &str) {
        let number = |tag: &str, name: &str| -> f64 {
            let from = tag.find(&format!(" {name}=\"")).expect(name) + name.len() + 3;
            tag[from..].split('"').next().unwrap_or_default().parse().expect(name)
        };
        let (width, height) = (number(svg, "width"), number(svg, "height"));
        let mut texts = 0;
        for line in svg.lines().filter(|line| line.starts_with("<text")) {
            let (tag, rest) = line.split_once('>').expect("a tag");
            let text = rest.trim_end_matches("</text>").replace("&lt;", "<").replace("&amp;", "&");
            let classes = [TITLE, SMALL, LABEL, NUMBER];
            let class = classes.iter().find(|class| tag.contains(&format!("\"{}\"", class.name)));
            let long = class.expect("a class").font.width(&text);
            let (x, y) = (number(tag, "x"), number(tag, "y"));
            let start = match (tag.contains("middle"), tag.contains("\"end\"")) {
                (true, _) => x - long / 2.0,
                (_, true) => x - long,
                _ => x,
            };
            assert!(
                start >= 8.0 && start + long <= width - 8.0,
                "{start} to {}: {text}",
                start + long
            );
            assert!(y >= 12.0 && y <= height - 8.0, "{y} of {height}: {text}");
            texts += 1;
        }
        assert!(texts > 4);
    }

    #[test]
    fn a_bar_for_each_race_that_can_be_compared() {
        let rows = vec![row(OURS, "p1", 1.0), row(BASE, "p1", 2.0), row(OURS, "p16", 1.0)];
        let svg = svg(&Report { rows, ..Report::default() }).unwrap();
        assert_eq!(svg.matches("class=\"b\"").count(), 1);
        assert!(svg.contains(">0.50<"));
        assert!(super::svg(&Report::default()).is_none());
    }

    #[test]
    fn every_text_ends_inside_the_frame() {
        let mut rows = Vec::new();
        for workload in &workloads::WORKLOADS {
            rows.extend([row(OURS, workload.name, 1.0), row(BASE, workload.name, 2.0)]);
        }
        // A very long bar and a very long number.
        rows[0].cpu.user_us = 123_456_789.0;
        let long =
            ["then 2026-11-26 16:14: 15 rounds; ", &"x".repeat(500), " <&> ", &"M ".repeat(900)];
        let report = Report {
            rows,
            date: "2026-11-26 13:17".into(),
            options: long.concat(),
            ..Report::default()
        };
        let svg = svg(&report).unwrap();
        must_be_framed(&svg);
        assert!(
            svg.contains("Made by cargo xtask bench."),
            "nothing of it is lost but ends of words"
        );
        for workload in &workloads::WORKLOADS {
            assert!(svg.contains(&format!(">{}<", workload.what)), "cut: {}", workload.what);
        }
    }

    /// The committed picture is what the command in its README draws.
    #[test]
    fn the_recorded_picture_is_of_the_recorded_numbers() {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
        let readme = fs::read_to_string(results.join("README.md")).unwrap();
        let command =
            readme.lines().find_map(|line| line.trim().strip_prefix("nuthatch-bench report "));
        let files: Vec<PathBuf> =
            command.unwrap().split(' ').map(|file| results.join(file)).collect();
        let svg = svg(&Report::read(&files).unwrap().unwrap()).unwrap();
        must_be_framed(&svg);
        let recorded = fs::read_to_string(files[0].with_extension("svg")).unwrap();
        assert!(
            recorded == svg,
            "draw it again, by the command in {}/README.md",
            results.display()
        );
    }
}
