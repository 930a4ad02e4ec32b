//! One thing that was seen while a cluster was under test; everything that the judge knows.
//!
//! Ids are plain text, so that whoever looks at a cluster from the outside can write facts as well as a simulator inside of it.
//! Facts are written by the workload, by whoever breaks things, and at the end by whoever reads the store; never by what is tested.

use serde::{Deserialize, Serialize};

/// A fact and when it was seen: microseconds on one clock that never goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at_us: u64,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the fields are the words of the protocol; what is not is said at the variant"
)]
pub enum Fact {
    /// A sender is about to send. The first `attempt` of an `id` is 1; the same `id` again is the next one.
    Try { user: String, session: String, id: String, conversation: String, attempt: u32 },
    /// The answer that it is kept, in the session that tried.
    Receipt { user: String, session: String, id: String, conversation: String, seq: u64, message_id: String },
    /// The answer that it is not; `code` as on the wire. With a `code` that invites to try again it may be kept all the same.
    Refused { user: String, session: String, id: String, code: String },
    /// No answer: the sender's patience ended, or its socket. It may be kept or not.
    Unknown { user: String, session: String, id: String },
    /// A `message` frame has reached a client.
    ///
    /// `from` and `id` are read from the *content* ([`Payload::seen`](super::Payload::seen)), and so is `intact`,
    /// which must be false too where the frame's own `from` is another one.
    Push {
        user: String,
        session: String,
        conversation: String,
        seq: u64,
        message_id: String,
        from: String,
        id: String,
        intact: bool,
    },
    /// A client has read a message from a page of history; fields as of a push.
    Fetched {
        user: String,
        session: String,
        conversation: String,
        seq: u64,
        message_id: String,
        from: String,
        id: String,
        intact: bool,
    },
    /// The node has told a client that it pushes nothing above `after` up to `head`.
    Behind { user: String, session: String, conversation: String, after: u64, head: u64 },
    /// A client is about to say that its person has read up to `seq`.
    Read { user: String, conversation: String, seq: u64 },
    /// A client is about to connect. Each of these is followed by [`Fact::Opened`] or [`Fact::InVain`].
    Arriving { user: String, device: String },
    /// A client has given up, or was turned away, before it heard `welcome`.
    InVain { user: String, device: String, waited_ms: u64 },
    /// A client has heard `welcome`.
    Opened { user: String, session: String, device: String, node: Option<String>, resumed: bool },
    /// A client's session is over: the `code` of the Close frame, or 1006 where there was none. Also when the client itself went.
    Closed { user: String, session: String, code: u16 },
    /// A client will not read for a while, on purpose: nobody waits for what this session is owed.
    Deaf { user: String, session: String },
    /// After the last fault this user's client has resumed, has fetched what it was told to fetch, and nothing more comes.
    CaughtUp { user: String },
    /// Somebody is about to make a user a member. May be left out where the group is at rest, as before the first message.
    Joining { group: String, user: String },
    /// It is answered: the user is a member from here on.
    Joined { group: String, user: String },
    /// Somebody is about to end a membership.
    Leaving { group: String, user: String },
    /// It is answered: the user is no member from here on.
    Left { group: String, user: String },
    /// One row of the store, read at the end; `from` and `id` are what the row itself says.
    Kept { conversation: String, seq: u64, from: String, id: String, message_id: String },
    /// A fault is about to begin, or is undone. The first word of `name` is its kind, the rest its target: `kill node-2`.
    Fault { name: String, phase: Phase },
    /// What a node or a seam said of itself, for the rules of non-vacuity alone: `event` happened `amount` times.
    Said { node: String, event: String, amount: u64 },
}

/// Which end of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Begin,
    /// It is undone, and whatever was broken answers again.
    End,
}
