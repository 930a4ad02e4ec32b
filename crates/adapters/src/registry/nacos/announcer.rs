//! Keeps one instance announced: the supervisor that the SDK lacks.
//!
//! It holds a level that is wanted (listed, drained, withdrawn) and brings Nacos there, whatever happens to Nacos.
//! It looks its own entry up every few seconds and writes it again when it is missing, because the SDK takes a refused registration for a
//! good one. A weight that somebody else set is left alone, but for a node that starts or drains.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ports::PortError;
use ports::registry::{Announcement, Instance};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::client::{CALL_LIMIT, Client, Failure, Shared};
use super::listing::{Seen, find_own};

/// How long a caller waits for a drain or a withdrawal to be confirmed: one call, and what may be under way before it.
const REACH_LIMIT: Duration = Duration::from_secs(4);
/// Between two attempts to write.
const WRITE_PAUSE: Duration = Duration::from_secs(1);
/// Between two looks after a first registration, until it is seen as it was written.
const CONFIRM_PAUSE: Duration = Duration::from_millis(300);
/// Looks after a first registration; after them the self-check goes on at its own pace.
const CONFIRM_LOOKS_MAX: u32 = 10;
/// How often a node that starts is taken out and written anew because the registry shows another weight.
const REWRITES_MAX: u32 = 3;
/// A single look may come between two states of the server, so an entry counts as missing the second time.
const MISSING_LOOKS: u32 = 2;

/// What is wanted, in the order in which it may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Listed,
    Drained,
    Withdrawn,
}

/// What has come of it.
#[derive(Debug, Clone, Default)]
struct Progress {
    reached: Option<Level>,
    is_announced: bool,
    failures: u64,
    last_failure: String,
}

/// The side of whoever announced.
pub(super) struct NacosAnnouncement {
    wanted: watch::Sender<Level>,
    progress: watch::Receiver<Progress>,
    shared: Arc<Shared>,
}

/// The side that talks to Nacos, until it is withdrawn or no longer polled.
pub(super) struct Announcer {
    instance: Instance,
    shared: Arc<Shared>,
    wanted: watch::Receiver<Level>,
    progress: watch::Sender<Progress>,
    has_written: bool,
    is_confirmed: bool,
    is_hidden_told: bool,
}

/// The two sides of a new announcement.
pub(super) fn announcement(instance: Instance, shared: Arc<Shared>) -> (NacosAnnouncement, Announcer) {
    let (wanted_by, wanted) = watch::channel(Level::Listed);
    let (progress, progress_of) = watch::channel(Progress::default());
    let announcer = Announcer {
        instance,
        shared: shared.clone(),
        wanted,
        progress,
        has_written: false,
        is_confirmed: false,
        is_hidden_told: false,
    };
    (NacosAnnouncement { wanted: wanted_by, progress: progress_of, shared }, announcer)
}

#[async_trait]
impl Announcement for NacosAnnouncement {
    fn is_announced(&self) -> bool {
        self.progress.borrow().is_announced
    }

    async fn drain(&self) -> Result<(), PortError> {
        self.reach(Level::Drained, "drain an instance").await
    }

    async fn withdraw(&self) -> Result<(), PortError> {
        self.reach(Level::Withdrawn, "withdraw an instance").await
    }
}

impl NacosAnnouncement {
    /// Wants the level, and waits until it is reached or an attempt has failed. What failed is still wanted.
    async fn reach(&self, level: Level, during: &'static str) -> Result<(), PortError> {
        let mut progress = self.progress.clone();
        let failures_before = progress.borrow().failures;
        self.wanted.send_if_modified(|wanted| {
            let is_further = *wanted < level;
            *wanted = (*wanted).max(level);
            is_further
        });
        let is_over =
            |progress: &Progress| progress.reached >= Some(level) || progress.failures > failures_before;
        let last = timeout(REACH_LIMIT, progress.wait_for(is_over)).await;
        match last {
            Ok(Ok(progress)) if progress.reached >= Some(level) => Ok(()),
            Ok(Ok(progress)) => Err(self.shared.error(during, progress.last_failure.clone())),
            Ok(Err(_)) => Err(self.shared.error(during, "the registry's client was dropped")),
            Err(_) => Err(self.shared.error(during, format!("no answer within {REACH_LIMIT:?}"))),
        }
    }
}

impl Announcer {
    pub(super) async fn run(mut self) {
        let Some(client) = self.client().await else {
            return self.tell(|progress| progress.reached = Some(Level::Withdrawn));
        };
        loop {
            let level = *self.wanted.borrow_and_update();
            match self.write(&client, level).await {
                Ok(()) => {
                    self.tell(|progress| {
                        progress.reached = Some(level);
                        progress.is_announced &= level != Level::Withdrawn;
                    });
                    if level == Level::Withdrawn {
                        return;
                    }
                    self.watch_over(&client, level).await;
                }
                Err(failure) => {
                    self.tell(|progress| {
                        progress.failures += 1;
                        progress.last_failure = failure.to_string();
                    });
                    self.pause(WRITE_PAUSE).await;
                }
            }
        }
    }

