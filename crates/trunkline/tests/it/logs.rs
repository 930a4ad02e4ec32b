//! What a process says of itself, and what it never says: JSON lines on standard error, and no token, key or content in them at any level.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::client::{RawClient, V1Client};
use testkit::http::Http;
use testkit::process::{Process, Program, Signal, Stream};
use testkit::{poll, ports, scratch};

use crate::deployment::TRUNKLINE;

const TOKEN_KEY: &str = "token-key-never-shown-0123456789abcdef";
const API_KEY: &str = "api-key-never-shown";
const CONTENT: &str = "content-never-shown";
const READY_DEADLINE: Duration = Duration::from_secs(30);

struct Running {
    process: Process,
    folder: TempDir,
}

async fn start(verb: &str, file: &str, more: &[&str], alive: &str) -> Running {
    let folder = scratch::folder("logs");
    std::fs::write(folder.path().join("trunkline.yml"), file).unwrap();
    let program = Program::new(TRUNKLINE).arg(verb).args(["-c", "trunkline.yml"]).args(more);
    let process = program.folder(folder.path()).start();
    let http = Http::at(alive);
    poll::until("it is ready", READY_DEADLINE, async || {
        http.try_request("GET", "/readyz", None).await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    Running { process, folder }
}

/// A token of the user, made by the program itself.
async fn token(running: &Running, user: &str) -> String {
    let asked = Program::new(TRUNKLINE).args(["token", "--user", user, "--key", TOKEN_KEY]);
    let process = asked.folder(running.folder.path()).start();
    assert_eq!(process.exit_code(READY_DEADLINE).await, 0, "{}", process.tail());
    process.lines(Stream::Out).pop().unwrap()
}

#[tokio::test]
async fn no_level_of_the_log_shows_a_token_a_key_or_a_message() {
    let (ws, api, front, inner) = (ports::free(), ports::free(), ports::free(), ports::free());
    let file = format!(
        "ws: {{ port: {ws} }}\napi: {{ listen: \"127.0.0.1:{api}\", keys: [{API_KEY}] }}\n\
         auth: {{ keys: [{{ algorithm: HS256, key: {TOKEN_KEY} }}] }}\n\
         registry: fixed:trunkline=127.0.0.1:{ws}\nstore: memory\nlog: {{ level: trace }}\n\
         gateway: {{ listen: \"127.0.0.1:{front}\", api: \"127.0.0.1:{inner}\", state: instances }}\n"
    );
    let node = start("node", &file, &[], &format!("http://127.0.0.1:{ws}")).await;
    let gateway = start("gateway", &file, &[], &format!("http://127.0.0.1:{inner}")).await;
    let (one, two) = (token(&node, "1").await, token(&node, "2").await);
    let refused = format!("{one}never-shown");

    // In each place that a token may stand in, through the gateway.
    let url = format!("ws://127.0.0.1:{front}/ws");
    let protocols = format!("trunkline.v1, bearer.{one}");
    let in_query = format!("{url}/1?device=query&token={one}");
    let mut sender = V1Client::connect_with(&format!("{url}/1"), |handshake| handshake.bearer(&one)).await;
    let by_protocol =
        V1Client::connect_with(&format!("{url}/1?device=protocol"), |it| it.protocols(&protocols)).await;
    let by_query = V1Client::connect_with(&in_query, |handshake| handshake).await;
    let mut receiver = V1Client::open(&format!("{url}/2"), |handshake| handshake).await.unwrap();
    receiver.send_json(&json!({"type": "hello", "token": two})).await;
    receiver.expect_type("welcome").await;
    sender.request(json!({"type": "hello", "token": two})).await;
    for place in [format!("{url}/1?token={refused}"), format!("{url}/1")] {
        let answer = RawClient::open(&place, |handshake| handshake.bearer(&refused)).await.unwrap_err();
        assert_eq!(answer.status, 401);
    }

    // What is said, rightly and wrongly, live and over HTTP.
    let id = sender.send_to_user("2", CONTENT).await;
    sender.expect_answer(&id).await;
    receiver.expect_type("message").await;
    sender
        .send_text(&format!(r#"{{"type":"send","id":"x","to":{{"user":"2"}},"content":"{CONTENT}\ud800"}}"#))
        .await;
    sender.expect_answer("x").await;
    sender.send_text(&format!(r#"{{"type":"{CONTENT}"}}"#)).await;
    sender.expect_type("error").await;
    let http = Http::at(&format!("http://127.0.0.1:{api}"));
    let body = json!({"from": "1", "to": {"user": "2"}, "content": CONTENT});
    assert_eq!(http.clone().bearer(API_KEY).post("/api/v1/messages", &body).await.status, 201);
    assert_eq!(http.clone().bearer(API_KEY).post("/api/v1/messages", &json!([CONTENT])).await.status, 400);
    assert_eq!(http.bearer("other-never-shown").post("/api/v1/messages", &body).await.status, 401);
    sender.send_text(CONTENT).await;
    sender.expect_bye(4502).await;
    drop((by_protocol, by_query, receiver));

    for running in [&gateway, &node] {
        running.process.signal(Signal::Term);
    }
    for running in [gateway, node] {
        assert_eq!(running.process.exit_code(READY_DEADLINE).await, 0, "{}", running.process.tail());
        assert_eq!(
            running.process.lines(Stream::Out),
            [""; 0],
            "what it says of itself goes to standard error"
        );
        let lines = running.process.lines(Stream::Err);
        assert!(lines.len() > 3, "{lines:#?}");
        let signatures = [&one, &two].map(|token| token.rsplit('.').next().unwrap().to_owned());
        for line in lines {
            let parsed: Result<Value, _> = serde_json::from_str(&line);
            assert!(parsed.is_ok_and(|line| line["level"].is_string()), "not a JSON line: {line}");
            assert!(!line.contains("never-shown"), "{line}");
            assert!(!signatures.iter().any(|signature| line.contains(signature)), "{line}");
        }
    }
}

#[tokio::test]
async fn what_a_stranger_says_is_escaped_and_cannot_make_lines_of_its_own() {
    for format in ["json", "text"] {
        let (ws, api) = (ports::free(), ports::free());
        let file = format!(
            "ws: {{ port: {ws} }}\napi: {{ listen: \"127.0.0.1:{api}\" }}\nstore: memory\nlog: {{ level: debug, format: {format} }}\n"
        );
        let node = start("node", &file, &[], &format!("http://127.0.0.1:{ws}")).await;
        let url = format!("ws://127.0.0.1:{ws}/ws/1");
        // DEL and quotes are the worst that a header may hold.
        for origin in [
            "https://a.example\"},{\"level\":\"FORGED",
            "https://b.example\u{9b}31mFORGED",
            "https://c.example\tFORGED",
        ] {
            let answer = RawClient::open(&url, |handshake| handshake.origin(origin)).await.unwrap_err();
            assert_eq!(answer.status, 403, "{origin}");
        }
        let answer = RawClient::open(&format!("{url}%0aFORGED"), |handshake| handshake).await.unwrap_err();
        assert_eq!(answer.status, 400);
        node.process.signal(Signal::Term);
        node.process.exit_code(READY_DEADLINE).await;
        let lines = node.process.lines(Stream::Err);
        let named = lines.iter().filter(|line| line.contains("ws.origins")).count();
        assert!(named >= 3, "each refusal names what to set: {lines:#?}");
        for line in &lines {
            assert!(!line.chars().any(char::is_control), "{line:?}");
            assert_eq!(line.starts_with('{'), format == "json", "{line}");
            if format == "json" {
                let parsed: Value = serde_json::from_str(line).unwrap();
                assert_ne!(parsed["level"], "FORGED", "{line}");
            }
        }
    }
}
