//! What nodes say to each other: an envelope, as the JSON object that lies on the bus.
//!
//! The fields that the older Java service reads stand first; ours are under `tl`. A body without `tl` is some other system's.
//! What is decoded shares the bytes it came in.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::classic;
use crate::close::CloseCode;
use crate::id::{Boot, ClientId, ConversationId, GroupId, MessageId, Seq, SessionId, UserId};
use crate::json::{is_object, push_number, push_string};
use crate::message::{Message, Target};

/// The wire version that this build writes.
pub const VERSION: u32 = 1;
/// The oldest wire version that this build reads.
pub const VERSION_MIN: u32 = 1;

/// Something that one node tells another, or all.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The cluster that it belongs to (`ws.name`): two of them may share a broker.
    pub service: String,
    /// The boot that wrote it.
    pub origin: Boot,
    /// When, by the directory's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// How often it was sent on because the user was no longer here.
    pub hop: u8,
    /// What it says.
    pub body: Body,
}

/// What an envelope says.
#[derive(Debug, Clone)]
pub enum Body {
    /// A message to push.
    Message(Delivery),
    /// A frame to push that is not kept.
    Signal(Delivery),
    /// The log of a conversation reaches up to here: who lacks something reads it.
    Head(Head),
    /// Sessions of a user that were displaced.
    Evict(Eviction),
    /// Who has joined and left a group.
    Members(MembersChange),
}

/// A frame and who is to have it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The client frame, byte for byte as it is pushed.
    pub frame: Bytes,
    /// The sender's name of the send, which only the sender's own sessions are shown.
    pub id: Option<ClientId>,
    /// The users that it is for; empty when it is for a group.
    pub users: Vec<UserId>,
    /// The group that it is for.
    pub group: Option<GroupId>,
    /// The version of the group's members that it was sent under.
    pub version: Option<u64>,
}

/// See [`Body::Head`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which log; absent means any.
    pub conversation: Option<ConversationId>,
    /// Its highest seq that the teller knows.
    pub head: Seq,
}

/// See [`Body::Evict`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eviction {
    /// Whose.
    pub user: UserId,
    /// Which session.
    pub session: SessionId,
    /// The close code that it ends with, as a number.
    pub code: u16,
}

impl Eviction {
    /// The code that the session is to be closed with.
    pub fn close_code(&self) -> CloseCode {
        CloseCode::ALL.into_iter().find(|code| code.number() == self.code).unwrap_or(CloseCode::Replaced)
    }
}

/// See [`Body::Members`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersChange {
    /// Which group.
    pub group: GroupId,
    /// The version of its members from now on.
    pub version: u64,
    /// Who has joined.
    pub joined: Vec<UserId>,
    /// Who has left.
    pub left: Vec<UserId>,
}

/// Which road of the bus an envelope takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Messages to one user, which a Java node reads too.
    Single,
    /// Messages to everyone, which every Java node reads too.
    Group,
    /// Everything that no Java node should see.
    Control,
}

impl Envelope {
    /// The road that it takes: what a Java node can read, and should, goes where Java nodes read.
    /// They show what comes on [`Lane::Group`] to all their users, so nothing that is for some of them goes there.
    pub fn lane(&self) -> Lane {
        let (delivery, kept) = match &self.body {
            Body::Message(delivery) => (delivery, true),
            Body::Signal(delivery) => (delivery, false),
            Body::Head(_) | Body::Evict(_) | Body::Members(_) => return Lane::Control,
        };
        let Ok(message) = delivery.message() else { return Lane::Control };
        if !classic::is_java_readable(&message) {
            return Lane::Control;
        }
        let for_everybody = delivery.group.as_ref().is_some_and(GroupId::is_everyone);
        match &message.to {
            Target::User(_) if kept => Lane::Single,
            // A signal to everybody that names another group is a classic client's message, where v1 sessions see it as a signal.
            Target::Group(group) if for_everybody && (kept || !group.is_everyone()) => Lane::Group,
            Target::User(_) | Target::Group(_) => Lane::Control,
        }
    }

