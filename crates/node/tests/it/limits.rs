//! Every limit of the configuration's `limits`, hit once at a running node: what the client is told, and that nobody else notices.
//!
//! Shrunk where the default would take long. Elsewhere: sessions per address with the other rules about addresses, `behind_after` with resuming,
//! `page_bytes_max` with pages, what bounds a client that does not read with slow readers, and drains.

use std::time::Duration;

use node::Seams;
use ports::bus::{Address, Posting};
use ports::{Bus, Clock};
use serde_json::json;
use serde_json::value::RawValue;
use testkit::client::{Answer, Ended, Frame, Message, RawClient, V1Client};
use testkit::poll;
use tokio::time::Instant;
use wire::Target;
use wire::envelope::{Body, Delivery, Envelope};
use wire::id::{Boot, MessageId, Nonce, UserId};
use wire::message::Message as Said;
use wire::policy::{DevicePolicy, DialectChoice};

use crate::cluster::{PATIENCE, Setup};
use crate::faulty_directory::{Claims, FaultyDirectory};

const QUIET: Duration = Duration::from_millis(200);
async fn refusal(url: &str) -> Answer {
    match RawClient::open(url, |handshake| handshake).await {
        Ok(_) => panic!("{url} was let in"),
        Err(answer) => answer,
    }
}

/// That an answer says when to come back.
fn says_when(answer: &Answer, code: &str) {
    let error = &answer.json()["error"];
    assert_eq!(error["code"], code, "{answer:?}");
    let retry: u64 = answer.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=5).contains(&retry) && error["retry_ms"].is_u64(), "{answer:?}");
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_408_and_keeps_nobody_out() {
    let setup = Setup::of(1).limits(|limits| limits.handshake_timeout = Duration::from_millis(400));
    let cluster = setup.start().await;
    let url = cluster.node(0).url("1");
    let bytes = RawClient::handshake(&url, |handshake| handshake).bytes();
    let mut slow = RawClient::connect(&url).await;
    let mut silent = RawClient::connect(&url).await;
    slow.write(&bytes[..bytes.len() - 5]).await.unwrap();
    cluster.client(0, "2").await;
    for client in [&mut slow, &mut silent] {
        assert_eq!(client.answer(PATIENCE).await.unwrap().status, 408);
        client.expect_end().await;
    }
}

#[tokio::test]
async fn a_handshake_that_is_too_long_or_has_too_many_fields_is_431() {
    let cluster = Setup::of(1).start().await;
    let url = cluster.node(0).url("1");
    let padding = "x".repeat(16 * 1024);
    let long = RawClient::open(&url, |handshake| handshake.header("X-Padding", &padding)).await;
    assert_eq!(long.unwrap_err().status, 431);
    let many = |fields: usize| {
        let url = url.clone();
        async move {
            RawClient::open(&url, |handshake| (0..fields).fold(handshake, |it, _| it.header("X-A", "1")))
                .await
        }
    };
    // Five belong to every handshake.
    assert_eq!(many(60).await.unwrap_err().status, 431);
    assert!(many(59).await.is_ok());
}

#[tokio::test]
async fn a_full_node_is_503_until_somebody_leaves() {
    let cluster = Setup::of(1).limits(|limits| limits.sessions_max = 1).start().await;
    let first = cluster.client(0, "1").await;
    let answer = refusal(&cluster.node(0).url("2")).await;
    assert_eq!(answer.status, 503);
    says_when(&answer, "unavailable");
    first.close().await;
    poll::until("the place is free again", PATIENCE, async || {
        RawClient::open(&cluster.node(0).url("2"), |it| it).await.map_err(|answer| answer.status)
    })
    .await;
}

#[tokio::test]
async fn handshakes_over_the_limit_are_503_and_probes_are_not_counted() {
    let mut cluster = Setup::of(0).limits(|limits| limits.handshakes_in_flight_max = 1).start().await;
    let directory = FaultyDirectory::over(&cluster.directory);
    let seams = Seams { directory: directory.clone(), ..cluster.seams() };
    cluster.join_on(seams, |_| {}).await.unwrap();
    // A handshake is under way for as long as its claim is.
    directory.claims(Claims::Late(Duration::ZERO));
    let (one, two) = (cluster.node(0).url("1"), cluster.node(0).url("2"));
    let probed = async { cluster.node(0).probe().get("/readyz").await.status };
    let (one, two, ready) = tokio::join!(refusal(&one), refusal(&two), probed);
    assert_eq!((one.status, two.status, ready), (503, 503, 200));
    let over = |answer: &&Answer| answer.text().contains("too many handshakes");
    let refused: Vec<&Answer> = [&one, &two].into_iter().filter(over).collect();
    assert_eq!(refused.len(), 1, "one of the two was under way: {one:?} {two:?}");
    says_when(refused[0], "unavailable");
    directory.claims(Claims::Answered);
    cluster.client(0, "3").await;
}

