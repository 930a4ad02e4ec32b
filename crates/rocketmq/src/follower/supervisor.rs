//! The task behind a follower: starts a poller for each queue, looks for new ones, and tells of outages.

use std::{collections::HashSet, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep_until,
};
use tracing::{error, info};

use super::{Item, Plan, board::Board, interrupted, poller::Poller};
use crate::{Queue, TopicRoute, client::Core, outage::Next};

pub(super) struct Supervisor {
    core: Arc<Core>,
    plan: Arc<Plan>,
    items: mpsc::Sender<Item>,
    board: Arc<Board>,
    /// `None` when it cannot change any more.
    route: Option<watch::Receiver<Arc<TopicRoute>>>,
    /// Every queue ever seen: one whose broker is away leaves the route, and comes back with its offset kept.
    followed: HashSet<Queue>,
    /// Aborted when this is dropped.
    pollers: JoinSet<()>,
}

impl Supervisor {
    pub(super) fn new(
        core: Arc<Core>,
        plan: Arc<Plan>,
        items: mpsc::Sender<Item>,
        board: Arc<Board>,
        route: watch::Receiver<Arc<TopicRoute>>,
        from: Vec<(Queue, i64)>,
    ) -> Self {
        let mut this = Self {
            core,
            plan,
            items,
            board,
            route: Some(route),
            followed: HashSet::new(),
            pollers: JoinSet::new(),
        };
        for (queue, offset) in from {
            this.poll(queue, offset);
        }
        // A queue may have appeared while the offsets were asked for.
        if let Some(route) = &mut this.route {
            route.mark_changed();
        }
        this
    }

    /// Ends when the reader is gone or the client closes.
    pub(super) async fn run(mut self) {
        let core = Arc::clone(&self.core);
        let plan = Arc::clone(&self.plan);
        core.heartbeat.add(&plan.group, &plan.topic, &plan.tags);
        // `None` means that we were told to stop.
        let _: Option<()> = core.stop_followers.run_until_cancelled(self.supervise()).await;
        drop(self);
        if core.heartbeat.remove(&plan.group, &plan.topic, &plan.tags) {
            core.heartbeat.unregister(Some(&plan.group), &core.brokers).await;
        }
    }

    async fn supervise(&mut self) {
        loop {
            let look_again = match self.board.next() {
                Next::TellInterrupted { since, cause } => {
                    info!(topic = %self.plan.topic, %cause, "RocketMQ: nothing is heard of a topic");
                    if self.items.send(interrupted(since, cause)).await.is_err() {
                        return;
                    }
                    continue;
                }
                Next::TellResumed { gap } => {
                    info!(topic = %self.plan.topic, ?gap, "RocketMQ: the topic is heard again");
                    if self.items.send(Item::Resumed { gap }).await.is_err() {
                        return;
                    }
                    continue;
                }
                Next::WaitUntil(at) => Some(at),
                Next::Wait => None,
            };
            tokio::select! {
                () = self.items.closed() => return,
                () = self.board.changed() => {}
                () = async { sleep_until(look_again.unwrap_or_else(tokio::time::Instant::now)).await }, if look_again.is_some() => {}
                known = changed(&mut self.route), if self.route.is_some() => match known {
                    Some(route) => self.poll_new(&route),
                    None => self.route = None,
                },
                Some(ended) = self.pollers.join_next() => {
                    if let Err(error) = ended {
                        error!(topic = %self.plan.topic, %error, "a poller ended abnormally; so does its follower");
                    }
                    return;
                }
            }
        }
    }

    fn poll_new(&mut self, route: &TopicRoute) {
        for queue in &route.readable {
            if !self.followed.contains(queue) {
                info!(%queue, "a new queue");
                self.poll(queue.clone(), 0);
            }
        }
    }

    fn poll(&mut self, queue: Queue, offset: i64) {
        self.followed.insert(queue.clone());
        let poller = Poller {
            core: Arc::clone(&self.core),
            plan: Arc::clone(&self.plan),
            items: self.items.clone(),
            board: Arc::clone(&self.board),
            queue,
            offset,
        };
        self.pollers.spawn(poller.run());
    }
}

/// The route, once it has changed; `None` when nobody changes it any more.
async fn changed(route: &mut Option<watch::Receiver<Arc<TopicRoute>>>) -> Option<Arc<TopicRoute>> {
    let route = route.as_mut()?;
    route.changed().await.ok()?;
    Some(Arc::clone(&route.borrow_and_update()))
}
