//! Carries envelopes between nodes. A hint: may lose, repeat, reorder and delay.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use wire::envelope::Lane;
use wire::id::{Boot, NodeName};

use crate::{PortError, Seam, SeamState};

/// To which nodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// One node, by name: whichever boot of it lives.
    Node(NodeName),
    /// All nodes, this one too.
    All,
}

/// An encoded envelope on its way out.
#[derive(Debug, Clone)]
pub struct Posting {
    /// To which nodes.
    pub to: Address,
    /// On which road: `Single` leads to one node, `Group` to all, `Control` to either.
    pub lane: Lane,
    /// What has the same key keeps its order, from one node, as far as the bus can.
    pub key: Arc<str>,
    /// The envelope, encoded.
    pub body: Bytes,
}

impl Posting {
    /// Refuses a road that does not lead there, on every bus alike.
    pub fn check_lane(&self) -> Result<(), PortError> {
        let leads_there = match self.lane {
            Lane::Single => matches!(self.to, Address::Node(_)),
            Lane::Group => self.to == Address::All,
            Lane::Control => true,
        };
        let wrong = || format!("lane {:?} does not lead to {:?}", self.lane, self.to);
        if leads_there { Ok(()) } else { Err(PortError::refused(Seam::Bus, "post an envelope", wrong())) }
    }
}

/// Carries envelopes between nodes.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Posts envelopes, and says of each whether the bus has taken it. Taken means that it reaches an inbox that is open, if nothing fails on the way;
    /// an error may be wrong about one that arrives all the same.
    /// A bus that knows that a node has no inbox says so, by an error whose source is [`NoInbox`]; another takes the posting, and nobody reads it.
    /// Postings with one key keep their order. Ends within [`POST_LIMIT`]. Not cancel safe: a dropped call may have posted anything.
    async fn post(&self, postings: Vec<Posting>) -> Vec<Result<(), PortError>>;

    /// Opens the inbox of a boot. What is posted to its node, or to all, after this returned arrives; what lay there before does not.
    /// A node has one inbox at a time: a newer one takes the mail.
    async fn open_inbox(&self, boot: &Boot) -> Result<Box<dyn Inbox>, PortError>;

    /// True when every accepted message is to be handed to [`Bus::copy`] too.
    fn wants_copies(&self) -> bool {
        false
    }

    /// Puts a copy of an accepted message where another service reads it. Does nothing where no copies are wanted.
    async fn copy(&self, key: Arc<str>, body: Bytes) -> Result<(), PortError> {
        let (_, _) = (key, body);
        Ok(())
    }

    /// How the bus is.
    fn state(&self) -> SeamState;
}

/// Why a posting to one node was not taken: the bus is well, and knows that no inbox of that name is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoInbox {
    /// The node.
    pub node: NodeName,
}

impl NoInbox {
    /// Whether this is what an error of [`Bus::post`] says.
    pub fn is_why(error: &PortError) -> bool {
        error.source.as_ref().is_some_and(|source| source.is::<NoInbox>())
    }
}

impl fmt::Display for NoInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no inbox", self.node)
    }
}

impl Error for NoInbox {}

/// A node's queue on the bus. It mends itself: an outage is told, not an error.
#[async_trait]
pub trait Inbox: Send {
    /// The next thing that comes. `None` when another inbox has taken this one's place. Cancel safe.
    async fn next(&mut self) -> Option<Mail>;
}

/// What comes out of an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mail {
    /// A body, as it was posted by a node or by some other system.
    Arrived {
        /// The road that it came on.
        lane: Lane,
        /// The body.
        body: Bytes,
    },
    /// Nothing could be heard for this long, up to now; what was posted meanwhile may be lost.
    /// Told only when it matters, whatever its length: an inbox that overflowed for a moment has lost mail too.
    WasDeaf(Duration),
}

/// A post that has no answer by then has failed: one time-out of a broker and one resend.
pub const POST_LIMIT: Duration = Duration::from_secs(8);
