//! Sending where messages are kept: commit, receipt, push, post, in this order.

use std::sync::Arc;
use std::time::Duration;

use ports::store::{Appended, Denied, Draft, Store, StoreError};
use tokio::time::Instant;
use wire::envelope::Body;
use wire::error_code::Refusal;
use wire::frame;
use wire::{ErrorCode, Message};

use super::{Accepted, Dispatch, Outgoing, Send, audience, delivery};
use crate::arrivals::Arrived;
use crate::events::Event as Told;
use crate::fault::Point;
use crate::parcel::Parcel;
use crate::session::Session;
use crate::session::event::Event;

/// How long a send waits for room on the way to other nodes: longer than a burst, and not felt by whoever sends.
const ROOM_WAIT: Duration = Duration::from_millis(200);

impl Dispatch {
    /// Sends a message. `origin` is the session that sent it: it gets the receipt and never the message.
    ///
    /// # Cancel safety
    /// A call that is dropped goes on by itself: what is committed is fanned out.
    pub async fn send(
        self: &Arc<Self>,
        send: Send,
        origin: Option<Arc<Session>>,
    ) -> Result<Accepted, Refusal> {
        let this = self.clone();
        let sending = async move {
            match this.store.clone() {
                Some(store) => this.keep(&*store, send, origin).await,
                None => this.pass_on(send, origin).await,
            }
        };
        self.to_its_end("a send did not come to its end", sending).await
    }

    async fn keep(
        self: &Arc<Self>,
        store: &dyn Store,
        send: Send,
        origin: Option<Arc<Session>>,
    ) -> Result<Accepted, Refusal> {
        let Send { from, id, to, content, listed, members_only } = send;
        let draft = Draft {
            from,
            id: id.clone(),
            listed,
            to,
            content,
            message_id: self.ambient.message_id(),
            // Sessions on other nodes compare it with their arrival.
            time_ms: self.view.now_ms(),
            members_only,
        };
        #[cfg(feature = "sabotage")]
        if self.trial.sabotaged.is(crate::sabotage::Sabotage::ReceiptBeforeCommit) {
            Box::pin(self.give_receipt_too_early(store, &draft, origin.as_ref())).await;
        }
        self.trial.faults.pass(Point::BeforeAppend).await;
        let appended = store.append(draft).await.map_err(|error| self.refusal(error))?;
        self.events.tell(Told::MessageAccepted { fresh: appended.fresh });
        self.trial.faults.pass(Point::AfterAppend).await;
        self.copy(&appended).await?;
        self.give_receipt(&appended.message, origin.as_ref());
        let written = || origin.iter().for_each(|origin| origin.flush(Instant::now()));
        self.trial.faults.pass_after(Point::AfterReceipt, written).await;
        self.fan_out(&appended, origin.as_ref()).await;
        Ok(Accepted::Kept { message: appended.message, fresh: appended.fresh })
    }

    /// Where messages are also kept outside, nobody is told that one is accepted before it lies there.
    async fn copy(&self, appended: &Appended) -> Result<(), Refusal> {
        let message = &appended.message;
        let Some(conversation) = message.conversation.as_ref().filter(|_| self.post.copies()) else {
            return Ok(());
        };
        let body =
            Body::Message(delivery(message.frame(), message.id.clone(), &message.to, appended.version));
        self.post.copy(conversation.shared(), body).await.map_err(|error| self.refusal(error.into()))
    }

    #[cfg(feature = "sabotage")]
    async fn give_receipt_too_early(&self, store: &dyn Store, draft: &Draft, origin: Option<&Arc<Session>>) {
        use ports::store::{PageQuery, Reader};
        let conversation = draft.to.conversation(&draft.from);
        let (reader, range) = (Reader::All, wire::frame::Range::Latest);
        let query =
            PageQuery { conversation: conversation.clone(), reader, range, items_max: 1, bytes_max: 1 };
        let Ok(pages) = store.pages(&[query]).await else { return };
        let head = pages.into_iter().flatten().next().map_or(0, |page| page.head);
        let message = Message {
            conversation: Some(conversation),
            seq: Some(head + 1),
            message_id: draft.message_id,
            from: Some(draft.from.clone()),
            to: draft.to.clone(),
            content: draft.content.clone(),
            time_ms: draft.time_ms,
            id: Some(draft.id.clone()),
        };
        self.give_receipt(&message, origin);
        origin.into_iter().for_each(|origin| origin.flush(Instant::now()));
    }

    fn give_receipt(&self, message: &Message, origin: Option<&Arc<Session>>) {
        let placed = (origin, &message.conversation, message.seq, &message.id);
        let (Some(origin), Some(conversation), Some(seq), Some(id)) = placed else { return };
        let frame = frame::receipt(id, conversation, seq, message.message_id, message.time_ms);
        origin.apply(Event::Receipt { frame, conversation, seq }, Instant::now());
    }

    /// Pushes a kept message here and posts it to others. A repeated send is fanned out again: its first node may have died before it could.
    async fn fan_out(self: &Arc<Self>, appended: &Appended, origin: Option<&Arc<Session>>) {
        let message = appended.message.clone();
        let (Some(from), Some(conversation)) = (message.from.clone(), message.conversation.clone()) else {
            return;
        };
        let (to, id, seq) = (message.to.clone(), message.id.clone(), message.seq);
        let parcel = Arc::new(Parcel::message(message));
        let body = Body::Message(delivery(parcel.payload().clone(), id, &to, appended.version));
        self.arrivals.bring(Arrived {
            parcel,
            audience: audience(&from, &to, appended.version),
            except: origin.map(|session| session.id),
            unkept: false,
        });
        let whom = self.whom(&from, &to);
        let outgoing = Outgoing { key: conversation.shared(), whom, body, answer: None, hop: 0 };
        if tokio::time::timeout(ROOM_WAIT, self.send_on(outgoing)).await.is_err()
            && let Some(seq) = seq
        {
            // A bus that is away takes nothing for long: who sends here is not to wait for it.
            self.heads.remember(Some(conversation), seq);
            self.events.tell(Told::HeadRemembered);
        }
    }

    /// What a caller is told of a store's error.
    pub fn refusal(&self, error: StoreError) -> Refusal {
        match error {
            StoreError::Denied(denied) => denied_refusal(denied),
            StoreError::Port(error) => {
                self.events.tell(Told::PortFailed { error: &error });
                port_refusal(&error)
            }
        }
    }
}

/// What a caller is told of a denial.
pub fn denied_refusal(denied: Denied) -> Refusal {
    let code = match denied {
        Denied::Conflict => ErrorCode::Conflict,
        Denied::NotFound => ErrorCode::NotFound,
        Denied::Forbidden => ErrorCode::Forbidden,
        Denied::Unacceptable => ErrorCode::BadContent,
    };
    Refusal::new(code, denied.to_string())
}

/// What a caller is told of a back end's outage: which seam, and when to try again; never more.
pub fn port_refusal(error: &ports::PortError) -> Refusal {
    let reason = format!("the {} does not answer; try again", error.seam);
    match error.retry {
        ports::Retry::After(retry) => Refusal::retry_after(ErrorCode::Unavailable, reason, retry),
        ports::Retry::Now | ports::Retry::Never => Refusal::new(ErrorCode::Unavailable, reason),
    }
}
