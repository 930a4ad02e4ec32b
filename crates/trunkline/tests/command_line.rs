//! The binary as a person or a script meets it: exit codes, and what goes to which output.

#![allow(clippy::expect_used, reason = "a test that cannot be set up must fail")]

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output},
};

fn trunkline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trunkline")).args(arguments).output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn holding(text: &str) -> File {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trunkline.yml");
        std::fs::write(&path, text).expect("a file");
        File { _folder: folder, path }
    }

    fn check(&self, more: &[&str]) -> Output {
        let path = self.path.to_str().expect("a path of text");
        trunkline(&[&["check", "-c", path], more].concat())
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

#[test]
fn help_and_version_end_well_and_a_wrong_argument_ends_with_64() {
    for arguments in [&["--help"][..], &["-h"], &["help", "send"], &["up", "--help"], &["--version"]] {
        let output = trunkline(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
    for arguments in [
        &[][..],
        &["fly"],
        &["up", "--nodes", "0"],
        &["up", "--port", "65535"],
        &["send", "--user", "1", "hi"],
        &["send", "--user", "1", "--to", "小明", "hi"],
        &["tail", "--user", "1", "--url", "127.0.0.1:8080"],
        &["check"],
    ] {
        let output = trunkline(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_says_first_what_trunkline_is_and_no_line_is_wider_than_100_columns() {
    for arguments in [&[][..], &["-h"], &["--help"]] {
        let output = trunkline(arguments);
        let said = format!("{}{}", said(&output), complaint(&output));
        assert!(said.starts_with("A clustered WebSocket messaging server"), "{said}");
        let too_long: Vec<&str> = said.lines().filter(|line| line.chars().count() > 100).collect();
        assert_eq!(too_long, [""; 0], "{arguments:?}");
    }
}

#[test]
fn who_finds_nobody_is_told_where_to_look() {
    let url = format!("ws://127.0.0.1:{}/ws", free_port());
    let output = trunkline(&["send", "--user", "1", "--to", "2", "--url", &url, "hi"]);
    assert_eq!(output.status.code(), Some(69));
    assert!(complaint(&output).contains("is `trunkline up` running"), "{}", complaint(&output));
}

#[test]
fn check_says_what_a_good_file_means() {
    let (ws, api) = (free_port(), free_port());
    let file = File::holding(&format!(
        "ws: {{ name: chat, port: {ws} }}\napi: {{ listen: \"127.0.0.1:{api}\", keys: [hidden] }}\nserver: {{ port: 1 }}\n"
    ));
    let output = file.check(&[]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for expected in [
        "read for a node\n",
        "of the service chat",
        "development mode",
        "1 key",
        "ignored: keys of others: server",
        "nothing is wrong",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
    assert!(!said.contains("hidden"), "{said}");
}

#[test]
fn check_finds_a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let file = File::holding(&format!(
        "ws: {{ port: {} }}\napi: {{ listen: \"127.0.0.1:{}\" }}\n",
        address.port(),
        free_port()
    ));
    let output = file.check(&[]);
    assert_eq!(output.status.code(), Some(64));
    let expected =
        format!("wrong: ws.port: {address} is in use: another process listens there\n1 thing is wrong\n");
    assert!(said(&output).ends_with(&expected), "{}", said(&output));
}

#[test]
fn check_names_every_mistake_of_both_roles_once() {
    let file = File::holding(
        "ws: { prot: 1 }\ndirectory: { lease: 10s }\nstore: oracle://h\nauth: { keys: [{ algorithm: HS256, key: \"file:absent\" }] }\ngateway: { api: nowhere }\nlog: { level: loud }\n",
    );
    let output = file.check(&[]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(64));
    for expected in [
        "did you mean `ws.port`?",
        "shorter than three renewals",
        "unknown scheme `oracle:`",
        "cannot be read",
        "gateway.api",
        "log.level",
    ] {
        assert_eq!(said.matches(expected).count(), 1, "{expected:?} in\n{said}");
    }
    assert!(said.ends_with("7 things are wrong\n"), "{said}");
}

#[test]
fn config_lists_main_settings_or_all() {
    let (short, long) = (said(&trunkline(&["config"])), said(&trunkline(&["config", "--all"])));
    assert!(short.contains("ws.port = 19998") && !short.contains("gateway.eject_max"));
    assert!(long.contains("gateway.eject_max = 60s"));
}

#[test]
fn token_prints_a_token_and_nothing_else_or_says_what_is_wrong_with_64() {
    let key = "0123456789abcdef0123456789abcdef";
    let output = trunkline(&["token", "--user", "42", "--key", key, "--audience", "chat"]);
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(0), true));
    let printed = said(&output);
    let token = printed.strip_suffix('\n').expect("one line");
    let verifier = node::token::Verifier::new(node::token::VerifierSettings {
        keys: vec![node::token::KeySpec {
            algorithm: node::token::Algorithm::Hs256,
            key: key.into(),
            kid: None,
        }],
        audience: vec!["chat".to_owned()],
        ..node::token::VerifierSettings::default()
    });
    let now_ms = ports::Clock::System.unix_ms();
    let identity = verifier.expect("a key").verify(token, now_ms).expect("a good token");
    let left_ms = identity.expires_ms.expect("an end") - now_ms;
    assert_eq!(identity.user.as_str(), "42");
    assert!((3_540_000..=3_600_000).contains(&left_ms), "an hour by default, not {left_ms} ms");

    let output = trunkline(&["token", "--user", "42", "--key", "very-secret"]);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(64), true));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.starts_with("trunkline: the key: a key for HS256 needs at least 32 bytes"), "{error}");
    assert!(!error.contains("very-secret"), "{error}");
}
