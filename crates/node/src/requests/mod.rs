//! What a client may ask for, and what it is told. One request of a session at a time, in the order in which they came.

mod groups;
mod hello;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ports::Store;
use ports::store::{PageQuery, Reader};
use serde_json::value::RawValue;
use tokio::time::Instant;
use wire::classic::ClassicFrame;
use wire::error_code::Refusal;
use wire::frame::{self, ClientFrame};
use wire::id::{ClientId, ConversationId, GroupId, Seq, SessionId, UserId};
use wire::limits::{CONVERSATIONS_ITEMS_MAX, TOLD_MEMBERS_MAX};
use wire::{ErrorCode, Target};

use crate::arrive::Arriving;
use crate::config::Config;
use crate::dispatch::{Accepted, Dispatch, Send, Whom};
use crate::events::{Event as Told, Events};
use crate::groups::Groups;
use crate::session::event::Event;
use crate::session::{Request, Requests, Session};

/// Works off requests, of sessions and of the HTTP interface alike. Clones are the same desk.
#[derive(Clone)]
pub struct Desk {
    /// What the node is told.
    pub config: Arc<Config>,
    /// The store, where something is kept.
    pub store: Option<Arc<dyn Store>>,
    /// Sending.
    pub dispatch: Arc<Dispatch>,
    /// The groups here.
    pub groups: Arc<Groups>,
    /// Logging in.
    pub arriving: Arc<Arriving>,
    /// The voice.
    pub events: Events,
}

#[async_trait]
impl Requests for Desk {
    async fn perform(&self, session: &Arc<Session>, request: Request) {
        match request {
            Request::V1(frame) => {
                let id = frame.id().cloned();
                if let Err(refusal) = self.v1(session, frame).await {
                    session.apply(Event::Refused(id.as_ref(), &refusal), Instant::now());
                }
            }
            Request::Classic(frame) => {
                if let Err(refusal) = Box::pin(self.classic(session, frame)).await {
                    session.apply(Event::Refused(None, &refusal), Instant::now());
                }
            }
        }
    }
}

impl Desk {
    async fn v1(&self, session: &Arc<Session>, frame: ClientFrame) -> Result<(), Refusal> {
        match frame {
            ClientFrame::Send { id, to, content } => self.send(session, id, to, content).await,
            // Boxed, so that a send does not carry the room for everything else.
            other => Box::pin(self.anything_else(session, other)).await,
        }
    }

    async fn anything_else(&self, session: &Arc<Session>, frame: ClientFrame) -> Result<(), Refusal> {
        match frame {
            // Answered by `v1`, or by the session itself.
            ClientFrame::Send { .. } | ClientFrame::Ping { .. } => Ok(()),
            ClientFrame::Signal { to, content, .. } => {
                let version = self.may_signal(session, &to).await?;
                let (from, origin) = (&session.user, Some(session.id));
                self.dispatch.signal(from, to, content.into(), origin, version).await;
                Ok(())
            }
            ClientFrame::Read { conversation, seq, .. } => match &self.store {
                Some(store) => self.read(&**store, &session.user, Some(session.id), &conversation, seq).await,
                None => Ok(()),
            },
            ClientFrame::Conversations { id, limit, next } => {
                let items = limit.min(CONVERSATIONS_ITEMS_MAX);
                let answer = self.conversations(&session.user, id.as_ref(), items, next.as_deref()).await?;
                session.apply(Event::Answer(answer), Instant::now());
                Ok(())
            }
            ClientFrame::History { id, conversation, range, limit } => {
                let query = PageQuery {
                    conversation,
                    reader: Reader::User(session.user.clone()),
                    range,
                    items_max: limit,
                    bytes_max: self.config.limits.page_bytes_max,
                };
                let answer = self.page(query, id.as_ref()).await?;
                session.apply(Event::Answer(answer), Instant::now());
                Ok(())
            }
            ClientFrame::Join { id, group } => self.join(session, id.as_ref(), &group).await,
            ClientFrame::Leave { id, group } => self.leave(session, id.as_ref(), &group).await,
            ClientFrame::Hello { id, token, epoch, have } => {
                self.hello(session, id, token, epoch, have).await
            }
        }
    }

    async fn send(
        &self,
        session: &Arc<Session>,
        id: ClientId,
        to: Target,
        content: Box<RawValue>,
    ) -> Result<(), Refusal> {
        self.may_send_to_everyone(&to)?;
        let send = Send {
            from: session.user.clone(),
            id: id.clone(),
            to,
            content: content.into(),
            listed: false,
            members_only: true,
        };
        // A kept message's receipt was given by the time this returns.
        if let Accepted::Unkept { message_id, time_ms, reach, .. } =
            self.dispatch.send(send, Some(session.clone())).await?
        {
            session.apply(Event::Answer(frame::sent(&id, message_id, time_ms, reach)), Instant::now());
        }
        Ok(())
    }

