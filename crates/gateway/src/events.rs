//! Everything that a gateway can say. What happens is said in one way: an event gives one log line, one metric, and where somebody
//! watches, one record.
//!
//! No event holds a header, a query or a frame. Client addresses and paths never become labels of a metric.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edge::LogThrottle;
use tokio::time::Instant;

use crate::balance::{Address, Change};
use crate::drain::Drained;

/// Of an instance that stays in use, because there are too few others, each attempt may fail.
static INSTANCE_LINES: LogThrottle = LogThrottle::new();

/// Something that happened at a gateway.
#[derive(Debug)]
pub enum Event<'a> {
    /// It listens.
    Started {
        /// Where clients connect.
        listen: SocketAddr,
        /// Where health and metrics are answered.
        api: Option<SocketAddr>,
    },
    /// The registry told another list.
    Listed {
        /// Of which service.
        service: &'a str,
        /// What changed.
        change: Change,
    },
    /// The saved lists cannot be read; the gateway starts without.
    NotRead {
        /// The folder.
        folder: &'a Path,
        /// Why.
        error: &'a io::Error,
    },
    /// The lists cannot be saved; a start while the registry is away would find none.
    NotSaved {
        /// The folder.
        folder: &'a Path,
        /// Why.
        error: &'a io::Error,
    },
    /// A request was answered with something else than 101, and not by a node.
    Refused {
        /// The status.
        status: u16,
        /// Why, in a few words.
        reason: &'a str,
    },
    /// A node answered something else than 101, and the client got that.
    Answered {
        /// By which route.
        route: &'a str,
        /// The status.
        status: u16,
    },
    /// An instance could not be reached, or did not answer as it should.
    InstanceFailed {
        /// By which route.
        route: &'a str,
        /// Which.
        instance: &'a Address,
        /// What went wrong.
        why: &'a dyn Error,
        /// For how long it is left out, if it is.
        left_out: Option<Duration>,
    },
    /// A client and a node are connected.
    Opened {
        /// By which route.
        route: &'a str,
        /// To which instance.
        instance: &'a Address,
    },
    /// They no longer are.
    Closed {
        /// By which route.
        route: &'a str,
        /// To which instance.
        instance: &'a Address,
        /// How.
        how: Ended,
    },
    /// A drain has begun.
    DrainBegan {
        /// Tunnels that are open.
        tunnels: usize,
    },
    /// A drain has ended.
    DrainEnded {
        /// What became of the tunnels.
        drained: Drained,
    },
}

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// One side closed, and the other was told.
    Closed,
    /// A socket failed.
    Broken,
    /// One side closed, and the other did not within the time it has.
    HalfClosed,
    /// One side took nothing for too long.
    Stalled,
    /// The gateway stopped.
    Cut,
    /// The client was gone before the 101 reached it.
    Abandoned,
}

impl Ended {
    fn as_str(self) -> &'static str {
        match self {
            Ended::Closed => "closed",
            Ended::Broken => "broken",
            Ended::HalfClosed => "half_closed",
            Ended::Stalled => "stalled",
            Ended::Cut => "cut",
            Ended::Abandoned => "abandoned",
        }
    }
}

/// Somebody who wants to see every event.
pub type Watcher = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Where events go: log, metrics, and perhaps a watcher.
#[derive(Clone, Default)]
pub struct Events {
    watcher: Option<Watcher>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("watched", &self.watcher.is_some()).finish()
    }
}

impl Events {
    /// Events that `watcher` sees too.
    pub fn watched(watcher: Watcher) -> Events {
        Events { watcher: Some(watcher) }
    }

    pub(crate) fn record(&self, event: Event<'_>) {
        event.log();
        event.count();
        if let Some(watcher) = &self.watcher {
            watcher(&event);
        }
    }
}

impl Event<'_> {
    fn log(&self) {
        match self {
            Event::Started { listen, api } => {
                tracing::info!(%listen, api = api.map(tracing::field::display), "the gateway listens");
            }
            Event::Listed { service, change: Change { listed, appeared, vanished } } => {
                tracing::info!(service, listed, appeared, vanished, "the registry told a new list");
            }
            Event::NotRead { folder, error } => {
                tracing::warn!(folder = %folder.display(), %error, "cannot read the saved lists of instances; starting without");
            }
            Event::NotSaved { folder, error } => {
                tracing::warn!(folder = %folder.display(), %error, "cannot save the lists of instances; set gateway.state to a folder that can be written");
            }
            Event::Refused { status, reason } => tracing::debug!(status, reason, "refused"),
            Event::Answered { route, status } => tracing::debug!(route, status, "the node answered"),
            Event::InstanceFailed { route, instance, why, left_out } => {
                let why = chain(*why);
                if let Some(lines_left_out) = INSTANCE_LINES.take(Instant::now()) {
                    tracing::warn!(route, %instance, why, ?left_out, lines_left_out, "an instance failed");
                }
            }
            Event::Opened { route, instance } => tracing::debug!(route, %instance, "opened"),
            Event::Closed { route, instance, how } => {
                tracing::debug!(route, %instance, how = how.as_str(), "closed");
            }
            Event::DrainBegan { tunnels } => tracing::info!(tunnels, "draining"),
            Event::DrainEnded { drained: Drained { ended, cut } } => tracing::info!(ended, cut, "drained"),
        }
    }

    fn count(&self) {
        match self {
            Event::Started { .. } => metrics::gauge!("trunkline_gateway_draining").set(0.0),
            Event::DrainBegan { .. } => metrics::gauge!("trunkline_gateway_draining").set(1.0),
            Event::Listed { service, change } => {
                let gauge =
                    metrics::gauge!("trunkline_gateway_instances", "service" => (*service).to_owned());
                gauge.set(change.listed as f64);
                metrics::counter!("trunkline_gateway_lists_total", "service" => (*service).to_owned())
                    .increment(1);
            }
            Event::NotRead { .. } => metrics::counter!("trunkline_gateway_state_unread_total").increment(1),
            Event::NotSaved { .. } => metrics::counter!("trunkline_gateway_state_unsaved_total").increment(1),
            Event::Refused { status, .. } => {
                metrics::counter!("trunkline_gateway_refused_total", "status" => status.to_string())
                    .increment(1);
            }
            Event::Answered { route, status } => {
                let labels = [("route", (*route).to_owned()), ("status", status.to_string())];
                metrics::counter!("trunkline_gateway_answered_total", &labels).increment(1);
            }
            Event::InstanceFailed { instance, left_out, .. } => {
                let labels =
                    [("instance", instance.to_string()), ("left_out", left_out.is_some().to_string())];
                metrics::counter!("trunkline_gateway_instance_failures_total", &labels).increment(1);
            }
            Event::Opened { route, .. } => {
                metrics::counter!("trunkline_gateway_tunnels_opened_total", "route" => (*route).to_owned())
                    .increment(1);
                metrics::gauge!("trunkline_gateway_tunnels", "route" => (*route).to_owned()).increment(1.0);
            }
            Event::Closed { route, how, .. } => {
                let labels = [("route", (*route).to_owned()), ("how", how.as_str().to_owned())];
                metrics::counter!("trunkline_gateway_tunnels_closed_total", &labels).increment(1);
                metrics::gauge!("trunkline_gateway_tunnels", "route" => (*route).to_owned()).decrement(1.0);
            }
            Event::DrainEnded { drained } => {
                metrics::counter!("trunkline_gateway_tunnels_cut_total").increment(drained.cut as u64);
            }
        }
    }
}

/// An error and all that caused it, in one line.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
