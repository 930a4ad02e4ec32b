//! Many clients at once, so many of them at the same moment.

use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream;
use testkit::client::RawClient;

/// Clients that are opened at the same moment: enough to fill every queue on the way, below the backlog of a listener.
const AT_ONCE: usize = 250;

/// Does the same so many times, many at the same moment, and returns what came of each.
pub(crate) async fn crowd<F: Future>(count: usize, what: impl Fn(usize) -> F) -> Vec<F::Output> {
    stream::iter((0..count).map(what)).buffer_unordered(AT_ONCE).collect().await
}

/// As [`crowd`], all of them at the same moment: for those who hold what they have.
pub(crate) async fn all_at_once<F: Future>(count: usize, what: impl Fn(usize) -> F) -> Vec<F::Output> {
    stream::iter((0..count).map(what)).buffer_unordered(count.max(1)).collect().await
}

/// Opens a session whose client reads nothing but the 101.
pub(crate) async fn open(url: &str) -> RawClient {
    let opened = RawClient::open(url, |handshake| handshake).await;
    opened.unwrap_or_else(|answer| panic!("{url} answers {}", answer.status))
}
