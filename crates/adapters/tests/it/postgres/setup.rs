//! A server for all tests that do not break it, and short words for what they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use adapters::sql::{PostgresOptions, PostgresStore};
use ports::store::{PageQuery, Reader, StoreError};
use ports::{Ambient, PortError, Store};
use testkit::servers::Postgres;
use tokio::sync::OnceCell;
use wire::frame::Range;
use wire::{Message, Target};

/// The server that no test breaks; each has a database of its own in it.
pub(crate) async fn server() -> &'static Postgres {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    SERVER.get_or_init(Postgres::start).await
}

/// The URL of a new database on the server that no test breaks.
pub(crate) async fn fresh_database(purpose: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    server().await.create_database(&format!("{purpose}_{number}")).await
}

/// The parts of a URL of a test server without a password.
pub(crate) fn options(url: &str) -> PostgresOptions {
    let (user, rest) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
    let (host, database) = rest.split_once('/').unwrap();
    let (host, port) = host.split_once(':').unwrap();
    PostgresOptions {
        hosts: vec![(host.to_owned(), port.parse().unwrap())],
        user: user.to_owned(),
        password: None,
        database: database.to_owned(),
    }
}

pub(crate) async fn open(url: &str) -> Arc<PostgresStore> {
    PostgresStore::open(options(url), &Ambient::system()).await.unwrap()
}

/// So many stores on one database, as so many nodes.
pub(crate) async fn open_nodes(url: &str, nodes: usize) -> Vec<Arc<PostgresStore>> {
    let opening = (0..nodes).map(|_| open(url));
    futures_util::future::join_all(opening).await
}

pub(crate) fn group(id: &str) -> Target {
    Target::Group(id.parse().unwrap())
}

pub(crate) fn user(id: &str) -> Target {
    Target::User(id.parse().unwrap())
}

/// All messages of a conversation, after a check that they are numbered from 1 without a hole.
pub(crate) async fn log(store: &dyn Store, conversation: &str) -> Vec<Message> {
    let messages = try_log(store, conversation).await.unwrap();
    let seqs: Vec<u64> = messages.iter().map(|message| message.seq.unwrap()).collect();
    assert_eq!(seqs, (1..=messages.len() as u64).collect::<Vec<_>>(), "{conversation} has a hole");
    messages
}

/// All messages of a conversation, up to its head.
pub(crate) async fn try_log(store: &dyn Store, conversation: &str) -> Result<Vec<Message>, PortError> {
    let query = PageQuery {
        conversation: conversation.parse().unwrap(),
        reader: Reader::All,
        range: Range::After(0),
        items_max: 1_000_000,
        bytes_max: usize::MAX,
    };
    let page = store.pages(&[query]).await?.pop().unwrap().unwrap();
    assert_eq!(page.messages.len() as u64, page.head, "{conversation}: the head is what can be read");
    Ok(page.messages)
}

/// The outage that a call has met; a denial fails the test.
pub(crate) fn outage(error: StoreError) -> PortError {
    match error {
        StoreError::Port(error) => error,
        StoreError::Denied(denied) => panic!("{denied}"),
    }
}
