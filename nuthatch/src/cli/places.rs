//! Where the configuration, the log and the pid file are when the flags do not say.
//!
//! Twemproxy's own build looks for `conf/nutcracker.yml`, logs to stderr and writes no pid file.
//! Debian's build has other places, which its init script and its logrotate entry rely on. The
//! two are told apart by the configuration in use: one that lies in Debian's folder, found there
//! or named by `-c`, brings Debian's log and pid file along. See docs/adr/0006.

use super::flags::{CONF_FILE, Run};
use super::name;
use std::path::{Path, PathBuf};

const DEBIAN_CONF_FOLDER: &str = "/etc/nutcracker";
const DEBIAN_CONF: &str = "/etc/nutcracker/nutcracker.yml";
const DEBIAN_LOG: &str = "/var/log/nutcracker/nutcracker.log";
const DEBIAN_PID: &str = "/run/nutcracker/nutcracker.pid";

#[derive(Debug, PartialEq, Eq)]
pub struct Places {
    pub conf_file: PathBuf,
    /// `None`: stderr.
    pub log: Option<PathBuf>,
    pub pid_file: Option<PathBuf>,
}

pub fn find(asked: &Run) -> Places {
    let conf_file = asked.conf_file.clone().unwrap_or_else(conf_default);
    chosen(asked, conf_file, name::is_nutcracker(), Path::exists)
}

/// The configuration when `-c` is not given.
pub fn conf_default() -> PathBuf {
    conf_default_where(name::is_nutcracker(), Path::exists)
}

fn conf_default_where(is_nutcracker: bool, exists: fn(&Path) -> bool) -> PathBuf {
    let is_debian =
        is_nutcracker && !exists(Path::new(CONF_FILE)) && exists(Path::new(DEBIAN_CONF));
    PathBuf::from(if is_debian { DEBIAN_CONF } else { CONF_FILE })
}

fn chosen(
    asked: &Run,
    conf_file: PathBuf,
    is_nutcracker: bool,
    exists: fn(&Path) -> bool,
) -> Places {
    let is_debian = is_nutcracker && conf_file.starts_with(DEBIAN_CONF_FOLDER);
    // A machine may have the configuration there and nothing else of Debian's.
    let folder_of = |file: &str| Path::new(file).parent().is_some_and(exists);
    let log = match &asked.output {
        Some(file) => Some(file.clone()).filter(|file| !file.as_os_str().is_empty()),
        None => (is_debian && folder_of(DEBIAN_LOG)).then(|| PathBuf::from(DEBIAN_LOG)),
    };
    let pid_file = match &asked.pid_file {
        Some(file) => Some(file.clone()).filter(|file| !file.as_os_str().is_empty()),
        None => (is_debian && asked.daemonize && folder_of(DEBIAN_PID))
            .then(|| PathBuf::from(DEBIAN_PID)),
    };
    Places { conf_file, log, pid_file }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::dropin;
    use clap::FromArgMatches;

    fn run(args: &[&str]) -> Run {
        let matches = dropin::table().get_matches_from(args);
        Run::from_arg_matches(&matches).unwrap()
    }

    fn on_debian(path: &Path) -> bool {
        path.starts_with("/etc") || path.starts_with("/var/log") || path.starts_with("/run")
    }

    fn places(args: &[&str], is_nutcracker: bool, exists: fn(&Path) -> bool) -> Places {
        let run = run(args);
        let conf =
            run.conf_file.clone().unwrap_or_else(|| conf_default_where(is_nutcracker, exists));
        chosen(&run, conf, is_nutcracker, exists)
    }

    fn texts(places: &Places) -> (&str, &str, &str) {
        let text =
            |path: &Option<PathBuf>| path.clone().map_or("-", |p| p.leak().to_str().unwrap());
        (places.conf_file.to_str().unwrap(), text(&places.log), text(&places.pid_file))
    }

    #[test]
    fn debians_places_come_with_debians_configuration() {
        let all = (DEBIAN_CONF, DEBIAN_LOG, DEBIAN_PID);
        assert_eq!(texts(&places(&["--daemonize"], true, on_debian)), all);
        assert_eq!(texts(&places(&[], true, on_debian)), (DEBIAN_CONF, DEBIAN_LOG, "-"));
        let other = places(&["--conf-file=/etc/nutcracker/b.yml", "--daemonize"], true, on_debian);
        assert_eq!(texts(&other), ("/etc/nutcracker/b.yml", DEBIAN_LOG, DEBIAN_PID));
    }

    #[test]
    fn flags_come_first() {
        let args = ["--daemonize", "--output=", "--pid-file=p"];
        assert_eq!(texts(&places(&args, true, on_debian)), (DEBIAN_CONF, "-", "p"));
        let own = places(&["--conf-file=a.yml", "--daemonize"], true, on_debian);
        assert_eq!(texts(&own), ("a.yml", "-", "-"));
    }

    #[test]
    fn elsewhere_and_under_our_own_name_nothing_is_debians() {
        let upstream = (CONF_FILE, "-", "-");
        assert_eq!(texts(&places(&["--daemonize"], false, on_debian)), upstream);
        assert_eq!(texts(&places(&["--daemonize"], true, |_| false)), upstream);
        // A configuration in the working directory is upstream's habit.
        assert_eq!(texts(&places(&["--daemonize"], true, |_| true)), upstream);
    }
}
