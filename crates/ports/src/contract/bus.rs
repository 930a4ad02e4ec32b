//! What every [`Bus`] must do, as checks that run one after the other against one of them.
//!
//! A check uses node names of its own, so a broker may be shared and may remember earlier runs; what is for all nodes is told apart by its body.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, timeout, timeout_at};
use wire::envelope::Lane;
use wire::id::{Boot, NodeName};

use crate::bus::{Address, Bus, Inbox, Mail, NoInbox, POST_LIMIT, Posting};
use crate::{Ambient, PortError, Retry, Seam};

/// A bus to be checked, and the hands that break it.
#[async_trait]
pub trait BusBed: Send + Sync {
    /// A client of it such as each process has one of its own.
    async fn bus(&self) -> Arc<dyn Bus>;

    /// Begins an outage that begins at once for those who use it.
    async fn take_away(&self);

    /// Ends the outage.
    async fn bring_back(&self);

    /// How long mail may take, also after an outage.
    fn patience(&self) -> Duration;
}

/// Runs every check; panics in the one that fails.
pub async fn check_all(bed: &dyn BusBed) {
    mail_to_a_node_reaches_it_alone(bed).await;
    mail_to_all_reaches_every_node_the_sender_too(bed).await;
    a_body_arrives_byte_for_byte_on_its_own_lane(bed).await;
    a_lane_that_does_not_lead_there_is_refused_alone(bed).await;
    postings_with_one_key_keep_their_order(bed).await;
    what_lay_there_before_the_inbox_was_opened_does_not_arrive(bed).await;
    what_is_posted_after_open_inbox_returned_arrives(bed).await;
    a_newer_inbox_takes_the_mail(bed).await;
    a_wait_for_mail_that_is_given_up_loses_none(bed).await;
    mail_for_a_node_that_is_not_there_is_taken_or_known_to_find_no_inbox(bed).await;
    an_outage_fails_posts_in_time_and_heals_by_itself(bed).await;
}

/// One node's mail is not another's.
pub async fn mail_to_a_node_reaches_it_alone(bed: &dyn BusBed) {
    let bus = bed.bus().await;
    let (one, other) = (boot(), boot());
    let mut inbox = open(&*bus, &one).await;
    let mut others = open(&*bus, &other).await;
    for lane in [Lane::Single, Lane::Control] {
        post(&*bus, vec![to_node(&one.node, lane, "for one"), to_node(&other.node, lane, "for the other")])
            .await;
        assert_eq!(arrived(bed, &mut inbox).await, (lane, Bytes::from("for one")));
        assert_eq!(arrived(bed, &mut others).await, (lane, Bytes::from("for the other")));
    }
}

/// On both lanes that lead to all, and from whichever process.
pub async fn mail_to_all_reaches_every_node_the_sender_too(bed: &dyn BusBed) {
    let (bus, elsewhere) = (bed.bus().await, bed.bus().await);
    let mut inboxes =
        [open(&*bus, &boot()).await, open(&*bus, &boot()).await, open(&*elsewhere, &boot()).await];
    for lane in [Lane::Group, Lane::Control] {
        let body = unique("for all");
        post(&*bus, vec![Posting { to: Address::All, ..posting(lane, body.clone()) }]).await;
        for inbox in &mut inboxes {
            assert_eq!(arrived(bed, inbox).await, (lane, body.clone()));
        }
    }
}

