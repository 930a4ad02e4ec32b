//! Closes many sessions without sending them all back at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wire::CloseCode;

use crate::hub::Hub;
use crate::session::event::Event;

/// Sessions closed in a second, at least: so that a small node is not slow to leave.
const PER_SECOND: u32 = 100;
/// How fine the pace is.
const STEP: Duration = Duration::from_millis(50);

/// Closes all sessions, at 100 a second or as much faster as `spread` asks. With a spread of zero, all at once.
pub(crate) async fn close_all(hub: &Arc<Hub>, code: CloseCode, spread: Duration) {
    let all = hub.all();
    let steps_in_spread = (spread.as_millis() / STEP.as_millis()) as usize;
    let slowest = (u128::from(PER_SECOND) * STEP.as_millis() / 1_000) as usize;
    let batch = match steps_in_spread {
        0 => all.len(),
        steps => all.len().div_ceil(steps).max(slowest),
    };
    for (idx, sessions) in all.chunks(batch.max(1)).enumerate() {
        if idx > 0 {
            tokio::time::sleep(STEP).await;
        }
        let now = Instant::now();
        for session in sessions {
            session.apply(Event::Evict(code), now);
        }
    }
}