#[tokio::test]
async fn a_hello_that_is_owed_and_does_not_come_ends_with_4002() {
    let setup = Setup::of(1).limits(|limits| limits.hello_timeout = Duration::from_millis(400));
    let cluster = setup.start().await;
    let url = cluster.node(0).url("1?resume=1");
    let mut resuming = V1Client::connect(&url).await;
    let mut live = cluster.client(0, "2").await;
    // Other requests do not stand in for it.
    resuming.ping().await;
    let bye = resuming.expect_bye(4002).await;
    assert_eq!(bye["reconnect"], true);
    live.ping().await;
}

#[tokio::test]
async fn a_frame_of_the_limit_passes_and_a_longer_one_is_1009_before_it_has_arrived() {
    let cluster = Setup::of(1).start().await;
    let max = 65_536;
    let ping = |bytes: usize| {
        let bare = r#"{"type":"ping","x":""}"#.len();
        format!(r#"{{"type":"ping","x":"{}"}}"#, "x".repeat(bytes - bare))
    };
    let mut client = cluster.client(0, "1").await;
    client.send_text(&ping(max)).await;
    client.expect_type("pong").await;
    let half = ping(max).into_bytes();
    let (one, other) = half.split_at(max / 2);
    client.raw().send(&Frame::new(1, one).unfinished()).await.unwrap();
    client.raw().send(&Frame::continuation(other)).await.unwrap();
    client.expect_type("pong").await;

    let announced = Frame::text("").claiming(max as u64 + 1);
    let huge = Frame::text("").claiming(1 << 62);
    let tail = Frame::continuation(&vec![b'x'; max / 2 + 1]);
    let in_pieces = [Frame::new(1, one).unfinished(), tail];
    for frames in [vec![announced], vec![huge], in_pieces.to_vec()] {
        let mut client = cluster.client(0, "2").await;
        for frame in &frames {
            client.raw().send(frame).await.unwrap();
        }
        assert_eq!(client.expect_close().await.code, Some(1009));
    }
    client.ping().await;
}

#[tokio::test]
async fn content_of_the_limit_passes_and_longer_content_is_too_large_and_the_socket_stays() {
    let cluster = Setup::of(1).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(0, "2").await;
    // With its quotes.
    let fits = "x".repeat(59_998);
    let id = one.send_to_user("2", format!("{fits}x")).await;
    let answer = one.expect_answer(&id).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("too_large")));
    assert!(answer.get("retry_ms").is_none(), "trying again cannot help: {answer}");
    let id = one.send_to_user("2", fits.clone()).await;
    assert_eq!(one.expect_answer(&id).await["seq"], 1);
    assert_eq!(two.expect_type("message").await["content"], fits);
}

#[tokio::test]
async fn json_of_the_limits_depth_passes_and_deeper_json_is_4502() {
    let cluster = Setup::of(1).start().await;
    let nested = |depth: usize| {
        let content = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"type":"send","id":"a","to":{{"user":"2"}},"content":{content}}}"#)
    };
    let mut client = cluster.client(0, "1").await;
    client.send_text(&nested(15)).await;
    assert_eq!(client.expect_answer("a").await["type"], "receipt");
    client.send_text(&nested(16)).await;
    let bye = client.expect_bye(4502).await;
    assert_eq!(bye["reconnect"], false);
}

#[tokio::test]
async fn a_quiet_socket_is_pinged_and_one_that_does_not_answer_ends_with_4002() {
    let setup = Setup::of(1).limits(|limits| {
        limits.ping_every = Duration::from_millis(300);
        limits.pong_timeout = Duration::from_millis(300);
    });
    let cluster = setup.start().await;
    let mut honest = cluster.client(0, "1").await;
    let url = cluster.node(0).url("2");
    let mut dead = RawClient::open(&url, |handshake| handshake).await.unwrap();
    dead.answers_pings = false;
    let mut pings = 0;
    let close = loop {
        // The other one is read as well, so that its pings are answered.
        match honest.try_next(Duration::from_millis(20)).await {
            Err(Ended::TimedOut) => {}
            other => panic!("{other:?}"),
        }
        match dead.next_message(Duration::from_millis(20)).await {
            Ok(Message::Ping(_)) => pings += 1,
            Ok(Message::Close(close)) => break close,
            Ok(_) | Err(Ended::TimedOut) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((close.code, pings), (Some(4002), 1));
    honest.ping().await;
}

#[tokio::test]
async fn over_the_rate_a_send_is_refused_and_says_when_it_will_not_be() {
    let setup = Setup::of(1).limits(|limits| {
        limits.sends_per_second = 2;
        limits.sends_burst = 3;
    });
    let cluster = setup.start().await;
    let mut client = cluster.client(0, "1").await;
    let mut ids = Vec::new();
    for nth in 0..4 {
        ids.push(client.send_to_user("2", nth).await);
    }
    let refused = ids.pop().unwrap();
    for id in ids {
        assert_eq!(client.expect_answer(&id).await["type"], "receipt");
    }
    let answer = client.expect_answer(&refused).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("too_many_requests")));
    let retry_ms = answer["retry_ms"].as_u64().unwrap();
    assert!((1..=500).contains(&retry_ms), "{answer}");
    // Signals are sends too; other requests are not.
    client
        .send_json(&json!({"type": "send", "id": "s", "to": {"user": "2"}, "content": 1, "signal": true}))
        .await;
    assert_eq!(client.expect_answer("s").await["code"], "too_many_requests");
    client.ping().await;
    tokio::time::sleep(Duration::from_millis(retry_ms)).await;
    client.send_as(&refused, &json!({"user": "2"}), &json!(3)).await;
    assert_eq!(
        client.expect_answer(&refused).await["seq"],
        4,
        "nothing was lost, and nothing was kept twice"
    );
}

