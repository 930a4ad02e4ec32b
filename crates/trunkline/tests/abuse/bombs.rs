//! Few bytes that are to cost much: endless headers, JSON that explodes, lengths that nobody can mean.

use std::time::Duration;

use testkit::client::{Ended, Frame, Message, PATIENCE, RawClient, V1Client};
use tokio::time::timeout;

use crate::bed::{Bed, Ceilings, MIB};
use crate::crowd::{crowd, open};

const HEADER_BOMBS: usize = 500;
/// Of headers that do not end: far beyond `handshake_bytes_max`, 16 KiB.
const HEADER_BYTES: usize = 1024 * 1024;
/// What is said after it is read for a second at most; a client that still writes then is reset.
const REFUSED: Duration = Duration::from_secs(10);
/// 250 of them at the same moment: 16 KiB of headers, hyper's buffer around it and its table of up to 64 fields.
const HEADERS: Ceilings = Ceilings { peak: 250 * 96 * 1024 + 8 * MIB, after: 16 * MIB };

/// The head of a request that goes on and on.
fn endless_headers(nth: usize) -> Vec<u8> {
    let mut bytes = b"GET /ws/bomb HTTP/1.1\r\nHost: 127.0.0.1\r\n".to_vec();
    match nth % 3 {
        // One line without an end.
        0 => bytes.extend([b"X-Long: ".as_slice(), &vec![b'x'; HEADER_BYTES]].concat()),
        // Many lines.
        1 => bytes.extend(b"X-Many: 1\r\n".repeat(HEADER_BYTES / 11)),
        // A target without an end.
        _ => bytes = [b"GET /ws/".as_slice(), &vec![b'x'; HEADER_BYTES]].concat(),
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_without_an_end_are_refused_at_the_limit_and_not_kept() {
    let bed = Bed::start("").await;
    let url = bed.url("bomb");
    let statuses = crowd(HEADER_BOMBS, |nth| {
        let url = url.clone();
        async move {
            let mut client = RawClient::connect(&url).await;
            // It is reset in the middle of it, if it does not look up.
            let _written = timeout(REFUSED, client.write(&endless_headers(nth))).await;
            match client.answer(REFUSED).await {
                Ok(answer) => answer.status,
                Err(Ended::Reset | Ended::Eof) => 0,
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await;
    assert!(statuses.iter().all(|status| matches!(status, 0 | 414 | 431)), "{statuses:?}");
    bed.holds("header bombs", HEADERS).await;
}

const JSON_CLIENTS: usize = 60;
/// The default of `frame_bytes_max`.
const FRAME_BYTES_MAX: usize = 64 * 1024;
/// A text of 64 KiB, what is parsed of it, and the answer, for each of them at the same moment.
const JSON: Ceilings =
    Ceilings { peak: JSON_CLIENTS as u64 * 8 * FRAME_BYTES_MAX as u64 + 8 * MIB, after: 24 * MIB };

/// Texts of about 64 KiB that a parser might choke on.
fn json_bombs() -> Vec<(&'static str, String)> {
    let fill = |unit: &str, beside: usize| unit.repeat((FRAME_BYTES_MAX - beside) / unit.len());
    let send =
        |content: String| format!(r#"{{"type":"send","id":"a","to":{{"user":"2"}},"content":{content}}}"#);
    vec![
        ("nothing but opening brackets", fill("[", 0)),
        ("nothing but opening objects", fill("{\"a\":", 0)),
        ("brackets in a field that nobody reads", format!(r#"{{"type":"ping","x":{}"#, fill("[", 40))),
        ("brackets as content", send(fill("[", 80))),
        ("a number of 60,000 digits", format!(r#"{{"type":"ping","x":{}}}"#, fill("9", 40))),
        (
            "a number of 60,000 digits as seq",
            format!(r#"{{"type":"read","conversation":"d:1:2","seq":{}}}"#, fill("9", 80)),
        ),
        ("an exponent that no number has", send("1e999999999".to_owned())),
        ("numbers with exponents", send(format!("[{}1]", "1e999999999,".repeat(4_900)))),
        ("the same key thousands of times", format!(r#"{{"type":"ping",{}"x":1}}"#, fill("\"x\":1,", 40))),
        ("keys that all differ", {
            let keys: String = (0..6_000).map(|nth| format!("\"{nth}\":1,")).collect();
            format!(r#"{{"type":"ping",{keys}"x":1}}"#)
        }),
        ("a string of escapes", format!(r#"{{"type":"ping","x":"{}"}}"#, fill("\\u0000", 40))),
        ("a have with thousands of names", {
            let names: String = (0..4_000).map(|nth| format!("\"d:1:{nth}\":1,")).collect();
            format!(r#"{{"type":"hello","have":{{{names}"d:1:x":1}}}}"#)
        }),
        ("nothing but white space", fill(" ", 0)),
        ("nothing but quotes", fill("\"", 0)),
        ("an id without an end", format!(r#"{{"type":"ping","id":"{}"}}"#, fill("i", 40))),
        ("a type without an end", format!(r#"{{"type":"{}"}}"#, fill("t", 40))),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_is_made_to_explode_is_answered_at_once_and_costs_its_bytes() {
    let bed = Bed::start("").await;
    let bombs = json_bombs();
    crowd(JSON_CLIENTS, |nth| {
        let (url, bombs) = (bed.url(&format!("bomber-{nth}")), &bombs);
        async move {
            let mut client = V1Client::connect(&url).await;
            for (what, text) in bombs {
                assert!(text.len() <= FRAME_BYTES_MAX, "{what}: {} bytes", text.len());
                client.send_text(text).await;
                // An error, an answer, or `bye`: whatever it is, it comes, and comes from this.
                let answer = client.next_json(PATIENCE).await;
                if answer["type"] == "bye" {
                    assert_eq!(client.expect_close().await.code, Some(4502), "{what}");
                    client = V1Client::connect(&url).await;
                }
                let said = answer["type"].as_str().unwrap();
                assert!(matches!(said, "bye" | "error" | "pong" | "receipt"), "{what}: {answer}");
            }
            client.close().await;
        }
    })
    .await;
    bed.holds("JSON bombs", JSON).await;
}

const FRAME_BOMBS: usize = 400;
/// A session each, 250 at the same moment, and at most one message of 64 KiB that is being put together.
const FRAMES: Ceilings = Ceilings { peak: 250 * 160 * 1024 + 8 * MIB, after: 16 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_that_nobody_can_mean_and_fragments_over_the_limit_end_their_session_and_take_nothing() {
    let bed = Bed::start("").await;
    let half = vec![b'x'; FRAME_BYTES_MAX / 2];
    let bombs: [(Vec<Frame>, u16); 6] = [
        (vec![Frame::text("x").claiming(1 << 63)], 1002),
        (vec![Frame::text("x").claiming((1 << 63) - 1)], 1009),
        (vec![Frame::text("x").claiming(1 << 32)], 1009),
        (vec![Frame::text("x").claiming(FRAME_BYTES_MAX as u64 + 1)], 1009),
        (
            vec![
                Frame::new(1, half.clone()).unfinished(),
                Frame::continuation(&half).unfinished(),
                Frame::continuation(b"x"),
            ],
            1009,
        ),
        (vec![Frame::ping(b"x").claiming(1 << 62)], 1002),
    ];
    crowd(FRAME_BOMBS, |nth| {
        let (url, (frames, code)) = (bed.url(&format!("bomber-{nth}")), &bombs[nth % bombs.len()]);
        async move {
            let mut client = open(&url).await;
            for frame in frames {
                client.send(frame).await.unwrap();
            }
            let close = loop {
                match client.next_data(PATIENCE).await {
                    Ok(Message::Close(close)) => break close,
                    Ok(Message::Text(text)) => assert!(text.contains("welcome"), "{text}"),
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(close.code, Some(*code), "{frames:?}");
            client.finish_close(&close).await;
        }
    })
    .await;
    bed.holds("frame bombs", FRAMES).await;
}