    /// The body as it lies on the bus.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(512);
        let for_java = match &self.body {
            Body::Message(delivery) => delivery.message().ok(),
            Body::Signal(delivery) if self.lane() == Lane::Group => delivery.message().ok(),
            _ => None,
        };
        match for_java {
            Some(message) => {
                classic::push_bus_fields(&mut out, &message);
                out.push(b',');
            }
            None => out.push(b'{'),
        }
        out.extend_from_slice(b"\"tl\":{\"v\":");
        push_number(&mut out, VERSION);
        out.extend_from_slice(b",\"service\":");
        push_string(&mut out, &self.service);
        out.extend_from_slice(b",\"kind\":\"");
        out.extend_from_slice(self.body.kind().as_bytes());
        out.extend_from_slice(b"\",\"origin\":\"");
        push_number(&mut out, &self.origin);
        out.extend_from_slice(b"\",\"at\":");
        push_number(&mut out, self.at_ms);
        out.extend_from_slice(b",\"hop\":");
        push_number(&mut out, self.hop);
        self.body.push_fields(&mut out);
        out.extend_from_slice(b"}}");
        Bytes::from(out)
    }

    /// What an accepted message looks like to a service that keeps messages itself: as on the bus, without `frame`.
    pub fn encode_copy(&self) -> Option<Bytes> {
        let Body::Message(delivery) = &self.body else { return None };
        let bare = Delivery { frame: Bytes::new(), ..delivery.clone() };
        let message = delivery.message().ok()?;
        let mut out = Vec::with_capacity(512);
        classic::push_bus_fields(&mut out, &message);
        out.extend_from_slice(b",\"tl\":{\"v\":");
        push_number(&mut out, VERSION);
        out.extend_from_slice(b",\"service\":");
        push_string(&mut out, &self.service);
        out.extend_from_slice(b",\"kind\":\"message\",\"origin\":\"");
        push_number(&mut out, &self.origin);
        out.extend_from_slice(b"\",\"at\":");
        push_number(&mut out, self.at_ms);
        out.extend_from_slice(b",\"hop\":0,\"message_id\":\"");
        push_number(&mut out, message.message_id);
        out.push(b'"');
        if let Some(conversation) = &message.conversation {
            out.extend_from_slice(b",\"conversation\":");
            push_string(&mut out, conversation.as_str());
        }
        if let Some(seq) = message.seq {
            out.extend_from_slice(b",\"seq\":");
            push_number(&mut out, seq);
        }
        bare.push_fields(&mut out);
        out.extend_from_slice(b"}}");
        Some(Bytes::from(out))
    }

    /// Reads a body from the bus. `service` is ours; what belongs to another is named so.
    pub fn decode(body: &Bytes, service: &str) -> Result<Arrival, BadEnvelope> {
        let text = str::from_utf8(body).ok().filter(|text| is_object(text)).ok_or(BadEnvelope::Malformed)?;
        let outer: Outer<'_> = serde_json::from_str(text).map_err(|_| BadEnvelope::Malformed)?;
        let Some(tl) = outer.tl else { return outer.foreign().map(Arrival::Foreign) };
        if !is_object(tl.get()) {
            return Err(BadEnvelope::Malformed);
        }
        let fixed: Fixed = serde_json::from_str(tl.get()).map_err(|_| BadEnvelope::Malformed)?;
        if fixed.service != service {
            return Err(BadEnvelope::OtherService);
        }
        if !(VERSION_MIN..=VERSION).contains(&fixed.v) {
            return Err(BadEnvelope::UnknownVersion { version: fixed.v });
        }
        let body = Body::decode(&fixed.kind, tl.get(), body)?;
        Ok(Arrival::Ours(Envelope {
            service: fixed.service,
            origin: fixed.origin,
            at_ms: fixed.at,
            hop: fixed.hop,
            body,
        }))
    }
}

/// What a body from the bus turned out to be.
#[derive(Debug)]
pub enum Arrival {
    /// An envelope of this cluster.
    Ours(Envelope),
    /// Some other system's message.
    Foreign(Foreign),
}

/// A message of some other system: the Java fields, nothing under `tl`.
#[derive(Debug)]
pub struct Foreign {
    /// The sender, where it names one.
    pub from: Option<UserId>,
    /// The user of a direct message, or the group, as it was written.
    pub to: Option<String>,
    /// What, where there is something.
    pub content: Option<Box<RawValue>>,
    /// When, in milliseconds since 1970, where it says so.
    pub time_ms: Option<u64>,
}

/// Why a body from the bus is dropped. Each is counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEnvelope {
    /// Another cluster's, on the same broker.
    #[error("another service's envelope")]
    OtherService,
    /// Written by a node that is too new or too old.
    #[error("wire version {version} is not known")]
    UnknownVersion {
        /// The version it says.
        version: u32,
    },
    /// Nothing that this build knows.
    #[error("an unknown kind of envelope")]
    UnknownKind,
    /// Not an envelope.
    #[error("not an envelope")]
    Malformed,
}

