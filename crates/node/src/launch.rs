//! What a node is started with, when it is more than what every node is.
//!
//! [`Node::start`] is enough for a real one. A simulation brings listeners of its own.

use std::net::SocketAddr;

use edge::Listener;
use ports::Ambient;

use crate::config::Config;
use crate::events::Events;
use crate::node::Node;
use crate::seams::Seams;
use crate::start::StartError;

/// A node that has not started yet.
#[derive(Debug)]
pub struct Launch {
    pub(crate) config: Config,
    pub(crate) seams: Seams,
    pub(crate) ambient: Ambient,
    pub(crate) events: Events,
    doors: Option<Doors>,
}

/// Where a node listens.
#[derive(Debug)]
pub struct Doors {
    /// For WebSockets. Its address is what the registry is told, with the host of `config.advertise`.
    pub ws: Listener,
    /// For its HTTP interface; `None` where another listener serves it.
    pub api: Option<Listener>,
}

impl Launch {
    /// A node that listens where `config` says.
    pub fn new(config: Config, seams: Seams, ambient: Ambient, events: Events) -> Launch {
        Launch { config, seams, ambient, events, doors: None }
    }

    /// Has it listen here, wherever `config` says.
    pub fn behind(self, doors: Doors) -> Launch {
        Launch { doors: Some(doors), ..self }
    }

    /// Starts it, as [`Node::start`] does.
    ///
    /// # Errors
    /// Nothing of the node runs then.
    pub async fn start(mut self) -> Result<Node, StartError> {
        let doors = self.doors.take().map_or_else(|| Doors::open(&self.config), Ok)?;
        Node::launch(self, doors).await
    }
}

impl Doors {
    /// Takes the ports that `config` names.
    fn open(config: &Config) -> Result<Doors, StartError> {
        let bind = |address: SocketAddr| {
            Listener::bind(address).map_err(|source| StartError::Bind { address, source })
        };
        Ok(Doors { ws: bind(config.listen)?, api: config.api.listen.map(bind).transpose()? })
    }
}
