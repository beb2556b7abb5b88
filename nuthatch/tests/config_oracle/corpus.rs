//! Small files, each a variation of one rule, and where we differ from nutcracker on purpose.

/// Lines put into a good pool, one rule each. `~` begins a new line of the pool.
#[rustfmt::skip] // Many to a line, to be seen at a glance.
pub const LINES: &[&str] = &[
    // Names.
    "hash: one_at_a_time", "hash: md5", "hash: crc16", "hash: crc32", "hash: crc32a",
    "hash: fnv1_64", "hash: fnv1a_64", "hash: fnv1_32", "hash: fnv1a_32", "hash: hsieh",
    "hash: murmur", "hash: jenkins", "hash: \"md5\"", "hash: 'md5'", "hash: MD5",
    "hash: fnvla_64", "hash: md5 x", "hash:", "hash: \"\"", "hash: ''", "hash: ~", "hash: null",
    "hash: sha1", "hash: crc", "distribution: ketama", "distribution: modula",
    "distribution: random", "distribution: Ketama", "distribution: ketam",
    "distribution: rendezvous",
    // Hash tags.
    "hash_tag: \"{}\"", "hash_tag: '{}'", "hash_tag: \"$$\"", "hash_tag: $$", "hash_tag: \"  \"",
    "hash_tag: \"{\"", "hash_tag: \"{}}\"", "hash_tag: ab", "hash_tag: é", "hash_tag: 键",
    "hash_tag: \"\\x7b\\x7d\"", "hash_tag: ::", "hash_tag: <>", "hash_tag: ()",
    "hash_tag: \"[]\"", "hash_tag: 11", "hash_tag: \"##\"", "hash_tag: ##", "hash_tag: a#",
    "hash_tag: \"\\n\\n\"",
    // Numbers.
    "timeout: 0", "timeout: 400", "timeout: 0400", "timeout: \"400\"", "timeout: '400'",
    "timeout: 2147483647", "timeout: 2147483648", "timeout: 4294967295", "timeout: -1",
    "timeout: +1", "timeout: 1.5", "timeout: 1e3", "timeout: 0x190", "timeout: 1_000",
    "timeout: 400ms", "timeout: 4 00", "timeout: \" 400\"", "timeout: '400 '", "timeout: ４００",
    "timeout: never", "timeout: true", "timeout:", "timeout: 0000000000000000000000000000001",
    "timeout: |~   400", "timeout: >-~   400", "timeout: |-~   400", "timeout: 400 # ms",
    "timeout: 400 // ms", "backlog: 0", "backlog: 1024", "backlog: -1", "backlog: many",
    "client_connections: 0", "client_connections: 7", "client_connections: x",
    "server_connections: 0", "server_connections: 1", "server_connections: 65535",
    "server_connections: 00", "redis_db: 0", "redis_db: 15", "redis_db: 99", "redis_db: -1",
    "redis_db: a", "server_retry_timeout: 0", "server_retry_timeout: 30000",
    "server_retry_timeout: 30s", "server_failure_limit: 0", "server_failure_limit: 3",
    "server_failure_limit: two",
    // Switches.
    "preconnect: true", "preconnect: false", "preconnect: \"true\"", "preconnect: True",
    "preconnect: TRUE", "preconnect: yes", "preconnect: no", "preconnect: on", "preconnect: 1",
    "preconnect: 0", "preconnect: truee", "preconnect: tru", "preconnect:", "preconnect: ~",
    "auto_eject_hosts: true", "auto_eject_hosts: false", "auto_eject_hosts: False",
    "tcpkeepalive: true", "tcpkeepalive: off",
    // Passwords.
    "redis_auth: secret", "redis_auth: se cret", "redis_auth: \"se cret\"", "redis_auth: 密码",
    "redis_auth:", "redis_auth: \"\"", "redis_auth: a:b", "redis_auth: a#b", "redis_auth: a #b",
    "redis_auth: a: b", "redis_auth: 'a: b'", "redis_auth: -x", "redis_auth: - x",
    "redis_auth: \"a\\u00e9b\"", "redis_auth: \"a\\qb\"", "redis_auth: \"open",
    "redis_auth: 'it''s'", "redis_auth: a~    b", "redis_auth: @x", "redis_auth: `x",
    "redis_auth: %x", "redis_auth: x%", "redis_auth: ,x", "redis_auth: ?x", "redis_auth: ? x",
    "redis_auth: x // y", "redis_auth: \"a\" b", "redis_auth: a\\tb", "redis_auth: a\tb",
    "redis_auth: a\t", "redis_auth:\ta", "redis_auth: |~    a~    b", "redis_auth:\t\ta",
    "redis_auth: \"a:\tb\"",
    // Keys.
    "hash: md5~  hash: md5", "hash: md5~  hash: crc16", "Hash: md5", "HASH: md5", "hashes: md5",
    "\"hash\": md5", "'hash': md5", "? hash~  : md5", "hash : md5", "hash:md5", "hash = md5",
    "hash", "sentinels: x", "unknown: x", "\"\": x", ": x", "listen: 127.0.0.1:22122",
    "server: x", "timeout_ms: 4", "redis: true",
    // YAML.
    "# a comment", "#a comment", "// a comment", "hash: md5 #c", "hash: md5#c", "hash:   md5   ",
    "~", "~~", "\t", "hash: &a md5", "hash: *a", "hash: !!str md5", "hash: !x md5", "<<: *a",
    "hash:~    md5", "hash: md5~    timeout: 400", " hash: md5", "hash: {md5: 1}", "hash: {}",
    "hash:~    md5: 1", "hash: [~", "hash: md5,", "hash: md5]", "%hash: md5", "@hash: md5",
    "- hash", "- hash: md5", "hash: md5\r", "\thash: md5", "hash: md5~---", "hash: md5~...",
];

