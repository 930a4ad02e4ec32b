//! Newcomers who knock at every gateway all the time; each must be let in at the first try.
//!
//! One whose node is killed after it was let in has been let in all the same.

use std::time::Duration;

use testkit::client::{Ended, Frame, PATIENCE, V1Client};
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
        match client.try_next(PATIENCE).await {
            Ok(_) => knocked.slowest = knocked.slowest.max(began.elapsed()),
            Err(ended) => assert_ne!(ended, Ended::TimedOut, "{url} was let in, and hears nothing"),
        }
        knocked.admitted += 1;
        // A node that is killed at this very moment answers no Close.
        client.raw().send(&Frame::close(1000, "")).await.ok();
        while client.try_next(PATIENCE).await.is_ok() {}
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = stop.cancelled() => {}
        }
    }
    knocked
}
