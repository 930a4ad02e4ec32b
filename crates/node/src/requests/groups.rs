//! Joining and leaving groups, and telling of it: here at once, the other nodes by an envelope, the other members by a frame.

use std::sync::Arc;

use ports::store::RosterChange;
use tokio::time::Instant;
use wire::ErrorCode;
use wire::envelope::{Body, MembersChange};
use wire::error_code::Refusal;
use wire::frame;
use wire::id::{ClientId, ConversationId, GroupId, SessionId};
use wire::limits::TOLD_MEMBERS_MAX;

use super::Desk;
use crate::dispatch::{Outgoing, Whom};
use crate::events::Event as Told;
use crate::session::Session;
use crate::session::event::Event;

impl Desk {
    pub(super) async fn join(
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

    pub(super) async fn leave(
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
        let (this, group, session) = (self.clone(), group.clone(), session.clone());
        let changing = async move {
            let store = this.store()?;
            this.must_have_its_place(&session).await?;
            let users = [session.user.clone()];
            let change = match joins {
                true => store.add_members(&group, &users, true).await,
                false => store.remove_members(&group, &users).await,
            };
            let change = change.map_err(|error| this.dispatch.refusal(error))?;
            this.members_changed(&group, &change, Some(session.id)).await
        };
        self.dispatch.to_its_end("a change of members did not come to its end", changing).await
    }

    /// What a client asked may have lain in its socket while this node stood still. It has gone elsewhere since, and may have changed its mind there:
    /// a late `join` must not bring back who has left.
    async fn must_have_its_place(&self, session: &Session) -> Result<(), Refusal> {
        let has_place = self.arriving.has_its_place(session).await.map_err(|error| self.port(error))?;
        let refusal = || {
            let reason = "this session has lost its place, or is being given it back";
            // Bindings that were lost are written again with the next renewal.
            Refusal::retry_after(ErrorCode::Unavailable, reason, self.config.lease.renew)
        };
        if has_place { Ok(()) } else { Err(refusal()) }
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
        // Before the change too: whoever stays in a group that half a town has left could not read so many frames.
        let now = change.roster.members.len();
        let before = (now + left).saturating_sub(joined);
        let told = now.max(before) <= TOLD_MEMBERS_MAX;
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
}

/// What the members of a group are told of a change: one frame, or two or three where a service has exchanged most of them.
fn members_frames(group: &GroupId, change: &RosterChange) -> Vec<bytes::Bytes> {
    let (joined, left) = (&change.joined, &change.left);
    if joined.len() + left.len() <= TOLD_MEMBERS_MAX {
        return vec![frame::members(None, group, joined, left)];
    }
    let joined = joined.chunks(TOLD_MEMBERS_MAX).map(|joined| frame::members(None, group, joined, &[]));
    let left = left.chunks(TOLD_MEMBERS_MAX).map(|left| frame::members(None, group, &[], left));
    joined.chain(left).collect()
}
