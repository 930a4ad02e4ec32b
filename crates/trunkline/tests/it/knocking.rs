//! Newcomers who knock at every gateway all the time; each must be let in at the first try.

use std::time::Duration;

use testkit::client::{PATIENCE, V1Client};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::deployment::Door;

/// Between two newcomers at one gateway.
const PAUSE: Duration = Duration::from_millis(100);
/// Their ids begin here, out of the way of the people of the story.
const FIRST_USER: i64 = 900_000;

/// Newcomers until they are told to stop. A test that ends early takes them along.
pub(crate) struct Knocking {
    newcomers: JoinSet<Knocked>,
    stop: CancellationToken,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Knocked {
    /// How many were let in: all who knocked.
    pub(crate) admitted: u32,
    /// The longest time from the connect to `welcome`.
    pub(crate) slowest: Duration,
}

impl Knocking {
    /// Begins at each of these.
    pub(crate) fn start(doors: &[Door]) -> Self {
        let stop = CancellationToken::new();
        let mut newcomers = JoinSet::new();
        for (nth, door) in (0..).zip(doors) {
            newcomers.spawn(knock(*door, FIRST_USER + nth * 10_000, stop.clone()));
        }
        Self { newcomers, stop }
    }

    /// Ends it.
    ///
    /// # Panics
    ///
    /// When one of them was not let in.
    pub(crate) async fn stop(self) -> Knocked {
        self.stop.cancel();
        let all = self.newcomers.join_all().await;
        let slowest = all.iter().map(|knocked| knocked.slowest).max().unwrap_or_default();
        Knocked { admitted: all.iter().map(|knocked| knocked.admitted).sum(), slowest }
    }
}

async fn knock(door: Door, first: i64, stop: CancellationToken) -> Knocked {
    let mut knocked = Knocked::default();
    while !stop.is_cancelled() {
        let url = door.url(first + i64::from(knocked.admitted));
        let began = Instant::now();
        let opened = V1Client::open(&url, |handshake| handshake).await;
        let mut client = opened.unwrap_or_else(|answer| panic!("{url} was answered {}", answer.status));
        client.next_json(PATIENCE).await;
        knocked.admitted += 1;
        knocked.slowest = knocked.slowest.max(began.elapsed());
        client.close().await;
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = stop.cancelled() => {}
        }
    }
    knocked
}
