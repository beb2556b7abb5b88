//! The form of a line.
//!
//! ```text
//!   text   [2026-03-04 05:06:07.089] WARN  server ejected pool=alpha server=10.0.0.1:6379 failures=2
//!   json   {"time":"2026-03-04T05:06:07.089+01:00","level":"warn","message":"server ejected",...}
//! ```
//!
//! The time in brackets is local, in milliseconds, as in twemproxy. The value of a field is in quotes
//! if it is empty or has a blank, a quote or `=`. Text from a peer cannot end a line or control a
//! terminal: control characters are escaped in both forms.

use crate::io::json_text;
use crate::io::sys::{self, LocalTime};
use std::fmt::{Debug, Write};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

/// The target of events that are written at every level: start, end, signals.
pub const ALWAYS: &str = "always";

/// Bytes of a line. A longer one is cut.
const LINE_BYTES_MAX: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Text,
    Json,
}

/// The level of an event, as a word.
pub fn word(metadata: &Metadata<'_>) -> &'static str {
    match *metadata.level() {
        _ if metadata.target() == ALWAYS => "note",
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

pub fn now() -> LocalTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    sys::local_time(since.as_secs() as i64, since.subsec_millis())
}

/// A line that is being built.
pub struct Line {
    form: Form,
    head: String,
    message: String,
    fields: String,
}

impl Line {
    pub fn new(form: Form, word: &str, time: LocalTime) -> Line {
        let LocalTime { year, month, day, hour, minute, second, millis, offset_minutes } = time;
        let head = match form {
            Form::Text => format!(
                "[{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}] \
                 {:<5} ",
                word.to_uppercase()
            ),
            Form::Json => {
                let sign = if offset_minutes < 0 { '-' } else { '+' };
                let (hours, minutes) =
                    (offset_minutes.unsigned_abs() / 60, offset_minutes.unsigned_abs() % 60);
                format!(
                    "{{\"time\":\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.\
                     {millis:03}{sign}{hours:02}:{minutes:02}\",\"level\":\"{word}\",\"message\":"
                )
            }
        };
        Line { form, head, message: String::new(), fields: String::new() }
    }

    /// Without `is_text` the value is a number, or a word of JSON, and has no quotes there.
    pub fn field(&mut self, name: &str, value: &str, is_text: bool) {
        if self.fields.len() + value.len() > LINE_BYTES_MAX {
            return;
        }
        match self.form {
            Form::Json if is_text => {
                let _ = write!(self.fields, ",\"{name}\":{}", json_text(value));
            }
            Form::Json => {
                let _ = write!(self.fields, ",\"{name}\":{value}");
            }
            Form::Text => {
                let shown = value.escape_debug().to_string().replace("\\'", "'");
                let is_plain =
                    shown == value && !value.is_empty() && !value.contains([' ', '"', '=']);
                if is_plain {
                    let _ = write!(self.fields, " {name}={value}");
                } else {
                    let _ = write!(self.fields, " {name}=\"{shown}\"");
                }
            }
        }
    }

    fn text(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.chars().take(LINE_BYTES_MAX).collect::<String>().clone_into(&mut self.message);
        } else {
            self.field(field.name(), value, true);
        }
    }

    pub fn end(mut self, message: &str) -> String {
        message.clone_into(&mut self.message);
        self.finish()
    }

    pub fn finish(self) -> String {
        let Line { form, head, message, fields } = self;
        match form {
            Form::Text => {
                let message: String = message.chars().flat_map(shown_in_text).collect();
                format!("{head}{message}{fields}\n")
            }
            Form::Json => format!("{head}{}{fields}}}\n", json_text(&message)),
        }
    }
}

fn shown_in_text(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // The number of like events that were not written, shown only if there were any.
        if value > 0 || field.name() != "suppressed" {
            self.field(field.name(), &value.to_string(), false);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field.name(), &value.to_string(), false);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field.name(), if value { "true" } else { "false" }, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: LocalTime = LocalTime {
        year: 2026,
        month: 3,
        day: 4,
        hour: 5,
        minute: 6,
        second: 7,
        millis: 89,
        offset_minutes: -210,
    };

    fn line(form: Form) -> String {
        let mut line = Line::new(form, "warn", TIME);
        line.field("pool", "alpha", true);
        line.field("why", "a \"b\"\n\u{1b}[2J", true);
        line.field("none", "", true);
        line.field("failures", "2", false);
        line.end("server\nejected")
    }

    #[test]
    fn text() {
        assert_eq!(
            line(Form::Text),
            "[2026-03-04 05:06:07.089] WARN  server\\nejected pool=alpha \
             why=\"a \\\"b\\\"\\n\\u{1b}[2J\" none=\"\" failures=2\n"
        );
    }

    #[test]
    fn json() {
        let line = line(Form::Json);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["time"], "2026-03-04T05:06:07.089-03:30");
        assert_eq!(read["level"], "warn");
        assert_eq!(read["message"], "server\nejected");
        assert_eq!(read["why"], "a \"b\"\n\u{1b}[2J");
        assert_eq!(read["failures"], 2);
        assert_eq!(line.matches('\n').count(), 1);
    }
}
