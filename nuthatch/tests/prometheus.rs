//! The metrics by Prometheus' own programs: the page is well formed, the shipped alerts fire when they should,
//! and a real Prometheus scrapes a proxy and evaluates them.
//!
//! `NUTHATCH_BLESS=1 cargo test -p nuthatch` writes the reference page anew.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests, their helpers included")]

use nuthatch_testbed::{
    Folder, Nuthatch, Process, RedisServer, find_program_or_skip, free_port, poll_until, pool_yaml,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The body of a page.
fn get(port: u16, path: &str, accept: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Runs promtool; its input may be given. Returns whether it is content, and all that it says.
fn promtool(program: &Path, args: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(in_repository("deploy/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A proxy before two servers, one of which never was there.
fn stage() -> (RedisServer, nuthatch_testbed::Proxy) {
    let server = RedisServer::start().unwrap();
    let entries = [server.entry(1, "here"), format!("127.0.0.1:{}:1 gone", free_port())];
    let keys = [
        ("redis", "true"),
        ("auto_eject_hosts", "true"),
        ("server_failure_limit", "1"),
        ("server_retry_timeout", "60000"),
    ];
    let yaml = pool_yaml("a pool", free_port(), &keys, &entries);
    let proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
    let mut client = proxy.client().unwrap();
    for at in 0..50 {
        client.command(&["SET", &format!("key:{at}"), "x"]).unwrap();
    }
    (server, proxy)
}

#[test]
fn the_reference_page_is_up_to_date() {
    let page = in_repository("docs/reference/metrics.md");
    let text = nuthatch::admin::metrics_reference();
    if std::env::var_os("NUTHATCH_BLESS").is_some() {
        fs::write(&page, &text).unwrap();
    }
    let recorded = fs::read_to_string(&page).unwrap_or_default();
    assert!(recorded == text, "out of date; NUTHATCH_BLESS=1 writes it anew. It would be:\n{text}");
}

#[test]
fn the_page_is_well_formed() {
    let Some(program) = find_program_or_skip("promtool") else { return };
    let (_server, proxy) = stage();
    let page = get(proxy.stats_port(), "/metrics", "*/*");
    let (is_content, said) = promtool(&program, &["check", "metrics"], &page);
    assert!(is_content && said.trim().is_empty(), "{said}\n{page}");
    let open = get(proxy.stats_port(), "/metrics", "application/openmetrics-text");
    assert!(open.ends_with("\n# EOF\n"), "{open}");
    // All that the page of metrics names is there, and nothing else.
    let named: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let reference = nuthatch::admin::metrics_reference();
    let printed: BTreeSet<&str> =
        reference.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(named, printed);
}

/// Every name of ours in the alerts and the dashboard is a metric.
#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    let reference = nuthatch::admin::metrics_reference();
    let mut found = 0;
    for file in ["deploy/prometheus/alerts.yml", "deploy/grafana/nuthatch.json"] {
        let text = fs::read_to_string(in_repository(file)).unwrap();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for word in text.split(|c| !is_part(c)) {
            if word.starts_with("nuthatch_") || word.starts_with("process_") {
                assert!(reference.contains(&format!("`{word}`")), "{file}: no metric {word}");
                found += 1;
            }
        }
    }
    assert!(found > 30, "{found} names");
    let dashboard = fs::read_to_string(in_repository("deploy/grafana/nuthatch.json")).unwrap();
    let dashboard: Json = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 10));
}

#[test]
fn each_alert_fires_when_it_should() {
    let Some(program) = find_program_or_skip("promtool") else { return };
    let (is_content, said) = promtool(&program, &["check", "rules", "alerts.yml"], "");
    assert!(is_content, "{said}");
    let (is_content, said) = promtool(&program, &["test", "rules", "alerts_test.yml"], "");
    assert!(is_content, "{said}");
    let alerts = fs::read_to_string(in_repository("deploy/prometheus/alerts.yml")).unwrap();
    let tests = fs::read_to_string(in_repository("deploy/prometheus/alerts_test.yml")).unwrap();
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no test");
    }
}

#[test]
fn a_real_prometheus_scrapes_and_evaluates() {
    let Some(program) = find_program_or_skip("prometheus") else { return };
    let (_server, proxy) = stage();
    let (folder, port) = (Folder::new().unwrap(), free_port());
    let shipped = fs::read_to_string(in_repository("deploy/prometheus/prometheus.yml")).unwrap();
    let config = shipped
        .replace("15s", "500ms")
        .replace("127.0.0.1:22222", &format!("127.0.0.1:{}", proxy.stats_port()));
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    fs::copy(in_repository("deploy/prometheus/alerts.yml"), folder.path().join("alerts.yml"))
        .unwrap();
    let args = [
        format!("--config.file={}", folder.path().join("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", folder.path().join("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let _prometheus = Process::start(&program, &args, folder).unwrap();
    let ask = |query: &str| -> Json {
        let answer = get(port, &format!("/api/v1/query?query={query}"), "*/*");
        serde_json::from_str(&answer).unwrap_or_default()
    };
    let value = |query: &str| -> Option<String> {
        let answer = ask(query);
        Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
    };
    let is_up = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(poll_until(Duration::from_secs(20), is_up), "Prometheus does not start");
    let is_scraped = || value("up").as_deref() == Some("1");
    assert!(poll_until(Duration::from_secs(20), is_scraped), "{}", ask("up"));
    assert_eq!(value("nuthatch_shard_live{shard=%22here%22}").as_deref(), Some("1"));
    assert_eq!(value("nuthatch_shard_live{shard=%22gone%22}").as_deref(), Some("0"));
    assert_eq!(value("nuthatch_server_ejects_total").as_deref(), Some("1"));
    // The rules are evaluated, without an error, and the shard that is gone is on its way to an alarm.
    let rules = || serde_json::from_str::<Json>(&get(port, "/api/v1/rules", "*/*"));
    let is_evaluated = || {
        let rules = rules().unwrap_or_default();
        let all = rules["data"]["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
        let state = |name: &str| {
            let rule = all.iter().find(|rule| rule["name"] == name)?;
            rule["state"].as_str()
        };
        let are_well = all.iter().all(|rule| rule["health"] == "ok");
        !all.is_empty()
            && are_well
            && state("NuthatchShardDown") == Some("pending")
            && state("NuthatchPoolDark") == Some("inactive")
    };
    assert!(poll_until(Duration::from_secs(20), is_evaluated), "{:?}", rules());
}
