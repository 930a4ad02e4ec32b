//! The handshake as a client sees it at a node: what is asked for, what is answered, and which user and dialect come of it.
//!
//! What is no proper request at all is tested where requests are read, in `edge`.

use serde_json::{Value, json};
use testkit::client::{Frame, Handshake, Message, PATIENCE, RawClient, V1Client};
use testkit::http::Answer;
use wire::policy::DialectChoice;

use crate::cluster::{Cluster, Setup};

/// What is answered to a handshake that is not let in.
async fn refusal(url: &str, change: impl FnOnce(Handshake) -> Handshake) -> Answer {
    match RawClient::open(url, change).await {
        Ok(_) => panic!("{url} was let in"),
        Err(answer) => answer,
    }
}

fn error_code(answer: &Answer) -> Value {
    answer.json()["error"]["code"].clone()
}

fn send(id: &str, content: &str) -> Frame {
    let frame = json!({"type": "send", "id": id, "to": {"user": "2"}, "content": content});
    Frame::text(&frame.to_string())
}

#[tokio::test]
async fn frames_that_come_with_the_handshake_are_the_first_and_none_is_lost() {
    let cluster = Setup::of(2).start().await;
    let mut two = cluster.client(1, "2").await;
    let url = cluster.node(0).url("1");
    let split = send("c", "third").encode();
    let (begun, rest) = split.split_at(7);
    let opened = RawClient::open(&url, |handshake| {
        handshake.then(&send("a", "first")).then(&send("b", "second")).then_bytes(begun)
    });
    let mut one = V1Client::over(opened.await.unwrap(), &url);
    one.raw().write(rest).await.unwrap();
    for (seq, id) in (1..).zip(["a", "b", "c"]) {
        let receipt = one.expect_answer(id).await;
        assert_eq!((&receipt["type"], &receipt["seq"]), (&json!("receipt"), &json!(seq)));
    }
    for content in ["first", "second", "third"] {
        assert_eq!(two.expect_type("message").await["content"], content);
    }
}