#[tokio::test]
async fn sixty_refusals_in_ten_seconds_end_the_session_with_4003() {
    let setup = Setup::of(1).limits(|limits| {
        limits.sends_per_second = 1;
        limits.sends_burst = 1;
    });
    let cluster = setup.start().await;
    let mut client = cluster.client(0, "1").await;
    let send = Frame::text(r#"{"type":"send","id":"a","to":{"user":"2"},"content":1}"#).encode();
    client.raw().write(&send.repeat(70)).await.unwrap();
    let mut refused = 0;
    let bye = loop {
        let frame = client.next_json(PATIENCE).await;
        match frame["type"].as_str() {
            Some("error") => refused += 1,
            Some("bye") => break frame,
            _ => assert_eq!(frame["type"], "receipt", "{frame}"),
        }
    };
    assert_eq!((&bye["code"], &bye["reconnect"]), (&json!(4003), &json!(true)));
    assert_eq!(refused, 59, "the sixtieth is the end");
    assert_eq!(client.expect_close().await.code, Some(4003));
}

#[tokio::test]
async fn a_classic_client_over_the_rate_is_read_no_faster_and_loses_nothing() {
    let setup = Setup::of(1).with(|config| config.dialects = DialectChoice::Classic).limits(|limits| {
        limits.sends_per_second = 10;
        limits.sends_burst = 1;
    });
    let cluster = setup.start().await;
    let mut receiver = cluster.classic(0, "2").await;
    let mut sender = cluster.classic(0, "1").await;
    let began = Instant::now();
    for nth in 0..8 {
        sender.send_to_user(2, nth.to_string()).await;
    }
    for nth in 0..8 {
        assert_eq!(receiver.expect_message().await.content, Some(nth.to_string()));
    }
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_device_more_than_the_limit_ends_the_oldest_login_with_4500() {
    for devices in [DevicePolicy::PerDevice, DevicePolicy::Many] {
        let setup = Setup::of(2).with(move |config| config.devices = devices);
        let cluster = setup.limits(|limits| limits.devices_max = 2).start().await;
        let mut oldest = cluster.client(0, "1?device=a").await;
        let mut second = cluster.client(1, "1?device=b").await;
        let mut newest = cluster.client(0, "1?device=c").await;
        let bye = oldest.expect_bye(4500).await;
        assert_eq!((&bye["reason"], &bye["reconnect"]), (&json!("replaced"), &json!(false)));
        second.ping().await;
        newest.ping().await;
    }
}

/// An envelope of some other node, written so long ago.
fn envelope(service: &str, age: Duration, content: &str) -> Posting {
    let (from, to): (UserId, UserId) = ("9".parse().unwrap(), "1".parse().unwrap());
    let target = Target::User(to.clone());
    let written_ms = Clock::System.unix_ms() - u64::try_from(age.as_millis()).unwrap();
    let said = Said {
        conversation: Some(target.conversation(&from)),
        seq: None,
        message_id: MessageId::mint(written_ms, u128::from(written_ms)),
        from: Some(from),
        to: target,
        content: RawValue::from_string(content.to_owned()).unwrap().into(),
        time_ms: written_ms,
        id: None,
    };
    let delivery = Delivery {
        frame: said.frame(),
        id: Some(content.parse().unwrap()),
        users: vec![to],
        group: None,
        version: None,
    };
    let envelope = Envelope {
        service: service.to_owned(),
        origin: Boot { node: "node-9".parse().unwrap(), nonce: Nonce::mint(written_ms, 7) },
        at_ms: written_ms,
        hop: 0,
        body: Body::Message(delivery),
    };
    let node = Address::Node("node-1".parse().unwrap());
    Posting { to: node, lane: envelope.lane(), key: "d:1:9".into(), body: envelope.encode() }
}

#[tokio::test]
async fn an_envelope_that_is_too_old_is_dropped_and_counted_and_a_younger_one_is_not() {
    let cluster = Setup::of(1).keeping_nothing().start().await;
    let mut client = cluster.client(0, "1").await;
    let (old, young) = (Duration::from_secs(31), Duration::from_secs(20));
    let postings = vec![
        envelope("trunkline", old, "1"),
        envelope("trunkline", young, "2"),
        envelope("other", young, "3"),
    ];
    for posted in cluster.bus.post(postings).await {
        posted.unwrap();
    }
    assert_eq!(client.expect_type("message").await["content"], 2);
    client.expect_silence(QUIET).await;
    assert_eq!(cluster.node(0).count("envelope_expired"), 1);
    assert_eq!(cluster.node(0).count("envelope_refused"), 1, "another cluster's on the same bus");
}
