//! The brain of the conformance testee: it says back what it hears. Only with the feature `echo`, which no binary of ours is built with.
//!
//! Everything around it is the node's own: listener, handshake, decoder, pings, closes, send queue, delivery.

use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::smallvec;

use super::codec::{Incoming, binary_frame, text_frame};
use super::event::{Effect, Effects};

/// Off, so that tests of a build with this feature still test the node.
static ON: AtomicBool = AtomicBool::new(false);

/// From now on all sessions of this process say back what they hear, whatever it means.
pub fn switch_on() {
    ON.store(true, Ordering::Relaxed);
}

/// Whether they do.
pub(super) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The same message again, as one frame.
pub(super) fn answer(incoming: &Incoming) -> Effects {
    match incoming {
        Incoming::Text(text) => smallvec![Effect::Push(text_frame(text.as_bytes()))],
        Incoming::Binary(bytes) => smallvec![Effect::Push(binary_frame(bytes))],
        _ => Effects::new(),
    }
}
