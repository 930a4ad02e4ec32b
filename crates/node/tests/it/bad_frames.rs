//! What a client can say wrongly, one case a line: what it is told, whether its socket stays, and that nothing is lost by it.
//!
//! Around every bad frame a good message is sent on the same socket; at the end all good ones have arrived, in order, and nothing else has.

use serde_json::{Value, json};
use testkit::client::{Close, Ended, Frame, Message, PATIENCE, RawClient, V1Client};
use wire::policy::DialectChoice;

use crate::cluster::{Cluster, Setup};

/// What becomes of a bad frame.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// An `error` with this code and the request's id, and the socket stays.
    Error(&'static str, Option<&'static str>),
    /// `bye` and a Close with this code.
    Bye(u16),
    /// A Close with this code of RFC 6455, without more words.
    Closed(u16),
}

use Fate::{Bye, Closed, Error};

/// A text frame, and what becomes of it.
#[rustfmt::skip] // A case is a line.
const TEXTS: &[(&str, Fate)] = &[
    // Not this protocol.
    ("", Bye(4502)),
    ("hi", Bye(4502)),
    ("null", Bye(4502)),
    ("[]", Bye(4502)),
    ("[\"ping\",null,null,null,null,null,null,null,null,null,null,null,null,null,null]", Bye(4502)),
    ("\"ping\"", Bye(4502)),
    ("7", Bye(4502)),
    ("{}", Bye(4502)),
    ("{\"id\":\"a\"}", Bye(4502)),
    ("{\"type\":null}", Bye(4502)),
    ("{\"type\":\"ping\"", Bye(4502)),
    ("{\"type\":\"ping\"}}", Bye(4502)),
    ("{\"type\":\"ping\"} {\"type\":\"ping\"}", Bye(4502)),
    ("{'type':'ping'}", Bye(4502)),
    ("{\"type\":\"ping\",}", Bye(4502)),
    ("{\"type\":\"ping\",\"x\":01}", Bye(4502)),
    ("{\"type\":\"ping\",\"x\":NaN}", Bye(4502)),
    ("{\"type\":\"ping\",\"x\":\"\n\"}", Bye(4502)),
    ("\u{feff}{\"type\":\"ping\"}", Bye(4502)),
    ("{\"type\":\"ping\",\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", Bye(4502)),
    // An object with a fault.
    ("{\"type\":7}", Error("bad_frame", None)),
    ("{\"type\":\"ping\",\"type\":\"ping\"}", Error("bad_frame", None)),
    ("{\"type\":\"send\",\"id\":\"a\",\"id\":\"b\",\"to\":{\"user\":\"2\"},\"content\":1}", Error("bad_frame", None)),
    ("{\"type\":\"\\ud800\"}", Error("bad_frame", None)),
    ("{\"type\":\"\"}", Error("unknown_type", None)),
    ("{\"type\":\"PING\",\"id\":\"a\"}", Error("unknown_type", Some("a"))),
    ("{\"type\":\"welcome\",\"id\":\"a\"}", Error("unknown_type", Some("a"))),
    ("{\"type\":\"presence\",\"id\":\"a\",\"users\":[\"2\"]}", Error("unknown_type", Some("a"))),
    // Ids of requests.
    ("{\"type\":\"send\",\"to\":{\"user\":\"2\"},\"content\":1}", Error("bad_field", None)),
    ("{\"type\":\"send\",\"id\":\"\",\"to\":{\"user\":\"2\"},\"content\":1}", Error("bad_field", None)),
    ("{\"type\":\"send\",\"id\":7,\"to\":{\"user\":\"2\"},\"content\":1}", Error("bad_field", None)),
    ("{\"type\":\"send\",\"id\":null,\"to\":{\"user\":\"2\"},\"content\":1}", Error("bad_field", None)),
    ("{\"type\":\"ping\",\"id\":\"0123456789012345678901234567890123456789012345678901234567890123x\"}", Error("bad_field", None)),
    ("{\"type\":\"ping\",\"id\":\"a\\nb\"}", Error("bad_field", None)),
    ("{\"type\":\"ping\",\"id\":\"\\ud800\"}", Error("bad_field", None)),
    // Whom a message is for.
    ("{\"type\":\"send\",\"id\":\"a\",\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":\"2\",\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"2\",\"group\":\"g\"},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"users\":[\"2\"]},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"\"},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"a b\"},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"a:b\"},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"张\"},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":2.0},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":2e0},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":-0},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":18446744073709551616},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":true},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"0123456789012345678901234567890123456789012345678901234567890123x\"},\"content\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"group\":\"nobody-made-it\"},\"content\":1}", Error("not_found", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"group\":\"theirs\"},\"content\":1}", Error("forbidden", Some("a"))),
    // What it says.
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"2\"}}", Error("bad_field", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"2\"},\"content\":\"\\ud83d\"}", Error("bad_content", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"2\"},\"content\":{\"\\udc00\":1}}", Error("bad_content", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"2\"},\"content\":\"\\ude00\\ud83d\"}", Error("bad_content", Some("a"))),
    ("{\"type\":\"send\",\"id\":\"a\",\"to\":{\"user\":\"2\"},\"content\":1,\"signal\":\"true\"}", Error("bad_field", Some("a"))),
    // The other requests.
    ("{\"type\":\"read\",\"id\":\"a\",\"seq\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"read\",\"id\":\"a\",\"conversation\":\"d:1:2\"}", Error("bad_field", Some("a"))),
    ("{\"type\":\"read\",\"id\":\"a\",\"conversation\":\"d:1:2\",\"seq\":-1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"read\",\"id\":\"a\",\"conversation\":\"d:1:2\",\"seq\":1.5}", Error("bad_field", Some("a"))),
    ("{\"type\":\"read\",\"id\":\"a\",\"conversation\":\"d:1:2\",\"seq\":1e400}", Error("bad_field", Some("a"))),
    ("{\"type\":\"read\",\"id\":\"a\",\"conversation\":\"d:1:2\",\"seq\":9007199254740992}", Error("bad_field", Some("a"))),
    ("{\"type\":\"read\",\"id\":\"a\",\"conversation\":\"d:2:1\",\"seq\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"read\",\"id\":\"a\",\"conversation\":\"x:1\",\"seq\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"history\",\"id\":\"a\"}", Error("bad_field", Some("a"))),
    ("{\"type\":\"history\",\"id\":\"a\",\"conversation\":\"d:2:3\"}", Error("forbidden", Some("a"))),
    ("{\"type\":\"history\",\"id\":\"a\",\"conversation\":\"d:1:2\",\"limit\":0}", Error("bad_field", Some("a"))),
    ("{\"type\":\"history\",\"id\":\"a\",\"conversation\":\"d:1:2\",\"limit\":201}", Error("bad_field", Some("a"))),
    ("{\"type\":\"history\",\"id\":\"a\",\"conversation\":\"d:1:2\",\"limit\":99999999999999999999}", Error("bad_field", Some("a"))),
    ("{\"type\":\"history\",\"id\":\"a\",\"conversation\":\"d:1:2\",\"before\":1,\"after\":1}", Error("bad_field", Some("a"))),
    ("{\"type\":\"conversations\",\"id\":\"a\",\"limit\":\"50\"}", Error("bad_field", Some("a"))),
    ("{\"type\":\"conversations\",\"id\":\"a\",\"next\":\"made up\"}", Error("bad_field", Some("a"))),
    ("{\"type\":\"join\",\"id\":\"a\"}", Error("bad_field", Some("a"))),
    ("{\"type\":\"join\",\"id\":\"a\",\"group\":\"g/1\"}", Error("bad_field", Some("a"))),
    ("{\"type\":\"join\",\"id\":\"a\",\"group\":\"everyone\"}", Error("forbidden", Some("a"))),
    ("{\"type\":\"leave\",\"id\":\"a\",\"group\":\"nobody-made-it\"}", Error("not_found", Some("a"))),
    ("{\"type\":\"hello\",\"id\":\"a\",\"token\":7}", Error("bad_field", Some("a"))),
    ("{\"type\":\"hello\",\"id\":\"a\",\"have\":[]}", Error("bad_field", Some("a"))),
    ("{\"type\":\"hello\",\"id\":\"a\",\"have\":{\"d:1:2\":\"1\"}}", Error("bad_field", Some("a"))),
    ("{\"type\":\"hello\",\"id\":\"a\",\"have\":{\"d:1:2\":1}}", Error("bad_field", Some("a"))),
];

/// Frames that RFC 6455 forbids, or that we do not take, as a client would put them on the wire.
fn frames() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let ping = r#"{"type":"ping"}"#;
    let cut = "é".as_bytes();
    let row = |what, frames: &[Frame], fate| (what, frames.iter().flat_map(Frame::encode).collect(), fate);
    vec![
        row("binary", &[Frame::binary(b"{}")], Closed(1003)),
        row("not UTF-8", &[Frame::new(1, *b"\xff\xfe")], Closed(1007)),
        row("UTF-8 with a surrogate", &[Frame::new(1, *b"\"\xed\xa0\x80\"")], Closed(1007)),
        row(
            "half a character at the end",
            &[Frame::new(1, &cut[..1]).unfinished(), Frame::continuation(b"")],
            Closed(1007),
        ),
        row("no mask", &[Frame::text(ping).unmasked()], Closed(1002)),
        row("a reserved bit", &[Frame::text(ping).reserved(4)], Closed(1002)),
        row("a reserved opcode", &[Frame::new(3, ping)], Closed(1002)),
        row("a reserved control opcode", &[Frame::new(11, "")], Closed(1002)),
        row("a continuation of nothing", &[Frame::continuation(b"x")], Closed(1002)),
        row("text within fragments", &[Frame::text(ping).unfinished(), Frame::text(ping)], Closed(1002)),
        row("a ping in pieces", &[Frame::ping(b"p").unfinished()], Closed(1002)),
        row("a ping that is too long", &[Frame::ping(&[b'p'; 126])], Closed(1002)),
        row("a length written longer than needed", &[Frame::text(ping).long_form()], Closed(1002)),
        row("a length with its highest bit", &[Frame::text("").claiming(1 << 63)], Closed(1002)),
        row("a message that is too big", &[Frame::text("").claiming(70_000)], Closed(1009)),
        row("a Close of one byte", &[Frame::new(8, *b"\x03")], Closed(1002)),
        row("a Close with a code that never is", &[Frame::close(1006, "")], Closed(1002)),
        row("a Close whose reason is no UTF-8", &[Frame::new(8, *b"\x03\xe8\xff")], Closed(1007)),
        row("bytes of another protocol", &[Frame::new(7, "ET / HTTP/1.1")], Closed(1002)),
    ]
}

