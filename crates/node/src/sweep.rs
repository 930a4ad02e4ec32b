//! Looks for what was missed without anyone noticing: reads the heads of what was said lately and shows them to the sessions.
//!
//! It runs over each session once in five minutes, and over all of them when there is a reason: a deaf inbox, a directory that was away,
//! bindings that were written again, a boot that vanished without having drained.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ports::directory::Directory;
use ports::store::{PageQuery, Reader};
use ports::{PortError, Store};
use tokio::sync::Notify;
use tokio::time::Instant;
use wire::envelope::MembersChange;
use wire::frame::Range;
use wire::id::{ConversationId, UserId};

use crate::events::{Event as Told, Events};
use crate::groups::Groups;
use crate::hub::Hub;
use crate::lease::View;
use crate::session::Session;
use crate::session::event::Event;

/// Users of one query.
const BATCH: usize = 200;
/// What clocks may differ by, and what a commit may take: heads are read from so much earlier.
const MARGIN: Duration = Duration::from_secs(60);
/// Between two tries of what the store did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// How often idle groups are looked at where sessions are not swept in turn.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why all sessions are swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The inbox heard nothing for a while.
    InboxWasDeaf,
    /// The directory was out of reach.
    DirectoryWasAway,
    /// Bindings were written again under a new boot.
    Restored,
    /// Another boot vanished without having drained.
    BootVanished,
    /// Another node remembers more heads than it can name.
    HeadsLost,
}

/// Sweeps sessions.
pub struct Sweep {
    store: Option<Arc<dyn Store>>,
    directory: Arc<dyn Directory>,
    hub: Arc<Hub>,
    groups: Arc<Groups>,
    view: Arc<View>,
    events: Events,
    every: Duration,
    /// From when on heads are to be read for all sessions, in milliseconds since 1970.
    due: Mutex<Option<u64>>,
    wake: Notify,
}

impl Sweep {
    /// Sweeps the sessions of `hub`, each once in `every`.
    pub fn new(
        store: Option<Arc<dyn Store>>,
        directory: Arc<dyn Directory>,
        hub: Arc<Hub>,
        groups: Arc<Groups>,
        view: Arc<View>,
        events: Events,
        every: Duration,
    ) -> Arc<Sweep> {
        Arc::new(Sweep {
            store,
            directory,
            hub,
            groups,
            view,
            events,
            every,
            due: Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// Asks for a sweep of all sessions over what was said in the last `span`.
    pub fn request(&self, reason: Reason, span: Duration) {
        tracing::debug!(?reason, ?span, "all sessions are to be swept");
        let since = self.since(span);
        {
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            *due = Some(due.map_or(since, |due| due.min(since)));
        }
        self.wake.notify_one();
    }

    /// Sweeps when asked, and every session in turn, for as long as the caller runs it.
    pub async fn run(&self) {
        let every = if self.every.is_zero() { UPKEEP_EVERY } else { self.every / SHARES };
        let mut turns = tokio::time::interval(every);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut turn = 0u32;
        loop {
            tokio::select! {
                biased;
                _ = turns.tick() => {
                    turn = turn.wrapping_add(1);
                    if !self.every.is_zero() {
                        self.sweep(self.share(turn % SHARES), self.since(self.every)).await;
                    }
                    let registered = self.register_missing().await;
                    self.report(registered);
                    let withdrawn = self.groups.withdraw_idle(Instant::now()).await;
                    self.report(withdrawn);
                }
                () = self.wake.notified() => {
                    let due = self.due.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(since) = due {
                        self.sweep(self.hub.all(), since).await;
                    }
                }
            }
        }
    }

    /// Takes in a change of a group's members.
    pub async fn members_changed(&self, change: &MembersChange) {
        let Some(store) = &self.store else { return };
        let group = &change.group;
        let concerns_us = change.joined.iter().any(|user| !self.hub.of_user(user).is_empty())
            || !self.groups.sessions(group).is_empty();
        if !concerns_us {
            return;
        }
        // Without an answer, the next message of the group or the sweep brings it.
        self.report(self.groups.read_again(&**store, group, &change.joined).await);
    }

    /// The sessions of one share of the turn, spread by their ids.
    fn share(&self, share: u32) -> Vec<Arc<Session>> {
        let mut all = self.hub.all();
        all.retain(|session| (session.id.unix_ms() % u64::from(SHARES)) == u64::from(share));
        all
    }

    async fn sweep(&self, sessions: Vec<Arc<Session>>, since_ms: u64) {
        let Some(store) = &self.store else { return };
        for batch in sessions.chunks(BATCH) {
            while let Err(error) = self.sweep_batch(&**store, batch, since_ms).await {
                self.events.tell(Told::PortFailed { error: &error });
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    async fn sweep_batch(
        &self,
        store: &dyn Store,
        sessions: &[Arc<Session>],
        since_ms: u64,
    ) -> Result<(), PortError> {
        let users: Vec<UserId> = sessions.iter().map(|session| session.user.clone()).collect();
        // Interest before heads, as on arrival: what is said in between is seen by one of the two.
        let groups = store.groups_of(&users).await?;
        for (session, groups) in sessions.iter().zip(groups) {
            for group in groups {
                if !self.groups.has_entered(&group, session.id) {
                    // A directory that is away must not keep the heads back: interest is registered later.
                    let entered = self.groups.enter(&group, session, false).await;
                    self.report(entered);
                }
            }
        }
        let heads = store.recent_heads(&users, since_ms).await?;
        let now = Instant::now();
        for (session, heads) in sessions.iter().zip(heads) {
            for (conversation, head) in heads {
                session.apply(Event::Head(&conversation, head), now);
            }
        }
        Ok(())
    }

    /// Registers what interest an earlier call failed to, and shows what was said there meanwhile.
    async fn register_missing(&self) -> Result<(), PortError> {
        let groups = self.groups.register_missing().await?;
        let Some(store) = &self.store else { return Ok(()) };
        for groups in groups.chunks(BATCH) {
            let queries: Vec<PageQuery> = groups
                .iter()
                .map(|group| PageQuery {
                    conversation: ConversationId::group(group),
                    reader: Reader::All,
                    range: Range::Latest,
                    items_max: 1,
                    bytes_max: 1,
                })
                .collect();
            let pages = store.pages(&queries).await?;
            let now = Instant::now();
            for ((group, query), page) in groups.iter().zip(&queries).zip(pages) {
                // A group that is gone again has no log to show.
                let Ok(page) = page else { continue };
                for session in self.groups.sessions(group) {
                    session.apply(Event::Head(&query.conversation, page.head), now);
                }
            }
        }
        Ok(())
    }

    fn since(&self, span: Duration) -> u64 {
        let span = u64::try_from((span + MARGIN).as_millis()).unwrap_or(u64::MAX);
        self.view.now_ms().saturating_sub(span)
    }

    fn report(&self, result: Result<(), PortError>) {
        if let Err(error) = result {
            self.events.tell(Told::PortFailed { error: &error });
        }
    }
}

/// Parts that a turn over all sessions is cut into.
const SHARES: u32 = 60;

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.directory.state();
        f.debug_struct("Sweep").field("every", &self.every).field("directory", &state).finish_non_exhaustive()
    }
}
