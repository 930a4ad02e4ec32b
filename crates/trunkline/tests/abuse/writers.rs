//! Clients that write as slowly as they can: handshakes a byte at a time, and frames that never end.

use std::time::Duration;

use testkit::client::{Ended, Frame, RawClient};
use tokio::time::Instant;

use crate::bed::{Bed, Ceilings, MIB};
use crate::crowd::{all_at_once, crowd, open};

const SLOW_HANDSHAKES: usize = 1_000;
/// Between two bytes of a handshake.
const PAUSE: Duration = Duration::from_millis(200);
/// `handshake_timeout` below.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// For the answer that says that it took too long, on a busy machine.
const ANSWERED: Duration = Duration::from_secs(20);
/// hyper reads into 8 KiB for each socket, and its task is twice as big in a debug build.
const HANDSHAKES: Ceilings =
    Ceilings { peak: SLOW_HANDSHAKES as u64 * 56 * 1024, after: SLOW_HANDSHAKES as u64 * 40 * 1024 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_handshakes_written_byte_by_byte_are_each_ended_in_time_and_keep_nobody_out() {
    let bed = Bed::start("handshake_timeout: 2s").await;
    let slow = all_at_once(SLOW_HANDSHAKES, |nth| {
        let url = bed.url(&format!("slow-{nth}"));
        async move {
            let mut client = RawClient::connect(&url).await;
            let bytes = RawClient::handshake(&url, |handshake| handshake).bytes();
            let began = Instant::now();
            for byte in bytes {
                if client.write(&[byte]).await.is_err() {
                    break;
                }
                match client.answer(PAUSE).await {
                    Err(Ended::TimedOut) if began.elapsed() < ANSWERED => {}
                    Ok(answer) => return (Some(answer.status), began.elapsed()),
                    Err(_) => break,
                }
            }
            (None, began.elapsed())
        }
    });
    let newcomers = async {
        // In the middle of it.
        tokio::time::sleep(HANDSHAKE / 2).await;
        crowd(50, |nth| {
            let url = bed.url(&format!("newcomer-{nth}"));
            async move { testkit::client::V1Client::connect(&url).await.close().await }
        })
        .await
        .len()
    };
    let (ended, newcomers) = tokio::join!(slow, newcomers);
    assert_eq!(newcomers, 50);
    for (status, after) in ended {
        // A reset instead of the answer is as good: the client had written on.
        assert!(matches!(status, Some(408) | None), "{status:?}");
        assert!(after < ANSWERED, "ended after {after:?}");
    }
    bed.holds("handshakes byte by byte", HANDSHAKES).await;
}

const UNFINISHED: usize = 500;
/// The default of `frame_bytes_max`.
const FRAME_BYTES_MAX: usize = 64 * 1024;
/// What is claimed is not taken: a session and a few bytes each.
const CLAIMED_BYTES_MAX: u64 = UNFINISHED as u64 * 24 * 1024;
/// A buffer that doubles holds up to twice what has come, and copies it once more while it grows.
const UNFINISHED_FRAMES: Ceilings =
    Ceilings { peak: UNFINISHED as u64 * 3 * FRAME_BYTES_MAX as u64, after: 32 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_never_end_cost_what_has_come_of_them_and_never_what_they_claim() {
    let bed = Bed::start("").await;
    let mut clients = crowd(UNFINISHED, |nth| {
        let url = bed.url(&format!("unfinished-{nth}"));
        async move {
            let mut client = open(&url).await;
            client.send(&Frame::text("{").claiming(FRAME_BYTES_MAX as u64)).await.unwrap();
            client
        }
    })
    .await;
    let claimed = bed.own_growth();
    assert!(claimed <= CLAIMED_BYTES_MAX, "{claimed} bytes for {UNFINISHED} claims");
    for (nth, client) in clients.iter_mut().enumerate() {
        // One byte less than what was claimed, or half of it.
        let rest = vec![b' '; FRAME_BYTES_MAX - 2];
        if nth % 2 == 0 {
            client.write(&rest).await.unwrap();
        } else {
            client.write(&rest[..FRAME_BYTES_MAX / 2]).await.unwrap();
        }
    }
    // Each is still served: the ping within a frame is part of it, so only the node's own account can tell.
    assert_eq!(bed.sessions().await, UNFINISHED + 2);
    drop(clients);
    bed.holds("frames that never end", UNFINISHED_FRAMES).await;
}

const TRICKLES: usize = 200;
/// Fragments of one byte each, in one message.
const FRAGMENTS: usize = 400;
/// A session each, its message of a few hundred bytes, and its pong.
const TRICKLED: Ceilings = Ceilings { peak: TRICKLES as u64 * 48 * 1024 + 8 * MIB, after: 16 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_trickle_in_by_fragments_of_one_byte_are_answered_and_cost_their_bytes() {
    let bed = Bed::start("").await;
    let text = format!(r#"{{"type":"ping","x":"{}"}}"#, "x".repeat(FRAGMENTS - 23));
    crowd(TRICKLES, |nth| {
        let (url, text) = (bed.url(&format!("trickle-{nth}")), text.clone());
        async move {
            let mut client = testkit::client::V1Client::connect(&url).await;
            let (first, rest) = text.split_at(1);
            client.raw().send(&Frame::text(first).unfinished()).await.unwrap();
            for byte in rest.as_bytes() {
                client.raw().send(&Frame::continuation(&[*byte]).unfinished()).await.unwrap();
            }
            client.raw().send(&Frame::continuation(b"")).await.unwrap();
            client.expect_type("pong").await;
            client.close().await;
        }
    })
    .await;
    bed.holds("fragments of one byte", TRICKLED).await;
}
