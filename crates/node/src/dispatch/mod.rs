//! A message's way out: kept, receipted, pushed here, and posted to the other nodes that it concerns.
//!
//! It promises that no receipt is given before the store has committed, and that bindings are read after the commit, never before.
//! A post that fails is remembered and told later as a head; nothing is retried for long.

mod heads;
mod kept;
mod remote;
mod repeats;
mod unfinished;
mod unkept;

use std::sync::Arc;

use edge::Tasks;
use ports::{Ambient, Directory, Store};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use wire::envelope::{Body, Delivery};
use wire::error_code::Refusal;
use wire::frame::Reach;
use wire::id::{ClientId, MessageId, UserId};
use wire::{ErrorCode, Message, Target};

use self::heads::Heads;
pub use self::kept::{denied_refusal, port_refusal};
use self::remote::Remote;
pub use self::remote::{Outgoing, Told, Whom};
use self::repeats::Repeats;
use self::unfinished::Unfinished;
use crate::arrivals::{Arrivals, Audience};
use crate::bindings::Bindings;
use crate::config::Healing;
use crate::events::Events;
use crate::groups::Groups;
use crate::hub::Hub;
use crate::lease::View;
use crate::post::Post;
use crate::trial::Trial;

/// A message that somebody asks to be sent.
#[derive(Debug, Clone)]
pub struct Send {
    /// Who says it.
    pub from: UserId,
    /// The sender's name of the send.
    pub id: ClientId,
    /// To whom.
    pub to: Target,
    /// What, byte for byte.
    pub content: Arc<RawValue>,
    /// True for one of a list of users.
    pub listed: bool,
    /// True where the sender of a group message must be a member.
    pub members_only: bool,
}

/// What became of it.
#[derive(Debug, Clone)]
pub enum Accepted {
    /// It is kept.
    Kept {
        /// The message, with its conversation and seq.
        message: Message,
        /// False when the same send was kept before.
        fresh: bool,
    },
    /// Nothing is kept.
    Unkept {
        /// Its name.
        message_id: MessageId,
        /// Its time.
        time_ms: u64,
        /// How far it came.
        reach: Reach,
        /// False when the same send was answered before.
        fresh: bool,
    },
}

/// What a sender was answered where nothing is kept.
#[derive(Debug, Clone, Copy)]
struct Sent {
    message_id: MessageId,
    time_ms: u64,
    reach: Reach,
}

/// Sends messages on their way.
pub struct Dispatch {
    ambient: Ambient,
    store: Option<Arc<dyn Store>>,
    hub: Arc<Hub>,
    groups: Arc<Groups>,
    arrivals: Arc<Arrivals>,
    post: Post,
    remote: Remote,
    view: Arc<View>,
    heads: Arc<Heads>,
    /// What was answered to senders here.
    repeats: Repeats<Sent>,
    /// What was shown to sessions here.
    shown: Repeats<()>,
    events: Events,
    tasks: Tasks,
    /// What was begun and has not come to its end: one token each.
    sending: Arc<()>,
    broadcasts: bool,
    trial: Trial,
}

/// What [`Dispatch::start`] stands on.
#[derive(Debug)]
pub struct Parts {
    /// Time and chance.
    pub ambient: Ambient,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// The groups here.
    pub groups: Arc<Groups>,
    /// The way to the sessions here.
    pub arrivals: Arc<Arrivals>,
    /// The directory's upkeep.
    pub bindings: Arc<Bindings>,
    /// The view of the cluster.
    pub view: Arc<View>,
    /// The way to other nodes.
    pub post: Post,
    /// The voice.
    pub events: Events,
    /// True when group messages are always broadcast.
    pub broadcasts: bool,
    /// How repeats are found.
    pub healing: Healing,
    /// What a simulation does to the node.
    pub trial: Trial,
}

