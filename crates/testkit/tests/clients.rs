//! The clients see what a server does, and do to it what they are told.
//!
//! The server here is this file's own: a listener whose every answer is written out byte by byte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests, and the helpers between them")]

use std::time::Duration;

use serde_json::json;
use testkit::client::{ClassicClient, Close, Ended, Frame, Handshake, Message, RawClient, V1Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(10);
const A_MOMENT: Duration = Duration::from_millis(100);

/// A server that takes one connection, reads the head of the request, and does `then` with the rest.
async fn serve<F>(
    tasks: &mut JoinSet<()>,
    then: impl FnOnce(String, TcpStream) -> F + Send + 'static,
) -> String
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        then(String::from_utf8(head).unwrap(), stream).await;
    });
    format!("ws://{address}/ws/1?device=web")
}

fn header(head: &str, name: &str) -> Option<String> {
    let line = head.lines().find(|line| line.starts_with(&format!("{name}: ")))?;
    Some(line[name.len() + 2..].to_owned())
}

/// A 101 computed here, so that the client's own check has something to disagree with.
fn switching(head: &str) -> String {
    use base64::Engine as _;
    let key = header(head, "Sec-WebSocket-Key").unwrap() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let accept = base64::engine::general_purpose::STANDARD.encode(digest);
    let protocol = header(head, "Sec-WebSocket-Protocol");
    let protocol = protocol.map(|p| format!("Sec-WebSocket-Protocol: {p}\r\n")).unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n{protocol}\r\n"
    )
}

/// First byte and unmasked payload of the next client frame.
async fn read_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let second = stream.read_u8().await.unwrap();
    assert!(second & 0x80 != 0, "a client frame without a mask");
    let length = match second & 0x7f {
        126 => u64::from(stream.read_u16().await.unwrap()),
        127 => stream.read_u64().await.unwrap(),
        short => u64::from(short),
    };
    let mask = stream.read_u32().await.unwrap().to_be_bytes();
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.unwrap();
    Some((first, payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()))
}

/// Gives back what the client sends, frame by frame, until it ends.
async fn echo(head: String, mut stream: TcpStream) {
    stream.write_all(switching(&head).as_bytes()).await.unwrap();
    while let Some((first, payload)) = read_frame(&mut stream).await {
        let length = payload.len() as u64;
        let mut answer = vec![first];
        match length {
            0..126 => answer.push(length as u8),
            126..65_536 => answer.extend([&[126], &(length as u16).to_be_bytes()[..]].concat()),
            _ => answer.extend([&[127], &length.to_be_bytes()[..]].concat()),
        }
        answer.extend(payload);
        stream.write_all(&answer).await.unwrap();
        if first & 0x0f == 8 {
            return;
        }
    }
}

async fn say(stream: &mut TcpStream, head: &str, frames: &[Frame]) {
    let mut bytes = switching(head).into_bytes();
    for frame in frames {
        bytes.extend(frame.clone().unmasked().encode());
    }
    stream.write_all(&bytes).await.unwrap();
}

#[tokio::test]
async fn messages_of_every_length_go_there_and_back() {
    let mut tasks = JoinSet::new();
    let url = serve(&mut tasks, echo).await;
    let mut client = RawClient::open(&url, |handshake| handshake).await.unwrap();
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
        let text = "x".repeat(length);
        client.send(&Frame::text(&text)).await.unwrap();
        assert_eq!(client.next_message(SOON).await, Ok(Message::Text(text)));
    }
    client.send(&Frame::binary(b"\x00\xff").unfinished()).await.unwrap();
    client.send(&Frame::continuation(b"\x01")).await.unwrap();
    assert_eq!(client.next_message(SOON).await, Ok(Message::Binary(vec![0, 255, 1])));
    client.send(&Frame::close(4001, "slow")).await.unwrap();
    assert_eq!(client.expect_close().await, Close { code: Some(4001), reason: "slow".to_owned() });
}

#[tokio::test]
async fn frames_sent_with_the_handshake_arrive() {
    let mut tasks = JoinSet::new();
    let url = serve(&mut tasks, echo).await;
    let mut client =
        RawClient::open(&url, |handshake| handshake.then(&Frame::text("a")).then(&Frame::text("b")))
            .await
            .unwrap();
    assert_eq!(client.next_message(SOON).await, Ok(Message::Text("a".to_owned())));
    assert_eq!(client.next_message(SOON).await, Ok(Message::Text("b".to_owned())));
}

#[tokio::test]
async fn a_refusal_is_shown_whole() {
    let mut tasks = JoinSet::new();
    let refuse = |_, mut stream: TcpStream| async move {
        let answer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nretry-after: 3\r\n\
                      Transfer-Encoding: chunked\r\n\r\n5\r\nnot n\r\n3;x=y\r\now.\r\n0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.read_u8().await.ok();
    };
    let url = serve(&mut tasks, refuse).await;
    let answer = V1Client::open(&url, |handshake| handshake).await.expect_err("a refusal");
    assert_eq!((answer.status, answer.reason.as_str()), (503, "Service Unavailable"));
    assert_eq!(answer.headers_named("RETRY-AFTER"), ["2", "3"]);
    assert_eq!(answer.text(), "not now.");
}

