//! Prometheus' text formats: the classic one, which every collector reads, and OpenMetrics 1.0, for those that
//! ask for it. They differ in a few words; no crate writes both from one table.

use super::stats::Kind;
use std::fmt::Write;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Classic,
    OpenMetrics,
}

impl Form {
    /// What a reader with this Accept header gets.
    pub fn accepted(accept: &str) -> Form {
        let is_open = accept.to_ascii_lowercase().contains("application/openmetrics-text");
        if is_open { Form::OpenMetrics } else { Form::Classic }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Form::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Form::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A number of a metric.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    Int(u64),
    Float(f64),
}

pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// The text so far.
pub struct Exposition {
    form: Form,
    text: String,
}

impl Exposition {
    pub fn new(form: Form) -> Exposition {
        Exposition { form, text: String::new() }
    }

    /// Begins a metric. `name` is that of its samples: a counter's ends in `_total`. All its samples follow.
    pub fn begin(&mut self, name: &str, kind: Kind, about: &str) {
        let family = match (self.form, kind) {
            (Form::OpenMetrics, Kind::Counter) => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
        let about = about.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.text, "# HELP {family} {about}\n# TYPE {family} {kind}");
    }

    pub fn sample(&mut self, name: &str, labels: Labels<'_>, number: Number) {
        self.text.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = match number {
            Number::Int(number) => writeln!(self.text, " {number}"),
            Number::Float(number) => writeln!(self.text, " {number:.6}"),
        };
    }

    pub fn end(mut self) -> String {
        if self.form == Form::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_the_same_samples() {
        let text = |form| {
            let mut text = Exposition::new(form);
            text.begin("a_total", Kind::Counter, "what\nit is");
            text.sample("a_total", &[("pool", "p\"\\\n"), ("x", "")], Number::Int(u64::MAX));
            text.begin("b_seconds", Kind::Gauge, "b");
            text.sample("b_seconds", &[], Number::Float(0.25));
            text.end()
        };
        let samples = "a_total{pool=\"p\\\"\\\\\\n\",x=\"\"} 18446744073709551615\n";
        assert_eq!(
            text(Form::Classic),
            format!(
                "# HELP a_total what\\nit is\n# TYPE a_total counter\n{samples}\
                 # HELP b_seconds b\n# TYPE b_seconds gauge\nb_seconds 0.250000\n"
            )
        );
        assert_eq!(
            text(Form::OpenMetrics),
            format!(
                "# HELP a what\\nit is\n# TYPE a counter\n{samples}\
                 # HELP b_seconds b\n# TYPE b_seconds gauge\nb_seconds 0.250000\n# EOF\n"
            )
        );
    }

    #[test]
    fn who_asks_for_openmetrics_gets_it() {
        let of_prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
        assert_eq!(Form::accepted(of_prometheus), Form::OpenMetrics);
        assert_eq!(Form::accepted("*/*"), Form::Classic);
    }
}