fn all() -> Vec<(String, Vec<u8>, Fate)> {
    let texts = TEXTS.iter().map(|(text, fate)| ((*text).to_owned(), Frame::text(text).encode(), *fate));
    let frames = frames().into_iter().map(|(what, bytes, fate)| (what.to_owned(), bytes, fate));
    texts.chain(frames).collect()
}

/// A message that must arrive, before or after a bad frame.
fn good(nth: usize, place: &str) -> (String, Vec<u8>) {
    let id = format!("{place}-{nth}");
    let frame = json!({"type": "send", "id": id, "to": {"user": "2"}, "content": id});
    let bytes = Frame::text(&frame.to_string()).encode();
    (id, bytes)
}

async fn bed() -> Cluster {
    let cluster = Setup::of(1).limits(|limits| limits.sends_per_second = 0).start().await;
    let made = cluster.http(0).put("/api/v1/groups/theirs", &json!({"members": ["2", "3"]})).await;
    assert!(made.status < 300, "{made:?}");
    cluster
}

#[tokio::test]
async fn every_bad_frame_gets_its_answer_and_loses_nothing() {
    let cluster = bed().await;
    let mut listener = cluster.client(0, "2").await;
    let mut client = cluster.client(0, "1").await;
    let mut expected = Vec::new();
    for (nth, (what, bad, fate)) in all().into_iter().enumerate() {
        let ((before, bytes_before), (after, bytes_after)) = (good(nth, "before"), good(nth, "after"));
        client.raw().write(&[bytes_before, bad].concat()).await.unwrap();
        let receipt = client.next_json(PATIENCE).await;
        assert_eq!((&receipt["type"], &receipt["id"]), (&json!("receipt"), &json!(before)), "{what}");
        let ended = answered(&mut client, &what, fate).await;
        if ended {
            client = cluster.client(0, "1").await;
        }
        client.raw().write(&bytes_after).await.unwrap();
        let receipt = client.next_json(PATIENCE).await;
        assert_eq!((&receipt["type"], &receipt["id"]), (&json!("receipt"), &json!(after)), "{what}");
        expected.extend([before, after]);
    }
    for content in &expected {
        assert_eq!(listener.expect_type("message").await["content"], json!(content));
    }
    listener.ping().await;
    assert_eq!(cluster.node(0).count("defect"), 0);
    assert!(expected.len() >= 2 * 90, "{} cases", expected.len() / 2);
}

