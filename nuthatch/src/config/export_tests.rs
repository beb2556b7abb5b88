//! What `export.rs` keeps, drops and rewrites, text by text.

use super::{export, plain};
use nuthatch_engine::topology::Manners;

fn exported(text: &str) -> (String, Vec<String>) {
    let (config, _) = crate::config::parse(text, "t.yml", Manners::Modern).unwrap();
    let export = export(&config).unwrap();
    (export.text, export.losses.iter().map(ToString::to_string).collect())
}

#[test]
fn only_our_lines_go() {
    let text = "# mine\np:\n  listen: h:1 # here\n  manners: modern # new\n  # why\n\n  \
                eject: remap   # cache\n  servers:\n  - h:1:1\n  connect_timeout_ms: 5\n\n# end\n";
    let (out, losses) = exported(text);
    assert_eq!(
        out,
        "# mine\np:\n  listen: h:1 # here\n  # why\n\n  auto_eject_hosts: true   # cache\n  \
         servers:\n  - h:1:1\n\n# end\n"
    );
    assert_eq!(losses.len(), 3, "{losses:?}");
    assert!(losses[0].starts_with("4: in pool `p`, `manners` is left out: "), "{}", losses[0]);
}

#[test]
fn what_is_not_ours_is_not_touched() {
    let text = "p:\r\n  listen: 127.0.0.1:1\r\n  servers:\r\n  - h:1:1 a";
    assert_eq!(exported(text).0, text.replace("\r\n", "\n") + "\n");
}

#[test]
fn eject_is_said_in_the_old_words() {
    let file = |lines| format!("p:\n  listen: h:1\n{lines}  servers:\n  - h:1:1\n");
    let cases = [
        ("  eject: remap\n", "  auto_eject_hosts: true\n"),
        ("  eject: 'remap'\n", "  auto_eject_hosts: true\n"),
        ("  eject: off\n", ""),
        ("  eject: fail_fast\n", ""),
        ("  auto_eject_hosts: true\n  eject: off\n", "  auto_eject_hosts: false\n"),
        ("  eject: remap\n  auto_eject_hosts: false\n", "  auto_eject_hosts: true\n"),
    ];
    for (ours, theirs) in cases {
        assert_eq!(exported(&file(ours)).0, file(theirs), "{ours}");
    }
}

#[test]
fn flow_forms_and_brackets_are_written_out() {
    let (out, _) = exported(
        "---\np:\n  listen: '[::1]:1'\n  servers: [h:1:1, '[::1]:2:3']\n  redis: true\n\
         q:\n  listen: \"[::1]:2\"\n  servers:\n  - \"[::1]:6379:1\"\n...\n",
    );
    assert_eq!(
        out,
        "p:\n  listen: '::1:1'\n  servers:\n    - h:1:1\n    - '::1:2:3 [::1]:2'\n  \
         redis: true\nq:\n  listen: '::1:2'\n  servers:\n  - '::1:6379:1 [::1]:6379'\n"
    );
    let (out, _) =
        exported("{p: {listen: h:1, manners: modern, hash_tag: '{}', servers: [h:1:1]}}");
    assert_eq!(out, "p:\n  listen: h:1\n  hash_tag: '{}'\n  servers:\n    - h:1:1\n");
    let (out, _) = exported("? p\n: listen: h:1\n  servers:\n  -\th:1:1\n\t\n");
    assert_eq!(out, "p:\n  listen: h:1\n  servers:\n    - h:1:1\n\n");
}

#[test]
fn colocate_goes_and_that_is_said() {
    let text = "p:\n  listen: h:1\n  colocate:\n  - 'bull:' # mail\n  - a b\n  # why\n  servers:\n  - h:1:1\n";
    let (out, losses) = exported(text);
    assert_eq!(out, "p:\n  listen: h:1\n  # why\n  servers:\n  - h:1:1\n");
    assert!(
        losses[0].starts_with("3: in pool `p`, `colocate` is left out: nutcracker cannot"),
        "{}",
        losses[0]
    );
    assert_eq!(losses.len(), 1);
    let (out, losses) =
        exported("p:\n  listen: h:1\n  colocate: ['bull:', a]\n  servers:\n  - h:1:1\n");
    assert_eq!(out, "p:\n  listen: h:1\n  servers:\n    - h:1:1\n");
    assert_eq!(losses.len(), 1);
}

#[test]
fn odd_texts_are_quoted() {
    assert_eq!(plain("127.0.0.1:1"), "127.0.0.1:1");
    assert_eq!(plain("it's: x"), "'it''s: x'");
    assert_eq!(plain("a\nb\"\\"), "\"a\\u000ab\\\"\\\\\"");
    assert_eq!(plain("x:"), "'x:'");
    assert_eq!(plain(""), "''");
}

#[test]
fn comments_that_go_are_told() {
    let text = "# kept\np: # lost\n  listen: h:1\n  servers: [h:1:1]\n# kept too\n";
    let (out, losses) = exported(text);
    assert_eq!(out, "# kept\np:\n  listen: h:1\n  servers:\n    - h:1:1\n# kept too\n");
    assert_eq!(losses, ["2: in pool `p`, comments are left out: the pool had to be written anew"]);
    assert_eq!(exported(&text.replace(" # lost", "")).1, [""; 0]);
}
