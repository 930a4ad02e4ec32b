//! Publishing on a link: many messages under way, and what became of each.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;

use super::error::Error;
use super::link::{Link, Notice};
use super::returns::{Confirmation, Outcome, Returns};

/// Survives a restart of the broker, in a queue that does.
const PERSISTENT: u8 = 2;
/// What a body is, for whoever looks with the broker's own tools.
const CONTENT_TYPE: &str = "application/json";

type UnderWay = Pin<Box<dyn Future<Output = (u64, lapin::Result<lapin::Confirmation>)> + Send>>;

/// A link on which messages are published. They are numbered from 1.
pub(super) struct Publisher {
    pub(super) link: Link,
    under_way: FuturesUnordered<UnderWay>,
    returns: Returns,
    outcomes: VecDeque<Outcome>,
    published: u64,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// What became of a message.
    Answered(Outcome),
    /// What the broker says of the connection.
    Noticed(Notice),
}

/// Where a message goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    /// The empty name is the exchange that knows every queue by its name.
    pub(super) exchange: &'a str,
    pub(super) key: &'a str,
    /// Whether it comes back where no queue wants it.
    pub(super) mandatory: bool,
}

impl Publisher {
    /// Goes on with a link that confirms what is published.
    pub(super) async fn new(link: Link) -> Result<Publisher, Error> {
        link.confirm_publications().await?;
        Ok(Publisher {
            link,
            under_way: FuturesUnordered::new(),
            returns: Returns::default(),
            outcomes: VecDeque::new(),
            published: 0,
        })
    }

    /// Hands a message over, in the order of the calls.
    pub(super) fn publish(&mut self, way: Way<'_>, body: Bytes) {
        self.published += 1;
        let number = self.published;
        let (exchange, key) = (way.exchange.into(), way.key.into());
        let options = BasicPublishOptions { mandatory: way.mandatory, ..BasicPublishOptions::default() };
        let mut properties =
            BasicProperties::default().with_delivery_mode(PERSISTENT).with_content_type(CONTENT_TYPE.into());
        if way.mandatory {
            properties = properties.with_message_id(number.to_string().into());
        }
        let channel = self.link.channel.clone();
        let mut under_way: UnderWay = Box::pin(async move {
            match channel.basic_publish(exchange, key, options, &body, properties).await {
                Ok(confirmation) => (number, confirmation.await),
                Err(error) => (number, Err(error)),
            }
        });
        // It is on its way once it was polled, and cannot be confirmed before it was written.
        match under_way.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => self.under_way.push(under_way),
            Poll::Ready(failed) => self.under_way.push(Box::pin(std::future::ready(failed))),
        }
    }

    /// The next that came. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Event, Error> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Error>> {
        if self.outcomes.is_empty() {
            self.collect(context)?;
        }
        if let Some(outcome) = self.outcomes.pop_front() {
            return Poll::Ready(Ok(Event::Answered(outcome)));
        }
        Poll::Ready(ready!(self.link.poll_notice(context)).map(Event::Noticed))
    }

    /// Takes every confirmation that is there by now.
    fn collect(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let mut batch = Vec::new();
        while let Poll::Ready(Some((number, confirmed))) = Pin::new(&mut self.under_way).poll_next(context) {
            let confirmed = confirmed.map_err(|error| self.link.error(&error))?;
            let taken = confirmed.is_ack();
            let carried = confirmed.take_message().and_then(|message| {
                let id = message.properties.message_id().as_ref()?;
                id.as_str().parse().ok()
            });
            batch.push(Confirmation { number, taken, carried });
        }
        if !batch.is_empty() {
            let nothing_under_way = self.under_way.is_empty();
            self.returns.settle(batch, nothing_under_way, |outcome| self.outcomes.push_back(outcome));
        }
        Ok(())
    }
}
