//! Clients that send as fast as they can, and read nothing of what they are answered.

use std::time::Duration;

use testkit::client::{Frame, RawClient};
use tokio::time::{Instant, timeout, timeout_at};

use crate::bed::{Bed, Ceilings, MIB};
use crate::crowd::all_at_once;

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_secs(4);
/// One write: it ends where the node reads no more, which is how a client is held up.
const WRITE: Duration = Duration::from_millis(500);
/// Frames of one client before it breaks off and comes again: more than are read at once (600), so that each is held up, and few enough
/// for a node to come, at its pace of 200 a second, to the end of what lies in the kernel for a client that is gone already.
const FRAMES: usize = 1_200;
const MANY: usize = 40;

/// A session each, 8 KiB of what it sent, half a send queue of answers (512 KiB at most, some KiB of refusals in truth).
const ONE_FLOODER: Ceilings = Ceilings { peak: 24 * MIB, after: 12 * MIB };
const MANY_FLOODERS: Ceilings = Ceilings { peak: 48 * MIB, after: 24 * MIB };

/// What a client floods with.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Sends, far over the rate: refused, and ended by 4003.
    Sends,
    /// Our own pings, each of which is answered.
    Pings,
    /// Pings of the socket.
    SocketPings,
    /// Fragments without a byte of a message that never ends.
    EmptyFragments,
    /// Requests that read the store.
    Histories,
    /// Not JSON: ended by 4502, each time.
    Garbage,
}

const KINDS: [Kind; 6] =
    [Kind::Sends, Kind::Pings, Kind::SocketPings, Kind::EmptyFragments, Kind::Histories, Kind::Garbage];

impl Kind {
    fn bytes(self) -> Vec<u8> {
        let frame = match self {
            Kind::Sends => Frame::text(r#"{"type":"send","id":"a","to":{"user":"victim"},"content":"x"}"#),
            Kind::Pings => Frame::text(r#"{"type":"ping"}"#),
            Kind::SocketPings => Frame::ping(&[b'x'; 125]),
            Kind::EmptyFragments => Frame::continuation(b"").unfinished(),
            Kind::Histories => {
                Frame::text(r#"{"type":"history","conversation":"d:neighbour-1:neighbour-2","limit":200}"#)
            }
            Kind::Garbage => Frame::text("garbage"),
        };
        let one = frame.encode();
        let first = if matches!(self, Kind::EmptyFragments) {
            Frame::text("").unfinished().encode()
        } else {
            Vec::new()
        };
        [first, one.repeat(FRAMES)].concat()
    }
}

/// Floods until `end`, coming back whenever it is ended; how many bytes the node has taken.
async fn flood(url: &str, kind: Kind, end: Instant) -> usize {
    let bytes = kind.bytes();
    let mut taken = 0;
    while Instant::now() < end {
        let opened = timeout(FLOOD, RawClient::try_open(url, |handshake| handshake)).await;
        let Ok(Ok(Ok((mut client, _)))) = opened else { continue };
        if let Ok(Ok(())) = timeout_at(end.min(Instant::now() + WRITE), client.write(&bytes)).await {
            taken += bytes.len();
        }
        client.vanish();
    }
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_that_sends_as_fast_as_it_can_is_held_up_whatever_it_sends() {
    let bed = Bed::start("").await;
    for kind in KINDS {
        let url = bed.url("flooder");
        flood(&url, kind, Instant::now() + FLOOD / KINDS.len() as u32).await;
    }
    bed.holds("one flooder", ONE_FLOODER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_clients_that_send_as_fast_as_they_can_leave_room_for_their_neighbours() {
    let bed = Bed::start("").await;
    let end = Instant::now() + FLOOD;
    all_at_once(MANY, |nth| {
        let url = bed.url(&format!("flooder-{nth}"));
        async move { flood(&url, KINDS[nth % KINDS.len()], end).await }
    })
    .await;
    bed.holds("forty flooders", MANY_FLOODERS).await;
}