impl Dispatch {
    /// Starts the tasks that post to other nodes, which end with `stop`.
    pub fn start(
        parts: Parts,
        store: Option<Arc<dyn Store>>,
        directory: Arc<dyn Directory>,
        tasks: &Tasks,
        stop: &CancellationToken,
    ) -> Arc<Dispatch> {
        let heads = Arc::new(Heads::default());
        let remote = Remote::start(&parts, directory, heads.clone(), tasks, stop);
        let dispatch = Arc::new(Dispatch {
            ambient: parts.ambient,
            store,
            hub: parts.hub,
            groups: parts.groups,
            arrivals: parts.arrivals,
            post: parts.post,
            remote,
            view: parts.view,
            heads,
            repeats: Repeats::new(parts.healing.repeat_window, parts.healing.repeat_ids_max),
            shown: Repeats::new(parts.healing.repeat_window, parts.healing.repeat_ids_max),
            events: parts.events,
            tasks: tasks.clone(),
            sending: Arc::default(),
            broadcasts: parts.broadcasts,
            trial: parts.trial,
        });
        let (teller, stop) = (dispatch.clone(), stop.clone());
        tasks.spawn(async move { stop.run_until_cancelled(teller.tell_heads()).await });
        dispatch
    }

    /// Hands something to other nodes. Waits for room in the queue, not for the bus.
    pub async fn send_on(&self, outgoing: Outgoing) {
        self.remote.push(outgoing).await;
    }

    /// Does something that others are told of: once begun it goes on, though whoever waits for it is dropped. `defect` says that it did not.
    pub async fn to_its_end<T: std::marker::Send + 'static>(
        &self,
        defect: &'static str,
        work: impl Future<Output = Result<T, Refusal>> + std::marker::Send + 'static,
    ) -> Result<T, Refusal> {
        let token = self.sending.clone();
        let working = async move {
            let _until_its_end = token;
            work.await
        };
        Unfinished::new(working, self.tasks.clone()).await.unwrap_or_else(|_panicked| {
            self.events.tell(crate::events::Event::Defect { what: defect });
            Err(Refusal::new(ErrorCode::Internal, "something went wrong here"))
        })
    }

    /// True when every send has come to its end, and nothing of it waits to be posted.
    pub fn is_quiet(&self) -> bool {
        // In this order: a send that ends has handed on what it sends.
        Arc::strong_count(&self.sending) == 1 && self.remote.is_idle() && self.heads.is_empty()
    }

    /// Whom a message concerns besides its sender's session.
    fn whom(&self, from: &UserId, to: &Target) -> Whom {
        match to {
            Target::User(user) if user == from => Whom::users([user.clone()]),
            Target::User(user) => Whom::users([user.clone(), from.clone()]),
            Target::Group(group) if group.is_everyone() => Whom::everyone(),
            Target::Group(group) => Whom { everyone: self.broadcasts, ..Whom::group(group.clone()) },
        }
    }

    async fn tell_heads(&self) {
        loop {
            let due = self.heads.due().await;
            for (conversation, head) in due {
                let whom = match (conversation.as_ref(), conversation.as_ref().and_then(|id| id.users())) {
                    (Some(_), Some((one, other))) => Whom::users([one, other]),
                    (Some(id), None) => match id.group_id() {
                        Some(group) if group.is_everyone() || self.broadcasts => Whom::everyone(),
                        Some(group) => Whom::group(group),
                        None => Whom::everyone(),
                    },
                    (None, _) => Whom::everyone(),
                };
                let key = conversation.as_ref().map_or_else(|| "heads".into(), |id| id.shared());
                let body = Body::Head(wire::envelope::Head { conversation, head });
                self.send_on(Outgoing { key, whom, body, answer: None, hop: 0 }).await;
            }
        }
    }
}

impl std::fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatch").field("keeps", &self.store.is_some()).finish_non_exhaustive()
    }
}

/// The audience on this node of what is sent to `to`.
fn audience(from: &UserId, to: &Target, version: Option<u64>) -> Audience {
    match to {
        Target::User(user) if user == from => Audience::Users(vec![user.clone()]),
        Target::User(user) => Audience::Users(vec![user.clone(), from.clone()]),
        Target::Group(group) if group.is_everyone() => Audience::Everyone,
        Target::Group(group) => Audience::Group(group.clone(), version),
    }
}

/// A delivery of `frame`; users are filled in per node.
fn delivery(frame: bytes::Bytes, id: Option<ClientId>, to: &Target, version: Option<u64>) -> Delivery {
    let group = match to {
        Target::Group(group) => Some(group.clone()),
        Target::User(_) => None,
    };
    Delivery { frame, id, users: Vec::new(), group, version }
}
