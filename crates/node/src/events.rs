//! Everything that this crate can say. What happens is said in one way: an event gives one log line, one metric, and in tests one record.
//!
//! No event holds a token, a key or the content of a message. User input is escaped by the log's formatter; ids never become metric labels.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use edge::LogThrottle;
use metrics::Counter;
use ports::PortError;
use ports::directory::Fingerprint;
use tokio::time::Instant;
use tracing::Level;
use wire::CloseCode;
use wire::envelope::BadEnvelope;
use wire::id::{Boot, GroupId, NodeName, SessionId, UserId};

/// Something that happened on a node.
#[derive(Debug)]
pub enum Event<'a> {
    /// The node listens, and takes sessions.
    NodeReady {
        /// Where its WebSocket is.
        ws: std::net::SocketAddr,
        /// Where its HTTP interface is.
        api: Option<std::net::SocketAddr>,
    },
    /// The node begins to empty itself.
    DrainBegan {
        /// Sessions to close.
        sessions: usize,
    },
    /// The node is empty and gone.
    DrainEnded,
    /// A handshake was answered with something else than 101.
    HandshakeRefused {
        /// The status.
        status: u16,
        /// Why, in a few words; for an origin or a host, which.
        reason: &'a str,
    },
    /// A session is live.
    SessionOpened {
        /// Whose.
        user: &'a UserId,
        /// Which.
        session: SessionId,
    },
    /// A session has ended.
    SessionClosed {
        /// Whose.
        user: &'a UserId,
        /// Which.
        session: SessionId,
        /// How.
        code: CloseCode,
        /// True when the client began, or is simply gone.
        by_client: bool,
        /// How long it lived.
        lived: Duration,
    },
    /// A login displaced others.
    SessionsDisplaced {
        /// Whose.
        user: &'a UserId,
        /// How many.
        count: usize,
    },
    /// A call on a back end failed.
    PortFailed {
        /// What it said.
        error: &'a PortError,
    },
    /// A lease was lost: the node is another boot from now on.
    LeaseLost {
        /// The boot that it is now.
        boot: &'a Boot,
        /// What was found.
        why: &'a str,
    },
    /// The directory answers again.
    DirectoryBack {
        /// How long it did not.
        away: Duration,
    },
    /// The node's bindings were written again.
    BindingsRestored {
        /// How many stand.
        standing: usize,
        /// How many were superseded by newer logins.
        superseded: usize,
    },
    /// A boot is gone without having drained.
    BootVanished {
        /// Which.
        boot: &'a Boot,
    },
    /// What a dead boot left was removed.
    BootReaped {
        /// Which.
        boot: &'a Boot,
        /// Users that are offline by it.
        offline: usize,
    },
    /// A live node cannot share the cluster with this one.
    FingerprintDiffers {
        /// The other node.
        node: &'a NodeName,
        /// Its fingerprint.
        theirs: &'a Fingerprint,
        /// What differs.
        difference: &'a str,
    },
    /// Another process holds this node's name.
    NameTaken {
        /// Where it is.
        address: &'a str,
    },
    /// A message was accepted from a client or over HTTP.
    MessageAccepted {
        /// False for a repeated send.
        fresh: bool,
    },
    /// A message or a signal was put on the send queues of sessions of this node.
    Pushed {
        /// How many sessions.
        sessions: usize,
    },
    /// An envelope was handed to the bus.
    EnvelopePosted {
        /// What it says.
        kind: &'a str,
    },
    /// An envelope came.
    EnvelopeArrived {
        /// What it says.
        kind: &'a str,
    },
    /// A body from the bus was dropped.
    EnvelopeRefused {
        /// Why.
        why: &'a BadEnvelope,
    },
    /// An envelope was too old to deliver.
    EnvelopeExpired,
    /// An envelope's user is no longer here.
    EnvelopeMisplaced {
        /// True when it was sent on.
        sent_on: bool,
    },
    /// An envelope was not posted: the bus knows that its node has no inbox open.
    InboxMissing {
        /// What it said.
        error: &'a PortError,
    },
    /// A repeat was dropped.
    RepeatDropped,
    /// A foreign message's user is nowhere.
    ForeignUndeliverable,
    /// A classic frame would have been too long for its clients.
    ClassicTooLong,
    /// A conversation's post failed: its head is remembered.
    HeadRemembered,
    /// Nothing could be heard on the bus for a while.
    InboxWasDeaf {
        /// How long.
        deaf: Duration,
    },
    /// Messages were read from the store for sessions that lacked them.
    CaughtUp {
        /// Messages read.
        messages: usize,
        /// Sessions that they are for.
        sessions: usize,
    },
    /// The members of a group changed.
    MembersChanged {
        /// Which group.
        group: &'a GroupId,
        /// How many joined.
        joined: usize,
        /// How many left.
        left: usize,
    },
    /// A defect of ours: something that cannot happen did.
    Defect {
        /// What.
        what: &'a str,
    },
}