impl Body {
    /// The word under `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Body::Message(_) => "message",
            Body::Signal(_) => "signal",
            Body::Head(_) => "head",
            Body::Evict(_) => "evict",
            Body::Members(_) => "members",
        }
    }

    fn push_fields(&self, out: &mut Vec<u8>) {
        match self {
            Body::Message(delivery) | Body::Signal(delivery) => delivery.push_fields(out),
            Body::Head(head) => push_object_fields(out, head),
            Body::Evict(eviction) => push_object_fields(out, eviction),
            Body::Members(change) => push_object_fields(out, change),
        }
    }

    fn decode(kind: &str, tl: &str, whole: &Bytes) -> Result<Body, BadEnvelope> {
        fn typed<'a, T: Deserialize<'a>>(tl: &'a str) -> Result<T, BadEnvelope> {
            serde_json::from_str(tl).map_err(|_| BadEnvelope::Malformed)
        }
        Ok(match kind {
            "message" => Body::Message(Delivery::decode(tl, whole)?),
            "signal" => Body::Signal(Delivery::decode(tl, whole)?),
            "head" => Body::Head(typed(tl)?),
            "evict" => Body::Evict(typed(tl)?),
            "members" => Body::Members(typed(tl)?),
            _ => return Err(BadEnvelope::UnknownKind),
        })
    }
}

impl Delivery {
    /// The message that the frame shows, with the sender's `id`.
    pub fn message(&self) -> Result<Message, BadEnvelope> {
        let message =
            Message::parse(&self.frame, MessageId::mint(0, 0)).map_err(|_| BadEnvelope::Malformed)?;
        Ok(Message { id: self.id.clone().or(message.id), ..message })
    }

    fn push_fields(&self, out: &mut Vec<u8>) {
        if let Some(id) = &self.id {
            out.extend_from_slice(b",\"id\":");
            push_string(out, id.as_str());
        }
        out.extend_from_slice(b",\"users\":[");
        for (idx, user) in self.users.iter().enumerate() {
            if idx > 0 {
                out.push(b',');
            }
            push_string(out, user.as_str());
        }
        out.push(b']');
        if let Some(group) = &self.group {
            out.extend_from_slice(b",\"group\":");
            push_string(out, group.as_str());
        }
        if let Some(version) = self.version {
            out.extend_from_slice(b",\"version\":");
            push_number(out, version);
        }
        if !self.frame.is_empty() {
            out.extend_from_slice(b",\"frame\":");
            out.extend_from_slice(&self.frame);
        }
    }

    fn decode(tl: &str, whole: &Bytes) -> Result<Delivery, BadEnvelope> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            id: Option<ClientId>,
            #[serde(default)]
            users: Vec<UserId>,
            group: Option<GroupId>,
            version: Option<u64>,
            #[serde(borrow)]
            frame: &'a RawValue,
        }
        let fields: Fields<'_> = serde_json::from_str(tl).map_err(|_| BadEnvelope::Malformed)?;
        let frame = fields.frame.get();
        if !is_object(frame) {
            return Err(BadEnvelope::Malformed);
        }
        Ok(Delivery {
            frame: whole.slice_ref(frame.as_bytes()),
            id: fields.id,
            users: fields.users,
            group: fields.group,
            version: fields.version,
        })
    }
}

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    tl: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    from: Option<&'a RawValue>,
    #[serde(borrow)]
    to: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Fixed {
    v: u32,
    service: String,
    kind: String,
    origin: Boot,
    at: u64,
    #[serde(default)]
    hop: u8,
}

impl Outer<'_> {
    fn foreign(&self) -> Result<Foreign, BadEnvelope> {
        let from = self.from.and_then(id_text).and_then(|id| id.parse().ok());
        let content = self.content.filter(|content| content.get() != "null");
        if content.is_some_and(|content| crate::json::check_carried(content, FOREIGN_DEPTH_MAX).is_err()) {
            return Err(BadEnvelope::Malformed);
        }
        Ok(Foreign {
            from,
            to: self.to.and_then(id_text),
            content: content.map(ToOwned::to_owned),
            time_ms: self.time.and_then(|time| time.get().parse().ok()),
        })
    }
}

/// As deep as a client may nest by default: what is pushed to clients is no deeper, whoever sent it.
const FOREIGN_DEPTH_MAX: usize = 16;

fn id_text(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    if text.starts_with('"') {
        return serde_json::from_str(text).ok();
    }
    text.starts_with(|first: char| first.is_ascii_digit() || first == '-').then(|| text.to_owned())
}

fn push_object_fields(out: &mut Vec<u8>, object: &impl Serialize) {
    // The bodies are structs of ids, numbers and lists of them, which always serialize, to a non-empty object.
    let Ok(fields) = serde_json::to_vec(object) else { return };
    out.push(b',');
    out.extend_from_slice(fields.get(1..fields.len().saturating_sub(1)).unwrap_or_default());
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
