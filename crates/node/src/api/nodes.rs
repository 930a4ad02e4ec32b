//! The nodes of the cluster, as their leases say.

use axum::Json;
use axum::extract::State;
use ports::directory::{Lease, NodeState};
use serde::Serialize;
use utoipa::ToSchema;
use wire::id::{Boot, NodeName};

use super::ApiState;
use super::failure::{ErrorBody, Failure};

/// The nodes of the cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Nodes {
    /// Each node whose lease lives, sorted by name.
    nodes: Vec<NodeInfo>,
}

/// A node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub(super) struct NodeInfo {
    /// Its stable name.
    #[schema(value_type = String, example = "node-1")]
    node: NodeName,
    /// The life that it lives now.
    #[schema(value_type = String, example = "node-1/01JD0000000000000000000000")]
    boot: Boot,
    /// Where its WebSocket listener is reached.
    #[schema(example = "10.0.0.5:19998")]
    address: String,
    /// Live sessions at its last renewal.
    sessions: u64,
    /// `serving` or `draining`.
    #[schema(value_type = String, example = "serving")]
    state: NodeState,
}

/// Lists the nodes of the cluster.
#[utoipa::path(
    get,
    path = "/api/v1/nodes",
    tag = "nodes",
    responses(
        (status = 200, description = "the nodes", body = Nodes),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn list(State(api): State<ApiState>) -> Result<Json<Nodes>, Failure> {
    let leases = api.seams.directory.leases().await.map_err(|error| api.desk.port(error))?;
    let mut nodes: Vec<NodeInfo> = leases.live.into_iter().map(NodeInfo::from).collect();
    nodes.sort_by(|one, other| one.boot.cmp(&other.boot));
    Ok(Json(Nodes { nodes }))
}

impl From<Lease> for NodeInfo {
    fn from(lease: Lease) -> Self {
        NodeInfo {
            node: lease.boot.node.clone(),
            boot: lease.boot,
            address: lease.address,
            sessions: lease.sessions,
            state: lease.state,
        }
    }
}
