//! Clients that do not read: slow ones, and ones that are no longer there.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use testkit::poll;
use testkit::proxy::{Mode, Proxy};

use crate::bed::{Bed, Ceilings, MIB};
use crate::crowd::{crowd, open};
use crate::flooded;

const READERS: usize = 2_000;
/// Bytes of one message to all readers.
const MESSAGE_BYTES: usize = 8 * 1024;
/// More than what the kernel keeps of it for each (about 10 messages) and `send_queue_frames_max` together: every queue overflows.
const MESSAGES_MAX: usize = 400;
/// 60 to 100 KiB each in a debug build: the session, its task, and a send queue of 256 shared frames; the messages are kept once for all.
/// The queues double as they grow, and what they leave goes back to the system a second later: all of it may be there at once.
/// Copies of the messages would be 2 MiB each.
const SLOW: Ceilings = Ceilings { peak: READERS as u64 * 144 * 1024, after: READERS as u64 * 80 * 1024 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_readers_that_stop_reading_are_ended_and_cost_a_bounded_queue_each() {
    let bed = Bed::start("").await;
    let readers = flooded::readers(&bed, READERS).await;
    let content = "x".repeat(MESSAGE_BYTES);
    for nth in 0..MESSAGES_MAX {
        flooded::say(&bed, nth, &content).await;
    }
    flooded::until_ended(&bed).await;
    drop(readers);
    bed.holds("slow readers", SLOW).await;
}

const HALF_OPEN: usize = 300;
/// For all of them to come in.
const ALL_IN: Duration = Duration::from_secs(60);
/// `ping_every` and `pong_timeout` below, and a second for a busy machine.
const NOTICED: Duration = Duration::from_secs(6);
/// A session each, and what was pushed to it.
const VANISHED: Ceilings = Ceilings { peak: HALF_OPEN as u64 * 64 * 1024 + 8 * MIB, after: 12 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_vanish_without_a_word_are_ended_in_time_and_what_was_said_to_them_is_kept() {
    let bed = Bed::start("ping_every: 1s\npong_timeout: 1s").await;
    let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, bed.port())));
    let through = |nth: usize| format!("ws://{}/ws/gone-{nth}", proxy.address());
    let gone = crowd(HALF_OPEN, |nth| {
        let url = through(nth);
        async move { open(&url).await }
    })
    .await;
    poll::until("all are in", ALL_IN, async || bed.sessions().await == HALF_OPEN + 2).await;
    // Sockets stay open on both sides, and not a byte comes or goes: no FIN, no RST.
    proxy.set_both(Mode::Stall);
    for nth in 0..HALF_OPEN {
        let message =
            json!({"from": "friend", "to": {"user": format!("gone-{nth}")}, "content": "are you there?"});
        assert_eq!(bed.api().post("/api/v1/messages", &message).await.status, 201);
    }
    poll::until("all are noticed", NOTICED, async || {
        let left = bed.sessions().await;
        if left == 2 { Ok(()) } else { Err(left) }
    })
    .await;
    let kept = bed.api().get("/api/v1/users/gone-7/conversations").await;
    assert_eq!(kept.json()["conversations"][0]["unread"], 1, "{kept:?}");
    drop((gone, proxy));
    bed.holds("half-open clients", VANISHED).await;
}