/// Holds the answer against `fate`; true where the session has ended by it.
async fn answered(client: &mut V1Client, what: &str, fate: Fate) -> bool {
    match fate {
        Error(code, id) => {
            let error = client.next_json(PATIENCE).await;
            assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{what}: {error}");
            assert_eq!(error.get("id"), id.map(Value::from).as_ref(), "{what}: {error}");
            assert!(error["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{what}: {error}");
            assert!(error.get("retry_ms").is_none(), "{what}: trying again cannot help: {error}");
            false
        }
        Bye(code) => {
            let bye = client.next_json(PATIENCE).await;
            assert_eq!((&bye["type"], &bye["code"]), (&json!("bye"), &json!(code)), "{what}: {bye}");
            assert_eq!(bye["reconnect"], false, "{what}: {bye}");
            assert_eq!(client.expect_close().await.code, Some(code), "{what}");
            true
        }
        Closed(code) => {
            let close: Close = client.expect_close().await;
            assert_eq!(close.code, Some(code), "{what}");
            assert_eq!(client.try_next(PATIENCE).await, Err(Ended::Eof), "{what}: no more words");
            true
        }
    }
}

/// Contents that are carried byte for byte, however odd.
#[rustfmt::skip] // A case is a line.
const CONTENTS: &[&str] = &[
    "null", "true", "\"\"", "{}", "[]", "0", "-0", "-0.0",
    "9007199254740993", "9223372036854775807", "18446744073709551616", "123456789012345678901234567890",
    "1.10", "1E+2", "1e400", "0.1000000000000000055511151231257827",
    "{\"a\":1,\"a\":2}", "{\"type\":\"bye\",\"code\":4500}", "{\"__proto__\":{\"x\":1}}", "{ \"spaced\" : [ 1 , 2 ] }",
    "\"\\ud83d\\ude00\"", "\"😀\"", "\"\\u0000\"", "\"\\\\ud800\"", "\"\\u2028\\u2029\"", "\"</script><script>\"", "\"你好\"",
    "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
];

#[tokio::test]
async fn odd_content_arrives_byte_for_byte_live_and_in_history() {
    let cluster = bed().await;
    let mut listener = RawClient::open(&cluster.node(0).url("2"), |handshake| handshake).await.unwrap();
    let mut client = cluster.client(0, "1").await;
    next_text(&mut listener).await;
    for (nth, content) in CONTENTS.iter().enumerate() {
        client
            .send_text(&format!(r#"{{"type":"send","id":"c{nth}","to":{{"user":2}},"content":{content}}}"#))
            .await;
        assert_eq!(client.expect_answer(&format!("c{nth}")).await["type"], "receipt", "{content}");
        let text = next_text(&mut listener).await;
        assert!(text.contains(&format!(r#","content":{content},"time":"#)), "{content}: {text}");
    }
    listener.send(&Frame::text(r#"{"type":"history","conversation":"d:1:2","limit":200}"#)).await.unwrap();
    let page = next_text(&mut listener).await;
    for content in CONTENTS {
        assert!(page.contains(&format!(r#","content":{content},"time":"#)), "{content}: {page}");
    }
}

async fn next_text(client: &mut RawClient) -> String {
    match client.next_data(PATIENCE).await {
        Ok(Message::Text(text)) => text,
        other => panic!("expected a text, got {other:?}"),
    }
}

#[tokio::test]
async fn what_is_odd_but_right_is_answered() {
    let cluster = bed().await;
    let mut client = cluster.client(0, "1").await;
    for text in [
        " \n\t{ \"type\" : \"ping\" } \r\n",
        r#"{"\u0074ype":"ping"}"#,
        r#"{"type":"p\u0069ng"}"#,
        r#"{"type":"ping","unknown":{"a":[1,{"b":null}]},"unknown":2}"#,
        r#"{"id":null,"token":null,"type":"ping"}"#,
        r#"{"x":"[[[[[[[[[[[[[[[[[[[[[[","type":"ping"}"#,
        r#"{"type":"ping","x":"\ud800"}"#,
    ] {
        client.send_text(text).await;
        assert_eq!(client.next_json(PATIENCE).await["type"], "pong", "{text}");
    }
    let answer = client.request(json!({"type": "ping"})).await;
    assert_eq!(answer["type"], "pong", "an id comes back");
    // A control frame between the pieces of a message, pieces of no bytes, and a ping with a payload.
    let pieces = [
        Frame::text("{\"type\":").unfinished(),
        Frame::ping(b"between"),
        Frame::continuation(b"").unfinished(),
        Frame::pong(b"unasked"),
        Frame::continuation(b"\"ping\"}"),
    ];
    for piece in &pieces {
        client.raw().send(piece).await.unwrap();
    }
    assert_eq!(client.raw().next_message(PATIENCE).await, Ok(Message::Pong(b"between".to_vec())));
    assert_eq!(client.next_json(PATIENCE).await["type"], "pong");
    // A read of a conversation that has nothing is no fault.
    client.send_text(r#"{"type":"read","conversation":"d:1:7","seq":1}"#).await;
    client.ping().await;
}

/// What classic clients can say wrongly; the original said nothing to any of it.
#[rustfmt::skip] // A case is a line.
const CLASSIC: &[(&str, &str)] = &[
    ("", "bad_frame"),
    ("hi", "bad_frame"),
    ("[]", "bad_frame"),
    ("[10,2,\"x\"]", "bad_frame"),
    ("{\"msgType\":10", "bad_frame"),
    ("{\"msgType\":10,\"to\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]],\"content\":\"x\"}", "bad_frame"),
    ("{\"type\":\"ping\"}", "bad_field"),
    ("{\"to\":2,\"content\":\"x\"}", "bad_field"),
    ("{\"msgType\":30,\"to\":2,\"content\":\"x\"}", "bad_field"),
    ("{\"msgType\":10,\"content\":\"x\"}", "bad_field"),
    ("{\"msgType\":10,\"to\":null,\"content\":\"x\"}", "bad_field"),
    ("{\"msgType\":10,\"to\":\"a b\",\"content\":\"x\"}", "bad_field"),
    ("{\"msgType\":10,\"to\":2.5e1,\"content\":\"x\"}", "bad_field"),
    ("{\"msgType\":10,\"to\":{\"user\":2},\"content\":\"x\"}", "bad_field"),
    ("{\"msgType\":10,\"to\":2}", "bad_field"),
    ("{\"msgType\":10,\"to\":2,\"content\":\"\\ud800\"}", "bad_content"),
];

#[tokio::test]
async fn a_bad_classic_frame_is_passed_over_in_silence_or_told_where_the_deployment_says_so() {
    for told in [false, true] {
        let setup = Setup::of(1).limits(|limits| limits.sends_per_second = 0).with(move |config| {
            config.dialects = DialectChoice::Classic;
            config.classic.errors = told;
        });
        let cluster = setup.start().await;
        let mut listener = cluster.classic(0, "2").await;
        let mut client = cluster.classic(0, "1").await;
        for (nth, (bad, code)) in CLASSIC.iter().enumerate() {
            client.send_text(bad).await;
            if told {
                let error: Value = serde_json::from_str(&client.next_text(PATIENCE).await).unwrap();
                assert_eq!(error["error"]["code"], *code, "{bad}: {error}");
            }
            client.send_to_user(2, nth.to_string()).await;
            assert_eq!(listener.expect_message().await.content, Some(nth.to_string()), "after {bad}");
        }
        // Its own group message comes back next: nothing was said before it.
        client.send_to_group(7, "all").await;
        assert_eq!(client.expect_message().await.content.as_deref(), Some("all"));
    }
}

#[tokio::test]
async fn a_classic_socket_with_a_framing_fault_ends_with_the_rfcs_code_and_a_binary_frame_is_passed_over() {
    let cluster = Setup::of(1).with(|config| config.dialects = DialectChoice::Classic).start().await;
    for (what, bytes, fate) in frames() {
        let Closed(code) = fate else { continue };
        if code == 1003 {
            continue;
        }
        let mut client = cluster.classic(0, "1").await;
        client.raw().write(&bytes).await.unwrap();
        assert_eq!(client.expect_close().await.code, Some(code), "{what}");
    }
    // The original passed a binary frame over.
    let mut client = cluster.classic(0, "1").await;
    let pieces = [Frame::binary(b"\xff").unfinished(), Frame::continuation(b"\xfe"), Frame::binary(b"{}")];
    for piece in &pieces {
        client.raw().send(piece).await.unwrap();
    }
    client.send_to_group(7, "still here").await;
    assert_eq!(client.expect_message().await.content.as_deref(), Some("still here"));
}
