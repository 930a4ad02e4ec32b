//! Logins, permissions, names that are taken, the queue for copies, several servers.

use adapters::bus::{RabbitMqBus, RabbitMqOptions};
use ports::Retry;
use ports::bus::Bus;
use testkit::servers::RabbitMq;
use wire::envelope::Lane;

use super::{body, boot, looker, options, to_node};

const COPIES: &str = "COPIES";

pub(crate) async fn a_wrong_password_is_final_and_not_shown(server: &RabbitMq) {
    let options = RabbitMqOptions { password: "wr0ng-secret".to_owned(), ..options(server) };
    assert!(!format!("{options:?}").contains("wr0ng"));
    let bus = RabbitMqBus::new(options);
    let node = boot("refused");
    let error = bus.open_inbox(&node).await.err().unwrap();
    assert_eq!(error.retry, Retry::Never, "{}", error.chain());
    let results = bus.post(vec![to_node(&node, Lane::Single, "k", "x")]).await;
    let post = results[0].as_ref().unwrap_err();
    assert_eq!(post.retry, Retry::Never, "{}", post.chain());
    for line in [error.chain(), post.chain(), bus.state().note.unwrap()] {
        assert!(line.contains("ACCESS_REFUSED") && !line.contains("wr0ng"), "{line}");
    }
}

pub(crate) async fn missing_permissions_are_named_with_the_command_that_gives_them(server: &RabbitMq) {
    server.ctl(&["add_user", "somebody", "secret"]).await;
    let options = RabbitMqOptions {
        user: "somebody".to_owned(),
        password: "secret".to_owned(),
        prefix: "im.prod".to_owned(),
        ..options(server)
    };
    let refusal = async |options: &RabbitMqOptions| {
        let error = RabbitMqBus::new(options.clone()).open_inbox(&boot("poor")).await.err().unwrap();
        assert_eq!(error.retry, Retry::Never, "{}", error.chain());
        error.chain()
    };
    // No permission at all on the virtual host.
    let line = refusal(&options).await;
    assert!(line.contains("NOT_ALLOWED"), "{line}");
    let none = RabbitMqOptions { virtual_host: "no-such-host".to_owned(), ..options.clone() };
    assert!(refusal(&none).await.contains("no-such-host"));
    server.ctl(&["set_permissions", "somebody", "^nothing$", "^nothing$", "^nothing$"]).await;
    let line = refusal(&options).await;
    let own = r"^im\.prod\.";
    assert!(
        line.contains(&format!("rabbitmqctl set_permissions -p '/' 'somebody' '{own}' '{own}' '{own}'")),
        "{line}"
    );
    // The command that it names is enough, with copies too.
    let copying = RabbitMqOptions { copy: Some("AN.ARCHIVE".to_owned()), ..options.clone() };
    let with_copies = r"^(im\.prod\.|amq\.default$|AN\.ARCHIVE$)";
    assert!(refusal(&copying).await.contains(with_copies));
    server.ctl(&["set_permissions", "-p", "/", "somebody", with_copies, with_copies, with_copies]).await;
    RabbitMqBus::new(copying).copy("k".into(), "c".into()).await.unwrap();
    let bus = RabbitMqBus::new(options);
    let node = boot("allowed");
    let mut inbox = bus.open_inbox(&node).await.unwrap();
    assert!(bus.post(vec![to_node(&node, Lane::Control, "k", "hi")]).await[0].is_ok());
    assert_eq!(body(&mut inbox).await, (Lane::Control, "hi".to_owned()));
}

pub(crate) async fn an_exchange_that_is_declared_otherwise_is_named(server: &RabbitMq) {
    looker(server).await.declare_fanout("taken.single").await;
    let bus = RabbitMqBus::new(RabbitMqOptions { prefix: "taken".to_owned(), ..options(server) });
    let error = bus.open_inbox(&boot("taken")).await.err().unwrap();
    let line = error.chain();
    assert_eq!(error.retry, Retry::Never, "{line}");
    assert!(line.contains("taken.single") && line.contains("?prefix="), "{line}");
}

pub(crate) async fn copies_lie_in_their_queue_once_each(server: &RabbitMq) {
    let bus = RabbitMqBus::new(RabbitMqOptions { copy: Some(COPIES.to_owned()), ..options(server) });
    assert!(bus.wants_copies());
    for number in 0..20 {
        bus.copy(format!("d:{number}:2").into(), format!("copy {number}").into()).await.unwrap();
    }
    let copies = looker(server).await.read(COPIES, 20).await;
    assert_eq!(copies, (0..20).map(|number| format!("copy {number}")).collect::<Vec<_>>());
    // One that somebody has deleted is made again; a sender is told meanwhile.
    looker(server).await.delete_queue(COPIES).await;
    let error = bus.copy("k".into(), "lost".into()).await.unwrap_err();
    assert!(error.chain().contains("the queue for copies is gone"), "{}", error.chain());
    testkit::poll::until("copies are kept again", super::PATIENCE, async || {
        match bus.copy("k".into(), "later".into()).await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.chain()),
        }
    })
    .await;
    let kept = looker(server).await.depth(COPIES).await;
    assert_eq!(kept.map(|depth| depth.messages), Some(1));
}

pub(crate) async fn another_server_is_used_where_the_first_is_away(server: &RabbitMq) {
    let mut options = options(server);
    options.servers.insert(0, ("127.0.0.1".to_owned(), testkit::ports::free()));
    let bus = RabbitMqBus::new(options);
    let node = boot("second");
    let mut inbox = bus.open_inbox(&node).await.unwrap();
    assert!(bus.post(vec![to_node(&node, Lane::Single, "k", "hi")]).await[0].is_ok());
    assert_eq!(body(&mut inbox).await.1, "hi");
}
