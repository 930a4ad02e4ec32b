//! From this node to the others: who of those concerned is where, and one envelope for each node.
//!
//! What belongs to one conversation goes through one shard, in order. A shard works off what waits in batches:
//! one look into the directory and one post for all of it.
//! Where the directory is in this process, what concerns no other node comes to no shard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use edge::Tasks;
use ports::bus::Address;
use ports::directory::Binding;
use ports::{Directory, PortError};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use wire::envelope::{Body, Delivery};
use wire::id::{Boot, GroupId, NodeName, UserId};

use super::Parts;
use super::heads::Heads;
use crate::bindings::Bindings;
use crate::events::{Event, Events};
use crate::fault::{Faults, Point};
use crate::lease::View;
use crate::post::{Letter, Post};
use crate::shard::shard_of;

/// Enough to keep a bus with a millisecond of latency busy, few enough that batches form.
const SHARDS: usize = 4;
/// Messages that wait in one shard; a sender waits for room.
const QUEUE: usize = 1_024;
/// Messages of one batch.
const BATCH: usize = 128;

/// Something on its way to other nodes.
#[derive(Debug)]
pub struct Outgoing {
    /// What keeps its order.
    pub key: Arc<str>,
    /// Whom it concerns.
    pub whom: Whom,
    /// What it says.
    pub body: Body,
    /// Who wants to know what became of it.
    pub answer: Option<oneshot::Sender<Told>>,
    /// How often it was sent on.
    pub hop: u8,
}

/// Whom something concerns: the nodes of these users, those interested in this group, or all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whom {
    /// The nodes that hold these users.
    pub users: Vec<UserId>,
    /// The nodes that are interested in this group.
    pub group: Option<GroupId>,
    /// All nodes.
    pub everyone: bool,
}

impl Whom {
    /// The nodes that hold these users.
    pub fn users(users: impl IntoIterator<Item = UserId>) -> Whom {
        let users: BTreeSet<UserId> = users.into_iter().collect();
        Whom { users: users.into_iter().collect(), ..Whom::default() }
    }

    /// The nodes that are interested in this group.
    pub fn group(group: GroupId) -> Whom {
        Whom { group: Some(group), ..Whom::default() }
    }

    /// All nodes.
    pub fn everyone() -> Whom {
        Whom { everyone: true, ..Whom::default() }
    }
}

/// What became of something that was to go to other nodes.
#[derive(Debug)]
pub enum Told {
    /// The bus has taken it for at least one node.
    Posted,
    /// No other node is concerned.
    NobodyThere,
    /// Directory or bus did not answer.
    Failed(PortError),
    /// The node stops.
    Stopped,
}

/// The shards.
pub(super) struct Remote {
    shards: Vec<mpsc::Sender<Outgoing>>,
    /// What was handed to the shards and is neither posted nor given up.
    waiting: Arc<AtomicUsize>,
    /// The directory, where it is asked before something comes to a shard.
    nearby: Option<Arc<dyn Directory>>,
    view: Arc<View>,
}