#[tokio::test]
async fn the_request_is_the_one_asked_for() {
    let mut tasks = JoinSet::new();
    let (tell, told) = tokio::sync::oneshot::channel();
    let url = serve(&mut tasks, |head, _stream| async move {
        tell.send(head).unwrap();
    })
    .await;
    let mut client = RawClient::connect(&url).await;
    let change =
        |handshake: Handshake| handshake.method("POST").without("Upgrade").origin("http://evil.example");
    client.write(&RawClient::handshake(&url, change).bytes()).await.unwrap();
    let head = told.await.unwrap();
    assert!(head.starts_with("POST /ws/1?device=web HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
    assert!(head.contains("\r\nOrigin: http://evil.example\r\n") && !head.contains("Upgrade: "), "{head}");
    assert_eq!(client.answer(SOON).await, Err(Ended::Eof));
}

#[tokio::test]
async fn a_wrong_accept_a_foreign_subprotocol_and_an_extension_are_noticed() {
    let wrongs: [fn(String) -> String; 3] = [
        |answer| answer.replace("accept: ", "accept: x"),
        |answer| answer.replace("Protocol: trunkline.v1", "Protocol: stomp"),
        |answer| answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
    ];
    for wrong in wrongs {
        let mut tasks = JoinSet::new();
        let url = serve(&mut tasks, move |head, mut stream| async move {
            stream.write_all(wrong(switching(&head)).as_bytes()).await.unwrap();
            stream.read_u8().await.ok();
        })
        .await;
        let opened = RawClient::try_open(&url, |handshake| handshake.protocols("trunkline.v1")).await;
        assert!(matches!(opened, Err(Ended::Broken(_))), "{opened:?}");
    }
}

#[tokio::test]
async fn pings_are_answered_and_passed_over_unless_told_otherwise() {
    let mut tasks = JoinSet::new();
    let url = serve(&mut tasks, |head, mut stream| async move {
        say(&mut stream, &head, &[Frame::ping(b"are you there")]).await;
        let mut pong = [0; 2 + 4 + 13];
        stream.read_exact(&mut pong).await.unwrap();
        assert_eq!(pong[..2], [0x8a, 0x80 | 13]);
        say_more(&mut stream, &[Frame::ping(b"again"), Frame::text("yes")]).await;
        assert!(tokio::time::timeout(A_MOMENT, stream.read_u8()).await.is_err(), "it was answered");
    })
    .await;
    let mut client = RawClient::open(&url, |handshake| handshake).await.unwrap();
    assert_eq!(client.next_message(SOON).await, Ok(Message::Ping(b"are you there".to_vec())));
    client.answers_pings = false;
    assert_eq!(client.next_data(SOON).await, Ok(Message::Text("yes".to_owned())));
    tasks.join_next().await.unwrap().unwrap();
}

async fn say_more(stream: &mut TcpStream, frames: &[Frame]) {
    for frame in frames {
        stream.write_all(&frame.clone().unmasked().encode()).await.unwrap();
    }
}

#[tokio::test]
async fn a_frame_that_comes_in_pieces_survives_a_deadline_between_them() {
    let mut tasks = JoinSet::new();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let url = serve(&mut tasks, |head, mut stream| async move {
        stream.write_all(switching(&head).as_bytes()).await.unwrap();
        let frame = Frame::text("in two pieces").unmasked().encode();
        stream.write_all(&frame[..5]).await.unwrap();
        gone.await.unwrap();
        stream.write_all(&frame[5..]).await.unwrap();
    })
    .await;
    let mut client = RawClient::open(&url, |handshake| handshake).await.unwrap();
    assert_eq!(client.next_message(A_MOMENT).await, Err(Ended::TimedOut));
    go.send(()).unwrap();
    assert_eq!(client.next_message(SOON).await, Ok(Message::Text("in two pieces".to_owned())));
    client.expect_end().await;
}

#[tokio::test]
async fn a_client_that_vanishes_resets_and_one_that_is_dropped_ends() {
    for (vanish, expected) in [(true, None), (false, Some(0))] {
        let mut tasks = JoinSet::new();
        let url = serve(&mut tasks, move |head, mut stream| async move {
            stream.write_all(switching(&head).as_bytes()).await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.ok(), expected);
        })
        .await;
        let client = RawClient::open(&url, |handshake| handshake).await.unwrap();
        if vanish {
            client.vanish()
        } else {
            drop(client)
        }
        tasks.join_next().await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn v1_frames_that_were_passed_over_are_kept_in_their_order() {
    let mut tasks = JoinSet::new();
    let url = serve(&mut tasks, |head, mut stream| async move {
        let frames = [
            r#"{"type":"welcome","session":"s"}"#,
            r#"{"type":"message","seq":1}"#,
            r#"{"type":"message","seq":2,"id":"c1"}"#,
            r#"{"type":"receipt","id":"c1","seq":3}"#,
            r#"{"type":"bye","code":4500,"reason":"replaced","reconnect":false}"#,
        ];
        let mut frames: Vec<Frame> = frames.map(Frame::text).into();
        frames.push(Frame::close(4500, "replaced"));
        say(&mut stream, &head, &frames).await;
        stream.read_u8().await.unwrap();
    })
    .await;
    let mut client = V1Client::connect(&url).await;
    assert_eq!(client.welcome["session"], "s");
    assert_eq!(client.expect_answer("c1").await["seq"], 3);
    assert_eq!(client.next_json(SOON).await["seq"], 1);
    assert_eq!(client.expect_type("message").await["seq"], 2);
    assert_eq!(client.expect_bye(4500).await["reason"], "replaced");
    assert_eq!(client.try_next(SOON).await, Err(Ended::Eof));
}

#[tokio::test]
async fn v1_requests_are_answered_by_their_id() {
    let mut tasks = JoinSet::new();
    let url = serve(&mut tasks, |head, mut stream| async move {
        stream.write_all(switching(&head).as_bytes()).await.unwrap();
        let mut ids = Vec::new();
        for expected in ["send", "history"] {
            let (_, payload) = read_frame(&mut stream).await.unwrap();
            let frame: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(frame["type"], expected);
            ids.push(frame["id"].clone());
        }
        assert_ne!(ids[0], ids[1]);
        let echo = Frame::text(&format!(r#"{{"type":"message","id":{}}}"#, ids[1]));
        let page = Frame::text(&format!(r#"{{"type":"page","id":{}}}"#, ids[1]));
        let receipt = Frame::text(&format!(r#"{{"type":"receipt","id":{}}}"#, ids[0]));
        say_more(&mut stream, &[echo, page, receipt]).await;
        stream.read_u8().await.ok();
    })
    .await;
    let mut client = V1Client::open(&url, |handshake| handshake).await.unwrap();
    let id = client.send_to_user("2", "hi").await;
    assert_eq!(client.request(json!({ "type": "history" })).await["type"], "page");
    assert_eq!(client.expect_answer(&id).await["type"], "receipt");
    assert_eq!(client.next_json(SOON).await["type"], "message");
}

#[tokio::test]
async fn a_v1_frame_that_does_not_begin_with_its_type_is_noticed() {
    let mut tasks = JoinSet::new();
    let url = serve(&mut tasks, |head, mut stream| async move {
        say(&mut stream, &head, &[Frame::text(r#"{"seq":1,"type":"message"}"#)]).await;
        stream.read_u8().await.ok();
    })
    .await;
    let mut client = V1Client::open(&url, |handshake| handshake).await.unwrap();
    assert!(matches!(client.try_next(SOON).await, Err(Ended::Broken(_))));
}

#[tokio::test]
async fn classic_messages_are_read_with_their_text() {
    let text = r#"{"content":"hi","fromUserId":1,"msgType":10,"time":1690000000000,"toUserId":2}"#;
    let mut tasks = JoinSet::new();
    let url = serve(&mut tasks, move |head, mut stream| async move {
        assert_eq!(header(&head, "Sec-WebSocket-Protocol"), None);
        say(&mut stream, &head, &[Frame::text(text), Frame::text("a note"), Frame::close(4500, "")]).await;
        stream.read_u8().await.ok();
    })
    .await;
    let mut client = ClassicClient::connect(&url).await;
    let message = client.expect_message().await;
    assert_eq!(
        (message.content.as_deref(), message.from_user_id, message.to_user_id),
        (Some("hi"), Some(1), Some(2))
    );
    assert_eq!((message.msg_type, message.text.as_str()), (Some(10), text));
    assert_eq!(client.next_text(SOON).await, "a note");
    assert_eq!(client.expect_close().await.code, Some(4500));
}

#[tokio::test]
async fn classic_sends_are_those_of_the_old_clients() {
    let mut tasks = JoinSet::new();
    let url = serve(&mut tasks, echo).await;
    let mut client = ClassicClient::connect(&url).await;
    client.send_to_user(2, "hi").await;
    let echoed: serde_json::Value = serde_json::from_str(&client.next_text(SOON).await).unwrap();
    assert_eq!(echoed, json!({ "msgType": 10, "to": 2, "content": "hi" }));
    client.send_to_group(7, json!({ "k": 1 })).await;
    let echoed: serde_json::Value = serde_json::from_str(&client.next_text(SOON).await).unwrap();
    assert_eq!(echoed, json!({ "msgType": 20, "to": 7, "content": { "k": 1 } }));
    client.expect_silence(A_MOMENT).await;
    client.close().await;
}