    fn may_send_to_everyone(&self, to: &Target) -> Result<(), Refusal> {
        let everyone = matches!(to, Target::Group(group) if group.is_everyone());
        if everyone && !self.config.everyone_from_clients {
            return Err(Refusal::new(ErrorCode::Forbidden, "clients may not send to everyone here"));
        }
        Ok(())
    }

    /// A signal to a group needs membership too; gives the version that it is sent under.
    async fn may_signal(&self, session: &Arc<Session>, to: &Target) -> Result<Option<u64>, Refusal> {
        self.may_send_to_everyone(to)?;
        let Target::Group(group) = to else { return Ok(None) };
        if group.is_everyone() {
            return Ok(None);
        }
        let Some(store) = &self.store else {
            let entered = self.groups.has_entered(group, session.id);
            let refusal = || Refusal::new(ErrorCode::Forbidden, "join the group first");
            return if entered { Ok(None) } else { Err(refusal()) };
        };
        let rosters = store.rosters(std::slice::from_ref(group)).await.map_err(|error| self.port(error))?;
        let roster = rosters.into_iter().flatten().next();
        let roster = roster.ok_or_else(|| Refusal::new(ErrorCode::NotFound, "there is no such group"))?;
        if !roster.members.contains_key(&session.user) {
            return Err(Refusal::new(ErrorCode::Forbidden, "not a member"));
        }
        Ok(Some(roster.version))
    }

    /// A person has seen up to `seq`: kept, and shown to whom it concerns.
    pub async fn read(
        &self,
        store: &dyn Store,
        user: &UserId,
        origin: Option<SessionId>,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<(), Refusal> {
        let moved = store.mark_read(user, conversation, seq).await;
        let Some(seq) = moved.map_err(|error| self.dispatch.refusal(error))? else { return Ok(()) };
        let frame = frame::read(conversation, user, seq);
        let key = conversation.shared();
        match (conversation.users(), conversation.group_id()) {
            (Some((one, other)), _) => {
                let users = Whom::users([one, other]).users;
                self.dispatch.notice(frame, key, users, None, origin).await;
            }
            (None, Some(group)) => {
                let told = self.told_group(store, &group).await?;
                match told {
                    Some(version) => {
                        self.dispatch
                            .notice(frame, key, Vec::new(), Some((group, Some(version))), origin)
                            .await;
                    }
                    None => self.dispatch.notice(frame, key, vec![user.clone()], None, origin).await,
                }
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// The version of a group that is small enough for its members to be told such things.
    async fn told_group(&self, store: &dyn Store, group: &GroupId) -> Result<Option<u64>, Refusal> {
        if group.is_everyone() {
            return Ok(None);
        }
        let rosters = store.rosters(std::slice::from_ref(group)).await.map_err(|error| self.port(error))?;
        let small = rosters.into_iter().flatten().find(|roster| roster.members.len() <= TOLD_MEMBERS_MAX);
        Ok(small.map(|roster| roster.version))
    }

    async fn classic(&self, session: &Arc<Session>, frame: ClassicFrame) -> Result<(), Refusal> {
        let content: Arc<RawValue> = frame.content.into();
        match frame.to {
            Target::Group(group) if !self.config.classic.group_members => {
                self.may_send_to_everyone(&Target::Group(GroupId::everyone()))?;
                self.dispatch.to_everybody(&session.user, group, content).await
            }
            to => {
                let echoed = matches!(to, Target::Group(_));
                let send = Send {
                    from: session.user.clone(),
                    id: self.arriving.client_id(),
                    to,
                    content,
                    listed: false,
                    members_only: true,
                };
                // A classic client gets no receipt, but its own group message, like everybody.
                let origin = (!echoed).then(|| session.clone());
                self.dispatch.send(send, origin).await.map(|_accepted| ())
            }
        }
    }

    /// The store, or the refusal that says that there is none.
    pub fn store(&self) -> Result<&dyn Store, Refusal> {
        let refusal = || Refusal::new(ErrorCode::NoStore, "this cluster keeps nothing (store: none)");
        self.store.as_deref().ok_or_else(refusal)
    }

    /// What a caller is told of a back end's outage.
    pub fn port(&self, error: ports::PortError) -> Refusal {
        self.dispatch.refusal(error.into())
    }

    fn defect(&self, what: &'static str) -> Refusal {
        self.events.tell(Told::Defect { what });
        Refusal::retry_after(ErrorCode::Internal, "something went wrong here", Duration::from_secs(1))
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("keeps", &self.store.is_some()).finish_non_exhaustive()
    }
}
