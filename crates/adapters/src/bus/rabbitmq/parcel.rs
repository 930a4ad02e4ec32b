//! One message on its way out, and whoever waits to hear what became of it.

use bytes::Bytes;
use ports::PortError;
use ports::bus::{Address, NoInbox};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use wire::envelope::Lane;

use super::SEAM;

/// What is to be sent.
pub(super) struct NewParcel {
    pub(super) to: Destination,
    pub(super) body: Bytes,
    /// When its poster gives up waiting.
    pub(super) deadline: Instant,
    /// What errors say was being done.
    pub(super) during: &'static str,
}

/// Where a parcel goes.
pub(super) enum Destination {
    /// To nodes.
    Nodes(Lane, Address),
    /// Into the queue for copies.
    Copies,
}

/// One parcel on its way.
pub(super) struct Parcel {
    pub(super) content: NewParcel,
    pub(super) answer: oneshot::Sender<Result<(), PortError>>,
    /// Its part of what may wait.
    pub(super) _room: OwnedSemaphorePermit,
}

/// Where the answer for a parcel comes from.
pub(super) type Answer = oneshot::Receiver<Result<(), PortError>>;

impl Parcel {
    // Whoever posted may have given up waiting, so answers may go nowhere.

    /// The broker is responsible for it, or refuses it; or it came back, because no queue wanted it.
    pub(super) fn answered(self, taken: bool, came_back: bool) {
        if !taken {
            return self.fail(|during| PortError::outage(SEAM, during, "a queue is full"));
        }
        if !came_back {
            self.answer.send(Ok(())).ok();
            return;
        }
        match &self.content.to {
            Destination::Nodes(_, Address::Node(node)) => {
                let nobody = NoInbox { node: node.clone() };
                self.fail(|during| PortError::outage(SEAM, during, nobody));
            }
            _ => self.fail(|during| PortError::outage(SEAM, during, "the queue for copies is gone")),
        }
    }

    pub(super) fn fail(self, error: impl FnOnce(&'static str) -> PortError) {
        self.answer.send(Err(error(self.content.during))).ok();
    }
}
