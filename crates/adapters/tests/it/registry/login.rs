//! A Nacos that asks who is there.

use std::slice;
use std::time::Duration;

use adapters::registry::{NacosOptions, NacosRegistry};
use ports::Retry;
use ports::registry::Registry;
use testkit::poll;
use testkit::servers::{Nacos, NacosOptions as ServerOptions};
use tokio::time::{Instant, timeout};

use super::bed::{PATIENCE, instance, options, seen};

const USER: &str = "nacos";
const PASSWORD: &str = "s3cret&pass word";

async fn start() -> Nacos {
    let login = Some((USER.to_owned(), PASSWORD.to_owned()));
    Nacos::start_with(ServerOptions { login, ..ServerOptions::default() }).await
}

fn as_user(nacos: &Nacos, password: &str) -> NacosOptions {
    NacosOptions { user: Some(USER.to_owned()), password: Some(password.to_owned()), ..options(nacos) }
}

/// A server that was just set up refuses everybody for a moment.
async fn wait_for_users(nacos: &Nacos) {
    poll::until("the user is set up", PATIENCE, async || {
        let registry = NacosRegistry::new(as_user(nacos, PASSWORD));
        registry.check().await.map_err(|error| error.chain())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_password_lets_us_in_and_a_restart_of_nacos_does_not_lock_us_out() {
    let nacos = start().await;
    wait_for_users(&nacos).await;
    let registry = NacosRegistry::new(as_user(&nacos, PASSWORD));
    registry.check().await.unwrap();
    let node = instance("login-right", 9_401);
    let announcement = registry.announce(node.clone());
    let watched = registry.watch("login-right");
    seen(&watched, "the instance", slice::from_ref(&node)).await;
    assert!(registry.state().up, "{:?}", registry.state());
    nacos.kill_9().await;
    poll::until("the outage is told", PATIENCE, async || !registry.state().up).await;
    nacos.restart().await;
    let fresh = NacosRegistry::new(as_user(&nacos, PASSWORD));
    seen(&fresh.watch("login-right"), "the instance again", &[node]).await;
    poll::until("the end of the outage is told", PATIENCE, async || registry.state().up).await;
    announcement.withdraw().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_ends_a_start_at_once_and_is_told_in_one_line_without_it() {
    let nacos = start().await;
    wait_for_users(&nacos).await;
    let registry = NacosRegistry::new(as_user(&nacos, "wr0ng"));
    let started = Instant::now();
    let error = registry.check().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(error.retry, Retry::Never);
    let announcement = registry.announce(instance("login-wrong", 9_402));
    let state = registry.state();
    let note = state.note.unwrap();
    assert!(!state.up);
    for line in [error.chain(), note] {
        assert!(
            line.contains(&format!("{} refuses user `nacos` or its password", nacos.address())),
            "{line}"
        );
        assert!(!line.contains('\n') && !line.contains("wr0ng"), "{line}");
    }
    let drained = timeout(PATIENCE, announcement.drain()).await.unwrap().unwrap_err();
    assert_eq!(drained.retry, Retry::Never, "{}", drained.chain());
    assert!(!announcement.is_announced());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nacos_that_asks_for_a_user_says_what_to_write() {
    let nacos = start().await;
    wait_for_users(&nacos).await;
    let registry = NacosRegistry::new(options(&nacos));
    let error = registry.check().await.unwrap_err();
    assert_eq!(error.retry, Retry::Never);
    assert!(error.chain().contains("nacos://USER:PASSWORD@"), "{}", error.chain());
    let watched = registry.watch("login-none");
    let note = poll::until("the refusal is told", PATIENCE, async || {
        let note = registry.state().note.unwrap_or_default();
        if note.contains("asks for a user") { Ok(note) } else { Err(note) }
    })
    .await;
    assert!(note.contains("nacos://USER:PASSWORD@HOST:PORT"), "{note}");
    assert_eq!(*watched.borrow(), None, "a refusal is not an empty list");
}
