//! The way out to other nodes: an envelope, encoded once and handed to the bus.

use std::sync::Arc;

use ports::bus::{Address, NoInbox, Posting};
use ports::{Bus, PortError};
use wire::envelope::{Body, Envelope};

use crate::events::{Event, Events};
use crate::lease::View;

/// Encodes envelopes and posts them.
#[derive(Clone)]
pub struct Post {
    bus: Arc<dyn Bus>,
    view: Arc<View>,
    service: Arc<str>,
    events: Events,
}

/// One envelope before it is encoded.
#[derive(Debug)]
pub struct Letter {
    /// To which nodes.
    pub to: Address,
    /// What keeps its order.
    pub key: Arc<str>,
    /// What it says.
    pub body: Body,
    /// How often it was sent on.
    pub hop: u8,
}

impl Post {
    /// The way out of a node of `service`.
    pub fn new(bus: Arc<dyn Bus>, view: Arc<View>, service: Arc<str>, events: Events) -> Post {
        Post { bus, view, service, events }
    }

    /// Posts letters, and says of each whether the bus has taken it. Not cancel safe.
    pub async fn post(&self, letters: Vec<Letter>) -> Vec<Result<(), PortError>> {
        if letters.is_empty() {
            return Vec::new();
        }
        let postings = letters.into_iter().map(|letter| self.seal(letter)).collect();
        let results = self.bus.post(postings).await;
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            // The bus is well: it is the other node that is gone, or is on its way.
            self.events.tell(match NoInbox::is_why(error) {
                true => Event::InboxMissing { error },
                false => Event::PortFailed { error },
            });
        }
        results
    }

    /// Whether somebody keeps messages outside.
    pub fn copies(&self) -> bool {
        self.bus.wants_copies()
    }

    /// Hands a copy of an accepted message to whoever keeps messages outside, where somebody does.
    pub async fn copy(&self, key: Arc<str>, body: Body) -> Result<(), PortError> {
        if !self.copies() {
            return Ok(());
        }
        match self.envelope(body, 0).encode_copy() {
            Some(copy) => self.bus.copy(key, copy).await,
            None => Ok(()),
        }
    }

    fn seal(&self, letter: Letter) -> Posting {
        self.events.tell(Event::EnvelopePosted { kind: letter.body.kind() });
        let envelope = self.envelope(letter.body, letter.hop);
        Posting { to: letter.to, lane: envelope.lane(), key: letter.key, body: envelope.encode() }
    }

    fn envelope(&self, body: Body, hop: u8) -> Envelope {
        Envelope {
            service: self.service.to_string(),
            origin: self.view.boot(),
            at_ms: self.view.now_ms(),
            hop,
            body,
        }
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").field("service", &self.service).finish_non_exhaustive()
    }
}