/// Says what happens. Cheap to clone.
#[derive(Clone, Default)]
pub struct Events {
    recorder: Option<Recorder>,
}

/// Sees every event, as text; for tests and simulation.
pub type Recorder = Arc<dyn Fn(&str, &str) + Send + Sync>;

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("recorded", &self.recorder.is_some()).finish()
    }
}

impl Events {
    /// Also hands each event to `recorder`, by name and fields.
    pub fn recorded(recorder: Recorder) -> Events {
        Events { recorder: Some(recorder) }
    }

    /// Says that something happened.
    pub fn tell(&self, event: Event<'_>) {
        let name = event.name();
        let amount = event.amount();
        event.counter().increment(amount);
        if let Some(recorder) = &self.recorder {
            recorder(name, &event.to_string());
        }
        let Some(lines_left_out) = event.lines().map_or(Some(0), |lines| lines.take(Instant::now())) else {
            return;
        };
        match event.level() {
            Level::WARN if lines_left_out > 0 => tracing::warn!(event = name, lines_left_out, "{event}"),
            Level::ERROR => tracing::error!(event = name, "{event}"),
            Level::WARN => tracing::warn!(event = name, "{event}"),
            Level::INFO => tracing::info!(event = name, "{event}"),
            Level::DEBUG => tracing::debug!(event = name, "{event}"),
            _ => tracing::trace!(event = name, "{event}"),
        }
    }
}

impl Event<'_> {
    /// What bounds its lines: with a server away, every request of every client fails.
    fn lines(&self) -> Option<&'static LogThrottle> {
        static LINES: [LogThrottle; 4] = [const { LogThrottle::new() }; 4];
        match self {
            Event::PortFailed { error } => LINES.get(error.seam as usize),
            _ => None,
        }
    }
}

/// One row of the table of events: name, metric, level.
macro_rules! rows {
    ($($pattern:pat => $name:literal, $metric:literal, $level:ident;)*) => {
        impl Event<'_> {
            /// Its name, as logs carry it.
            pub fn name(&self) -> &'static str {
                match self { $($pattern => $name,)* }
            }

            /// Its counter, looked up once: whoever counts must be there before the first event.
            fn counter(&self) -> &'static Counter {
                match self {
                    $($pattern => {
                        static COUNTER: OnceLock<Counter> = OnceLock::new();
                        COUNTER.get_or_init(|| metrics::counter!($metric))
                    })*
                }
            }

            fn level(&self) -> Level {
                match self { $($pattern => Level::$level,)* }
            }

            /// Every event's name and metric, for the documentation.
            pub const TABLE: &'static [(&'static str, &'static str)] = &[$(($name, $metric),)*];
        }
    };
}

rows! {
    Event::NodeReady { .. } => "node_ready", "trunkline_node_ready_total", INFO;
    Event::DrainBegan { .. } => "drain_began", "trunkline_node_drains_begun_total", INFO;
    Event::DrainEnded => "drain_ended", "trunkline_node_drains_ended_total", INFO;
    Event::HandshakeRefused { .. } => "handshake_refused", "trunkline_node_handshakes_refused_total", DEBUG;
    Event::SessionOpened { .. } => "session_opened", "trunkline_node_sessions_opened_total", DEBUG;
    Event::SessionClosed { .. } => "session_closed", "trunkline_node_sessions_closed_total", DEBUG;
    Event::SessionsDisplaced { .. } => "sessions_displaced", "trunkline_node_sessions_displaced_total", DEBUG;
    Event::PortFailed { .. } => "port_failed", "trunkline_node_port_failures_total", WARN;
    Event::LeaseLost { .. } => "lease_lost", "trunkline_node_leases_lost_total", WARN;
    Event::DirectoryBack { .. } => "directory_back", "trunkline_node_directory_outages_total", INFO;
    Event::BindingsRestored { .. } => "bindings_restored", "trunkline_node_restores_total", INFO;
    Event::BootVanished { .. } => "boot_vanished", "trunkline_node_boots_vanished_total", WARN;
    Event::BootReaped { .. } => "boot_reaped", "trunkline_node_boots_reaped_total", INFO;
    Event::FingerprintDiffers { .. } => "fingerprint_differs", "trunkline_node_fingerprints_differing_total", WARN;
    Event::NameTaken { .. } => "name_taken", "trunkline_node_names_taken_total", ERROR;
    Event::MessageAccepted { .. } => "message_accepted", "trunkline_node_messages_accepted_total", TRACE;
    Event::Pushed { .. } => "pushed", "trunkline_node_pushes_total", TRACE;
    Event::EnvelopePosted { .. } => "envelope_posted", "trunkline_node_envelopes_posted_total", TRACE;
    Event::EnvelopeArrived { .. } => "envelope_arrived", "trunkline_node_envelopes_arrived_total", TRACE;
    Event::EnvelopeRefused { .. } => "envelope_refused", "trunkline_node_envelopes_refused_total", DEBUG;
    Event::EnvelopeExpired => "envelope_expired", "trunkline_node_envelopes_expired_total", DEBUG;
    Event::EnvelopeMisplaced { .. } => "envelope_misplaced", "trunkline_node_envelopes_misplaced_total", DEBUG;
    Event::InboxMissing { .. } => "inbox_missing", "trunkline_node_inboxes_missing_total", DEBUG;
    Event::RepeatDropped => "repeat_dropped", "trunkline_node_repeats_dropped_total", DEBUG;
    Event::ForeignUndeliverable => "foreign_undeliverable", "trunkline_node_foreign_undeliverable_total", INFO;
    Event::ClassicTooLong => "classic_too_long", "trunkline_node_classic_too_long_total", INFO;
    Event::HeadRemembered => "head_remembered", "trunkline_node_heads_remembered_total", DEBUG;
    Event::InboxWasDeaf { .. } => "inbox_was_deaf", "trunkline_node_inbox_outages_total", WARN;
    Event::CaughtUp { .. } => "caught_up", "trunkline_node_messages_caught_up_total", DEBUG;
    Event::MembersChanged { .. } => "members_changed", "trunkline_node_members_changes_total", DEBUG;
    Event::Defect { .. } => "defect", "trunkline_node_defects_total", ERROR;
}

