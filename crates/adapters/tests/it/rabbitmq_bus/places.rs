//! Whose inbox it is: newer ones, older ones, and none.

use std::time::Duration;

use adapters::bus::RabbitMqBus;
use ports::bus::{Bus, Mail, NoInbox};
use testkit::poll;
use testkit::proxy::Mode;
use testkit::servers::RabbitMq;
use tokio::time::timeout;
use wire::envelope::Lane;

use super::looker::Depth;
use super::{PATIENCE, at, body, boot, looker, options, queue_of, reborn, to_node};

pub(crate) async fn an_inbox_in_another_process_takes_the_place(server: &RabbitMq) {
    let (one, other) = (RabbitMqBus::new(options(server)), RabbitMqBus::new(options(server)));
    let earlier = boot("place");
    let later = reborn(&earlier);
    let mut older = one.open_inbox(&earlier).await.unwrap();
    let mut newer = other.open_inbox(&later).await.unwrap();
    let told = timeout(PATIENCE, older.next()).await.expect("the older inbox must be told");
    assert_eq!(told, None);
    for text in ["one", "two"] {
        assert!(one.post(vec![to_node(&later, Lane::Single, "k", text)]).await[0].is_ok());
        assert_eq!(body(&mut newer).await.1, text);
    }
}

/// Its process stood still, or its network was away, while the name was given to another.
pub(crate) async fn a_predecessor_that_was_cut_off_does_not_come_back(server: &RabbitMq) {
    let proxy = server.proxy();
    let (cut_off, other) = (RabbitMqBus::new(at(proxy.address())), RabbitMqBus::new(options(server)));
    let earlier = boot("stopped");
    let later = reborn(&earlier);
    let mut older = cut_off.open_inbox(&earlier).await.unwrap();
    assert!(other.post(vec![to_node(&earlier, Lane::Single, "k", "early")]).await[0].is_ok());
    assert_eq!(body(&mut older).await.1, "early");
    proxy.set_both(Mode::Stall);
    let mut newer = other.open_inbox(&later).await.unwrap();
    // The broker still takes the other connection for alive; it must hold nothing up.
    for text in ["one", "two"] {
        assert!(other.post(vec![to_node(&later, Lane::Single, "k", text)]).await[0].is_ok());
        assert_eq!(body(&mut newer).await.1, text);
    }
    // Until the older one has lost its connection, and finds the broker again.
    poll::until(
        "the older inbox is deaf",
        PATIENCE,
        async || {
            if cut_off.state().up { Err("up") } else { Ok(()) }
        },
    )
    .await;
    proxy.heal().await;
    loop {
        match timeout(PATIENCE, older.next()).await.expect("the older inbox must be told") {
            Some(Mail::WasDeaf(_)) => {}
            Some(other) => panic!("{other:?} for an inbox whose place is taken"),
            None => break,
        }
    }
    assert!(other.post(vec![to_node(&later, Lane::Single, "k", "three")]).await[0].is_ok());
    assert_eq!(body(&mut newer).await.1, "three");
}

pub(crate) async fn a_new_boot_reads_nothing_old_and_drops_it(server: &RabbitMq) {
    let proxy = server.proxy();
    let (gone, bus) = (RabbitMqBus::new(at(proxy.address())), RabbitMqBus::new(options(server)));
    let earlier = boot("reborn");
    let inbox = gone.open_inbox(&earlier).await.unwrap();
    // It is gone without a word: its queue stays.
    proxy.take_down().await;
    for number in 0..20 {
        assert!(
            bus.post(vec![to_node(&earlier, Lane::Single, "k", format!("old {number}"))]).await[0].is_ok()
        );
    }
    let queue = queue_of(&earlier);
    let lying = looker(server).await.depth(&queue).await.unwrap();
    assert_eq!(lying, Depth { messages: 20, readers: 0 });
    drop((inbox, gone));
    let later = reborn(&earlier);
    let mut inbox = bus.open_inbox(&later).await.unwrap();
    assert!(bus.post(vec![to_node(&later, Lane::Single, "k", "new")]).await[0].is_ok());
    assert_eq!(body(&mut inbox).await.1, "new");
}

pub(crate) async fn an_inbox_whose_queue_was_deleted_makes_it_again(server: &RabbitMq) {
    let bus = RabbitMqBus::new(options(server));
    let node = boot("deleted");
    let mut inbox = bus.open_inbox(&node).await.unwrap();
    looker(server).await.delete_queue(&queue_of(&node)).await;
    match timeout(PATIENCE, inbox.next()).await.expect("it must be told") {
        Some(Mail::WasDeaf(deaf)) => assert!(deaf > Duration::ZERO),
        other => panic!("{other:?}"),
    }
    assert!(bus.post(vec![to_node(&node, Lane::Single, "k", "again")]).await[0].is_ok());
    assert_eq!(body(&mut inbox).await.1, "again");
}

pub(crate) async fn a_node_that_left_is_told_from_one_that_is_away(server: &RabbitMq) {
    let bus = RabbitMqBus::new(options(server));
    let node = boot("leaving");
    let inbox = bus.open_inbox(&node).await.unwrap();
    let depth = async || looker(server).await.depth(&queue_of(&node)).await;
    assert_eq!(depth().await, Some(Depth { messages: 0, readers: 1 }));
    drop(inbox);
    poll::until("the queue of a node that left is gone", PATIENCE, async || match depth().await {
        None => Ok(()),
        Some(depth) => Err(format!("{depth:?}")),
    })
    .await;
    let away = boot("away");
    let proxy = server.proxy();
    let cut_off = RabbitMqBus::new(at(proxy.address()));
    let _inbox = cut_off.open_inbox(&away).await.unwrap();
    proxy.take_down().await;
    let to_both = vec![to_node(&node, Lane::Single, "k", "x"), to_node(&away, Lane::Single, "k", "x")];
    let results = bus.post(to_both).await;
    let error = results[0].as_ref().unwrap_err();
    assert!(NoInbox::is_why(error) && error.chain().contains(node.node.as_str()), "{}", error.chain());
    // What is away for a moment finds its mail when it is back.
    assert!(results[1].is_ok(), "{results:?}");
    assert!(bus.state().up, "a node that left is no fault of the broker");
}

/// The broker confirms many at once, and what comes back may be told with the confirmation of another.
pub(crate) async fn each_of_many_postings_has_its_own_answer(server: &RabbitMq) {
    const ROUNDS: usize = 200;
    let bus = RabbitMqBus::new(options(server));
    let (here, gone) = (boot("here"), [boot("gone"), boot("left")]);
    let mut inbox = bus.open_inbox(&here).await.unwrap();
    let all = || [&here, &gone[0], &here, &gone[1], &gone[0], &here, &here].into_iter().cycle();
    let mut posted = 0;
    for round in 0..ROUNDS {
        // Each round begins elsewhere and has another length, so that what is confirmed together differs.
        let to: Vec<_> = all().skip(round % 7).take(1 + round % 50).collect();
        let postings = to.iter().map(|to| to_node(to, Lane::Single, "k", format!("{round}")));
        for (to, result) in to.iter().zip(bus.post(postings.collect()).await) {
            match result {
                Ok(()) => {
                    assert_eq!(to.node, here.node);
                    posted += 1;
                }
                Err(error) => {
                    assert!(NoInbox::is_why(&error), "{}", error.chain());
                    assert!(error.chain().contains(to.node.as_str()) && to.node != here.node, "{to:?}");
                }
            }
        }
    }
    for _ in 0..posted {
        body(&mut inbox).await;
    }
}
