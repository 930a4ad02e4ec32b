//! What a node is started with, when it is more than what every node is.
//!
//! [`Node::start`] is enough for a real one. A simulation brings listeners of its own, and ends nodes as a crash does.

use std::net::SocketAddr;

use edge::{Life, Listener};
use ports::Ambient;

use crate::config::Config;
use crate::events::Events;
use crate::node::Node;
use crate::seams::Seams;
use crate::start::StartError;
use crate::trial::Trial;

/// A node that has not started yet.
#[derive(Debug)]
pub struct Launch {
    pub(crate) config: Config,
    pub(crate) seams: Seams,
    pub(crate) ambient: Ambient,
    pub(crate) events: Events,
    pub(crate) life: Option<Life>,
    pub(crate) trial: Trial,
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
        Launch { config, seams, ambient, events, life: None, trial: Trial::default(), doors: None }
    }

    /// Has it listen here, wherever `config` says.
    pub fn behind(self, doors: Doors) -> Launch {
        Launch { doors: Some(doors), ..self }
    }

    /// Has all its tasks end with `life`: a crash, as that of a process. To be rid of what it held, drop the [`Node`] too.
    pub fn living(mut self, life: Life) -> Launch {
        self.trial.faults.end_with(&life);
        Launch { life: Some(life), ..self }
    }

    /// At each point of its code `strikes` is asked, and where it says yes, the life of [`Launch::living`] ends there: the task never goes on.
    #[cfg(feature = "faults")]
    pub fn striking(self, strikes: impl Fn(crate::fault::Point) -> bool + Send + Sync + 'static) -> Launch {
        let life = self.life.unwrap_or_default();
        let faults = crate::fault::Faults::armed(life.clone(), strikes);
        Launch { life: Some(life), trial: Trial { faults, ..self.trial }, ..self }
    }

    /// Has it break a rule.
    #[cfg(feature = "sabotage")]
    pub fn sabotaged(self, sabotage: crate::sabotage::Sabotage) -> Launch {
        let sabotaged = crate::sabotage::Sabotaged::by(sabotage);
        Launch { trial: Trial { sabotaged, ..self.trial }, ..self }
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
