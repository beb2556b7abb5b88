//! Serving: check the file, bind, run. With `-t` only the check, with `-d` in the background.

use super::default_paths::Paths;
use super::flags::{LogFormat, Run};
use super::pid_file::PidFile;
use super::print::tell;
use super::{daemon, default_paths, load, name};
use crate::admin::{self, Members};
use crate::config::{self, Bind, Config, Difference, Problem};
use crate::control::{self, Running, Settings, SignalRuntime};
use crate::io::log::{ALWAYS, Form, Log};
use crate::io::{fd_limit, sys};
use anyhow::{Context, anyhow, bail};
use nuthatch_engine::topology::Manners;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// While the child of `-d` starts, it writes only warnings and errors to its parent's stderr.
const LEVEL_AT_START: u8 = 4;

pub fn run(asked: &Run) -> anyhow::Result<ExitCode> {
    let paths = default_paths::find(asked);
    let file = &paths.conf_file;
    if asked.daemonize && !asked.test_conf {
        if !daemon::is_child() {
            return daemon::start_child();
        }
        daemon::leave_session()?;
    }
    let Some((mut config, warnings, binds)) = config_and_binds(file) else {
        return Ok(ExitCode::FAILURE);
    };
    if let Some(zone) = &asked.zone {
        config.default_zone(zone);
    }
    let workers = asked.workers.unwrap_or_else(|| default_workers(&config));
    if asked.test_conf {
        tell_differences(&config, &warnings, workers);
        tell!("nutcracker: configuration file '{}' syntax is ok", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    load::say(&warnings);
    // Without a log file, the child of `-d` has no place to log normal events.
    let has_log = paths.log.is_some() || !asked.daemonize;
    let log = start_log(asked, paths.log.as_deref(), has_log)?;
    let room = fd_limit::raise(control::files_needed(&config, workers));
    let grace = Duration::from_millis(asked.shutdown_grace_ms.into());
    let settings = Settings { workers, clients_room: room.clients, log, grace };
    let started = start(asked, &config, &binds, settings, &paths, room.readers);
    let (running, pid_file) = started.inspect_err(|error| {
        if paths.log.is_some() {
            // The caller writes it to stderr. It must be in the log file too.
            tracing::error!("{error:#}");
        }
    })?;
    if has_log {
        let statistics = statistics_at(asked);
        tracing::info!(target: ALWAYS, workers, conf = %file.display(), statistics, "serving");
    }
    if asked.daemonize {
        daemon::tell_ready()?;
    }
    control::tell_ready();
    running.wait().context("the proxy ended because of a bug")?;
    drop(pid_file);
    tracing::info!(target: ALWAYS, "done");
    Ok(ExitCode::SUCCESS)
}

/// Binds everything, or returns the errors of all addresses. Then writes the pid file, then starts the
/// threads: a process that must end at once serves no request.
fn start(
    asked: &Run,
    config: &Config,
    binds: &[Bind],
    settings: Settings,
    paths: &Paths,
    readers_max: usize,
) -> anyhow::Result<(Running, Option<PidFile>)> {
    let signal_runtime = SignalRuntime::open()?;
    let stats_socket = bind_stats(asked);
    let listeners = control::listen(config, binds, settings.workers);
    let (stats_socket, listeners) = match (stats_socket, listeners) {
        (Ok(stats_socket), Ok(listeners)) => (stats_socket, listeners),
        (Err(stats), Err(listeners)) => bail!("{listeners:#}\n{stats:#}"),
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    let bare = if asked.stats_extended { Members::All } else { Members::Twemproxy };
    let serve_stats = |view| admin::serve(stats_socket, bare, readers_max, view);
    let pid_file = write_pid_file(asked, paths)?;
    Ok((control::start(config, &listeners, settings, signal_runtime, serve_stats)?, pid_file))
}

/// Debian's nutcracker writes the file in the background only, so old units may name a file that
/// cannot be written. Under the name nutcracker we then serve without it.
fn write_pid_file(asked: &Run, paths: &Paths) -> anyhow::Result<Option<PidFile>> {
    let Some(path) = &paths.pid_file else { return Ok(None) };
    match PidFile::write(path) {
        Err(error) if name::is_nutcracker() && !asked.daemonize => {
            tracing::warn!("{error:#}; serving without it");
            if paths.log.is_some() {
                tell!("WARN  {error:#}; serving without it");
            }
            Ok(None)
        }
        written => written.map(Some),
    }
}

/// Binds the address of `-a` and `-s`.
fn bind_stats(asked: &Run) -> anyhow::Result<admin::StatsSocket> {
    let (bind, warnings) = config::listen_of_flag("-a", &asked.stats_addr, asked.stats_port)
        .map_err(|problem| anyhow!("{problem}"))?;
    load::say(&warnings);
    admin::StatsSocket::bind(&bind, &statistics_at(asked))
}

/// The address of statistics as text. A Unix socket has no port.
fn statistics_at(asked: &Run) -> String {
    if asked.stats_addr.starts_with('/') {
        return asked.stats_addr.clone();
    }
    format!("{}:{}", asked.stats_addr, asked.stats_port)
}

/// The checked configuration and the addresses to bind. `None`: all errors are printed.
fn config_and_binds(file: &Path) -> Option<(Config, Vec<Problem>, Vec<Bind>)> {
    let (config, warnings) = load::config(file)?;
    match config::resolve(&config) {
        Ok(binds) => Some((config, warnings, binds)),
        Err(problems) => {
            load::say(&warnings);
            load::refuse(file, &problems);
            None
        }
    }
}

/// Prints warnings, then the differences from nutcracker. A warning about the same thing as a
/// difference is left out, since the difference says more.
fn tell_differences(config: &Config, warnings: &[Problem], workers: u16) {
    let differences = config::differences(config, workers);
    let is_covered = |warning: &Problem| {
        let is_same = |d: &&Difference| (d.line, d.column) == (warning.line, warning.column);
        differences.iter().filter(is_same).any(|difference| difference.has_warning)
    };
    for warning in warnings.iter().filter(|warning| !is_covered(warning)) {
        tell!("{warning}");
    }
    for difference in &differences {
        tell!("{difference}");
    }
}

/// One for each core. One in all if a pool has `manners: twemproxy`, so that servers have as many
/// connections as with twemproxy.
fn default_workers(config: &Config) -> u16 {
    if config.pools.iter().any(|pool| pool.spec.manners == Manners::Twemproxy) {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.min(1024) as u16
}

fn start_log(asked: &Run, file: Option<&Path>, has_log: bool) -> anyhow::Result<Arc<Log>> {
    let form = match asked.log_format {
        LogFormat::Text => Form::Text,
        LogFormat::Json => Form::Json,
    };
    let level = if has_log { asked.verbose } else { asked.verbose.min(LEVEL_AT_START) };
    let log = Log::start(file, form, level).with_context(|| match file {
        Some(file) => format!("cannot open the log file {}", file.display()),
        None => "cannot start the log".to_owned(),
    })?;
    sys::on_crash(log.number(), form == Form::Json);
    if has_log {
        let system = rustix::system::uname();
        let (kernel, release) = (system.sysname(), system.release());
        let system = format!("{} {}", kernel.to_string_lossy(), release.to_string_lossy());
        tracing::info!(
            target: ALWAYS,
            version = env!("CARGO_PKG_VERSION"),
            as_nutcracker = name::is_nutcracker(),
            system,
            pid = std::process::id(),
            "nuthatch starts"
        );
    }
    Ok(log)
}
