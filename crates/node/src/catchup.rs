//! Closes gaps from the store: reads what sessions lack, batched over sessions and bounded in flight.
//!
//! Each conversation of a session is in here at most once at a time, so the queue is bounded by what sessions follow.
//! A store that is away delays a read; it never loses one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge::Tasks;
use ports::Store;
use ports::store::{Page, PageQuery, PositionQuery, Reader};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::frame::Range;
use wire::id::{ConversationId, Seq, UserId};
use wire::limits::Limits;
use wire::policy::Dialect;

use crate::events::{Event as Told, Events};
use crate::parcel::Parcel;
use crate::session::Session;
use crate::session::event::{CaughtUp, Event};
use crate::session::machine::Phase;

/// Reads under way at once: enough to keep a database busy, too few to drown it after a storm of reconnects.
const READS_IN_FLIGHT: usize = 4;
/// Reads of one query.
const BATCH: usize = 64;
/// Messages of one page at most: a fifth of what is pushed before `behind`, and no more than half of a send queue.
const PAGE_ITEMS: usize = 100;
/// Content bytes of one page at most: a quarter of a send queue.
const PAGE_BYTES: usize = 256 * 1024;
/// How long to wait after a failed read.
const RETRY: Duration = Duration::from_millis(500);

/// The reads that wait.
#[derive(Debug, Default)]
pub struct CatchUp {
    waiting: Mutex<VecDeque<Read>>,
    wake: Notify,
}

#[derive(Debug)]
struct Read {
    session: Arc<Session>,
    conversation: ConversationId,
    /// `None` asks for the position.
    after: Option<Seq>,
    /// It failed together with others: one that the store cannot answer must not fail the others again.
    alone: bool,
}

impl CatchUp {
    /// Has the log above `after` read for a session.
    pub fn read(&self, session: &Arc<Session>, conversation: ConversationId, after: Seq) {
        self.push([Read { session: session.clone(), conversation, after: Some(after), alone: false }]);
    }

    /// Has a session told from where to push a conversation.
    pub fn find_position(&self, session: &Arc<Session>, conversation: ConversationId) {
        self.push([Read { session: session.clone(), conversation, after: None, alone: false }]);
    }

    /// Starts the readers, which end with `stop`.
    pub fn start(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        limits: &Limits,
        events: &Events,
        tasks: &Tasks,
        stop: &CancellationToken,
    ) {
        for _ in 0..READS_IN_FLIGHT {
            let reader = CatchUpReader {
                queue: self.clone(),
                store: store.clone(),
                events: events.clone(),
                page_items: PAGE_ITEMS.min(limits.send_queue_frames_max / 2).max(1),
                page_bytes: PAGE_BYTES.min(limits.send_queue_bytes_max / 4),
            };
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled(reader.run()).await });
        }
    }

    fn push(&self, reads: impl IntoIterator<Item = Read>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(reads);
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<Read> {
        let mut batch: Vec<Read> = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let together = waiting.iter().take(BATCH).take_while(|read| !read.alone).count();
            let count = together.max(1).min(waiting.len());
            let batch = waiting.drain(..count).collect();
            if !waiting.is_empty() {
                self.wake.notify_one();
            }
            batch
        };
        // Whoever has gone meanwhile needs nothing: clients that come and go must not keep the others waiting.
        batch.retain(|read| read.session.phase() != Phase::Leaving);
        batch
    }
}

struct CatchUpReader {
    queue: Arc<CatchUp>,
    store: Arc<dyn Store>,
    events: Events,
    page_items: usize,
    page_bytes: usize,
}

impl CatchUpReader {
    async fn run(&self) {
        let _left_empty = Emptied(&self.queue);
        loop {
            let (pages, positions): (Vec<Read>, Vec<Read>) =
                self.queue.take().into_iter().partition(|read| read.after.is_some());
            if pages.is_empty() && positions.is_empty() {
                self.queue.wake.notified().await;
                continue;
            }
            self.find_positions(positions).await;
            self.read_pages(pages).await;
        }
    }

    async fn find_positions(&self, reads: Vec<Read>) {
        if reads.is_empty() {
            return;
        }
        let queries: Vec<PositionQuery> = reads
            .iter()
            .map(|read| PositionQuery {
                conversation: read.conversation.clone(),
                user: (read.session.dialect == Dialect::V1).then(|| read.session.user.clone()),
                arrived_ms: read.session.arrived_ms,
            })
            .collect();
        match self.store.positions(&queries).await {
            Ok(positions) => {
                for (read, position) in reads.iter().zip(positions) {
                    read.session.apply(Event::Position(&read.conversation, position), Instant::now());
                }
            }
            Err(error) => self.put_back(reads, &error).await,
        }
    }

