//! The paths of the configuration, the log and the pid file when no flag sets them.
//!
//! twemproxy's own build looks for `conf/nutcracker.yml`, logs to stderr and writes no pid file.
//! Debian's build has other paths, which its init script and its logrotate entry need. We use them
//! with a configuration in Debian's folder, found there or named by `-c`. With `-d` we also use them
//! wherever they can be written: the init script adds that flag to the operator's DAEMON_OPTS, and
//! finds the daemon only by its pid file. See docs/adr/0006 and 0010.

use super::flags::{CONF_FILE, Run};
use super::name;
use std::path::{Path, PathBuf};

const DEBIAN_CONF_FOLDER: &str = "/etc/nutcracker";
const DEBIAN_CONF: &str = "/etc/nutcracker/nutcracker.yml";
const DEBIAN_LOG: &str = "/var/log/nutcracker/nutcracker.log";
const DEBIAN_PID: &str = "/run/nutcracker/nutcracker.pid";

#[derive(Debug, PartialEq, Eq)]
pub struct Paths {
    pub conf_file: PathBuf,
    /// `None`: stderr.
    pub log: Option<PathBuf>,
    pub pid_file: Option<PathBuf>,
}

pub fn find(asked: &Run) -> Paths {
    let conf_file = asked.conf_file.clone().unwrap_or_else(conf_default);
    chosen(asked, conf_file, name::is_nutcracker(), &World { exists: Path::exists, can_write })
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

fn chosen(asked: &Run, conf_file: PathBuf, is_nutcracker: bool, world: &World) -> Paths {
    let is_debian = is_nutcracker && conf_file.starts_with(DEBIAN_CONF_FOLDER);
    let in_background = is_nutcracker && asked.daemonize;
    // A machine may have the configuration there and no other file of Debian's. With a configuration
    // elsewhere, a path that cannot be written is no error, since no flag named it.
    let usable = |file: &str| {
        let has_folder = Path::new(file).parent().is_some_and(world.exists);
        has_folder && (is_debian || (in_background && (world.can_write)(Path::new(file))))
    };
    let log = match &asked.output {
        Some(file) => Some(file.clone()).filter(|file| !file.as_os_str().is_empty()),
        None => usable(DEBIAN_LOG).then(|| PathBuf::from(DEBIAN_LOG)),
    };
    let pid_file = match &asked.pid_file {
        Some(file) => Some(file.clone()).filter(|file| !file.as_os_str().is_empty()),
        None => (in_background && usable(DEBIAN_PID)).then(|| PathBuf::from(DEBIAN_PID)),
    };
    Paths { conf_file, log, pid_file }
}

/// The questions to the file system.
struct World {
    exists: fn(&Path) -> bool,
    can_write: fn(&Path) -> bool,
}

/// Whether we may write the file, or create it if it does not exist.
fn can_write(file: &Path) -> bool {
    let asked = if file.exists() { Some(file) } else { file.parent() };
    asked.is_some_and(|path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok())
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

    fn paths(args: &[&str], is_nutcracker: bool, exists: fn(&Path) -> bool) -> Paths {
        let run = run(args);
        let conf =
            run.conf_file.clone().unwrap_or_else(|| conf_default_where(is_nutcracker, exists));
        // The user of the tests may not write files of the package.
        let can_write = exists;
        chosen(&run, conf, is_nutcracker, &World { exists, can_write })
    }

    fn texts(paths: &Paths) -> (&str, &str, &str) {
        let text =
            |path: &Option<PathBuf>| path.clone().map_or("-", |p| p.leak().to_str().unwrap());
        (paths.conf_file.to_str().unwrap(), text(&paths.log), text(&paths.pid_file))
    }

    #[test]
    fn debians_paths_are_used_with_debians_configuration() {
        let all = (DEBIAN_CONF, DEBIAN_LOG, DEBIAN_PID);
        assert_eq!(texts(&paths(&["--daemonize"], true, on_debian)), all);
        assert_eq!(texts(&paths(&[], true, on_debian)), (DEBIAN_CONF, DEBIAN_LOG, "-"));
        let other = paths(&["--conf-file=/etc/nutcracker/b.yml", "--daemonize"], true, on_debian);
        assert_eq!(texts(&other), ("/etc/nutcracker/b.yml", DEBIAN_LOG, DEBIAN_PID));
    }

    #[test]
    fn flags_come_first() {
        let args = ["--daemonize", "--output=", "--pid-file=p"];
        assert_eq!(texts(&paths(&args, true, on_debian)), (DEBIAN_CONF, "-", "p"));
        let args = ["--conf-file=a.yml", "--daemonize", "--output=", "--pid-file="];
        assert_eq!(texts(&paths(&args, true, on_debian)), ("a.yml", "-", "-"));
    }

    /// As Debian's init script starts it with DAEMON_OPTS="-c /srv/b.yml".
    #[test]
    fn in_the_background_debians_paths_are_used_with_any_configuration() {
        let asked = ["--conf-file=/srv/b.yml", "--daemonize"];
        let texts_of = |args: &[&str], is_nutcracker, exists, can_write| {
            let conf = PathBuf::from("/srv/b.yml");
            let paths = chosen(&run(args), conf, is_nutcracker, &World { exists, can_write });
            let texts = texts(&paths);
            (texts.1.to_owned(), texts.2.to_owned())
        };
        let both = (DEBIAN_LOG.to_owned(), DEBIAN_PID.to_owned());
        let none = ("-".to_owned(), "-".to_owned());
        assert_eq!(texts_of(&asked, true, on_debian, |_| true), both);
        assert_eq!(texts_of(&asked, true, on_debian, |_| false), none);
        assert_eq!(texts_of(&asked, true, |_| false, |_| true), none);
        assert_eq!(texts_of(&asked, false, on_debian, |_| true), none);
        assert_eq!(texts_of(&asked[..1], true, on_debian, |_| true), none);
    }

    #[test]
    fn a_file_can_be_written_or_created() {
        let folder = std::env::temp_dir().join(format!("nuthatch-places-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("a");
        assert!(can_write(&file) && !can_write(&file.join("b")));
        std::fs::write(&file, "").unwrap();
        assert!(can_write(&file));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(!can_write(&file));
    }

    #[test]
    fn debians_paths_are_not_used_elsewhere_or_under_our_own_name() {
        let twemproxys = (CONF_FILE, "-", "-");
        assert_eq!(texts(&paths(&["--daemonize"], false, on_debian)), twemproxys);
        assert_eq!(texts(&paths(&["--daemonize"], true, |_| false)), twemproxys);
        // twemproxy's own build has its configuration in the working directory.
        assert_eq!(texts(&paths(&[], true, |_| true)), twemproxys);
    }
}