impl Event<'_> {
    /// What its counter grows by.
    fn amount(&self) -> u64 {
        match self {
            Event::SessionsDisplaced { count, .. } => *count as u64,
            Event::Pushed { sessions } => *sessions as u64,
            Event::CaughtUp { messages, .. } => *messages as u64,
            _ => 1,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::NodeReady { ws, api: Some(api) } => write!(f, "ready: WebSocket on {ws}, HTTP on {api}"),
            Event::NodeReady { ws, api: None } => write!(f, "ready: WebSocket on {ws}"),
            Event::DrainBegan { sessions } => write!(f, "draining {sessions} sessions"),
            Event::DrainEnded => f.write_str("drained"),
            Event::HandshakeRefused { status, reason } => {
                write!(f, "handshake refused with {status}: {reason}")
            }
            Event::SessionOpened { user, session } => write!(f, "session {session} of {user} opened"),
            Event::SessionClosed { user, session, code, by_client, lived } => {
                let by = if *by_client { "by the client" } else { "by us" };
                write!(f, "session {session} of {user} closed {by} after {lived:.1?}: {code}")
            }
            Event::SessionsDisplaced { user, count } => write!(f, "a login of {user} displaced {count}"),
            Event::PortFailed { error } => f.write_str(&error.chain()),
            Event::LeaseLost { boot, why } => write!(f, "lease lost ({why}); this node is now {boot}"),
            Event::DirectoryBack { away } => write!(f, "the directory answers again after {away:.1?}"),
            Event::BindingsRestored { standing, superseded } => {
                write!(f, "bindings written again: {standing} stand, {superseded} were superseded")
            }
            Event::BootVanished { boot } => write!(f, "{boot} is gone without having drained"),
            Event::BootReaped { boot, offline } => {
                write!(f, "removed what {boot} left; {offline} users are offline by it")
            }
            Event::FingerprintDiffers { node, difference, .. } => {
                write!(f, "{node} must not be in this cluster: {difference}")
            }
            Event::NameTaken { address } => write!(f, "this node's name is held by a process at {address}"),
            Event::MessageAccepted { fresh } => write!(f, "message accepted, fresh: {fresh}"),
            Event::Pushed { sessions } => write!(f, "pushed to {sessions} sessions"),
            Event::EnvelopePosted { kind } => write!(f, "{kind} envelope posted"),
            Event::EnvelopeArrived { kind } => write!(f, "{kind} envelope arrived"),
            Event::EnvelopeRefused { why } => write!(f, "a body from the bus was dropped: {why}"),
            Event::EnvelopeExpired => f.write_str("an envelope was too old to deliver"),
            Event::EnvelopeMisplaced { sent_on: true } => {
                f.write_str("an envelope was sent on: its user has moved")
            }
            Event::EnvelopeMisplaced { sent_on: false } => {
                f.write_str("an envelope's user is no longer here, nor anywhere that it may be sent on to")
            }
            Event::InboxMissing { error } => f.write_str(&error.chain()),
            Event::RepeatDropped => f.write_str("a repeated message was dropped"),
            Event::ForeignUndeliverable => {
                f.write_str("a message of another system is for a user who is nowhere")
            }
            Event::ClassicTooLong => {
                f.write_str("a frame was too long for classic clients and was not written")
            }
            Event::HeadRemembered => f.write_str("a post failed; its conversation's head is told later"),
            Event::InboxWasDeaf { deaf } => write!(f, "nothing could be heard on the bus for {deaf:.1?}"),
            Event::CaughtUp { messages, sessions } => {
                write!(f, "{messages} messages read from the store for {sessions} sessions")
            }
            Event::MembersChanged { group, joined, left } => {
                write!(f, "group {group}: {joined} joined, {left} left")
            }
            Event::Defect { what } => write!(f, "a defect: {what}"),
        }
    }
}
