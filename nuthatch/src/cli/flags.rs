//! The flags of the proxy: twemproxy's, and a few of ours. Help, the manual page, shell completions and
//! the usage text under the name nutcracker are printed from this table.
//!
//! Numbers follow twemproxy's rule: only decimal digits. A number that does not fit 31 bits is
//! refused; in twemproxy it wrapped.

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The default path of the configuration, as in twemproxy.
pub const CONF_FILE: &str = "conf/nutcracker.yml";

/// The highest log level, as in twemproxy.
pub const LEVEL_MAX: u8 = 11;

/// Without a command: serve the pools of a file.
#[derive(Args, Debug, Clone)]
pub struct Run {
    /// Check the configuration, print its errors and warnings, and exit
    #[arg(short, long)]
    pub test_conf: bool,
    /// Run in the background, after everything is bound
    #[arg(short, long)]
    pub daemonize: bool,
    /// Print the meaning of each counter in the statistics, and exit
    #[arg(short = 'D', long)]
    pub describe_stats: bool,
    /// Log level, 0 to 11; TTIN and TTOU change it
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = level)]
    pub verbose: u8,
    /// Append the log to this file; HUP reopens it. Absent or empty: stderr
    #[arg(short, long, value_name = "FILE", value_parser = path())]
    pub output: Option<PathBuf>,
    /// The configuration: twemproxy's YAML [default: conf/nutcracker.yml]
    #[arg(short, long, value_name = "FILE", value_parser = path())]
    pub conf_file: Option<PathBuf>,
    /// Port of the statistics
    #[arg(short, long, value_name = "N", default_value = "22222", value_parser = port)]
    pub stats_port: u16,
    /// Address of the statistics, or a socket: /path 0660
    #[arg(short = 'a', long, value_name = "ADDR", default_value = "0.0.0.0")]
    pub stats_addr: String,
    // Not in twemproxy, and it may break collectors for twemproxy: docs/adr/0015.
    /// Show nuthatch's own numbers at / and by plain TCP too
    #[arg(long)]
    pub stats_extended: bool,
    /// Accepted, without effect: numbers are always current
    #[arg(short = 'i', long, value_name = "N", default_value = "30000", value_parser = number)]
    pub stats_interval: u32,
    /// Write the process id to this file; it is removed at the end
    #[arg(short, long, value_name = "FILE", value_parser = path())]
    pub pid_file: Option<PathBuf>,
    /// Accepted, without effect: buffers have no fixed size
    #[arg(short, long, value_name = "N", default_value = "16384", value_parser = mbuf_size)]
    pub mbuf_size: u32,
    /// Threads that serve clients; absent: one for each core
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// The zone that this proxy is in, for pools that name none
    #[arg(long, value_name = "NAME")]
    pub zone: Option<Box<str>>,
    /// Format of the lines in the log
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub log_format: LogFormat,
    // The default is a little less than the 5 s after which Debian's init script kills the process.
    /// Milliseconds to wait for open requests after TERM
    #[arg(long, value_name = "N", default_value = "4500", value_parser = number)]
    pub shutdown_grace_ms: u32,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// `[time] level message field=value ...`
    Text,
    /// One object for each line
    Json,
}

/// Any bytes, or none: `-o ""` is stderr.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn number(text: &str) -> Result<u32, String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = if is_plain { text.parse::<u32>().ok() } else { None };
    value.filter(|value| i32::try_from(*value).is_ok()).ok_or_else(|| "requires a number".into())
}

fn level(text: &str) -> Result<u8, String> {
    Ok(number(text)?.min(u32::from(LEVEL_MAX)) as u8)
}

fn port(text: &str) -> Result<u16, String> {
    let value = number(text)?;
    let fits = u16::try_from(value).ok().filter(|port| *port > 0);
    fits.ok_or_else(|| format!("value {value} is not a valid port"))
}

fn mbuf_size(text: &str) -> Result<u32, String> {
    match number(text)? {
        0 => Err("requires a non-zero number".into()),
        size @ 512..=16_777_216 => Ok(size),
        _ => Err("requires a size between 512 and 16777216 bytes".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_that_fit() {
        assert_eq!(number("007"), Ok(7));
        assert_eq!(number("2147483647"), Ok(2_147_483_647));
        for bad in ["", "-5", "+5", "1.0", "0x10", " 1", "2147483648", "4294967297"] {
            assert!(number(bad).is_err(), "{bad}");
        }
        assert_eq!(level("99"), Ok(11));
        assert_eq!(port("65535"), Ok(65535));
        assert!(port("0").is_err() && port("65536").is_err());
        assert!(mbuf_size("0").unwrap_err().contains("non-zero"));
        assert!(mbuf_size("511").is_err() && mbuf_size("512").is_ok());
    }
}
