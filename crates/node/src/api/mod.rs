//! The HTTP interface of a node.

mod metrics_text;

use std::sync::Arc;

use edge::{HandshakeLimits, Listener, Policy};
use ports::Ambient;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bindings::Bindings;
use crate::config::Config;
use crate::dispatch::Dispatch;
use crate::groups::Groups;
use crate::health::Health;
use crate::hub::Hub;
use crate::lease::View;
use crate::node::Seams;
use crate::requests::Desk;

pub use self::metrics_text::MetricsText;

/// What the HTTP interface stands on.
#[derive(Clone)]
pub struct ApiState {
    /// What the node is told.
    pub config: Arc<Config>,
    /// Time and chance.
    pub ambient: Ambient,
    /// What clients may ask for too.
    pub desk: Arc<Desk>,
    /// Sending.
    pub dispatch: Arc<Dispatch>,
    /// The servers.
    pub seams: Seams,
    /// The view of the cluster.
    pub view: Arc<View>,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// The groups here.
    pub groups: Arc<Groups>,
    /// The directory's upkeep.
    pub bindings: Arc<Bindings>,
    /// How the node is.
    pub health: Arc<Health>,
    /// Rules about `Host`.
    pub policy: Policy,
}

/// Serves the HTTP interface until `stop`.
pub fn serve(
    _listener: Listener,
    _limits: HandshakeLimits,
    _state: ApiState,
    _tasks: &TaskTracker,
    _stop: &CancellationToken,
) {
}
