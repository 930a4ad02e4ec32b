//! A broker that takes connections and nothing else, one that is short of memory, and more than it can take at once.

use std::time::Duration;

use adapters::bus::{RabbitMqBus, RabbitMqOptions};
use ports::Retry;
use ports::bus::{Address, Bus, POST_LIMIT, Posting};
use testkit::poll;
use testkit::servers::RabbitMq;
use tokio::time::Instant;
use wire::envelope::Lane;

use super::{PATIENCE, at, body, boot, options, to_node};
use crate::SLACK;

pub(crate) async fn a_broker_without_memory_fails_posts_in_time_and_still_opens_inboxes(server: &RabbitMq) {
    let bus = RabbitMqBus::new(options(server));
    let node = boot("blocked");
    let mut inbox = bus.open_inbox(&node).await.unwrap();
    assert!(bus.post(vec![to_node(&node, Lane::Single, "k", "before")]).await[0].is_ok());
    assert_eq!(body(&mut inbox).await.1, "before");
    server.block_publishers(true).await;
    // The first that it does not take is what makes it say so.
    let started = Instant::now();
    let results = bus.post(vec![to_node(&node, Lane::Single, "k", "during")]).await;
    assert!(started.elapsed() <= POST_LIMIT + SLACK, "{:?}", started.elapsed());
    let error = results[0].as_ref().unwrap_err();
    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
    assert!(error.chain().contains("takes nothing") && error.chain().contains("memory"), "{}", error.chain());
    assert!(!bus.state().up);
    let _newcomer = bus.open_inbox(&boot("newcomer")).await.unwrap();
    server.block_publishers(false).await;
    poll::until("posts are taken again", PATIENCE, async || {
        let results = bus.post(vec![to_node(&node, Lane::Single, "k", "after")]).await;
        if results[0].is_ok() { Ok(()) } else { Err(format!("{results:?}")) }
    })
    .await;
    assert!(bus.state().up, "{:?}", bus.state());
    while body(&mut inbox).await.1 != "after" {}
}

pub(crate) async fn a_broker_that_hangs_fails_posts_in_time_and_is_used_again_later(server: &RabbitMq) {
    let proxy = server.proxy();
    let bus = RabbitMqBus::new(at(proxy.address()));
    let node = boot("hung");
    let mut inbox = bus.open_inbox(&node).await.unwrap();
    assert!(bus.post(vec![to_node(&node, Lane::Control, "k", "before")]).await[0].is_ok());
    let before = proxy.counters().accepted;
    server.pause();
    // On a busy machine it may answer once more before it stands still.
    poll::until("posts fail, each in time", PATIENCE, async || {
        let started = Instant::now();
        let results = bus.post(vec![to_node(&node, Lane::Control, "k", "hung")]).await;
        assert!(started.elapsed() <= POST_LIMIT + SLACK, "{:?}", started.elapsed());
        match &results[0] {
            Ok(()) => Err("taken"),
            Err(error) => {
                assert_ne!(error.retry, Retry::Never, "{}", error.chain());
                Ok(())
            }
        }
    })
    .await;
    assert!(!bus.state().up);
    // Reading and posting both take the broker for dead, and knock again.
    poll::until("both connections are given up", PATIENCE, async || {
        let accepted = proxy.counters().accepted;
        if accepted >= before + 2 { Ok(()) } else { Err(accepted) }
    })
    .await;
    let error = bus.open_inbox(&boot("late")).await.err().unwrap();
    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
    server.resume();
    poll::until("posts are taken again", PATIENCE, async || {
        let results = bus.post(vec![to_node(&node, Lane::Control, "k", "later")]).await;
        if results[0].is_ok() { Ok(()) } else { Err(format!("{results:?}")) }
    })
    .await;
    while body(&mut inbox).await.1 != "later" {}
    poll::until("all is well again", PATIENCE, async || {
        let state = bus.state();
        if state.up { Ok(()) } else { Err(state.note.unwrap_or_default()) }
    })
    .await;
}

/// A broker that takes connections, reads what comes, and says nothing at all.
pub(crate) async fn a_broker_that_never_answers_leaves_no_thread_behind() {
    // More than the connections that other tests have beside this one.
    const ATTEMPTS: usize = 100;
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let options =
        RabbitMqOptions { call_timeout: Duration::from_millis(20), ..at(silent.local_addr().unwrap()) };
    let bus = RabbitMqBus::new(options);
    let threads = || {
        let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = names.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("lapin")).count()
    };
    let node = boot("silent");
    // For as long as the other side keeps a connection, nothing but us ends it.
    let mut held = Vec::new();
    for _ in 0..ATTEMPTS {
        let opening = bus.open_inbox(&node);
        let (opened, accepted) = tokio::join!(opening, silent.accept());
        held.push(accepted.unwrap());
        assert!(matches!(opened.err().unwrap().retry, Retry::After(_)));
    }
    drop(bus);
    poll::until("the library's threads have ended", PATIENCE, async || match threads() {
        ..ATTEMPTS => Ok(()),
        count => Err(count),
    })
    .await;
}

pub(crate) async fn a_burst_of_a_hundred_thousand_is_taken_in_order(server: &RabbitMq) {
    const BURST: usize = 100_000;
    let (bus, reading) = (RabbitMqBus::new(options(server)), RabbitMqBus::new(options(server)));
    let node = boot("burst");
    let mut inbox = reading.open_inbox(&node).await.unwrap();
    let post = async {
        // Eight posters, each with its own numbers, as the shards of a node are.
        let mut posters = tokio::task::JoinSet::new();
        let bus = std::sync::Arc::new(bus);
        for poster in 0..8 {
            let (bus, to) = (bus.clone(), Address::Node(node.node.clone()));
            posters.spawn(async move {
                let mut taken = 0;
                for call in 0..BURST / 8 / 125 {
                    let posting = |number: usize| Posting {
                        to: to.clone(),
                        lane: Lane::Control,
                        key: format!("d:{poster}:9").into(),
                        body: format!("{poster} {} {}", call * 125 + number, "x".repeat(400)).into(),
                    };
                    taken +=
                        bus.post((0..125).map(posting).collect()).await.iter().filter(|r| r.is_ok()).count();
                }
                taken
            });
        }
        posters.join_all().await.into_iter().sum::<usize>()
    };
    let read = async {
        let mut next = [0; 8];
        for _ in 0..BURST {
            let (_, text) = body(&mut inbox).await;
            let mut words = text.split(' ').map(|word| word.parse::<usize>());
            let (Some(Ok(poster)), Some(Ok(number))) = (words.next(), words.next()) else { panic!("{text}") };
            assert_eq!(number, next[poster], "poster {poster}");
            next[poster] += 1;
        }
    };
    let (taken, ()) = tokio::join!(post, read);
    assert_eq!(taken, BURST);
}
