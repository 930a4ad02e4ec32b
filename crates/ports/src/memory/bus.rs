//! The bus of one process: its nodes share one, and it carries the same encoded envelopes that a real one carries.
//!
//! Inboxes are bounded: what finds one full is lost, and the inbox is told at that place that it was deaf.
//! The bus can be cut off and mended, so that tests and simulations see what an outage of a real one does: posts fail, and open inboxes are deaf.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;
use wire::envelope::Lane;
use wire::id::{Boot, NodeName};

use crate::bus::{Address, Bus, Inbox, Mail, Posting};
use crate::{PortError, Seam, SeamState};

/// Mails that an inbox holds: some seconds of what a node can work off.
const INBOX_MAILS_MAX: usize = 16_384;
/// Bytes that an inbox holds, so that a node that stands still costs no more memory than this.
const INBOX_BYTES_MAX: usize = 64 << 20;
/// Copies that are kept for a test to look at.
const COPIES_MAX: usize = 10_000;

/// A bus in memory. Clones are the same bus.
#[derive(Debug, Clone)]
pub struct MemoryBus {
    state: Arc<Mutex<State>>,
    inbox_mails_max: usize,
    wants_copies: bool,
}

#[derive(Debug, Default)]
struct State {
    cut_since: Option<Instant>,
    inboxes: BTreeMap<NodeName, Arc<Mailbox>>,
    copies: VecDeque<(Arc<str>, Bytes)>,
}

/// What the sending and the reading side of an inbox share.
#[derive(Debug)]
struct Mailbox {
    content: Mutex<Content>,
    came: Notify,
    mails_max: usize,
}

#[derive(Debug, Default)]
struct Content {
    items: VecDeque<Item>,
    mails: usize,
    bytes: usize,
    is_replaced: bool,
}

#[derive(Debug)]
enum Item {
    Mail {
        lane: Lane,
        body: Bytes,
    },
    /// Mail was lost at this place of the queue, for the first time then.
    Lost {
        since: Instant,
    },
}

struct MemoryInbox {
    node: NodeName,
    own: Arc<Mailbox>,
    state: Arc<Mutex<State>>,
}

impl MemoryBus {
    /// One without inboxes, that wants no copies.
    pub fn new() -> MemoryBus {
        MemoryBus { state: Arc::default(), inbox_mails_max: INBOX_MAILS_MAX, wants_copies: false }
    }

    /// As [`MemoryBus::new`], with smaller inboxes.
    pub fn with_inbox_mails_max(inbox_mails_max: usize) -> MemoryBus {
        MemoryBus { inbox_mails_max, ..MemoryBus::new() }
    }

    /// As [`MemoryBus::new`], with copies wanted: they are kept in [`MemoryBus::copies`].
    pub fn with_copies() -> MemoryBus {
        MemoryBus { wants_copies: true, ..MemoryBus::new() }
    }

    /// The latest copies, oldest first.
    pub fn copies(&self) -> Vec<(Arc<str>, Bytes)> {
        lock(&self.state).copies.iter().cloned().collect()
    }

    /// Begins an outage: posts fail, nothing arrives.
    pub fn cut(&self) {
        lock(&self.state).cut_since.get_or_insert_with(Instant::now);
    }

    /// Ends an outage: every open inbox is told that it was deaf.
    pub fn mend(&self) {
        let mut state = lock(&self.state);
        if let Some(since) = state.cut_since.take() {
            state.inboxes.values().for_each(|inbox| inbox.lose(since));
        }
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        MemoryBus::new()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn post(&self, postings: Vec<Posting>) -> Vec<Result<(), PortError>> {
        let state = lock(&self.state);
        postings.into_iter().map(|posting| state.post(posting)).collect()
    }

    async fn open_inbox(&self, boot: &Boot) -> Result<Box<dyn Inbox>, PortError> {
        let mut state = lock(&self.state);
        state.is_up("open an inbox")?;
        let own = Arc::new(Mailbox {
            content: Mutex::default(),
            came: Notify::new(),
            mails_max: self.inbox_mails_max,
        });
        if let Some(older) = state.inboxes.insert(boot.node.clone(), own.clone()) {
            older.replace();
        }
        Ok(Box::new(MemoryInbox { node: boot.node.clone(), own, state: self.state.clone() }))
    }

    fn wants_copies(&self) -> bool {
        self.wants_copies
    }

    async fn copy(&self, key: Arc<str>, body: Bytes) -> Result<(), PortError> {
        if !self.wants_copies {
            return Ok(());
        }
        let mut state = lock(&self.state);
        state.is_up("post a copy")?;
        if state.copies.len() == COPIES_MAX {
            state.copies.pop_front();
        }
        state.copies.push_back((key, body));
        Ok(())
    }

    fn state(&self) -> SeamState {
        match lock(&self.state).cut_since {
            Some(_) => SeamState::down("the bus in memory is cut off"),
            None => SeamState::up(),
        }
    }
}

#[async_trait]
impl Inbox for MemoryInbox {
    async fn next(&mut self) -> Option<Mail> {
        loop {
            // Registered before the look, so that what comes between the two wakes it.
            let came = self.own.came.notified();
            {
                let mut content = lock(&self.own.content);
                if let Some(item) = content.items.pop_front() {
                    return Some(content.mail(item));
                }
                if content.is_replaced {
                    return None;
                }
            }
            came.await;
        }
    }
}

impl Drop for MemoryInbox {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if state.inboxes.get(&self.node).is_some_and(|current| Arc::ptr_eq(current, &self.own)) {
            state.inboxes.remove(&self.node);
        }
    }
}

