//! Statements that other tests play against the real nutcracker (or, where that is no help, on
//! ours).

/// Statement, file in `nuthatch`, test.
pub const PLAYED: &[(&str, &str, &str)] = &[
    (
        "1.1 to 1.5: which files are taken and refused",
        "tests/config_oracle/main.rs",
        "we_take_and_refuse_what_nutcracker_does",
    ),
    ("1.1: and which differ", "tests/config_oracle/main.rs", "the_differences_are_what_we_say"),
    (
        "1.2, 1.5: names of servers, order of pools and servers",
        "tests/config_oracle/main.rs",
        "pools_and_servers_have_nutcrackers_names_and_order",
    ),
    (
        "1.3: client_connections has no effect",
        "tests/limits.rs",
        "a_pool_has_as_many_clients_as_it_says",
    ),
    ("1.6, 2: flags, exit codes, stderr", "tests/command_line.rs", "as_nutcracker_has_it"),
    ("2: what -d leaves: cwd, umask, descriptors", "tests/daemon.rs", "ready_means_that_it_serves"),
    (
        "5.3: every command with its forms",
        "tests/commands_as_before.rs",
        "every_command_answers_as_before",
    ),
    (
        "5.3: which commands are sent, cut, answered, closed on; and that no other goes unchecked",
        "tests/sent_before.rs",
        "nutcracker_does_what_the_column_says",
    ),
    (
        "5.5: a part that a real server refuses",
        "tests/commands_as_before.rs",
        "a_failed_part_fails_the_whole",
    ),
    (
        "5.6: a client's passwords",
        "tests/commands_as_before.rs",
        "passwords_are_asked_for_as_before",
    ),
    (
        "5.7: where the data is",
        "tests/commands_as_before.rs",
        "a_database_is_selected_also_behind_a_password",
    ),
    ("5.9: where memcached's keys live", "tests/memcache_placement.rs", "names_weights_and_a_tag"),
    (
        "6: limits of files and clients (ours raises the limit, or warns and waits)",
        "tests/limits.rs",
        "the_limit_of_files_is_raised_or_complained_of",
    ),
    (
        "6: the ring during and after an ejection",
        "tests/ejection_parity.rs",
        "the_ring_of_the_survivors_and_the_ring_of_all",
    ),
    (
        "7: layout of the document",
        "tests/stats/collectors.rs",
        "the_bare_document_is_nutcrackers_member_for_member",
    ),
    ("7: forward_error", "tests/stats/main.rs", "forward_error_counts_requests_not_their_parts"),
];
