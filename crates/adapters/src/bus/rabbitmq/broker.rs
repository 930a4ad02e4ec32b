//! The way to the broker: which of its nodes answers, and what has to be there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::types::{AMQPValue, FieldTable};
use ports::{PortError, Retry};
use wire::id::{Boot, NodeName};

use super::error::Error;
use super::link::{Kind, Link};
use super::names::Names;
use super::publisher::Publisher;
use super::subscription::Subscription;
use super::{RabbitMqOptions, SEAM};

/// As old as an envelope may become by default: what lies there for longer, nobody wants.
const MESSAGE_LIFE: Duration = Duration::from_secs(30);
/// Two leases: a node that has not come back by then comes back as another boot.
const QUEUE_LIFE: Duration = Duration::from_secs(30);
/// What waits for a node that stands still; more is refused, and whoever posts it is told.
const QUEUE_MESSAGES_MAX: i64 = 100_000;
/// See [`QUEUE_MESSAGES_MAX`].
const QUEUE_BYTES_MAX: i64 = 128 << 20;
/// Deliveries under way to a node: some milliseconds of what it can work off.
const PREFETCH: u16 = 256;
/// Another boot of the same name opens its inbox at the very same time; this often, one of the two gives way.
const TAKEOVERS_MAX: usize = 5;

/// What is known of the broker.
#[derive(Debug)]
pub(super) struct Broker {
    options: RabbitMqOptions,
    pub(super) names: Names,
    /// The server that answered last.
    last: AtomicUsize,
}

/// What became of an inbox that was cut off.
#[expect(clippy::large_enum_variant, reason = "it is made once a reconnection, and taken apart at once")]
pub(super) enum Resumed {
    /// It reads on.
    Reading(Subscription),
    /// The queue is another boot's by now.
    Replaced,
}

impl Broker {
    pub(super) fn new(options: RabbitMqOptions) -> Arc<Broker> {
        Arc::new(Broker { names: Names::new(&options.prefix), options, last: AtomicUsize::new(0) })
    }

    pub(super) fn copy_queue(&self) -> Option<&str> {
        self.options.copy.as_deref()
    }

    /// The way for what is posted: every exchange and the queue for copies are there, and posts are confirmed.
    pub(super) async fn open_outbox(&self) -> Result<Publisher, Error> {
        let mut link = self.connect("outbox").await?;
        self.declare_exchanges(&link).await?;
        // However somebody else has declared it is right.
        if let Some(copies) = self.copy_queue()
            && !link.has_queue(copies).await?
        {
            self.declare_copies(&link).await?;
        }
        Publisher::new(link).await
    }

    /// Makes the queue for copies, in which everything stays.
    pub(super) async fn declare_copies(&self, link: &Link) -> Result<(), Error> {
        let Some(copies) = self.copy_queue() else { return Ok(()) };
        link.declare_queue(copies, FieldTable::default()).await
    }