/// Entries put below `servers:`.
#[rustfmt::skip] // Many to a line, to be seen at a glance.
pub const SERVERS: &[&str] = &[
    "127.0.0.1:6380:1", "127.0.0.1:6380:1 name", "127.0.0.1:6380:2147483647", "h:11211:1",
    "h:1:1", "h:65535:1", "h:65536:1", "h:0:1", "h:-1:1", "h:+1:1", "h:x:1", "h:0x1:1", "h:01:1",
    "h:1:01", "h:1:0", "h:1:-1", "h:1:x", "h:1:1.0", "h:1:", "h::1", ":1:1", "::", ":::", "h:1",
    "h", "1:1", "h 1 1", "h:1:1  two", "h:1:1 a b", "h:1:1 a:b", "h:1:1 a\"b", "h:1:1 \"ab\"",
    "\"h:1:1 ab\"", "'h:1:1'", "\"h:1:1  ab\"", "\" h:1:1\"", "h :1:1", "h: 1:1", "h:1: 1",
    "::1:1:1", "fe80::1%lo:1:1", "\"[::1]:1:1\"", "/tmp/s:1", "/tmp/s:1 name", "/tmp/s",
    "/tmp/s:0", "/tmp/s:1:1", "/tmp/a b:1", "/:1", "/tmp/s:1  x", "127.0.0.1:6379:1",
    "127.0.0.1:6379:2", "127.0.0.1:6379:1 other", "h:1:1 127.0.0.1:6379", "h:1:1 #name",
    "h:1:1 // c", "h:1:1 //c", "h:1:1 名", "主机:1:1", "h：1：1", "h:1:2147483648", "- h:1:1",
    "h:1:1~  - h:1:1", "h:1:1 x~  - g:1:1 x", "h:1:1~  -", "h:1:1~  - ''", "h:1:1~   - h:2:1",
    "h:1:1~ - h:2:1", "h:1:1~    x", "{a: b}", "a: b", "&a h:1:1", "*a", "999.1.1.1:1:1", "*:1:1",
    "h:1:1,", "h:1:1~  -h:2:1",
    // 0.5.0 keeps 200 bytes of a name for the ring; here it only has to parse.
    "h:1:1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Values of `listen`.
#[rustfmt::skip] // Many to a line, to be seen at a glance.
pub const LISTENS: &[&str] = &[
    "127.0.0.1:1", "127.0.0.1:65535", "127.0.0.1:65536", "127.0.0.1:0", "127.0.0.1:x",
    "127.0.0.1:", "127.0.0.1", "22121", ":22121", "'*:22121'", "*:22121", "[::1]:22121",
    "0.0.0.0:22121", "::1:22121", "'::1:22121'", ":::22121", "localhost:22121",
    "192.168.56.291:22121", "1.2.3.4.5:22121", "127.1:22121", "010.0.0.1:1", "0400.0.0.1:1",
    "no-such-host.invalid:1", "127.0.0.1:22121 // port", "127.0.0.1: 22121", "127.0.0.1 :22121",
    "127.0.0.1：22121", "\"127.0.0.1:22121\"", "127.0.0.1:022121", "127.0.0.1:-1",
    "127.0.0.1:1 0640", "/tmp/s", "/tmp/s 0640", "/tmp/s 640", "/tmp/s 0777", "/tmp/s 1000",
    "/tmp/s 0", "/tmp/s 9", "/tmp/s abc", "/tmp/s -1", "/tmp/s -0", "/tmp/s +640", "/tmp/s 0o640",
    "/tmp/s 0x1ff", "/tmp/a b 0640", "'/tmp/s '", "/", "tmp/s", "~", "''", "tcp://127.0.0.1:1",
    "localhost:22121 x",
    "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345",
    "/01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456",
    "/012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567",
    "/012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567 0640",
];

/// Whole files.
#[rustfmt::skip] // Many to a line, to be seen at a glance.
pub const FILES: &[&str] = &[
    "", "\n", "# only a comment\n", "---\n", "p\n", "p:\n", "p: x\n", "- p\n", "p:\n- x\n",
    "{}\n", "[]\n", "p: {}\n", "p: []\n", "p:\n  listen: 127.0.0.1:1\n",
    "p:\n  servers:\n  - h:1:1\n", "p:\n  listen: 127.0.0.1:1\n  servers:\n",
    "p:\n  listen: 127.0.0.1:1\n  servers: h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "p:\n  servers:\n  - h:1:1\n  listen: 127.0.0.1:1\n",
    "p:\n  servers:\n    - h:1:1\n  listen: 127.0.0.1:1\n",
    "p:\n    listen: 127.0.0.1:1\n    servers:\n     - h:1:1\n",
    "p:\n listen: 127.0.0.1:1\n servers:\n - h:1:1",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n- h:1:1\n",
    "p:\r\n  listen: 127.0.0.1:1\r\n  servers:\r\n  - h:1:1\r\n",
    "p:\r  listen: 127.0.0.1:1\r  servers:\r  - h:1:1\r",
    "\u{feff}p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "p:\n\tlisten: 127.0.0.1:1\n\tservers:\n\t- h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n\t- h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  -\th:1:1\n",
    "p:\n  listen:\t127.0.0.1:1\n  servers:\t\n  - h:1:1\t\n",
    "'p':\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "'':\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "缓存:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "缓存：\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "p q:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "? p\n: listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\np:\n  listen: 127.0.0.1:2\n  servers:\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\nq:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\nq:\n  listen: localhost:1\n  servers:\n  - h:1:1\n",
    "p:\n  listen: /tmp/s\n  servers:\n  - h:1:1\nq:\n  listen: /tmp/s 0640\n  servers:\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n\nq:\n\n  listen: 127.0.0.1:2\n\n  servers:\n\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n q:\n  listen: 127.0.0.1:2\n  servers:\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n  servers:\n  - h:2:1\n",
    "p:\n  listen: 127.0.0.1:1\n  redis_auth: x\n  servers:\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  redis: false\n  redis_auth: x\n  servers:\n  - h:1:1\n",
    "p:\n  redis_auth: x\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n  redis: true\n",
    "p:\n  listen: 127.0.0.1:1\n  redis_db: 3\n  servers:\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n    x:\n    - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - - h:1:1\n",
    "p:\n  q:\n    listen: 127.0.0.1:1\n    servers:\n    - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n---\nq:\n  listen: 127.0.0.1:2\n  servers:\n  - h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n\u{1}\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n# \u{7f}\n",
    "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n  # c\n# c\n      # c\n",
    "p:\n  # c\n  listen: 127.0.0.1:1 # c\n  servers: # c\n  # c\n  - h:1:1 # c\n",
    "listen: 127.0.0.1:1\nservers:\n- h:1:1\n", "p:\nlisten: 127.0.0.1:1\nservers:\n- h:1:1\n",
    "p:\n  listen: 127.0.0.1:1\n   servers:\n   - h:1:1\n",
    "p:\n   listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    "p: # c\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n...\n",
    "%YAML 1.1\n---\np:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
];

/// Files on which we differ on purpose: the text, whether *we* take it, and why.
pub const DIFFERENCES: &[(&str, bool, &str)] = &[
    ("reuseport: true", true, "a key of twemproxy's last commit, not of 0.5.0"),
    ("eject: fail_fast", true, "our key"),
    ("manners: modern", true, "our key"),
    ("client_stall_ms: 5000", true, "our key"),
    ("connect_timeout_ms: 5", true, "our key"),
    ("timeout: 4294967296", false, "numbers that wrap at 32 bits are refused"),
    ("timeout: 4294967297", false, "numbers that wrap at 32 bits are refused"),
    ("server_connections: 65536", false, "more connections than an address has ports"),
];

/// Differences in whole files or in YAML; the same three columns.
pub const FILE_DIFFERENCES: &[(&str, bool, &str)] = &[
    (
        "p:\n  listen: 127.0.0.1:22121\n  redis: true\n  \t\n  servers:\n  - 127.0.0.1:6379:1\n",
        true,
        "a tab in an empty line does no harm",
    ),
    (
        "p:\n  listen: 127.0.0.1:1\n  servers:\n  -\th:1:1\n",
        true,
        "a tab between an item's dash and its value does no harm",
    ),
    ("p: # c\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n...\n", true, "the end said aloud"),
    (
        "%YAML 1.1\n---\np:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
        true,
        "a directive and the beginning said aloud",
    ),
    ("---\np:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n", true, "the beginning said aloud"),
    ("p:\n  listen: 127.0.0.1:1\n  servers: [h:1:1]\n", true, "flow lists"),
    ("p: {listen: 127.0.0.1:1, servers: [h:1:1]}\n", true, "flow mappings"),
    ("p:\n  listen: '[::1]:1'\n  servers:\n  - h:1:1\n", true, "IPv6 in brackets"),
    (
        "p:\n  listen: 127.0.0.1:1\n  servers:\n  - 'h:1:1 '\n",
        false,
        "a blank that announces a name and none: an empty name, undefined in nutcracker",
    ),
    (
        "p:\n  listen: 127.0.0.1:1\n  servers: h:1:1\n  hash:\n  - md5\n",
        false,
        "nutcracker takes its one list under any key, as that key set again and again",
    ),
    (
        "p:\n  listen: 127.0.0.1:1\n  redis: true\n  redis_auth: \"a\nb\"\n  servers:\n  - h:1:1\n",
        false,
        "a quoted text that goes on at the margin: an unclosed quote, most likely",
    ),
    (
        "p:\n  listen: '127.0.0.1:1'#\n  servers:\n  - h:1:1\n",
        false,
        "a # right behind a closing quote: a comment to YAML 1.1, an error to 1.2",
    ),
];