/// Whatever its bytes, and up to the size that an envelope may have.
pub async fn a_body_arrives_byte_for_byte_on_its_own_lane(bed: &dyn BusBed) {
    let bus = bed.bus().await;
    let boot = boot();
    let mut inbox = open(&*bus, &boot).await;
    let long: Vec<u8> = (0..200_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    let bodies = [Bytes::from("你好 \u{1}\u{2}\0"), Bytes::from(long), Bytes::from("x")];
    for lane in [Lane::Single, Lane::Control] {
        for body in &bodies {
            let to = Address::Node(boot.node.clone());
            post(&*bus, vec![Posting { to, ..posting(lane, body.clone()) }]).await;
            let (came_on, came) = arrived(bed, &mut inbox).await;
            assert_eq!(came_on, lane);
            assert!(came == *body, "{} bytes arrived instead of {}", came.len(), body.len());
        }
    }
}

/// The others of the same call are posted.
pub async fn a_lane_that_does_not_lead_there_is_refused_alone(bed: &dyn BusBed) {
    let bus = bed.bus().await;
    let boot = boot();
    let mut inbox = open(&*bus, &boot).await;
    let results = bus
        .post(vec![
            Posting { to: Address::All, ..posting(Lane::Single, "wrong".into()) },
            to_node(&boot.node, Lane::Single, "right"),
            to_node(&boot.node, Lane::Group, "wrong"),
        ])
        .await;
    let refused = |index: usize| results[index].as_ref().is_err_and(|error| error.retry == Retry::Never);
    assert!(refused(0) && results[1].is_ok() && refused(2), "{results:?}");
    assert_eq!(arrived(bed, &mut inbox).await, (Lane::Single, "right".into()));
}

/// In one call and over many, while other keys are under way beside it.
pub async fn postings_with_one_key_keep_their_order(bed: &dyn BusBed) {
    const KEYS: usize = 7;
    const ROUNDS: usize = 40;
    const EACH: usize = 5;
    let (bus, reading) = (bed.bus().await, bed.bus().await);
    let boot = boot();
    let mut inbox = open(&*reading, &boot).await;
    for round in 0..ROUNDS {
        let numbers = (0..EACH).map(|number| round * EACH + number);
        let postings = numbers.flat_map(|number| (0..KEYS).map(move |key| (key, number)));
        let postings = postings.map(|(key, number)| {
            let posting = to_node(&boot.node, Lane::Control, &format!("{key} {number}"));
            Posting { key: format!("d:{key}:9").into(), ..posting }
        });
        post(&*bus, postings.collect()).await;
    }
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..KEYS * ROUNDS * EACH {
        let (_, body) = arrived(bed, &mut inbox).await;
        let text = String::from_utf8(body.to_vec()).expect("what was posted");
        let (key, number) = text.split_once(' ').expect("what was posted");
        let expected = next.entry(key.to_owned()).or_default();
        assert_eq!(number.parse(), Ok(*expected), "key {key}");
        *expected += 1;
    }
}

/// A new boot does not read what its predecessor was sent.
pub async fn what_lay_there_before_the_inbox_was_opened_does_not_arrive(bed: &dyn BusBed) {
    let bus = bed.bus().await;
    let (earlier, later) = (boot(), boot());
    let later = Boot { node: earlier.node.clone(), ..later };
    drop(open(&*bus, &earlier).await);
    for lane in [Lane::Single, Lane::Control] {
        // A bus may know already that nobody reads it.
        let posted = bus.post(vec![to_node(&earlier.node, lane, "old")]).await;
        let known = |result: &Result<(), PortError>| {
            result.as_ref().is_ok() || result.as_ref().is_err_and(NoInbox::is_why)
        };
        assert!(posted.iter().all(known), "{posted:?}");
    }
    let mut inbox = open(&*bus, &later).await;
    for lane in [Lane::Single, Lane::Control] {
        post(&*bus, vec![to_node(&later.node, lane, "new")]).await;
        assert_eq!(arrived(bed, &mut inbox).await, (lane, "new".into()));
    }
}

/// From the first moment on, and from whichever process.
pub async fn what_is_posted_after_open_inbox_returned_arrives(bed: &dyn BusBed) {
    let (bus, elsewhere) = (bed.bus().await, bed.bus().await);
    for _ in 0..5 {
        let boot = boot();
        let mut inbox = open(&*bus, &boot).await;
        for lane in [Lane::Single, Lane::Control] {
            post(&*elsewhere, vec![to_node(&boot.node, lane, "first")]).await;
            assert_eq!(arrived(bed, &mut inbox).await, (lane, "first".into()));
        }
    }
}

/// The older one is told, and what comes from then on is the newer one's.
pub async fn a_newer_inbox_takes_the_mail(bed: &dyn BusBed) {
    let bus = bed.bus().await;
    let (earlier, later) = (boot(), boot());
    let later = Boot { node: earlier.node.clone(), ..later };
    let mut older = open(&*bus, &earlier).await;
    let mut newer = open(&*bus, &later).await;
    post(&*bus, vec![to_node(&later.node, Lane::Single, "for the newer")]).await;
    assert_eq!(arrived(bed, &mut newer).await, (Lane::Single, "for the newer".into()));
    let told = timeout(bed.patience(), older.next()).await.expect("the older inbox must be told");
    assert_eq!(told, None);
    drop(older);
    post(&*bus, vec![to_node(&later.node, Lane::Control, "still")]).await;
    assert_eq!(arrived(bed, &mut newer).await, (Lane::Control, "still".into()));
}

/// `next` may be dropped at any point.
pub async fn a_wait_for_mail_that_is_given_up_loses_none(bed: &dyn BusBed) {
    const MAILS: usize = 100;
    let bus = bed.bus().await;
    let boot = boot();
    let mut inbox = open(&*bus, &boot).await;
    let deadline = Instant::now() + bed.patience();
    let (mut posted, mut next) = (0, 0);
    while next < MAILS {
        assert!(Instant::now() < deadline, "{next} of {posted} arrived");
        if posted < MAILS {
            post(&*bus, vec![to_node(&boot.node, Lane::Single, &posted.to_string())]).await;
            posted += 1;
        }
        while let Ok(mail) = timeout(Duration::from_micros(200), inbox.next()).await {
            if let Some(Mail::Arrived { body, .. }) = mail {
                assert_eq!(body, next.to_string());
                next += 1;
            }
        }
    }
}

/// Who lives is the directory's question, and a bus need not know. One that does says nothing else, and harms nothing that is posted beside it.
pub async fn mail_for_a_node_that_is_not_there_is_taken_or_known_to_find_no_inbox(bed: &dyn BusBed) {
    let bus = bed.bus().await;
    let there = boot();
    let mut inbox = open(&*bus, &there).await;
    let nobody = to_node(&boot().node, Lane::Single, "nobody");
    let everybody = Posting { to: Address::All, ..posting(Lane::Control, unique("everybody")) };
    let beside = to_node(&there.node, Lane::Single, "somebody");
    let mut expected = [everybody.body.clone(), beside.body.clone()];
    let mut results = bus.post(vec![nobody, everybody, beside]).await.into_iter();
    if let Some(Err(error)) = results.next() {
        assert!(NoInbox::is_why(&error), "{}", error.chain());
        assert!(matches!(error.retry, Retry::After(_)), "it may be there later");
    }
    assert!(results.len() == 2 && results.all(|result| result.is_ok()));
    // Two roads: either may be the quicker one.
    let mut came = [arrived(bed, &mut inbox).await.1, arrived(bed, &mut inbox).await.1];
    expected.sort();
    came.sort();
    assert_eq!(came, expected);
    assert!(bus.state().up, "{:?}", bus.state());
    bus.copy("key".into(), "copy".into()).await.expect("a copy is taken, or not wanted");
}

/// Nobody has to do anything for it; what was accepted before and after arrives, in order, and what may be lost between is told.
pub async fn an_outage_fails_posts_in_time_and_heals_by_itself(bed: &dyn BusBed) {
    let (bus, reading) = (bed.bus().await, bed.bus().await);
    let boot = boot();
    let mut inbox = open(&*reading, &boot).await;
    post(&*bus, vec![to_node(&boot.node, Lane::Single, "before")]).await;
    assert_eq!(arrived(bed, &mut inbox).await, (Lane::Single, "before".into()));
    bed.take_away().await;
    let started = Instant::now();
    let results = bus
        .post(vec![to_node(&boot.node, Lane::Single, "during"), to_node(&boot.node, Lane::Control, "during")])
        .await;
    assert!(started.elapsed() <= POST_LIMIT + Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(results.len(), 2);
    for result in results {
        let error = result.expect_err("nobody can have taken it");
        assert_eq!(error.seam, Seam::Bus);
        assert_ne!(error.retry, Retry::Never, "{}", error.chain());
    }
    assert!(!bus.state().up, "an outage is told");
    bed.bring_back().await;
    let deadline = Instant::now() + bed.patience();
    while bus.post(vec![to_node(&boot.node, Lane::Single, "after")]).await.iter().any(Result::is_err) {
        assert!(Instant::now() < deadline, "posts still fail: {:?}", bus.state());
    }
    assert!(bus.state().up, "{:?}", bus.state());
    let (mut was_deaf, mut has_arrived) = (false, false);
    while !(was_deaf && has_arrived) {
        let mail = timeout_at(deadline, inbox.next()).await;
        let mail =
            mail.unwrap_or_else(|_| panic!("told of the outage: {was_deaf}, mail after it: {has_arrived}"));
        match mail {
            Some(Mail::WasDeaf(_)) => was_deaf = true,
            Some(Mail::Arrived { body, .. }) if body == "after" => has_arrived = true,
            // An error may be wrong about one that arrives all the same, and what came before may come again.
            Some(Mail::Arrived { body, .. }) => assert!(body == "during" || body == "before", "{body:?}"),
            None => panic!("no other inbox was opened"),
        }
    }
}

fn boot() -> Boot {
    let ambient = Ambient::system();
    let node: NodeName = format!("contract-{}", ambient.message_id()).parse().expect("a node name");
    Boot { node, nonce: ambient.nonce() }
}

fn unique(text: &str) -> Bytes {
    format!("{text} {}", Ambient::system().message_id()).into()
}

fn posting(lane: Lane, body: Bytes) -> Posting {
    Posting { to: Address::All, lane, key: "d:1:2".into(), body }
}

fn to_node(node: &NodeName, lane: Lane, body: &str) -> Posting {
    Posting { to: Address::Node(node.clone()), ..posting(lane, Bytes::copy_from_slice(body.as_bytes())) }
}

async fn open(bus: &dyn Bus, boot: &Boot) -> Box<dyn Inbox> {
    bus.open_inbox(boot).await.unwrap_or_else(|error| panic!("{}", error.chain()))
}

async fn post(bus: &dyn Bus, postings: Vec<Posting>) {
    let count = postings.len();
    let results = bus.post(postings).await;
    assert_eq!(results.len(), count, "an answer for each");
    for result in results {
        result.unwrap_or_else(|error| panic!("{}", error.chain()));
    }
}

/// The next mail; what other checks or tests left on their way to all is passed over.
async fn arrived(bed: &dyn BusBed, inbox: &mut Box<dyn Inbox>) -> (Lane, Bytes) {
    match timeout(bed.patience(), inbox.next()).await.expect("mail must arrive") {
        Some(Mail::Arrived { lane, body }) => (lane, body),
        other => panic!("{other:?} instead of mail"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::bus::MemoryBus;

    #[async_trait]
    impl BusBed for MemoryBus {
        async fn bus(&self) -> Arc<dyn Bus> {
            Arc::new(self.clone())
        }

        async fn take_away(&self) {
            self.cut();
        }

        async fn bring_back(&self) {
            self.mend();
        }

        fn patience(&self) -> Duration {
            Duration::from_secs(5)
        }
    }

    #[tokio::test]
    async fn the_bus_in_memory_keeps_its_promises() {
        check_all(&MemoryBus::new()).await;
    }

    #[tokio::test]
    async fn copies_are_kept_where_they_are_wanted() {
        let bus = MemoryBus::with_copies();
        assert!(bus.wants_copies());
        bus.copy("k".into(), "c".into()).await.unwrap();
        assert_eq!(bus.copies(), [(Arc::from("k"), Bytes::from("c"))]);
    }
}