    /// The reading of a boot's mail, and how many messages an earlier boot has left unread.
    pub(super) async fn open_inbox(&self, boot: &Boot) -> Result<(Subscription, u32), Error> {
        let mut link = self.connect(&format!("inbox of {}", boot.node)).await?;
        self.declare_exchanges(&link).await?;
        let queue = self.names.queue(&boot.node);
        let mut left = 0;
        let mut takeovers = 0;
        loop {
            // Deleting it is what an earlier reader is told by, also one that stands still: it can neither hold the queue nor read on.
            left += link.delete_queue(&queue).await?;
            self.make_queue(&link, &queue, boot).await?;
            takeovers += 1;
            match link.read(&queue, PREFETCH).await {
                Ok(reader) => return Ok((Subscription { link, reader }, left)),
                Err(error) if error.is_read_by_another() && takeovers < TAKEOVERS_MAX => {
                    link.reopen_channel().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes on reading the queue of a boot, if it is still its own.
    pub(super) async fn resume_inbox(&self, boot: &Boot) -> Result<Resumed, Error> {
        let mut link = self.connect(&format!("inbox of {}", boot.node)).await?;
        self.declare_exchanges(&link).await?;
        let queue = self.names.queue(&boot.node);
        // A broker that has lost everything knows neither mark nor queue.
        let is_ours = link.has_exchange(&self.names.mark(boot)).await?;
        if !is_ours && link.has_queue(&queue).await? {
            return Ok(Resumed::Replaced);
        }
        self.make_queue(&link, &queue, boot).await?;
        let reader = link.read(&queue, PREFETCH).await?;
        Ok(Resumed::Reading(Subscription { link, reader }))
    }

    /// Takes away the queue of a node whose reader leaves, unless somebody else reads it.
    pub(super) async fn leave(&self, link: Link, node: &NodeName) -> Result<(), Error> {
        link.end_reading().await?;
        link.delete_unused_queue(&self.names.queue(node)).await?;
        link.close().await
    }

    /// Tries the servers, first the one that answered last.
    async fn connect(&self, role: &str) -> Result<Link, Error> {
        let options = &self.options;
        let name = format!("{} {role}", options.prefix);
        let (count, first) = (options.servers.len(), self.last.load(Ordering::Relaxed));
        let mut failure = None;
        for place in (first..first + count).map(|place| place % count) {
            let Some((host, port)) = options.servers.get(place) else { continue };
            match Link::open(options, host, *port, &name).await {
                Ok(link) => {
                    self.last.store(place, Ordering::Relaxed);
                    return Ok(link);
                }
                // What a server refuses says more than that another one is away.
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        let nowhere = || Error::Lost { address: "RabbitMQ".to_owned(), why: "no server is named".to_owned() };
        Err(failure.unwrap_or_else(nowhere))
    }

    async fn declare_exchanges(&self, link: &Link) -> Result<(), Error> {
        link.declare_exchange(&self.names.single, Kind::Direct).await?;
        link.declare_exchange(&self.names.group, Kind::Fanout).await?;
        link.declare_exchange(&self.names.control, Kind::Direct).await
    }

    /// The queue, its mark and its bindings; changes nothing where they are there.
    async fn make_queue(&self, link: &Link, queue: &str, boot: &Boot) -> Result<(), Error> {
        let mark = self.names.mark(boot);
        link.declare_exchange(&mark, Kind::FanoutWhileBound).await?;
        link.declare_queue(queue, queue_arguments()).await?;
        link.bind(queue, &mark, "").await?;
        for (exchange, key) in self.names.ways_in(&boot.node) {
            link.bind(queue, exchange, key).await?;
        }
        Ok(())
    }

    /// The client's error as a seam's, with what a person can do where only a person can.
    pub(super) fn port_error(&self, during: &'static str, error: Error) -> PortError {
        if !error.is_final() {
            return PortError::outage(SEAM, during, error);
        }
        let advice = if error.is_declared_otherwise() {
            format!("{error}: delete what is there, or set another ?prefix=")
        } else if matches!(error, Error::ChannelClosed { .. }) {
            let own = self.own_names();
            let (host, user) = (&self.options.virtual_host, &self.options.user);
            format!("{error}: run `rabbitmqctl set_permissions -p '{host}' '{user}' '{own}' '{own}' '{own}'`")
        } else {
            error.to_string()
        };
        PortError { retry: Retry::Never, ..PortError::outage(SEAM, during, advice) }
    }

    /// What we must be allowed to configure, write and read, as RabbitMQ's permissions are written. Copies go over its own exchange.
    fn own_names(&self) -> String {
        let plain = |text: &str| text.replace('.', r"\.");
        let prefix = plain(&self.options.prefix);
        match self.copy_queue() {
            Some(copies) => format!(r"^({prefix}\.|amq\.default$|{}$)", plain(copies)),
            None => format!(r"^{prefix}\."),
        }
    }
}

/// How RabbitMQ is told how long, and how full, a queue may become.
fn queue_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    let millis = |span: Duration| AMQPValue::LongLongInt(span.as_millis() as i64);
    arguments.insert("x-expires".into(), millis(QUEUE_LIFE));
    arguments.insert("x-message-ttl".into(), millis(MESSAGE_LIFE));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(QUEUE_MESSAGES_MAX));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(QUEUE_BYTES_MAX));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments
}
