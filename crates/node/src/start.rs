//! What can keep a node from starting, and how long it waits for it.

use std::net::SocketAddr;
use std::time::Duration;

use ports::{PortError, Retry};
use tokio::time::Instant;

use crate::config::Config;
use crate::heartbeat::{Ousted, TakeError};

/// How often a start that waits says so, and tries again.
const WAIT_LINE_EVERY: Duration = Duration::from_secs(5);
/// Between two tries of a back end at the start.
const WAIT_RETRY: Duration = Duration::from_millis(500);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken, or an address is not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something that the node needs never came up, or refuses it.
    #[error("{}", .0.chain())]
    Port(PortError),
    /// The node must not be here.
    #[error(transparent)]
    Ousted(#[from] Ousted),
}

/// Waiting for back ends at the start.
pub(crate) struct Waits {
    limit: Option<Duration>,
    began: Instant,
}

impl Waits {
    /// Waits for `limit` from now; `None` is for ever.
    pub(crate) fn new(limit: Option<Duration>) -> Waits {
        Waits { limit, began: Instant::now() }
    }

    /// Tries until it succeeds; a refusal, or the limit, ends it.
    pub(crate) async fn until<T>(
        &self,
        call: impl AsyncFn() -> Result<T, PortError>,
    ) -> Result<T, StartError> {
        let mut line_at = Instant::now();
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let over = self.limit.is_some_and(|limit| self.began.elapsed() >= limit);
            if over || error.retry == Retry::Never {
                return Err(StartError::Port(error));
            }
            if Instant::now() >= line_at {
                line_at = Instant::now() + WAIT_LINE_EVERY;
                tracing::warn!("waiting: {}", error.chain());
            }
            tokio::time::sleep(WAIT_RETRY).await;
        }
    }

    /// Tries until the node's name is nobody else's; at `give_up` it is this node that has to go.
    pub(crate) async fn until_free(
        &self,
        config: &Config,
        give_up: Instant,
        call: impl AsyncFn() -> Result<Option<Ousted>, TakeError>,
    ) -> Result<(), StartError> {
        loop {
            let held = self
                .until(async || match call().await {
                    Ok(held) => Ok(Ok(held)),
                    Err(TakeError::Ousted(ousted)) => Ok(Err(ousted)),
                    Err(TakeError::Port(error)) => Err(error),
                })
                .await??;
            let Some(held) = held else { return Ok(()) };
            if Instant::now() >= give_up {
                return Err(held.into());
            }
            tracing::warn!("another process has this node's name; waiting until it is gone: {held}");
            tokio::time::sleep(WAIT_LINE_EVERY.min(config.lease.ttl / 3)).await;
        }
    }
}
