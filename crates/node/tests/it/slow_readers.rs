//! A client that does not read: its session ends with 4001, whichever limit is reached first, and nobody else notices.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{Message, PATIENCE, RawClient, V1Client};
use testkit::poll;
use tokio::time::Instant;

use crate::cluster::{Cluster, Setup};

/// A receive buffer this small makes a client that does not read felt early.
const SMALL_BUFFER_BYTES: u32 = 4 * 1024;

/// Bytes of a message: near the limit, so that few of them fill every buffer on the way.
const LONG: usize = 50_000;

/// Frames that wait for a session, where a test counts them.
const QUEUE_FRAMES: usize = 8;

/// What the kernel keeps for a client with small buffers is one such message; with these, something waits for sure.
const MORE_THAN_KEPT: usize = 6;

/// One user who reads nothing and one who does, in a group with the sender.
struct Room {
    cluster: Cluster,
    sender: V1Client,
    neighbour: V1Client,
    slow: RawClient,
    sent: u64,
}

impl Room {
    async fn open(setup: Setup) -> Room {
        let cluster = setup.limits(|limits| limits.sends_per_second = 0).start().await;
        let made = cluster.http(0).put("/api/v1/groups/g", &json!({"members": ["1", "2", "3"]})).await;
        assert!(made.status < 300, "{made:?}");
        let (sender, neighbour) = (cluster.client(0, "1").await, cluster.client(0, "2").await);
        let url = cluster.node(0).url("3");
        let mut slow = RawClient::connect_with_receive_buffer(&url, SMALL_BUFFER_BYTES).await;
        let answer = slow.shake_hands(&RawClient::handshake(&url, |handshake| handshake)).await.unwrap();
        assert_eq!(answer.status, 101);
        poll::until("the slow one is in", PATIENCE, async || cluster.node(0).node.sessions() == 3).await;
        Room { cluster, sender, neighbour, slow, sent: 0 }
    }

    /// Says something long to the group; the neighbour hears it at once.
    async fn say(&mut self) {
        let began = Instant::now();
        let id = self.sender.send_to_group("g", "x".repeat(LONG)).await;
        self.sent += 1;
        assert_eq!(self.sender.expect_answer(&id).await["seq"], self.sent);
        assert_eq!(self.neighbour.expect_type("message").await["seq"], self.sent);
        assert!(began.elapsed() < Duration::from_secs(5), "the neighbour waits for the slow one");
    }

    /// Whether the slow session was ended for being slow.
    fn has_ended(&self) -> bool {
        let told = self.cluster.node(0).told();
        told.iter().any(|(name, text)| {
            name == "session_closed" && text.contains(" of 3 ") && text.contains("4001 slow")
        })
    }

    /// Says more than may wait for the slow session, and waits for its end; then the others go on as before.
    async fn until_it_has_ended(&mut self) {
        for _ in 0..QUEUE_FRAMES + MORE_THAN_KEPT {
            self.say().await;
        }
        poll::until("the session has ended", PATIENCE, async || self.has_ended()).await;
        assert_eq!(self.cluster.node(0).node.sessions(), 2);
        self.say().await;
    }

    /// Nothing was lost: what waited for the slow one is in the store.
    async fn comes_back(mut self) {
        self.slow.vanish();
        let url = self.cluster.node(0).url("3?resume=1");
        let mut back = V1Client::connect(&url).await;
        assert_eq!(back.welcome["unread"][0]["head"], self.sent);
        self.slow = RawClient::connect(&url).await;
        let have = json!({"g:g": self.sent - 3});
        let epoch = back.welcome["epoch"].clone();
        back.send_json(&json!({"type": "hello", "epoch": epoch, "have": have})).await;
        for seq in self.sent - 2..=self.sent {
            assert_eq!(back.expect_type("message").await["seq"], seq);
        }
    }
}

#[tokio::test]
async fn a_send_queue_with_too_many_frames_ends_its_session_with_4001_and_nobody_else_notices() {
    let mut room =
        Room::open(Setup::of(1).limits(|limits| limits.send_queue_frames_max = QUEUE_FRAMES)).await;
    room.until_it_has_ended().await;
    room.comes_back().await;
}

#[tokio::test]
async fn a_send_queue_with_too_many_bytes_ends_its_session_with_4001_and_nobody_else_notices() {
    let setup = Setup::of(1).limits(|limits| {
        limits.send_queue_frames_max = 1_000_000;
        limits.send_queue_bytes_max = 200_000;
    });
    let mut room = Room::open(setup).await;
    room.until_it_has_ended().await;
    room.comes_back().await;
}

#[tokio::test]
async fn a_slow_client_that_reads_on_is_told_why_it_was_closed() {
    let mut room =
        Room::open(Setup::of(1).limits(|limits| limits.send_queue_frames_max = QUEUE_FRAMES)).await;
    // All at once: the last words wait for two seconds only.
    let mut last_id = String::new();
    for _ in 0..QUEUE_FRAMES + MORE_THAN_KEPT {
        last_id = room.sender.send_to_group("g", "x".repeat(LONG)).await;
    }
    room.sender.expect_answer(&last_id).await;
    let mut last = String::new();
    let close = loop {
        match room.slow.next_data(PATIENCE).await {
            Ok(Message::Text(text)) => last = text,
            Ok(Message::Close(close)) => break close,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(close.code, Some(4001));
    let bye: Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&bye["type"], &bye["code"], &bye["reconnect"]), (&json!("bye"), &json!(4001), &json!(true)));
}

#[tokio::test]
async fn a_socket_that_takes_nothing_for_the_write_timeout_ends_although_its_queue_has_room() {
    let setup = Setup::of(1).limits(|limits| {
        limits.send_queue_frames_max = 1_000_000;
        limits.send_queue_bytes_max = 1 << 30;
        limits.write_timeout = Duration::from_millis(700);
    });
    let mut room = Room::open(setup).await;
    room.until_it_has_ended().await;
    room.comes_back().await;
}
