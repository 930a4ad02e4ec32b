//! Logging in: the session is in the hub; then its claim is confirmed; then interest in its groups; then its groups are listed once more;
//! then the heads of what it has not read are; then it is live. This order is never swapped.

use std::sync::Arc;
use std::time::Duration;

use ports::{Ambient, PortError, Store};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wire::CloseCode;
use wire::error_code::Refusal;
use wire::frame::{self, Unread, Welcome};
use wire::id::{ClientId, GroupId};
use wire::limits::WELCOME_ITEMS_MAX;
use wire::policy::Dialect;

use crate::bindings::Bindings;
use crate::dispatch::port_refusal;
use crate::events::{Event as Told, Events};
use crate::groups::Groups;
use crate::hub::Hub;
use crate::lease::View;
use crate::session::Session;
use crate::session::event::Event;

/// Logins that read the store at once: a storm of reconnects must not become a storm on the store.
const READS_IN_FLIGHT: usize = 64;
/// How long a login waits for a store that is away; then the client comes back later.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// Nobody's session lasts longer than ten years.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Between two tries of a read.
const READ_RETRY: Duration = Duration::from_millis(500);

/// Logs sessions in.
pub struct Arriving {
    ambient: Ambient,
    hub: Arc<Hub>,
    groups: Arc<Groups>,
    bindings: Arc<Bindings>,
    view: Arc<View>,
    store: Option<Arc<dyn Store>>,
    events: Events,
    reads: Semaphore,
    token_leeway: Duration,
}

impl Arriving {
    /// Logs sessions into `hub`.
    pub fn new(
        ambient: Ambient,
        hub: Arc<Hub>,
        groups: Arc<Groups>,
        bindings: Arc<Bindings>,
        view: Arc<View>,
        store: Option<Arc<dyn Store>>,
        events: Events,
        token_leeway: Duration,
    ) -> Arc<Arriving> {
        let reads = Semaphore::new(READS_IN_FLIGHT);
        Arc::new(Arriving { ambient, hub, groups, bindings, view, store, events, reads, token_leeway })
    }

    /// Puts a session into the hub and claims its slot. From then on messages reach it.
    ///
    /// # Errors
    /// The directory did not answer: the session is out of the hub again, and its release is repeated until it is answered.
    pub async fn claim(&self, session: &Arc<Session>, expires: Option<Instant>) -> Result<(), Refusal> {
        session.apply(Event::Admitted { expires }, Instant::now());
        self.hub.insert(session);
        if let Err(error) = self.bindings.claim(session).await {
            self.hub.remove(session);
            self.events.tell(Told::PortFailed { error: &error });
            return Err(port_refusal(&error));
        }
        self.events.tell(Told::SessionOpened { user: &session.user, session: session.id });
        Ok(())
    }

    /// Tells a claimed session what it has not read, and lets it live. A store that stays away ends it with 4000.
    pub async fn greet(&self, session: &Arc<Session>) {
        let deadline = Instant::now() + READ_LIMIT;
        let (unread, more) = loop {
            let Ok(_place) = self.reads.acquire().await else { return };
            match self.heads(session).await {
                Ok(heads) => break heads,
                Err(error) => self.events.tell(Told::PortFailed { error: &error }),
            }
            if Instant::now() >= deadline {
                return session.apply(Event::Evict(CloseCode::ServerError), Instant::now());
            }
            drop(_place);
            tokio::time::sleep(READ_RETRY).await;
        };
        let welcome = frame::welcome(&Welcome {
            session: session.id,
            user: &session.user,
            node: self.view.node(),
            time: self.ambient.clock.unix_ms(),
            store: self.store.is_none().then_some("none"),
            epoch: self.store.as_ref().map(|store| store.epoch()),
            unread: self.store.is_some().then_some(&*unread),
            more: self.store.is_some().then_some(more),
        });
        session.apply(Event::Welcomed { welcome, unread: &unread }, Instant::now());
    }

    /// Claims and greets a session whose token came in `hello`.
    ///
    /// # Errors
    /// As [`Arriving::claim`]; the session is then to be ended with 4000.
    pub async fn log_in(&self, session: &Arc<Session>, expires: Option<Instant>) -> Result<(), Refusal> {
        self.claim(session, expires).await?;
        self.greet(session).await;
        Ok(())
    }

    /// True while a session has its place; false for one that a newer login has displaced, or whose place
    /// was taken away because its node was taken for dead, though it may not know it yet.
    pub async fn has_its_place(&self, session: &Session) -> Result<bool, PortError> {
        self.bindings.has_its_place(session).await
    }

    /// Takes an ended session out of everything, and gives its place up.
    pub fn left(&self, session: &Arc<Session>) {
        if self.hub.remove(session) {
            self.groups.exit_all(session);
            self.bindings.release(session);
        }
    }

    /// When a session ends whose token ends at `expires_ms`: the moment, and the token's end itself.
    pub fn expiry(&self, expires_ms: Option<u64>) -> Option<(Instant, u64)> {
        let expires_ms = expires_ms?;
        let left = Duration::from_millis(expires_ms.saturating_sub(self.ambient.clock.unix_ms()));
        let overdue = Duration::from_millis(self.ambient.clock.unix_ms().saturating_sub(expires_ms));
        // A token of a million years must not overflow the clock.
        let left = (left + self.token_leeway).saturating_sub(overdue).min(TOKEN_LIFE_MAX);
        Some((Instant::now() + left, expires_ms))
    }

    /// The directory's clock, in milliseconds since 1970: what nodes whose own clocks differ agree on.
    pub fn shared_ms(&self) -> u64 {
        self.view.now_ms()
    }

    /// Now, in milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        self.ambient.clock.unix_ms()
    }

    /// A name for a send whose sender has none for it.
    pub fn client_id(&self) -> ClientId {
        let minted = self.ambient.message_id().to_string();
        // 26 characters of an alphabet that ids allow.
        minted.parse().unwrap_or_else(|_| unreachable!("a minted id is an id"))
    }

    /// The order of this function is the order of the page's first lines.
    async fn heads(&self, session: &Arc<Session>) -> Result<(Vec<Unread>, bool), PortError> {
        let Some(store) = &self.store else { return Ok((Vec::new(), false)) };
        let users = std::slice::from_ref(&session.user);
        let mut entered: Vec<GroupId> = Vec::new();
        loop {
            let groups = store.groups_of(users).await?.pop().unwrap_or_default();
            let new: Vec<GroupId> = groups.into_iter().filter(|group| !entered.contains(group)).collect();
            if new.is_empty() {
                break;
            }
            for group in new {
                self.groups.enter(&group, session, false).await?;
                entered.push(group);
            }
        }
        if session.dialect == Dialect::Classic {
            return Ok((Vec::new(), false));
        }
        let list = store.arrive(users, WELCOME_ITEMS_MAX).await?.pop().unwrap_or_default();
        Ok((list.items, list.more))
    }
}

impl std::fmt::Debug for Arriving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arriving").field("node", self.view.node()).finish_non_exhaustive()
    }
}
