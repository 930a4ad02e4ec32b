//! Abuse of a gateway: tunnels whose clients stop reading, headers without an end, and handshakes that never become one.

use std::time::Duration;

use testkit::client::{Ended, RawClient, V1Client};
use tokio::time::timeout;

use crate::bed::{Bed, Ceilings, MIB};
use crate::crowd::crowd;
use crate::flooded;

const TUNNELS: usize = 500;
const MESSAGE_BYTES: usize = 16 * 1024;
/// More than the kernel's buffers on both hops, the gateway's and the send queue hold: every session overflows.
const MESSAGES: usize = 700;
const ENDED: Duration = Duration::from_secs(60);
/// A tunnel keeps at most 64 KiB for a side that does not take it, and its two sockets and its task cost 8 KiB in a debug build.
const STOPPED: Ceilings = Ceilings { peak: TUNNELS as u64 * (64 + 16) * 1024 + 12 * MIB, after: 40 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_tunnels_that_stop_reading_keep_one_buffer_each_and_end_with_their_sessions() {
    let bed = Bed::start_gateway("write_timeout: 2s").await;
    let readers = flooded::readers(&bed, TUNNELS).await;
    let content = "x".repeat(MESSAGE_BYTES);
    for nth in 0..MESSAGES {
        flooded::say(&bed, nth, &content).await;
        if nth % 20 == 0 && flooded::are_ended(&bed).await.is_ok() {
            break;
        }
    }
    flooded::until_ended(&bed).await;
    drop(readers);
    bed.holds("tunnels that stop reading", STOPPED).await;
}

const STRANGERS: usize = 1_500;
/// hyper's buffer of at most 16 KiB of headers, its table of fields, and a task, 250 of them at the same moment; the silent ones have no buffer.
const STRANGE: Ceilings = Ceilings { peak: 250 * 96 * 1024 + STRANGERS as u64 * 16 * 1024, after: 40 * MIB };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_at_the_gateway_who_never_become_a_tunnel_cost_a_bounded_head_each() {
    let bed = Bed::start_gateway("").await;
    let url = bed.url("stranger");
    let strangers = crowd(STRANGERS, |nth| {
        let url = url.clone();
        async move {
            let mut stranger = RawClient::connect(&url).await;
            match nth % 3 {
                // Says nothing.
                0 => {}
                // A head that never ends.
                1 => {
                    let half =
                        RawClient::handshake(&url, |it| it.header("X-Pad", &"x".repeat(8 * 1024))).bytes();
                    stranger.write(&half[..half.len() - 2]).await.unwrap();
                }
                // A bomb: refused at the limit.
                _ => {
                    let bomb = [b"GET /ws/1 HTTP/1.1\r\nX: ".as_slice(), &vec![b'x'; 512 * 1024]].concat();
                    let _reset = timeout(ENDED, stranger.write(&bomb)).await;
                    match stranger.answer(ENDED).await {
                        Ok(answer) => assert!(matches!(answer.status, 400 | 431), "{answer:?}"),
                        Err(ended) => assert!(matches!(ended, Ended::Reset | Ended::Eof), "{ended}"),
                    }
                }
            }
            stranger
        }
    })
    .await;
    crowd(20, |nth| {
        let url = bed.url(&format!("newcomer-{nth}"));
        async move { V1Client::connect(&url).await.close().await }
    })
    .await;
    drop(strangers);
    bed.holds("strangers at the gateway", STRANGE).await;
}
