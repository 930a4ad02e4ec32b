//! One frame for many sessions: encoded once in each form that somebody needs, WebSocket header included, and shared.

use std::sync::OnceLock;

use bytes::Bytes;
use wire::id::{ConversationId, Seq, UserId};
use wire::limits::FRAME_BYTES_MAX;
use wire::{Message, classic, message};

use crate::session::codec::text_frame;

/// A message, or another frame that is pushed to several sessions.
#[derive(Debug)]
pub struct Parcel {
    message: Option<Message>,
    payload: Bytes,
    /// A message that a classic client is shown: everything but what only v1 clients say to each other.
    for_classic: bool,
    v1: OnceLock<Bytes>,
    own: OnceLock<Bytes>,
    classic: OnceLock<Option<Bytes>>,
}

impl Parcel {
    /// A message that was encoded here.
    pub fn message(message: Message) -> Parcel {
        Parcel::encoded(message.frame(), message, true)
    }

    /// A message whose frame came encoded, or a signal that carries one. `for_classic` as the field says.
    pub fn encoded(frame: Bytes, message: Message, for_classic: bool) -> Parcel {
        Parcel { message: Some(message), for_classic, ..Parcel::notice(frame) }
    }

    /// A frame that is no message: a signal, `read`, `members`.
    pub fn notice(frame: Bytes) -> Parcel {
        Parcel {
            message: None,
            payload: frame,
            for_classic: false,
            v1: OnceLock::new(),
            own: OnceLock::new(),
            classic: OnceLock::new(),
        }
    }

    /// Where it was said.
    pub fn conversation(&self) -> Option<&ConversationId> {
        self.message.as_ref()?.conversation.as_ref()
    }

    /// Its place there.
    pub fn seq(&self) -> Option<Seq> {
        self.message.as_ref()?.seq
    }

    /// Who said it.
    pub fn from(&self) -> Option<&UserId> {
        self.message.as_ref()?.from.as_ref()
    }

    /// The message, where it is one.
    pub fn as_message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// The JSON text of the frame, as other nodes push it too.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The socket's bytes for a session of `reader` that speaks v1.
    pub fn v1_for(&self, reader: &UserId) -> &Bytes {
        let id = self.message.as_ref().filter(|message| message.from.as_ref() == Some(reader));
        match id.and_then(|message| message.id.as_ref()) {
            Some(id) => self.own.get_or_init(|| text_frame(&message::with_id(&self.payload, id))),
            None => self.v1.get_or_init(|| text_frame(&self.payload)),
        }
    }

    /// The socket's bytes for a classic session; `None` when it is not shown there, or would be too long for it.
    pub fn classic(&self) -> Option<&Bytes> {
        let form = || {
            let message = self.message.as_ref().filter(|_| self.for_classic)?;
            let frame = classic::frame(message);
            (frame.len() <= FRAME_BYTES_MAX).then(|| text_frame(&frame))
        };
        self.classic.get_or_init(form).as_ref()
    }
}
