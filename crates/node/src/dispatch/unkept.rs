//! Sending where nothing is kept: the answer is what the directory and the bus say. Never silence.
//!
//! Signals, which are never kept, and the messages of classic groups and other systems take the same road without an answer.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wire::envelope::Body;
use wire::error_code::Refusal;
use wire::frame::Reach;
use wire::id::{ConversationId, GroupId, SessionId, UserId};
use wire::{ErrorCode, Message, Target};

use super::kept::port_refusal;
use super::remote::Told as RemoteTold;
use super::{Accepted, Dispatch, Outgoing, Send, Sent, Whom, audience, delivery};
use crate::arrivals::{Arrived, Audience};
use crate::events::Event as Told;
use crate::parcel::Parcel;
use crate::session::Session;

impl Dispatch {
    /// Passes a message on to whoever is there, and says how far it came.
    pub(super) async fn pass_on(
        self: &Arc<Self>,
        send: Send,
        origin: Option<Arc<Session>>,
    ) -> Result<Accepted, Refusal> {
        let listed = match &send.to {
            Target::User(user) if send.listed => Some(user),
            _ => None,
        };
        let name = self.repeats.name(&send.from, &send.id, listed);
        if let Some(Sent { message_id, time_ms, reach }) = self.repeats.answer(name) {
            return Ok(Accepted::Unkept { message_id, time_ms, reach, fresh: false });
        }
        if let (Target::Group(group), true, Some(origin)) = (&send.to, send.members_only, &origin)
            && !group.is_everyone()
            && !self.groups.has_entered(group, origin.id)
        {
            return Err(Refusal::new(ErrorCode::Forbidden, "join the group first"));
        }
        let message = Message {
            conversation: Some(send.to.conversation(&send.from)),
            seq: None,
            message_id: self.ambient.message_id(),
            from: Some(send.from.clone()),
            to: send.to.clone(),
            content: send.content,
            time_ms: self.ambient.clock.unix_ms(),
            id: Some(send.id.clone()),
        };
        let (message_id, time_ms) = (message.message_id, message.time_ms);
        let reach = self.push_unkept(message, origin.as_deref().map(|session| session.id)).await?;
        self.events.tell(Told::MessageAccepted { fresh: true });
        self.repeats.remember(name, Sent { message_id, time_ms, reach }, Instant::now());
        Ok(Accepted::Unkept { message_id, time_ms, reach, fresh: true })
    }

    async fn push_unkept(
        self: &Arc<Self>,
        message: Message,
        origin: Option<SessionId>,
    ) -> Result<Reach, Refusal> {
        let Some(from) = message.from.clone() else { return Ok(Reach::Nobody) };
        let (to, id) = (message.to.clone(), message.id.clone());
        let key = message.conversation.as_ref().map_or_else(|| from.as_str().into(), ConversationId::shared);
        let frame = message.frame();
        let here = match &to {
            Target::User(user) => self.others_here(user, origin),
            Target::Group(_) => 0,
        };
        let body = Body::Message(delivery(frame.clone(), id, &to, None));
        let stepped = self.show_once(message, frame, audience(&from, &to, None), origin);
        let here = if matches!(to, Target::User(_)) { here } else { stepped };
        let whom = self.whom(&from, &to);
        let (copied_key, copied) = (key.clone(), body.clone());
        let outgoing = Outgoing { key, whom, body, answer: None, hop: 0 };
        let reach = match here {
            0 => self.reach_elsewhere(&from, &to, outgoing).await?,
            // It is delivered, whatever becomes of it elsewhere: nobody has to wait for that.
            _ => {
                self.send_on(outgoing).await;
                Reach::Delivered
            }
        };
        // Accepted: where messages are kept outside, nobody is told so before it lies there. A repeat after a failure is shown to nobody twice.
        self.copy_unkept(copied_key, copied).await?;
        Ok(reach)
    }

    /// Sends to the other nodes, and waits for how far it came there.
    async fn reach_elsewhere(
        &self,
        from: &UserId,
        to: &Target,
        outgoing: Outgoing,
    ) -> Result<Reach, Refusal> {
        let (answer, told) = oneshot::channel();
        self.send_on(Outgoing { answer: Some(answer), ..outgoing }).await;
        reach(from, to, told.await.unwrap_or(RemoteTold::Stopped))
    }

    async fn copy_unkept(&self, key: Arc<str>, body: Body) -> Result<(), Refusal> {
        self.post.copy(key, body).await.map_err(|error| {
            self.events.tell(Told::PortFailed { error: &error });
            port_refusal(&error)
        })
    }

    /// Live sessions of a user on this node besides the one that sends.
    fn others_here(&self, user: &UserId, origin: Option<SessionId>) -> usize {
        self.hub.of_user(user).iter().filter(|session| Some(session.id) != origin).count()
    }

    /// Shows a message that is not kept to the sessions here that it concerns, unless it was shown to somebody here before. Returns to how many.
    pub fn show_once(
        &self,
        message: Message,
        frame: bytes::Bytes,
        audience: Audience,
        except: Option<SessionId>,
    ) -> usize {
        let shown = message.from.as_ref().zip(message.id.as_ref()).map(|(from, id)| {
            let user = match &message.to {
                Target::User(user) => Some(user),
                Target::Group(_) => None,
            };
            self.shown.name(from, id, user)
        });
        if shown.is_some_and(|name| self.shown.answer(name).is_some()) {
            self.events.tell(Told::RepeatDropped);
            return 0;
        }
        let parcel = Arc::new(Parcel::encoded(frame, message, true));
        let stepped = self.arrivals.bring(Arrived { parcel, audience, except, unkept: true });
        if let Some(name) = shown.filter(|_| stepped > 0) {
            self.shown.remember(name, (), Instant::now());
        }
        stepped
    }

