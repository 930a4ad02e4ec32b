//! Abuse of the HTTP interface: bodies without an end, bodies that trickle, and callers that never read.

use std::time::Duration;

use testkit::client::{Ended, RawClient};
use tokio::time::timeout;

use crate::bed::{Bed, Ceilings, MIB};
use crate::crowd::{all_at_once, crowd};

const ENDLESS: usize = 200;
/// Of a body that goes on: far beyond what any call takes.
const BODY_BYTES: usize = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(15);
/// A call takes a body of 188 KiB at most, two copies of it while it is parsed, and 200 come at the same moment.
const BODIES: Ceilings = Ceilings { peak: ENDLESS as u64 * 2 * 192 * 1024 + 16 * MIB, after: 24 * MIB };

/// The head of a call, and a body that is too long in one of several ways.
fn bad_body(nth: usize) -> (Vec<u8>, &'static [u16]) {
    let head = |more: &str| {
        format!("POST /api/v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{more}\r\n").into_bytes()
    };
    let brackets = vec![b'['; 150 * 1024];
    match nth % 4 {
        0 => ([head("Content-Length: 10737418240\r\n"), vec![b'x'; BODY_BYTES]].concat(), &[413, 408]),
        1 => {
            let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
            (
                [head("Transfer-Encoding: chunked\r\n"), chunk.repeat(BODY_BYTES / 0x10000)].concat(),
                &[413, 408],
            )
        }
        2 => ([head(&format!("Content-Length: {}\r\n", brackets.len())), brackets].concat(), &[400, 408]),
        _ => {
            let body =
                format!(r#"{{"from":"1","to":{{"user":"2"}},{}"content":1}}"#, "\"x\":1,".repeat(20_000));
            (
                [head(&format!("Content-Length: {}\r\n", body.len())), body.into_bytes()].concat(),
                &[201, 400, 408],
            )
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_too_long_too_deep_or_too_often_the_same_are_answered_and_not_kept() {
    let bed = Bed::start("").await;
    let url = format!("ws://127.0.0.1:{}/", bed.api_port());
    let answers = all_at_once(ENDLESS, |nth| {
        let url = url.clone();
        async move {
            let mut caller = RawClient::connect(&url).await;
            let (bytes, expected) = bad_body(nth);
            // Reset in the middle of it, if it does not look up.
            let _written = timeout(PATIENCE, caller.write(&bytes)).await;
            match caller.answer(PATIENCE).await {
                Ok(answer) => (Some(answer.status), expected),
                Err(Ended::Reset | Ended::Eof) => (None, expected),
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await;
    for (status, expected) in answers {
        let fine = status.is_none_or(|status| expected.contains(&status) || status == 503);
        assert!(fine, "{status:?}, expected one of {expected:?}");
    }
    bed.holds("bodies without an end", BODIES).await;
}

const PIPELINED: usize = 50;
/// Requests in one write, none of whose answers is read.
const REQUESTS: usize = 20_000;
/// hyper answers one after the other and reads no further while an answer waits: a buffer each.
const UNREAD: Ceilings = Ceilings { peak: PIPELINED as u64 * 512 * 1024 + 8 * MIB, after: 16 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_ask_thousands_of_times_and_read_no_answer_are_held_up_by_their_own_sockets() {
    let bed = Bed::start("").await;
    let url = format!("ws://127.0.0.1:{}/", bed.api_port());
    let request = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(REQUESTS);
    let callers = crowd(PIPELINED, |_| {
        let (url, request) = (url.clone(), &request);
        async move {
            let mut caller = RawClient::connect_with_receive_buffer(&url, 4 * 1024).await;
            // Ends where the node reads no more.
            let _held_up = timeout(Duration::from_secs(1), caller.write(request)).await;
            caller
        }
    })
    .await;
    // The interface is there for others.
    assert_eq!(bed.api().get("/api/v1/nodes").await.status, 200);
    drop(callers);
    bed.holds("answers that nobody reads", UNREAD).await;
}