    /// A client of its own; none when it is withdrawn before there was one.
    async fn client(&self) -> Option<Client> {
        let mut wanted = self.wanted.clone();
        tokio::select! {
            client = Client::build(&self.shared) => Some(client),
            // An announcement that is dropped is not withdrawn.
            Ok(_withdrawn) = wanted.wait_for(|level| *level == Level::Withdrawn) => None,
        }
    }

    /// Brings Nacos to a level.
    async fn write(&mut self, client: &Client, level: Level) -> Result<(), Failure> {
        match level {
            Level::Listed => {
                self.has_written = true;
                client.register(&self.instance, self.instance.weight).await?;
                if !self.is_confirmed {
                    self.confirm(client).await?;
                }
                Ok(())
            }
            Level::Drained => {
                self.has_written = true;
                client.register(&self.instance, 0.0).await
            }
            // Also when no registration was confirmed: the SDK may carry one out later.
            Level::Withdrawn if self.has_written => client.deregister(&self.instance).await,
            Level::Withdrawn => Ok(()),
        }
    }

    /// Looks until the entry of a node that starts is seen as it was written, whatever the registry remembers of that address.
    async fn confirm(&mut self, client: &Client) -> Result<(), Failure> {
        let mut rewrites = 0;
        for _ in 0..CONFIRM_LOOKS_MAX {
            match find_own(&self.instance, &client.list(&self.instance.service).await?) {
                Seen::Own { weight } if is_same(weight, self.instance.weight) => {
                    self.confirmed();
                    return Ok(());
                }
                Seen::Own { .. } if rewrites < REWRITES_MAX => {
                    // rnacos keeps the weight of an entry that is registered again with weight 1.
                    rewrites += 1;
                    client.deregister(&self.instance).await?;
                    client.register(&self.instance, self.instance.weight).await?;
                }
                Seen::Own { weight } => {
                    tracing::warn!(
                        service = self.instance.service,
                        weight,
                        "Nacos holds on to another weight for this node"
                    );
                    self.confirmed();
                    return Ok(());
                }
                Seen::Successor | Seen::Predecessor | Seen::Missing => {}
            }
            if self.pause(CONFIRM_PAUSE).await {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns when the entry has to be written again, or another level is wanted.
    async fn watch_over(&mut self, client: &Client, level: Level) {
        let mut missing = 0;
        loop {
            if self.pause(self.shared.options.self_check_pause()).await {
                return;
            }
            let Ok(told) = client.list(&self.instance.service).await else { continue };
            match find_own(&self.instance, &told) {
                Seen::Own { weight } => {
                    missing = 0;
                    self.confirmed();
                    if level == Level::Drained && weight > 0.0 {
                        return;
                    }
                }
                // It has our port, so we are not reachable there: writing our entry again would only hide it.
                Seen::Successor => missing = 0,
                // Where the entry was written and the address is there, a server shows what it kept of a predecessor.
                Seen::Predecessor if self.is_confirmed => missing = 0,
                Seen::Predecessor | Seen::Missing => missing += 1,
            }
            if missing >= MISSING_LOOKS {
                self.tell_hidden();
                return;
            }
        }
    }

    fn confirmed(&mut self) {
        self.is_confirmed = true;
        self.is_hidden_told = false;
        self.progress.send_if_modified(|progress| !std::mem::replace(&mut progress.is_announced, true));
    }

    /// Once until it is seen again: it may be an operator who disabled it, which looks the same and stays so.
    fn tell_hidden(&mut self) {
        if !std::mem::replace(&mut self.is_hidden_told, true) {
            let Instance { service, host, port, .. } = &self.instance;
            tracing::warn!(
                service,
                "{host}:{port} is missing in Nacos, or disabled there: it is registered again"
            );
        }
    }

    fn tell(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }

    /// Waits; true when another level is wanted before the time is over.
    async fn pause(&mut self, time: Duration) -> bool {
        let mut wanted = self.wanted.clone();
        tokio::select! {
            () = sleep(time) => false,
            // Nobody can want anything else any more: the instance stays as it is.
            changed = wanted.changed() => match changed {
                Ok(()) => true,
                Err(_) => { sleep(time).await; false }
            },
        }
    }
}

fn is_same(weight: f64, other: f64) -> bool {
    (weight - other).abs() < 1e-6
}

/// So that a caller of `reach` sees the end of a call that is under way and of the one for it.
const _: () = assert!(REACH_LIMIT.as_millis() > CALL_LIMIT.as_millis());
