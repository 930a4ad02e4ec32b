//! Everything that can happen to a session, and everything that it can ask for: to read these two lists is to have read the session.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::time::Instant;
use wire::CloseCode;
use wire::classic::ClassicFrame;
use wire::error_code::Refusal;
use wire::frame::{ClientFrame, Unread};
use wire::id::{ClientId, ConversationId, Seq};

use super::codec::{Fault, Incoming};
use crate::parcel::Parcel;

/// Everything that can happen to a session.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something arrived on the socket: the client is alive.
    Heard,
    /// We have read nothing for so long, because a back end was slow: what comes at once now is not the client's haste.
    Excused(Duration),
    /// The client sent this.
    Incoming(Incoming),
    /// The client's bytes cannot be read on.
    Broken(Fault),
    /// The handshake, or `hello`, named the user: the claim is next.
    Admitted {
        /// When the token that was shown ends the session.
        expires: Option<Instant>,
    },
    /// Claim, interest and heads are known, and `welcome` can be written.
    Welcomed {
        /// The `welcome` frame.
        welcome: Bytes,
        /// What it names.
        unread: &'a [Unread],
    },
    /// The client holds messages up to here: its gaps are to be read, and then `hello` is answered.
    Resuming {
        /// What it holds, of conversations that it may read.
        have: &'a [(ConversationId, Seq)],
        /// The `hello`'s id.
        id: Option<ClientId>,
        /// See [`Event::Ready`].
        expires: Option<(Instant, u64)>,
    },
    /// `hello` is answered: everything asked for was pushed.
    Ready {
        /// The `hello`'s id.
        id: Option<ClientId>,
        /// When the session now ends; kept as it was where no token came.
        expires: Option<(Instant, u64)>,
    },
    /// A message that is kept.
    Kept(&'a Parcel),
    /// Something that is not kept.
    Unkept(&'a Parcel),
    /// The log of a conversation reaches up to here.
    Head(&'a ConversationId, Seq),
    /// From where to push a conversation: the answer to [`Effect::FindPosition`].
    Position(&'a ConversationId, Seq),
    /// A piece of a log: the answer to [`Effect::CatchUp`].
    Page(&'a CaughtUp),
    /// A conversation that the user may no longer read.
    Denied(&'a ConversationId),
    /// The user has become a member of a group whose log ends here.
    Joined(&'a ConversationId, Seq),
    /// The user is no longer a member.
    Left(&'a ConversationId),
    /// A conversation whose messages from `after` on must be fetched by the client.
    Behind(&'a ConversationId, Seq, Seq),
    /// This session's own send is kept, or was before.
    Receipt {
        /// The frame that says so.
        frame: Bytes,
        /// Where.
        conversation: &'a ConversationId,
        /// Its place there.
        seq: Seq,
    },
    /// The answer to a request.
    Answer(Bytes),
    /// A request was refused.
    Refused(Option<&'a ClientId>, &'a Refusal),
    /// The node ends the session.
    Evict(CloseCode),
    /// The send queue is full, or the socket takes nothing.
    Stalled,
    /// A deadline may have passed.
    Tick,
}

/// What is to be done about it.
#[derive(Debug)]
pub enum Effect {
    /// Put these bytes of the socket on the send queue.
    Push(Bytes),
    /// Work off this request, then go on reading.
    Work(ClientFrame),
    /// Work off this request of a classic client, then go on reading.
    ClassicSend(ClassicFrame),
    /// Read no more from the client for this long.
    Pause(Duration),
    /// Read the log above `after` and answer with [`Event::Page`], when the send queue is half empty.
    CatchUp(ConversationId, Seq),
    /// Ask from where to push, and answer with [`Event::Position`].
    FindPosition(ConversationId),
    /// Write what is queued, then end the socket. The last effect of a session.
    Close {
        /// Why, in the words of this program.
        code: CloseCode,
        /// True when the client began.
        by_client: bool,
    },
}

/// The effects of one event; seldom more than two.
pub type Effects = SmallVec<[Effect; 2]>;

/// A piece of a log, as one user may see it.
#[derive(Debug)]
pub struct CaughtUp {
    /// Which log.
    pub conversation: ConversationId,
    /// The messages above the position, ascending.
    pub parcels: Vec<Arc<Parcel>>,
    /// Where the log now begins for this user: what lies below is not missing.
    pub first: Seq,
    /// The highest seq.
    pub head: Seq,
    /// True when the log goes on above these.
    pub more: bool,
}
