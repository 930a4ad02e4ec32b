//! The end of a run, after the last fault: everybody logs in once more and catches up, a message passes between every two nodes,
//! and the store is read.

use std::time::Duration;

use ports::Store;
use ports::store::{PageQuery, Reader};
use testkit::judge::Fact;
use tokio::time::Instant;
use wire::frame::Range;
use wire::id::ConversationId;

use crate::client::device::Device;
use crate::client::outbox::Address;
use crate::client::sitting::Ended;
use crate::stage::Stage;

/// How long a device may take until nothing more is owed to it.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(60);
/// When the probes are sent, after the finale began: everybody has logged in long before.
const PROBES_AFTER: Duration = Duration::from_secs(8);
/// How long everybody stays after the probes: longer than a message may take with nothing broken.
const STAY: Duration = Duration::from_secs(10);
/// Between two tries to log in.
const LOGIN_RETRY: Duration = Duration::from_millis(500);
/// Messages of one page of the store.
const PAGE_ITEMS: usize = 1_000;

/// Runs the end of one device. `probes` are whom it writes to; `node` is where it logs in.
pub async fn take_a_bow(mut device: Device, node: usize, probes: Vec<Address>) {
    let began = Instant::now();
    let until = began + CATCH_UP_LIMIT;
    let is_done =
        |device: &Device| device.memory.is_settled() && device.outbox.is_empty() && device.wish.is_none();
    while Instant::now() < until {
        let Some(mut sitting) = device.sit_down(node, true).await else {
            tokio::time::sleep(LOGIN_RETRY).await;
            continue;
        };
        if !sitting.hello().await || !sitting.settle(until, is_done).await {
            sitting.cut_off();
            continue;
        }
        // Whoever is ready early waits for the others.
        if !sitting.settle(began + PROBES_AFTER, |_| false).await {
            sitting.cut_off();
            continue;
        }
        for address in &probes {
            if !sitting.device.outbox.is_busy(&address.conversation) {
                let payload = sitting.device.payload();
                sitting.device.outbox.say(address, &payload, Instant::now());
            }
        }
        let stays = Instant::now() + STAY;
        if sitting.settle(stays, |_| false).await && is_done(sitting.device) {
            let (user, is_main) = (sitting.device.user.clone(), !sitting.device.groups.is_empty());
            if is_main {
                sitting.device.note(Fact::CaughtUp { user });
            }
            sitting.leave(Ended::Gone).await;
            return;
        }
        sitting.cut_off();
    }
}

/// Writes down every row of the store that is one of the run's conversations.
pub async fn read_the_store(stage: &Stage, conversations: &[ConversationId]) {
    for conversation in conversations {
        let mut after = 0;
        loop {
            let query = PageQuery {
                conversation: conversation.clone(),
                reader: Reader::All,
                range: Range::After(after),
                items_max: PAGE_ITEMS,
                bytes_max: usize::MAX,
            };
            let pages = stage.seams.store.pages(&[query]).await;
            let Some(Ok(page)) = pages.ok().and_then(|mut pages| pages.pop()) else { break };
            for message in &page.messages {
                let seq = message.seq.unwrap_or(0);
                after = after.max(seq);
                stage.facts.record(Fact::Kept {
                    conversation: conversation.to_string(),
                    seq,
                    from: message.from.as_ref().map(ToString::to_string).unwrap_or_default(),
                    id: message.id.as_ref().map(ToString::to_string).unwrap_or_default(),
                    message_id: message.message_id.to_string(),
                });
            }
            if !page.more {
                break;
            }
        }
    }
}
