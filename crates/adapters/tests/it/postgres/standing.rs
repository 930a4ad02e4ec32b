//! How the server stands: read-only is an outage, weak durability a warning, and both are noticed while the node runs.

use std::time::Duration;

use adapters::sql::PostgresStore;
use ports::{Ambient, Retry, Store};
use testkit::poll::until;
use testkit::servers::Postgres;

use super::setup::{log, open, options, outage, user};
use crate::sqlite::draft;

/// Some looks of a writer, and a busy machine.
const NOTICED: Duration = Duration::from_secs(40);

async fn set(server: &Postgres, setting: &str, value: &str) {
    server.execute(&format!("ALTER SYSTEM SET {setting} = {value}")).await;
    server.execute("SELECT pg_reload_conf()").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_is_an_outage_until_it_does() {
    let server = Postgres::start().await;
    let node = open(&server.url()).await;
    node.append(draft("1", user("2"), "before", 1)).await.unwrap();
    set(&server, "default_transaction_read_only", "on").await;
    until("it is noticed", NOTICED, async || !node.state().up).await;
    let told = async || node.state().note.is_some_and(|note| note.contains("read-only"));
    until("and said", NOTICED, told).await;
    let refused = outage(node.append(draft("1", user("2"), "during", 2)).await.unwrap_err());
    assert!(matches!(refused.retry, Retry::After(_)), "{}", refused.chain());
    let starting = PostgresStore::open(options(&server.url()), &Ambient::system()).await.err().unwrap();
    assert!(matches!(starting.retry, Retry::After(_)), "a start waits for it: {}", starting.chain());
    assert!(starting.chain().contains("read-only"), "{}", starting.chain());

    set(&server, "default_transaction_read_only", "off").await;
    until("it is well again", NOTICED, async || node.state().up).await;
    node.append(draft("1", user("2"), "during", 2)).await.unwrap();
    assert_eq!(log(&*node, "d:1:2").await.len(), 2);
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_the_first_that_takes_writes_is_used() {
    let read_only = Postgres::start_with(&[("default_transaction_read_only", "on")]).await;
    let server = Postgres::start().await;
    let nobody = testkit::ports::free();
    let hosts = [nobody, read_only.port(), server.port()].map(|port| ("127.0.0.1".to_owned(), port));
    let several = adapters::sql::PostgresOptions { hosts: hosts.to_vec(), ..options(&server.url()) };
    let node = PostgresStore::open(several, &Ambient::system()).await.unwrap();
    node.append(draft("1", user("2"), "first", 1)).await.unwrap();
    assert_eq!(server.execute("SELECT count(*) FROM messages").await, "1");
    assert_eq!(log(&*node, "d:1:2").await.len(), 1, "what reads asks the same host");
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_commits_are_not_on_the_disk_is_a_warning_while_it_is_one() {
    let weak = [("synchronous_commit", "off"), ("fsync", "off"), ("full_page_writes", "off")];
    let server = Postgres::start_with(&weak).await;
    let node = open(&server.url()).await;
    let state = node.state();
    assert!(state.up, "{state:?}");
    let note = state.note.unwrap();
    for (setting, _) in weak {
        assert!(note.contains(&format!("{setting} is off")), "{note}");
    }
    node.append(draft("1", user("2"), "first", 1)).await.unwrap();
    node.close().await;

    let strong = Postgres::start().await;
    let node = open(&strong.url()).await;
    assert_eq!(node.state().note, None, "with the settings that PostgreSQL comes with");
    set(&strong, "synchronous_commit", "off").await;
    let warned = async || node.state().note.is_some_and(|note| note.contains("synchronous_commit is off"));
    until("a change is noticed", NOTICED, warned).await;
    assert!(node.state().up);
    // On this server's disk is on a disk.
    set(&strong, "synchronous_commit", "local").await;
    until("and its end", NOTICED, async || node.state().note.is_none()).await;
    node.close().await;
}
