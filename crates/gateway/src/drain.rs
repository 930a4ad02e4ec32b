//! Stopping politely: no new clients, time for those who are there, then an end.

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::events::{Event, Events};

/// What became of the tunnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Ended by themselves.
    pub ended: usize,
    /// Cut at the hard stop.
    pub cut: usize,
}

/// The tasks of a gateway, in the order in which they end.
#[derive(Debug)]
pub(crate) struct Tasks {
    /// Stops accepting at `gateway.listen`.
    pub(crate) listening: CancellationToken,
    /// Sockets that are not tunnels yet.
    pub(crate) sockets: edge::Tasks,
    /// Ends every tunnel at once.
    pub(crate) cut: CancellationToken,
    pub(crate) tunnels: TaskTracker,
    /// Ends health, following the registry and saving.
    pub(crate) rest: CancellationToken,
    pub(crate) others: edge::Tasks,
}

impl Tasks {
    pub(crate) fn new() -> Tasks {
        Tasks {
            listening: CancellationToken::new(),
            sockets: edge::Tasks::new(),
            cut: CancellationToken::new(),
            tunnels: TaskTracker::new(),
            rest: CancellationToken::new(),
            others: edge::Tasks::new(),
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.listening.is_cancelled()
    }

    /// Stops listening, waits for the tunnels up to `hard_stop`, cuts what is left, and ends everything else.
    pub(crate) async fn drain(&self, hard_stop: Duration, events: &Events) -> Drained {
        let before = self.tunnels.len();
        events.record(Event::DrainBegan { tunnels: before });
        self.listening.cancel();
        self.sockets.close();
        self.tunnels.close();
        let all_ended = async {
            // A handshake under way may still become a tunnel, so the sockets come first.
            self.sockets.wait().await;
            self.tunnels.wait().await;
        };
        let in_time = tokio::time::timeout(hard_stop, all_ended).await.is_ok();
        let cut = if in_time { 0 } else { self.tunnels.len() };
        self.end();
        self.tunnels.wait().await;
        self.others.close();
        self.others.wait().await;
        let drained = Drained { ended: before.saturating_sub(cut), cut };
        events.record(Event::DrainEnded { drained });
        drained
    }

    /// Ends everything at once, without waiting.
    pub(crate) fn end(&self) {
        for token in [&self.listening, &self.cut, &self.rest] {
            token.cancel();
        }
    }
}
