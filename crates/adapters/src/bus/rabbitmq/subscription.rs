//! Reading a queue on a link.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use lapin::Consumer;
use lapin::message::Delivery;

use super::error::Error;
use super::link::Link;

/// A link on which a queue is read.
pub(super) struct Subscription {
    pub(super) link: Link,
    pub(super) reader: Consumer,
}

impl Subscription {
    /// The next message; none where the queue was deleted. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<Delivery>, Error> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Delivery>, Error>> {
        match Pin::new(&mut self.reader).poll_next(context) {
            Poll::Ready(Some(Ok(delivery))) => return Poll::Ready(Ok(Some(delivery))),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(self.link.error(&error))),
            Poll::Ready(None) if self.link.is_connected() => return Poll::Ready(Ok(None)),
            Poll::Ready(None) => return Poll::Ready(Err(self.link.ended())),
            Poll::Pending => {}
        }
        // Whoever only reads is not slowed down when the broker takes nothing.
        while let Poll::Ready(noticed) = self.link.poll_notice(context) {
            if let Err(error) = noticed {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Pending
    }
}
