//! `hello`: logging in, renewing a token, and resuming with what the client holds.

use std::sync::Arc;

use ports::store::{PageQuery, Reader};
use tokio::time::Instant;
use wire::ErrorCode;
use wire::error_code::Refusal;
use wire::frame;
use wire::id::{ClientId, ConversationId, Epoch, Seq, UserId};

use super::Desk;
use crate::admission::auth::Auth;
use crate::session::Session;
use crate::session::event::Event;
use crate::session::machine::Phase;

impl Desk {
    pub(super) async fn hello(
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
}
