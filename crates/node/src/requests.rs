//! What a client may ask for, and what it is told. One request of a session at a time, in the order in which they came.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ports::Store;
use ports::store::{ConversationSummary, Denied, PageQuery, Reader, RosterChange, StoreError};
use serde_json::value::RawValue;
use tokio::time::Instant;
use wire::classic::ClassicFrame;
use wire::envelope::{Body, MembersChange};
use wire::error_code::Refusal;
use wire::frame::{self, ClientFrame, ConversationLine};
use wire::id::{ClientId, ConversationId, Epoch, GroupId, Seq, SessionId, UserId};
use wire::limits::{CONVERSATIONS_ITEMS_MAX, TOLD_MEMBERS_MAX};
use wire::{ErrorCode, Target};

use crate::admission::auth::Auth;
use crate::arrive::Arriving;
use crate::config::Config;
use crate::dispatch::{Accepted, Dispatch, Outgoing, Send, Whom, denied_refusal};
use crate::events::{Event as Told, Events};
use crate::groups::Groups;
use crate::session::machine::{Event, Phase};
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
                if let Err(refusal) = self.classic(session, frame).await {
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
            // Answered by the session itself.
            ClientFrame::Ping { .. } => Ok(()),
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

    /// One page of a user's conversations, as a frame.
    pub async fn conversations(
        &self,
        user: &UserId,
        id: Option<&ClientId>,
        items_max: usize,
        next: Option<&str>,
    ) -> Result<bytes::Bytes, Refusal> {
        let store = self.store()?;
        let page = store.conversations(user, items_max, next).await;
        let page = page.map_err(|error| match error {
            StoreError::Denied(Denied::Unacceptable) => {
                Refusal::new(ErrorCode::BadField, "next: must be the `next` of an earlier answer")
            }
            error => self.dispatch.refusal(error),
        })?;
        let lasts: Vec<Option<Box<RawValue>>> =
            page.items.iter().map(|item| last_frame(item, user)).collect();
        let lines: Vec<ConversationLine<'_>> = page
            .items
            .iter()
            .zip(&lasts)
            .map(|(item, last)| ConversationLine {
                conversation: &item.conversation,
                head: item.head,
                unread: item.unread,
                read: item.read,
                last: last.as_deref(),
            })
            .collect();
        let fitting = fitting(&lines, self.config.limits.page_bytes_max);
        if fitting == lines.len() {
            return Ok(frame::conversations(id, &lines, page.next.as_deref()));
        }
        // Too long for one frame: the same question for fewer has a `next` that fits.
        Box::pin(self.conversations(user, id, fitting, next)).await
    }

    /// A piece of a log, as a frame.
    pub async fn page(&self, query: PageQuery, id: Option<&ClientId>) -> Result<bytes::Bytes, Refusal> {
        let store = self.store()?;
        let pages = store.pages(std::slice::from_ref(&query)).await.map_err(|error| self.port(error))?;
        let page = pages.into_iter().next().ok_or_else(|| self.defect("a page query without a page"))?;
        let mut page = page.map_err(denied_refusal)?;
        let reader = match &query.reader {
            Reader::User(user) => Some(user),
            Reader::All => None,
        };
        // The store counts content; with what stands around it, a page may still be too long for one frame.
        loop {
            let frame = frame::page(id, &query.conversation, page.first, &page.messages, page.more, reader);
            if frame.len() <= wire::limits::FRAME_BYTES_MAX || page.messages.len() <= 1 {
                return Ok(frame);
            }
            page.more = true;
            match query.range {
                frame::Range::After(_) => drop(page.messages.pop()),
                frame::Range::Latest | frame::Range::Before(_) => drop(page.messages.remove(0)),
            }
        }
    }

    async fn join(
        &self,
        session: &Arc<Session>,
        id: Option<&ClientId>,
        group: &GroupId,
    ) -> Result<(), Refusal> {
        self.may_join(group)?;
        match &self.store {
            Some(_) => self.change_members(session, group, true).await?,
            None => {
                self.groups.enter(group, session, true).await.map_err(|error| self.port(error))?;
            }
        }
        let answer = frame::members(id, group, std::slice::from_ref(&session.user), &[]);
        session.apply(Event::Answer(answer), Instant::now());
        Ok(())
    }

    async fn leave(
        &self,
        session: &Arc<Session>,
        id: Option<&ClientId>,
        group: &GroupId,
    ) -> Result<(), Refusal> {
        self.may_join(group)?;
        match &self.store {
            Some(_) => self.change_members(session, group, false).await?,
            None => self.groups.exit(group, session),
        }
        let answer = frame::members(id, group, &[], std::slice::from_ref(&session.user));
        session.apply(Event::Answer(answer), Instant::now());
        Ok(())
    }

    /// Goes on when the session ends meanwhile: what is changed is told.
    async fn change_members(
        &self,
        session: &Arc<Session>,
        group: &GroupId,
        joins: bool,
    ) -> Result<(), Refusal> {
        let (this, group) = (self.clone(), group.clone());
        let (users, origin) = ([session.user.clone()], session.id);
        let changing = async move {
            let store = this.store()?;
            let change = match joins {
                true => store.add_members(&group, &users, true).await,
                false => store.remove_members(&group, &users).await,
            };
            let change = change.map_err(|error| this.dispatch.refusal(error))?;
            this.members_changed(&group, &change, Some(origin)).await
        };
        self.dispatch.to_its_end("a change of members did not come to its end", changing).await
    }

    fn may_join(&self, group: &GroupId) -> Result<(), Refusal> {
        if group.is_everyone() {
            return Err(Refusal::new(ErrorCode::Forbidden, "everyone is in everyone"));
        }
        if !self.config.client_join {
            return Err(Refusal::new(ErrorCode::Forbidden, "clients may not join or leave groups here"));
        }
        Ok(())
    }

    /// A group's members have changed: takes it in here, and tells the other nodes and, in a small group, the other members.
    pub async fn members_changed(
        &self,
        group: &GroupId,
        change: &RosterChange,
        origin: Option<SessionId>,
    ) -> Result<(), Refusal> {
        let adopted = self.groups.admit(self.store()?, &change.roster, &change.joined).await;
        let adopted = adopted.map_err(|error| self.port(error));
        if change.joined.is_empty() && change.left.is_empty() {
            return adopted;
        }
        let (joined, left) = (change.joined.len(), change.left.len());
        self.events.tell(Told::MembersChanged { group, joined, left });
        let told = change.roster.members.len() <= TOLD_MEMBERS_MAX;
        let key = ConversationId::group(group).shared();
        let body = Body::Members(MembersChange {
            group: group.clone(),
            version: change.version,
            joined: change.joined.clone(),
            left: change.left.clone(),
        });
        let whom = Whom {
            users: change.joined.clone(),
            group: Some(group.clone()),
            everyone: self.config.broadcasts,
        };
        self.dispatch.send_on(Outgoing { key: key.clone(), whom, body, answer: None, hop: 0 }).await;
        if told {
            for frame in members_frames(group, change) {
                let to = Some((group.clone(), Some(change.version)));
                self.dispatch.notice(frame, key.clone(), change.joined.clone(), to, origin).await;
            }
        }
        // The change is made: a caller that tries again would have nothing left to tell the others.
        adopted
    }

    async fn hello(
        &self,
        session: &Arc<Session>,
        id: Option<ClientId>,
        token: Option<String>,
        epoch: Option<String>,
        have: Option<Vec<(ConversationId, Seq)>>,
    ) -> Result<(), Refusal> {
        let knocking = session.phase() == Phase::Knocking;
        let expires = match &token {
            Some(token) => self.verify(session, token, knocking)?,
            None if knocking => {
                return Err(Refusal::new(ErrorCode::Unauthorized, "say hello with a token first"));
            }
            None => None,
        };
        if knocking && let Err(refusal) = self.arriving.log_in(session, expires.map(|(at, _)| at)).await {
            session.apply(Event::Refused(id.as_ref(), &refusal), Instant::now());
            session.apply(Event::Evict(wire::CloseCode::ServerError), Instant::now());
            return Ok(());
        }
        if session.phase() != Phase::Resuming {
            session.apply(Event::Ready { id, expires }, Instant::now());
            return Ok(());
        }
        let have = self.readable(&session.user, have.unwrap_or_default()).await?;
        let have = self.of_this_epoch(session, epoch.as_deref(), have).await?;
        session.apply(Event::Resuming { have: &have, id, expires }, Instant::now());
        Ok(())
    }

    /// Checks a token that came in `hello`. Before login a bad one ends the session; afterwards it is refused and changes nothing.
    fn verify(
        &self,
        session: &Arc<Session>,
        token: &str,
        knocking: bool,
    ) -> Result<Option<(Instant, u64)>, Refusal> {
        let Auth::Tokens(verifier) = &self.config.auth else { return Ok(None) };
        let verified = verifier.verify(token, self.arriving.unix_ms());
        match verified {
            Ok(identity) if identity.user == session.user => Ok(self.arriving.expiry(identity.expires_ms)),
            Ok(_) if !knocking => Err(Refusal::new(ErrorCode::Forbidden, "the token is another user's")),
            Err(_) if !knocking => Err(Refusal::new(ErrorCode::Unauthorized, "the token is not accepted")),
            Ok(_) | Err(_) => {
                session.apply(Event::Evict(wire::CloseCode::BadToken), Instant::now());
                Err(Refusal::new(ErrorCode::Unauthorized, "the token is not accepted"))
            }
        }
    }

    /// Drops from `have` what the user may not read.
    async fn readable(
        &self,
        user: &UserId,
        have: Vec<(ConversationId, Seq)>,
    ) -> Result<Vec<(ConversationId, Seq)>, Refusal> {
        let asks = have.iter().any(|(conversation, _)| conversation.is_group());
        let groups = match (&self.store, asks) {
            (Some(store), true) => {
                let groups = store.groups_of(std::slice::from_ref(user)).await;
                groups.map_err(|error| self.port(error))?.pop().unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let may = |conversation: &ConversationId| match conversation.group_id() {
            Some(group) => group.is_everyone() || groups.contains(&group),
            None => conversation.is_between(user),
        };
        Ok(have.into_iter().filter(|(conversation, _)| may(conversation)).collect())
    }

    /// With another store's epoch nothing that the client holds counts: it is told so for each conversation.
    async fn of_this_epoch(
        &self,
        session: &Arc<Session>,
        epoch: Option<&str>,
        have: Vec<(ConversationId, Seq)>,
    ) -> Result<Vec<(ConversationId, Seq)>, Refusal> {
        let store = self.store()?;
        let ours: Epoch = store.epoch();
        if epoch.is_none_or(|epoch| epoch == ours.to_string()) || have.is_empty() {
            return Ok(have);
        }
        let queries: Vec<PageQuery> = have
            .iter()
            .map(|(conversation, _)| PageQuery {
                conversation: conversation.clone(),
                reader: Reader::User(session.user.clone()),
                range: frame::Range::Latest,
                items_max: 1,
                bytes_max: 1,
            })
            .collect();
        let pages = store.pages(&queries).await.map_err(|error| self.port(error))?;
        for ((conversation, _), page) in have.iter().zip(pages) {
            let head = page.map_or(0, |page| page.head);
            session.until_room().await;
            session.apply(Event::Behind(conversation, 0, head), Instant::now());
        }
        Ok(Vec::new())
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

fn last_frame(item: &ConversationSummary, user: &UserId) -> Option<Box<RawValue>> {
    let frame = item.last.as_ref()?.frame_for(user);
    let text = String::from_utf8(frame.to_vec()).ok()?;
    RawValue::from_string(text).ok()
}

/// What the members of a group are told of a change: one frame, or several where a service has exchanged half a town.
fn members_frames(group: &GroupId, change: &RosterChange) -> Vec<bytes::Bytes> {
    let (joined, left) = (&change.joined, &change.left);
    if joined.len() + left.len() <= TOLD_MEMBERS_MAX {
        return vec![frame::members(None, group, joined, left)];
    }
    let joined = joined.chunks(TOLD_MEMBERS_MAX).map(|joined| frame::members(None, group, joined, &[]));
    let left = left.chunks(TOLD_MEMBERS_MAX).map(|left| frame::members(None, group, &[], left));
    joined.chain(left).collect()
}

/// How many lines fit into one frame; at least one.
fn fitting(lines: &[ConversationLine<'_>], bytes_max: usize) -> usize {
    /// What stands around a line's last message.
    const LINE_BYTES: usize = 256;
    let mut bytes = 0;
    let fits = |line: &&ConversationLine<'_>| {
        bytes += line.last.map_or(0, |last| last.get().len()) + LINE_BYTES;
        bytes <= bytes_max
    };
    lines.iter().take_while(fits).count().max(1).min(lines.len())
}