#[tokio::test]
async fn nothing_comes_before_welcome_however_early_a_client_speaks() {
    /// A race that is lost half of the time would be seen.
    const ROUNDS: usize = 20;
    let cluster = Setup::of(1).start().await;
    for round in 0..ROUNDS {
        let url = cluster.node(0).url(&format!("u{round}"));
        let ping = Frame::text(r#"{"type":"ping","id":"p"}"#);
        let opened = RawClient::open(&url, |handshake| handshake.then(&ping).then(&send("a", "x")));
        let mut client = V1Client::over(opened.await.unwrap(), &url);
        for expected in ["welcome", "pong", "receipt"] {
            let frame = client.next_json(PATIENCE).await;
            assert_eq!(frame["type"], expected, "round {round}: {frame}");
        }
    }
}

#[tokio::test]
async fn an_empty_body_is_fine_and_any_other_is_400() {
    let cluster = Setup::of(1).start().await;
    let url = cluster.node(0).url("1");
    let client = V1Client::connect_with(&url, |handshake| handshake.header("Content-Length", "0")).await;
    client.close().await;
    for (name, value) in [("Content-Length", "4"), ("Transfer-Encoding", "chunked")] {
        let answer = refusal(&url, |handshake| handshake.header(name, value).then_bytes(b"body")).await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
    }
    assert_eq!(cluster.node(0).count("session_opened"), 1, "nobody else was logged in");
}

#[tokio::test]
async fn what_asks_for_no_websocket_or_for_another_version_is_told_ours() {
    let cluster = Setup::of(1).start().await;
    let url = cluster.node(0).url("1");
    let asks: [fn(Handshake) -> Handshake; 4] = [
        |handshake| handshake.version("HTTP/1.0"),
        |handshake| handshake.without("Upgrade"),
        |handshake| handshake.set("Upgrade", "h2c"),
        |handshake| handshake.set("Connection", "close"),
    ];
    for ask in asks {
        let answer = refusal(&url, ask).await;
        assert_eq!((answer.status, answer.header("Upgrade")), (426, Some("websocket")), "{answer:?}");
    }
    for version in ["8", "14", "13, 8", ""] {
        let answer = refusal(&url, |handshake| handshake.set("Sec-WebSocket-Version", version)).await;
        assert_eq!((answer.status, answer.header("Sec-WebSocket-Version")), (426, Some("13")), "{answer:?}");
    }
    for key in ["", "c2hvcnQ=", "no base64!"] {
        let answer = refusal(&url, |handshake| handshake.set("Sec-WebSocket-Key", key)).await;
        assert_eq!((answer.status, error_code(&answer)), (400, json!("bad_field")), "{answer:?}");
    }
    assert_eq!(refusal(&url, |handshake| handshake.method("POST")).await.status, 405);
    assert_eq!(cluster.node(0).count("session_opened"), 0);
}

/// Opens a session and says which subprotocol was answered, and whether the session speaks v1.
async fn spoken(cluster: &Cluster, lines: &[&str]) -> (Option<String>, bool) {
    let url = cluster.node(0).url("1");
    let change = |mut handshake: Handshake| {
        for line in lines {
            handshake = handshake.header("Sec-WebSocket-Protocol", line);
        }
        // Comes back to a classic sender; v1 greets first.
        handshake.then(&Frame::text(r#"{"msgType":20,"to":7,"content":"echo"}"#))
    };
    let (mut client, answer) = RawClient::try_open(&url, change).await.unwrap().unwrap();
    let Ok(Message::Text(first)) = client.next_data(PATIENCE).await else { panic!("no text comes first") };
    let is_v1 = first.starts_with(r#"{"type":"welcome""#);
    assert!(is_v1 || first.starts_with(r#"{"content":"echo","fromUserId":1,"msgType":20"#), "{first}");
    (answer.header("Sec-WebSocket-Protocol").map(str::to_owned), is_v1)
}

#[tokio::test]
async fn what_is_spoken_follows_the_offer_and_the_deployments_dialect() {
    use DialectChoice::{Both, Classic, Trunkline};
    const V1: Option<&str> = Some("trunkline.v1");
    #[rustfmt::skip] // A case is a line.
    let cases: [(DialectChoice, &[&str], Option<&str>, bool); 14] = [
        (Trunkline, &[], None, true),
        (Trunkline, &["trunkline.v1"], V1, true),
        (Trunkline, &["classic"], None, true),
        (Trunkline, &["stomp, mqtt"], None, true),
        (Classic, &[], None, false),
        (Classic, &["stomp"], None, false),
        (Classic, &["classic"], Some("classic"), false),
        (Classic, &["trunkline.v1"], V1, true),
        (Classic, &["classic, trunkline.v1"], V1, true),
        (Both, &[], None, true),
        (Both, &["classic"], Some("classic"), false),
        (Both, &["stomp"], None, true),
        // Several lines count as one list.
        (Both, &["stomp", "trunkline.v1"], V1, true),
        (Both, &["classic", "stomp"], Some("classic"), false),
    ];
    for (choice, lines, answered, is_v1) in cases {
        let cluster = Setup::of(1).with(move |config| config.dialects = choice).start().await;
        let expected = (answered.map(str::to_owned), is_v1);
        assert_eq!(spoken(&cluster, lines).await, expected, "{choice:?} {lines:?}");
    }
}

#[tokio::test]
async fn a_token_among_the_subprotocols_is_never_echoed() {
    let cluster = Setup::of(1).start().await;
    let url = cluster.node(0).url("1");
    for (offered, answered) in [
        ("bearer.abc", None),
        ("bearer.abc, trunkline.v1", Some("trunkline.v1")),
        ("trunkline.v1, bearer.abc", Some("trunkline.v1")),
        ("classic, bearer.abc", Some("classic")),
    ] {
        let opened = RawClient::try_open(&url, |handshake| handshake.protocols(offered)).await;
        let (_client, answer) = opened.unwrap().unwrap();
        assert_eq!(answer.header("Sec-WebSocket-Protocol"), answered, "{offered}");
    }
}

#[tokio::test]
async fn no_extension_is_ever_agreed_to() {
    let cluster = Setup::of(1).start().await;
    let url = cluster.node(0).url("1");
    let offer = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame";
    let asked = |handshake: Handshake| handshake.header("Sec-WebSocket-Extensions", offer);
    let (mut client, answer) = RawClient::try_open(&url, asked).await.unwrap().unwrap();
    assert_eq!(answer.header("Sec-WebSocket-Extensions"), None);
    client.send(&Frame::text(r#"{"type":"ping"}"#).reserved(0b100)).await.unwrap();
    assert_eq!(client.expect_close().await.code, Some(1002), "a compressed frame was never agreed on");
}

#[tokio::test]
async fn a_user_id_is_decoded_once() {
    let cluster = Setup::of(1).start().await;
    for (path, user) in [
        ("a%40b", "a@b"),
        ("%31", "1"),
        ("a~b_c.d-e", "a~b_c.d-e"),
        ("A%2dB", "A-B"),
        (&"x".repeat(64), &"x".repeat(64)),
    ] {
        assert_eq!(cluster.client(0, path).await.welcome["user"], user, "{path}");
    }
    let phone = cluster.client(0, "1?device=my%40phone").await;
    let sessions = cluster.http(0).get("/api/v1/users/1").await.json();
    let devices: Vec<&Value> =
        sessions["sessions"].as_array().unwrap().iter().map(|it| &it["device"]).collect();
    assert!(devices.contains(&&json!("my@phone")), "{sessions}");
    phone.close().await;
}

#[tokio::test]
async fn an_id_or_a_device_that_is_none_is_400_and_logs_nobody_in() {
    let cluster = Setup::of(1).start().await;
    let bad_users = [
        "a%2Fb",
        "a%2fb",
        "..%2f2",
        "a%00",
        "a%0a",
        "%C2%85",
        "%FF",
        "a%",
        "a%4",
        "a%zz",
        "%2540",
        "a%20b",
        "a+b",
        "a:b",
        "1;x=y",
        "%E5%BC%A0",
        "a%22",
        "{a}",
        "a%5Cb",
        &"x".repeat(65),
    ];
    let bad_devices =
        ["1?device=", "1?device=a%2Fb", "1?device=a%20b", "1?device=%0d%0a", "1?device=a%", "1?device=%"];
    let too_long = format!("1?device={}", "x".repeat(33));
    for path in bad_users.into_iter().chain(bad_devices).chain([too_long.as_str()]) {
        let answer = refusal(&cluster.node(0).url(path), |handshake| handshake).await;
        assert_eq!((answer.status, error_code(&answer)), (400, json!("bad_field")), "{path}: {answer:?}");
    }
    // What hides a control character is 400 in whatever parameter the node reads.
    for path in ["1?token=%0a", "1?resume=%zz"] {
        assert_eq!(refusal(&cluster.node(0).url(path), |handshake| handshake).await.status, 400, "{path}");
    }
    assert_eq!(cluster.node(0).count("session_opened"), 0);
}

#[tokio::test]
async fn a_path_that_is_nobodys_is_404() {
    let cluster = Setup::of(1).start().await;
    let base = format!("ws://{}", cluster.node(0).node.ws_address());
    for path in [
        "/",
        "/ws",
        "/ws/",
        "/wsx/1",
        "/WS/1",
        "/%77s/1",
        "/ws/1/",
        "/ws/1/2",
        "/ws//1",
        "/ws/../admin",
        "//ws/1",
    ] {
        let answer = refusal(&format!("{base}{path}"), |handshake| handshake).await;
        assert_eq!((answer.status, error_code(&answer)), (404, json!("not_found")), "{path}: {answer:?}");
    }
}