impl Remote {
    /// Starts the shards, which end with `stop`.
    pub(super) fn start(
        parts: &Parts,
        directory: Arc<dyn Directory>,
        heads: Arc<Heads>,
        tasks: &Tasks,
        stop: &CancellationToken,
    ) -> Remote {
        let waiting = Arc::new(AtomicUsize::new(0));
        let shards = (0..SHARDS).map(|_| {
            let (sender, queue) = mpsc::channel(QUEUE);
            let shard = Shard {
                queue,
                directory: directory.clone(),
                bindings: parts.bindings.clone(),
                view: parts.view.clone(),
                post: parts.post.clone(),
                heads: heads.clone(),
                events: parts.events.clone(),
                waiting: waiting.clone(),
                faults: parts.trial.faults.clone(),
            };
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled(shard.run()).await });
            sender
        });
        let shards = shards.collect();
        let nearby = directory.answers_at_once().then_some(directory);
        Remote { shards, waiting, nearby, view: parts.view.clone() }
    }

    /// True when nothing waits to be posted.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// Puts something into the shard of its key, unless it is known to concern no other node; waits for room.
    pub(super) async fn push(&self, outgoing: Outgoing) {
        if self.concerns_nobody_else(&outgoing.whom).await {
            // Whoever asked may have gone.
            let _gone = outgoing.answer.map(|answer| answer.send(Told::NobodyThere));
            return;
        }
        if let Some(shard) = self.shards.get(shard_of(&outgoing.key, self.shards.len())) {
            let Ok(place) = shard.reserve().await else {
                // A shard that is gone has stopped with the node: who waits for an answer sees its sender dropped.
                return;
            };
            self.waiting.fetch_add(1, Ordering::SeqCst);
            place.send(outgoing);
        }
    }

    /// True where a directory that answers at once knows only this node. Everything else, errors too, is a shard's affair.
    async fn concerns_nobody_else(&self, whom: &Whom) -> bool {
        let Some(directory) = self.nearby.as_ref().filter(|_| !whom.everyone) else { return false };
        let is_here = |boot: &Boot| boot.node == *self.view.node();
        if !whom.users.is_empty() {
            let Ok(found) = directory.locate(&whom.users).await else { return false };
            if !found.iter().flatten().all(|binding| is_here(&binding.boot)) {
                return false;
            }
        }
        let Some(group) = &whom.group else { return true };
        let found = directory.interested(std::slice::from_ref(group)).await;
        found.is_ok_and(|found| found.iter().flatten().all(is_here))
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

struct Shard {
    queue: mpsc::Receiver<Outgoing>,
    directory: Arc<dyn Directory>,
    bindings: Arc<Bindings>,
    view: Arc<View>,
    post: Post,
    heads: Arc<Heads>,
    events: Events,
    waiting: Arc<AtomicUsize>,
    faults: Faults,
}

/// Where those concerned by a batch are.
struct Places {
    users: BTreeMap<UserId, BTreeSet<NodeName>>,
    groups: BTreeMap<GroupId, BTreeSet<NodeName>>,
}

impl Shard {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.queue.recv_many(&mut batch, BATCH).await > 0 {
            let all = std::mem::take(&mut batch);
            let count = all.len();
            match self.look_up(&all).await {
                Ok(places) => {
                    self.faults.pass(Point::AfterLocate).await;
                    self.post_all(all, &places).await;
                }
                Err(error) => {
                    self.events.tell(Event::PortFailed { error: &error });
                    for outgoing in all {
                        self.failed(outgoing, &error);
                    }
                }
            }
            self.waiting.fetch_sub(count, Ordering::SeqCst);
        }
    }

    /// Reads bindings and interest for a whole batch. It was committed before: what is read now is new enough.
    async fn look_up(&self, batch: &[Outgoing]) -> Result<Places, PortError> {
        let users: BTreeSet<&UserId> = batch.iter().flat_map(|outgoing| &outgoing.whom.users).collect();
        let users: Vec<UserId> = users.into_iter().cloned().collect();
        let asks = |outgoing: &&Outgoing| !outgoing.whom.everyone;
        let groups: BTreeSet<&GroupId> =
            batch.iter().filter(asks).filter_map(|outgoing| outgoing.whom.group.as_ref()).collect();
        let groups: Vec<GroupId> = groups.into_iter().cloned().collect();
        let mut places = Places { users: BTreeMap::new(), groups: BTreeMap::new() };
        if !users.is_empty() {
            for (user, bindings) in users.iter().zip(self.directory.locate(&users).await?) {
                places.users.insert(user.clone(), self.nodes_of(&bindings).await?);
            }
        }
        if !groups.is_empty() {
            for (group, boots) in groups.iter().zip(self.directory.interested(&groups).await?) {
                places.groups.insert(group.clone(), self.living(&boots).await?);
            }
        }
        Ok(places)
    }

    /// The other nodes of live bindings; what a dead boot has left is removed by whoever meets it.
    async fn nodes_of(&self, bindings: &[Binding]) -> Result<BTreeSet<NodeName>, PortError> {
        let mut nodes = BTreeSet::new();
        for binding in bindings.iter().filter(|binding| binding.boot.node != *self.view.node()) {
            if self.view.is_alive(&binding.boot, &*self.directory).await? {
                nodes.insert(binding.boot.node.clone());
            } else {
                self.bindings.forget(binding);
            }
        }
        Ok(nodes)
    }

    async fn living(&self, boots: &[Boot]) -> Result<BTreeSet<NodeName>, PortError> {
        let mut nodes = BTreeSet::new();
        for boot in boots.iter().filter(|boot| boot.node != *self.view.node()) {
            if self.view.is_alive(boot, &*self.directory).await? {
                nodes.insert(boot.node.clone());
            }
        }
        Ok(nodes)
    }

    async fn post_all(&self, batch: Vec<Outgoing>, places: &Places) {
        let mut letters = Vec::new();
        let mut counts = Vec::with_capacity(batch.len());
        for outgoing in &batch {
            let before = letters.len();
            letters.extend(addressed(outgoing, places));
            counts.push(letters.len() - before);
        }
        let mut results = self.post.post(letters).await.into_iter();
        self.faults.pass(Point::AfterPost).await;
        for (outgoing, count) in batch.into_iter().zip(counts) {
            let mut posted = 0;
            let mut failure = None;
            for result in results.by_ref().take(count) {
                match result {
                    Ok(()) => posted += 1,
                    Err(error) => failure = Some(error),
                }
            }
            match failure {
                Some(error) => self.failed(outgoing, &error),
                None => {
                    let told = if posted > 0 { Told::Posted } else { Told::NobodyThere };
                    // Whoever asked may have gone.
                    let _gone = outgoing.answer.map(|answer| answer.send(told));
                }
            }
        }
    }

    fn failed(&self, outgoing: Outgoing, error: &PortError) {
        match outgoing.body {
            Body::Message(delivery) => self.remember_head(&delivery),
            Body::Head(head) => self.heads.remember(head.conversation, head.head),
            Body::Members(change) => {
                self.heads.remember(Some(wire::id::ConversationId::group(&change.group)), 0);
            }
            Body::Signal(_) | Body::Evict(_) => {}
        }
        let copy = PortError { seam: error.seam, during: error.during, retry: error.retry, source: None };
        // Whoever asked may have gone.
        let _gone = outgoing.answer.map(|answer| answer.send(Told::Failed(copy)));
    }

    fn remember_head(&self, delivery: &Delivery) {
        let Ok(message) = delivery.message() else { return };
        if let (Some(conversation), Some(seq)) = (message.conversation, message.seq) {
            self.heads.remember(Some(conversation), seq);
            self.events.tell(Event::HeadRemembered);
        }
    }
}

/// One letter for each node that something concerns; a delivery names the users that are there.
fn addressed(outgoing: &Outgoing, places: &Places) -> Vec<Letter> {
    let letter = |to: Address, body: Body| Letter { to, key: outgoing.key.clone(), body, hop: outgoing.hop };
    if outgoing.whom.everyone {
        return vec![letter(Address::All, outgoing.body.clone())];
    }
    let mut nodes: BTreeMap<&NodeName, Vec<UserId>> = BTreeMap::new();
    for user in &outgoing.whom.users {
        for node in places.users.get(user).into_iter().flatten() {
            nodes.entry(node).or_default().push(user.clone());
        }
    }
    let group = outgoing.whom.group.as_ref().and_then(|group| places.groups.get(group));
    for node in group.into_iter().flatten() {
        nodes.entry(node).or_default();
    }
    let body = |users: Vec<UserId>| match &outgoing.body {
        Body::Message(delivery) => Body::Message(Delivery { users, ..delivery.clone() }),
        Body::Signal(delivery) => Body::Signal(Delivery { users, ..delivery.clone() }),
        other => other.clone(),
    };
    nodes.into_iter().map(|(node, users)| letter(Address::Node(node.clone()), body(users))).collect()
}
