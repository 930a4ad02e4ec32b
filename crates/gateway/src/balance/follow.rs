//! Following the registry: each new list goes into its pool at once, and onto the disk soon after.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ports::registry::Instances;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Pool, Pools, SavedLists, Source};
use crate::events::{Event, Events};

/// Between two writes, so that a restart of a large service does not become a storm on the disk.
const SAVE_PAUSE: Duration = Duration::from_secs(1);

/// Keeps one pool as the registry has it.
pub(crate) async fn follow(
    service: String,
    pool: Arc<Pool>,
    mut lists: watch::Receiver<Instances>,
    news: Arc<Notify>,
    events: Events,
    stop: CancellationToken,
) {
    loop {
        let heard = lists.borrow_and_update().clone();
        if let Some(list) = heard {
            let change = pool.list(&list, Source::Heard);
            events.record(Event::Listed { service: &service, change });
            news.notify_one();
        }
        match stop.run_until_cancelled(lists.changed()).await {
            Some(Ok(())) => {}
            // The registry is gone for good; the last list stays in force.
            Some(Err(_)) | None => return,
        }
    }
}

/// Writes the last good lists whenever one has changed.
pub(crate) async fn keep_saved(
    folder: PathBuf,
    pools: Arc<Pools>,
    news: Arc<Notify>,
    events: Events,
    stop: CancellationToken,
) {
    let mut saved = SavedLists::default();
    loop {
        let goes_on = stop.run_until_cancelled(news.notified()).await.is_some();
        let lists = SavedLists::of(pools.services().map(|(name, pool)| (name, pool.last_good())));
        if lists != saved {
            match lists.write(&folder).await {
                Ok(()) => saved = lists,
                Err(error) => events.record(Event::NotSaved { folder: &folder, error: &error }),
            }
        }
        if !goes_on {
            return;
        }
        // A stop ends the pause, and what was heard meanwhile is still written.
        stop.run_until_cancelled(tokio::time::sleep(SAVE_PAUSE)).await;
    }
}