    /// Sessions that lack the same piece share one read of it.
    async fn read_pages(&self, reads: Vec<Read>) {
        let mut shared: BTreeMap<(ConversationId, Seq), Vec<Read>> = BTreeMap::new();
        for read in reads {
            let key = (read.conversation.clone(), read.after.unwrap_or(0));
            shared.entry(key).or_default().push(read);
        }
        if shared.is_empty() {
            return;
        }
        let queries: Vec<PageQuery> = shared
            .keys()
            .map(|(conversation, after)| PageQuery {
                conversation: conversation.clone(),
                reader: Reader::All,
                range: Range::After(*after),
                items_max: self.page_items,
                bytes_max: self.page_bytes,
            })
            .collect();
        let pages = match self.store.pages(&queries).await {
            Ok(pages) => pages,
            Err(error) => {
                let reads = shared.into_values().flatten().collect();
                return self.put_back(reads, &error).await;
            }
        };
        for ((key, reads), page) in shared.into_iter().zip(pages) {
            match page {
                Ok(page) => self.hand_out(&key.0, page, &reads),
                Err(_denied) => {
                    for read in &reads {
                        read.session.apply(Event::Denied(&key.0), Instant::now());
                    }
                }
            }
        }
    }

    fn hand_out(&self, conversation: &ConversationId, page: Page, reads: &[Read]) {
        let parcels: Vec<Arc<Parcel>> =
            page.messages.into_iter().map(|message| Arc::new(Parcel::message(message))).collect();
        self.events.tell(Told::CaughtUp { messages: parcels.len(), sessions: reads.len() });
        for read in reads {
            let since = match &page.roster {
                Some(roster) => roster.members.get(&read.session.user).copied(),
                None => is_open_to(conversation, &read.session.user).then_some(0),
            };
            let now = Instant::now();
            let Some(since) = since else {
                read.session.apply(Event::Denied(conversation), now);
                continue;
            };
            let visible = |parcel: &&Arc<Parcel>| parcel.seq().is_some_and(|seq| seq > since);
            let caught_up = CaughtUp {
                conversation: conversation.clone(),
                parcels: parcels.iter().filter(visible).cloned().collect(),
                first: page.first.max(since + 1),
                head: page.head,
                more: page.more,
            };
            read.session.apply(Event::Page(&caught_up), now);
        }
    }

    async fn put_back(&self, reads: Vec<Read>, error: &ports::PortError) {
        self.events.tell(Told::PortFailed { error });
        self.queue.push(reads.into_iter().map(|read| Read { alone: true, ..read }));
        tokio::time::sleep(RETRY).await;
    }
}

/// Empties the queue when a reader ends, as all of them then do: sessions hold the queue, so what waited here would never be given back.
struct Emptied<'a>(&'a CatchUp);

impl Drop for Emptied<'_> {
    fn drop(&mut self) {
        // A reader that fails must not cost the others what they have still to read.
        if std::thread::panicking() {
            return;
        }
        let waiting = std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        drop(waiting);
    }
}

/// True for the two of a direct conversation, and for everyone where it is everyone's.
fn is_open_to(conversation: &ConversationId, user: &UserId) -> bool {
    conversation.is_between(user) || conversation.group_id().is_some_and(|group| group.is_everyone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::test_session;

    #[tokio::test]
    async fn what_failed_together_is_read_again_one_by_one() {
        let queue = CatchUp::default();
        let session = test_session(Limits::default(), true);
        let taken = || queue.take().iter().map(|read| read.conversation.to_string()).collect::<Vec<_>>();
        let failed = ["g:a", "g:b"].map(|id| Read {
            session: session.clone(),
            conversation: id.parse().unwrap(),
            after: Some(1),
            alone: true,
        });
        queue.read(&session, "g:c".parse().unwrap(), 1);
        queue.push(failed);
        queue.read(&session, "g:d".parse().unwrap(), 1);
        queue.read(&session, "g:e".parse().unwrap(), 1);
        assert_eq!(taken(), ["g:c"]);
        assert_eq!(taken(), ["g:a"]);
        assert_eq!(taken(), ["g:b"]);
        assert_eq!(taken(), ["g:d", "g:e"]);
        assert!(taken().is_empty());
        queue.read(&session, "g:f".parse().unwrap(), 1);
        session.apply(Event::Evict(wire::CloseCode::Replaced), Instant::now());
        assert!(taken().is_empty(), "who has gone needs nothing");
    }
}