    /// Sends a signal: pushed to whoever is connected, and nothing else.
    pub async fn signal(
        self: &Arc<Self>,
        from: &UserId,
        to: Target,
        content: Arc<RawValue>,
        origin: Option<SessionId>,
        version: Option<u64>,
    ) {
        let message = self.unnamed(Some(from.clone()), to.clone(), content, self.ambient.clock.unix_ms());
        let frame = message.signal_frame();
        let key = to.conversation(from).shared();
        let body = Body::Signal(delivery(frame.clone(), None, &to, version));
        let parcel = Arc::new(Parcel::encoded(frame, message, false));
        let audience = audience(from, &to, version);
        self.arrivals.bring(Arrived { parcel, audience, except: origin, unkept: true });
        let whom = self.whom(from, &to);
        self.send_on(Outgoing { key, whom, body, answer: None, hop: 0 }).await;
    }

    /// Shows a frame, as `read` or `members`, to users or to a group, on every node that it concerns.
    /// With a group, `users` are those who have just joined it: their nodes may not be interested in it yet.
    pub async fn notice(
        self: &Arc<Self>,
        frame: bytes::Bytes,
        key: Arc<str>,
        users: Vec<UserId>,
        group: Option<(GroupId, Option<u64>)>,
        except: Option<SessionId>,
    ) {
        let parcel = Arc::new(Parcel::notice(frame.clone()));
        let (audience, whom, to_group) = match group {
            Some((group, version)) => {
                let (users, everyone) = (users.clone(), self.broadcasts);
                let whom = Whom { users, group: Some(group.clone()), everyone };
                (Audience::Group(group.clone(), version), whom, Some((group, version)))
            }
            None => {
                let whom = Whom { users: users.clone(), ..Whom::default() };
                (Audience::Users(users.clone()), whom, None)
            }
        };
        self.arrivals.bring(Arrived { parcel, audience, except, unkept: true });
        let (group, version) = to_group.map_or((None, None), |(group, version)| (Some(group), version));
        let body = Body::Signal(wire::envelope::Delivery { frame, id: None, users, group, version });
        self.send_on(Outgoing { key, whom, body, answer: None, hop: 0 }).await;
    }

    /// A classic group message: to everybody on every node, kept nowhere. With a store, v1 sessions see a signal.
    pub async fn to_everybody(
        self: &Arc<Self>,
        from: &UserId,
        group: GroupId,
        content: Arc<RawValue>,
    ) -> Result<(), Refusal> {
        let to = Target::Group(group);
        let message = self.unnamed(Some(from.clone()), to.clone(), content, self.ambient.clock.unix_ms());
        let keeps = self.store.is_some();
        let frame = if keeps { message.signal_frame() } else { message.frame() };
        let everyone = Some(GroupId::everyone());
        let delivery = wire::envelope::Delivery {
            frame: frame.clone(),
            id: None,
            users: Vec::new(),
            group: everyone,
            version: None,
        };
        let body = if keeps { Body::Signal(delivery.clone()) } else { Body::Message(delivery.clone()) };
        let key = to.conversation(from).shared();
        // A copy is of what was said, whatever it is shown as.
        let copied = wire::envelope::Delivery { frame: message.frame(), ..delivery };
        self.copy_unkept(key.clone(), Body::Message(copied)).await?;
        let parcel = Arc::new(Parcel::encoded(frame, message, true));
        self.arrivals.bring(Arrived { parcel, audience: Audience::Everyone, except: None, unkept: true });
        let whom = Whom::everyone();
        self.send_on(Outgoing { key, whom, body, answer: None, hop: 0 }).await;
        Ok(())
    }

    /// A message without a name of the sender's for it.
    pub fn unnamed(&self, from: Option<UserId>, to: Target, content: Arc<RawValue>, time_ms: u64) -> Message {
        let conversation = from.as_ref().map(|from| to.conversation(from));
        Message {
            conversation,
            seq: None,
            message_id: self.ambient.message_id(),
            from,
            to,
            content,
            time_ms,
            id: None,
        }
    }
}

/// How far a message came that reached nobody here, or why not.
fn reach(from: &UserId, to: &Target, told: RemoteTold) -> Result<Reach, Refusal> {
    match (told, to) {
        (RemoteTold::Posted, _) => Ok(Reach::Posted),
        (RemoteTold::NobodyThere, Target::User(user)) if user == from => Ok(Reach::Nobody),
        (RemoteTold::NobodyThere, Target::User(_)) => {
            Err(Refusal::new(ErrorCode::Offline, "the user has no live session"))
        }
        (RemoteTold::NobodyThere, Target::Group(_)) => Ok(Reach::Nobody),
        (RemoteTold::Failed(error), _) => Err(port_refusal(&error)),
        (RemoteTold::Stopped, _) => Err(Refusal::new(ErrorCode::Draining, "the node is leaving")),
    }
}