impl State {
    fn post(&self, posting: Posting) -> Result<(), PortError> {
        const DURING: &str = "post an envelope";
        self.is_up(DURING)?;
        posting.check_lane()?;
        let Posting { to, lane, body, .. } = posting;
        match to {
            // As on a real bus, mail for a node without an inbox is taken, and nobody ever reads it.
            Address::Node(node) => {
                self.inboxes.get(&node).into_iter().for_each(|inbox| inbox.put(lane, body.clone()))
            }
            Address::All => self.inboxes.values().for_each(|inbox| inbox.put(lane, body.clone())),
        }
        Ok(())
    }

    fn is_up(&self, during: &'static str) -> Result<(), PortError> {
        match self.cut_since {
            Some(_) => Err(PortError::outage(Seam::Bus, during, "it is cut off")),
            None => Ok(()),
        }
    }
}

impl Mailbox {
    fn put(&self, lane: Lane, body: Bytes) {
        let mut content = lock(&self.content);
        if content.mails >= self.mails_max || content.bytes.saturating_add(body.len()) > INBOX_BYTES_MAX {
            content.lose(Instant::now());
        } else {
            content.mails += 1;
            content.bytes += body.len();
            content.items.push_back(Item::Mail { lane, body });
        }
        self.came.notify_one();
    }

    fn lose(&self, since: Instant) {
        lock(&self.content).lose(since);
        self.came.notify_one();
    }

    fn replace(&self) {
        lock(&self.content).is_replaced = true;
        self.came.notify_one();
    }
}

impl Content {
    /// Notes a loss; losses in a row are one, so there are never more of them than mails.
    fn lose(&mut self, since: Instant) {
        if !matches!(self.items.back(), Some(Item::Lost { .. })) {
            self.items.push_back(Item::Lost { since });
        }
    }

    fn mail(&mut self, item: Item) -> Mail {
        match item {
            Item::Mail { lane, body } => {
                self.mails = self.mails.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(body.len());
                Mail::Arrived { lane, body }
            }
            Item::Lost { since } => Mail::WasDeaf(since.elapsed()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use wire::id::Nonce;

    use super::*;

    fn posting(number: usize) -> Posting {
        let body = Bytes::from(number.to_string());
        Posting { to: Address::All, lane: Lane::Control, key: "k".into(), body }
    }

    #[tokio::test]
    async fn an_inbox_that_overflows_is_told_so_at_that_place_and_hears_what_comes_later() {
        let bus = MemoryBus::with_inbox_mails_max(2);
        let boot = Boot { node: "n".parse().unwrap(), nonce: Nonce::mint(1, 1) };
        let mut inbox = bus.open_inbox(&boot).await.unwrap();
        assert!(bus.post((0..5).map(posting).collect()).await.iter().all(Result::is_ok));
        let arrived = |number: usize| Mail::Arrived { lane: Lane::Control, body: number.to_string().into() };
        assert_eq!(inbox.next().await, Some(arrived(0)));
        bus.post(vec![posting(5)]).await;
        assert_eq!(inbox.next().await, Some(arrived(1)));
        assert!(matches!(inbox.next().await, Some(Mail::WasDeaf(_))));
        assert_eq!(inbox.next().await, Some(arrived(5)));
    }

    #[tokio::test]
    async fn an_inbox_that_is_never_read_stays_within_its_limit() {
        let bus = MemoryBus::with_inbox_mails_max(10);
        let boot = Boot { node: "n".parse().unwrap(), nonce: Nonce::mint(1, 1) };
        let _inbox = bus.open_inbox(&boot).await.unwrap();
        bus.post((0..1_000).map(posting).collect()).await;
        let state = lock(&bus.state);
        let content = lock(&state.inboxes.first_key_value().unwrap().1.content);
        assert_eq!((content.mails, content.items.len()), (10, 11));
    }

    #[tokio::test]
    async fn a_dropped_inbox_leaves_nothing_behind() {
        let bus = MemoryBus::new();
        let boot = Boot { node: "n".parse().unwrap(), nonce: Nonce::mint(1, 1) };
        let older = bus.open_inbox(&boot).await.unwrap();
        let newer = bus.open_inbox(&boot).await.unwrap();
        drop(older);
        assert_eq!(
            lock(&bus.state).inboxes.len(),
            1,
            "the older one's end must not take the newer one's place"
        );
        drop(newer);
        assert!(lock(&bus.state).inboxes.is_empty());
    }
}
