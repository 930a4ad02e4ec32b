//! Many clients at once: handshakes, sockets that never speak, and people who all come back with everything that they hold.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{Ended, RawClient, V1Client};
use testkit::poll;

use crate::bed::{Bed, Ceilings, MIB};
use crate::crowd::{all_at_once, crowd};

const CONNECTS: usize = 5_000;
/// Who comes again displaces who came before.
const USERS: usize = 500;
/// For the node to have noticed that they are all gone.
const NOTICED: Duration = Duration::from_secs(20);
/// 250 sessions at the same moment, and those whose end is not noticed yet.
const STORM: Ceilings = Ceilings { peak: 48 * MIB, after: 24 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_logins_that_break_off_are_all_answered_and_leave_nothing_behind() {
    let bed = Bed::start("").await;
    let statuses = crowd(CONNECTS, |nth| {
        let url = bed.url(&format!("stormer-{}", nth % USERS));
        async move {
            match RawClient::open(&url, |handshake| handshake).await {
                Ok(client) => {
                    client.vanish();
                    101
                }
                Err(answer) => {
                    assert!(answer.header("Retry-After").is_some(), "{answer:?}");
                    answer.status
                }
            }
        }
    })
    .await;
    let admitted = statuses.iter().filter(|status| **status == 101).count();
    assert!(statuses.iter().all(|status| matches!(status, 101 | 503)), "let in, or told when to come back");
    assert!(admitted >= CONNECTS / 2, "{admitted} were let in");
    poll::until("they are all gone", NOTICED, async || {
        let left = bed.sessions().await;
        if left == 2 { Ok(()) } else { Err(left) }
    })
    .await;
    bed.holds("a storm of logins", STORM).await;
}

const SILENT: usize = 3_000;
/// `handshake_timeout` below, and a busy machine.
const LET_GO: Duration = Duration::from_secs(15);
/// A socket in hyper's hands that has said nothing: 16 KiB in a debug build, nearly all of it the task.
const SILENCE: Ceilings = Ceilings { peak: SILENT as u64 * 32 * 1024, after: SILENT as u64 * 24 * 1024 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_sockets_that_never_speak_keep_nobody_out_and_are_let_go() {
    let bed = Bed::start("handshake_timeout: 2s").await;
    let url = bed.url("silent");
    let mut silent = crowd(SILENT, |_| RawClient::connect(&url)).await;
    crowd(50, |nth| {
        let url = bed.url(&format!("newcomer-{nth}"));
        async move { V1Client::connect(&url).await.close().await }
    })
    .await;
    for client in &mut silent {
        match client.answer(LET_GO).await {
            Ok(answer) => assert_eq!(answer.status, 408),
            Err(ended) => assert!(matches!(ended, Ended::Eof | Ended::Reset), "{ended}"),
        }
    }
    drop(silent);
    bed.holds("sockets that never speak", SILENCE).await;
}

const BACK_AT_ONCE: usize = 20;
/// The most that `have` may name.
const HELD: usize = 1_000;
/// `hello` is up to 25 KiB here, five of them, and each of its conversations is a track of the session and a read of the store:
/// a mebibyte each in a debug build.
const RESUMED: Ceilings = Ceilings { peak: BACK_AT_ONCE as u64 * 2 * MIB, after: 32 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_who_all_come_back_with_a_thousand_conversations_are_all_answered() {
    // This is about what they cost; twenty of them in a debug build may keep a busy machine for longer than the default.
    let bed = Bed::start("hello_timeout: 60s").await;
    let ready = all_at_once(BACK_AT_ONCE, |nth| {
        let user = format!("back-{nth}");
        let url = bed.url(&format!("{user}?resume=1"));
        async move {
            let mut client = V1Client::connect(&url).await;
            let have: serde_json::Map<String, Value> =
                (0..HELD).map(|other| (format!("d:{user}:x{other}"), json!(0))).collect();
            let epoch = client.welcome["epoch"].clone();
            let hello = json!({"type": "hello", "id": "first", "epoch": epoch, "have": have});
            client.send_json(&hello).await;
            // And again and again: only one of them may ask for gaps.
            for again in 0..4 {
                client.send_json(&json!({"type": "hello", "id": format!("again-{again}"), "epoch": epoch, "have": have})).await;
            }
            let first = client.expect_answer("first").await;
            let last = client.expect_answer("again-3").await;
            client.close().await;
            (first["type"].clone(), last["code"].clone())
        }
    })
    .await;
    for (first, last) in ready {
        assert_eq!((first, last), (json!("ready"), json!("bad_field")));
    }
    bed.holds("many hellos", RESUMED).await;
}
