//! Which of the roles a configuration is read for, and which keys matter to it.

use super::tree::Node;

/// What the process is going to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A whole cluster in one process.
    Up,
    /// One node.
    Node,
    /// One gateway.
    Gateway,
}

impl Role {
    /// Whether a setting means something to this role: a role ignores the sections of the other.
    pub fn heeds(self, key: &str) -> bool {
        let section = key.split(['.', '[']).next().unwrap_or(key);
        match (self, section) {
            (Role::Up, _) => true,
            (Role::Node, "gateway") => false,
            (Role::Node, "spring") => !key.starts_with("spring.cloud.gateway"),
            (Role::Gateway, "ws") => key == "ws.name" || key == "ws.path",
            (
                Role::Gateway,
                "node" | "api" | "auth" | "directory" | "bus" | "store" | "groups" | "rocketmq",
            ) => false,
            (Role::Gateway, "spring") => !key.starts_with("spring.data") && !key.starts_with("spring.redis"),
            (Role::Node | Role::Gateway, _) => true,
        }
    }

    /// The roles that a file seems to be written for: a gateway's where it speaks of one, a node's where it speaks of that, or of neither.
    pub fn of_file(root: &Node) -> Vec<Role> {
        let has = |key: &str| root.find(key).is_some_and(|node| !node.is_null());
        let routes = ["spring.cloud.gateway.routes", "spring.cloud.gateway.server.webflux.routes"];
        let gateway = has("gateway") || routes.iter().any(|key| has(key));
        let ws = ["host", "port", "dialect", "devices", "origins", "trusted_proxies"]
            .iter()
            .any(|name| has(&format!("ws.{name}")));
        let node = ws
            || ["node", "api", "auth", "directory", "bus", "store", "groups"]
                .iter()
                .any(|section| has(section));
        let mut roles = Vec::new();
        if node || !gateway {
            roles.push(Role::Node);
        }
        if gateway {
            roles.push(Role::Gateway);
        }
        roles
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Up => "up",
            Role::Node => "node",
            Role::Gateway => "gateway",
        }
    }
}
