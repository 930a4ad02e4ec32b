//! A group whose members read nothing, and what is said to it until each of them is ended.

use std::time::Duration;

use serde_json::json;
use testkit::client::RawClient;
use testkit::poll;

use crate::bed::Bed;
use crate::crowd::crowd;

/// A receive buffer this small makes a client that does not read felt early.
const RECEIVE_BUFFER_BYTES: u32 = 4 * 1024;
/// For all readers to come in, to be flooded and to be ended.
const FLOODED: Duration = Duration::from_secs(60);
/// The two who talk beside it.
const NEIGHBOURS: usize = 2;

/// The members of a group, none of whom reads anything behind its 101.
pub(crate) async fn readers(bed: &Bed, count: usize) -> Vec<RawClient> {
    let members: Vec<String> = (0..count).map(|nth| format!("reader-{nth}")).collect();
    let made = bed.api().put("/api/v1/groups/flooded", &json!({ "members": members })).await;
    assert!(made.status < 300, "{made:?}");
    let readers = crowd(count, |nth| {
        let url = bed.url(&format!("reader-{nth}"));
        async move {
            let mut reader = RawClient::connect_with_receive_buffer(&url, RECEIVE_BUFFER_BYTES).await;
            let answer =
                reader.shake_hands(&RawClient::handshake(&url, |handshake| handshake)).await.unwrap();
            assert_eq!(answer.status, 101);
            reader
        }
    })
    .await;
    poll::until("all readers are in", FLOODED, async || bed.sessions().await == count + NEIGHBOURS).await;
    readers
}

/// Says something to all of them.
pub(crate) async fn say(bed: &Bed, nth: usize, content: &str) {
    let message = json!({"from": "flooder", "to": {"group": "flooded"}, "content": content});
    assert_eq!(bed.api().post("/api/v1/messages", &message).await.status, 201, "message {nth}");
}

/// Whether all of them are ended; if not, how many sessions are left.
pub(crate) async fn are_ended(bed: &Bed) -> Result<(), usize> {
    let left = bed.sessions().await;
    if left == NEIGHBOURS { Ok(()) } else { Err(left) }
}

/// Waits until all of them are ended.
pub(crate) async fn until_ended(bed: &Bed) {
    poll::until("all readers are ended", FLOODED, async || are_ended(bed).await).await;
}
