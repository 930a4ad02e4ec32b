//! What all users share: where the gateways are, what everybody does now, and what others may want to know of each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use testkit::judge::Facts;
use tokio::sync::watch;

use crate::have::Have;
use crate::session::Heads;

/// What all users do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// They log in.
    Arriving,
    /// They do what people do.
    Traffic,
    /// Nothing new: what is without an answer gets one.
    Finishing,
    /// Each logs in once more, resumes, and fetches what is left to fetch.
    Recalling,
    /// Each leaves.
    Leaving,
}

/// What others want to know of a user.
#[derive(Debug)]
pub(crate) struct Status {
    /// Whose.
    pub(crate) user: String,
    /// Sends and requests without an answer.
    pub(crate) waiting: AtomicUsize,
    /// Whether the first device is logged in.
    pub(crate) online: AtomicBool,
    /// Whether it has come back for the last time and holds everything.
    pub(crate) caught_up: AtomicBool,
    /// What the first device holds.
    pub(crate) have: Arc<Mutex<Have>>,
}

/// What a user knows of the world.
#[derive(Clone)]
pub(crate) struct World {
    /// The run, part of every message.
    pub(crate) run: String,
    /// Where the gateways are.
    pub(crate) doors: Vec<SocketAddr>,
    /// Whom everybody tells.
    pub(crate) facts: Arc<Facts>,
    /// What the highest messages are.
    pub(crate) heads: Arc<Heads>,
    /// What all users do now.
    pub(crate) phase: watch::Receiver<Phase>,
}
