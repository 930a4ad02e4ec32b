//! One connection with one channel: requests, each of which is answered in time or fails.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use async_rs::Runtime;
use futures_util::Stream;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, ConnectionState, Consumer, ErrorKind, ExchangeKind};
use tokio::time::timeout;

use super::RabbitMqOptions;
use super::error::Error;
use super::plug::Plug;

/// A broker and its client say every 5 s that they live; one that says nothing for 10 s is taken for dead.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The largest frame; larger bodies go in pieces. The library holds room for 64 of them on each connection.
const FRAME_BYTES_MAX: u32 = 32 * 1024;
/// What the one reader of a channel is called.
const READER: &str = "1";
/// The code with which all is well, and what a goodbye says beside it.
const GOODBYE: (u16, &str) = (200, "goodbye");

/// A connection to a broker. Dropping it ends it without a word.
pub(super) struct Link {
    address: String,
    call_timeout: Duration,
    pub(super) channel: Arc<Channel>,
    connection: Connection,
    /// Locked by nobody: a stream that one thread may have at a time becomes part of what many may look at.
    notices: Mutex<Notices>,
    _plug: Plug,
}

type Notices = Pin<Box<dyn Stream<Item = lapin::Event> + Send>>;

/// What a broker says of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// It reads nothing more for now; why, for people.
    Blocked(String),
    /// It reads again.
    Unblocked,
}

/// How an exchange finds the queues for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Those bound with the very key of the message.
    Direct,
    /// All that are bound.
    Fanout,
    /// All that are bound; the exchange goes when the last of them goes.
    FanoutWhileBound,
}

impl Link {
    /// Connects, logs in, and opens the channel. The broker's tools show the connection by its name.
    pub(super) async fn open(
        options: &RabbitMqOptions,
        host: &str,
        port: u16,
        name: &str,
    ) -> Result<Link, Error> {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let call_timeout = options.call_timeout();
        let uri = AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username: options.user.clone(), password: options.password.clone() },
                host: host.to_owned(),
                port,
            },
            vhost: options.virtual_host.clone(),
            query: AMQPQueryString {
                frame_max: Some(FRAME_BYTES_MAX),
                heartbeat: Some(HEARTBEAT.as_secs() as u16),
                ..AMQPQueryString::default()
            },
        };
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let plug = Plug::new();
        let socket = plug.socket();
        let connect = async move |uri: AMQPUri, _: Runtime<async_rs::Tokio>| {
            let (host, port) = (uri.authority.host.as_str(), uri.authority.port);
            Ok(socket.connect(host, port, call_timeout).await?)
        };
        let opened = timeout(call_timeout, async {
            let runtime = Runtime::tokio_current();
            let connection = Connection::connector(uri, runtime, connect, properties).await?;
            // From the beginning: what is said before anybody listens is not kept.
            let notices: Notices = Box::pin(connection.events_listener());
            let channel = Arc::new(connection.create_channel().await?);
            lapin::Result::Ok((connection, notices, channel))
        });
        match opened.await {
            Ok(Ok((connection, notices, channel))) => {
                let notices = Mutex::new(notices);
                Ok(Link { address, call_timeout, channel, connection, notices, _plug: plug })
            }
            Ok(Err(error)) => Err(match translated(&address, &error) {
                // Nothing was asked of a channel yet.
                Error::ChannelClosed { address, code, text } => {
                    Error::ConnectionClosed { address, code, text }
                }
                error => error,
            }),
            Err(_) => Err(Error::TimedOut { address, after: call_timeout }),
        }
    }

    /// Opens a channel again after [`Error::ChannelClosed`]; reader and confirmations went with the old one.
    pub(super) async fn reopen_channel(&mut self) -> Result<(), Error> {
        let opened = self.call(self.connection.create_channel()).await?;
        self.channel = Arc::new(opened);
        Ok(())
    }

    /// Makes sure that a durable exchange is there.
    pub(super) async fn declare_exchange(&self, name: &str, kind: Kind) -> Result<(), Error> {
        let options = ExchangeDeclareOptions {
            durable: true,
            auto_delete: kind == Kind::FanoutWhileBound,
            ..ExchangeDeclareOptions::default()
        };
        let kind = if kind == Kind::Direct { ExchangeKind::Direct } else { ExchangeKind::Fanout };
        self.call(self.channel.exchange_declare(name.into(), kind, options, FieldTable::default())).await
    }

    /// Whether there is an exchange of that name; where there is none, the channel is a new one afterwards.
    pub(super) async fn has_exchange(&mut self, name: &str) -> Result<bool, Error> {
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let (kind, nothing) = (ExchangeKind::Direct, FieldTable::default());
        let asked = self.call(self.channel.exchange_declare(name.into(), kind, options, nothing)).await;
        self.is_there(asked).await
    }

    /// Makes sure that a durable queue is there.
    pub(super) async fn declare_queue(&self, name: &str, arguments: FieldTable) -> Result<(), Error> {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.call(self.channel.queue_declare(name.into(), options, arguments)).await.map(drop)
    }

    /// Whether there is a queue of that name; where there is none, the channel is a new one afterwards.
    pub(super) async fn has_queue(&mut self, name: &str) -> Result<bool, Error> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let asked = self.call(self.channel.queue_declare(name.into(), options, FieldTable::default())).await;
        self.is_there(asked.map(drop)).await
    }

    /// Leads what is published to `exchange` with `key` into a queue.
    pub(super) async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<(), Error> {
        let (options, nothing) = (QueueBindOptions::default(), FieldTable::default());
        self.call(self.channel.queue_bind(queue.into(), exchange.into(), key.into(), options, nothing)).await
    }

    /// Deletes a queue, whoever reads it, and says how many messages waited there; none where there is no such queue.
    pub(super) async fn delete_queue(&self, name: &str) -> Result<u32, Error> {
        self.call(self.channel.queue_delete(name.into(), QueueDeleteOptions::default())).await
    }

    /// As [`Link::delete_queue`], but fails where somebody reads it.
    pub(super) async fn delete_unused_queue(&self, name: &str) -> Result<(), Error> {
        let options = QueueDeleteOptions { if_unused: true, ..QueueDeleteOptions::default() };
        self.call(self.channel.queue_delete(name.into(), options)).await.map(drop)
    }

    /// Begins to read a queue, as its only reader; so many messages may wait to be acknowledged.
    pub(super) async fn read(&self, queue: &str, prefetch: u16) -> Result<Consumer, Error> {
        self.call(self.channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
        let nothing = FieldTable::default();
        self.call(self.channel.basic_consume(queue.into(), READER.into(), options, nothing)).await
    }

    /// Acknowledges a message and all before it.
    pub(super) fn ack_up_to(&self, tag: u64) {
        let ack = std::pin::pin!(self.channel.basic_ack(tag, BasicAckOptions { multiple: true }));
        // It is on its way once it was polled. Where it fails, so does whatever is read next.
        let _on_its_way = ack.poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Ends what [`Link::read`] began; what was not acknowledged goes back with the channel.
    pub(super) async fn end_reading(&self) -> Result<(), Error> {
        self.call(self.channel.basic_cancel(READER.into(), BasicCancelOptions::default())).await
    }

    /// From here on the broker says of each message whether it took it.
    pub(super) async fn confirm_publications(&self) -> Result<(), Error> {
        self.call(self.channel.confirm_select(ConfirmSelectOptions::default())).await
    }

    /// What the broker says of the connection, and the end of it.
    pub(super) fn poll_notice(&mut self, context: &mut Context<'_>) -> Poll<Result<Notice, Error>> {
        loop {
            let notices = self.notices.get_mut().unwrap_or_else(PoisonError::into_inner);
            return Poll::Ready(match ready!(notices.as_mut().poll_next(context)) {
                Some(lapin::Event::ConnectionBlocked(why)) => Ok(Notice::Blocked(why)),
                Some(lapin::Event::ConnectionUnblocked) => Ok(Notice::Unblocked),
                // The end of a channel before this one: nobody has read it meanwhile.
                Some(lapin::Event::Error(error))
                    if error.is_amqp_soft_error() && self.channel.status().connected() =>
                {
                    continue;
                }
                Some(lapin::Event::Error(error)) => Err(self.error(&error)),
                Some(_) => continue,
                None => Err(self.ended()),
            });
        }
    }

    /// Whether the connection is there.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Says goodbye: what was written is worked off before the connection is closed.
    pub(super) async fn close(self) -> Result<(), Error> {
        let (code, text) = GOODBYE;
        self.call(self.connection.close(code, text.into())).await
    }

    pub(super) fn error(&self, error: &lapin::Error) -> Error {
        translated(&self.address, error)
    }

    /// What is told of a connection that ended without a reason.
    pub(super) fn ended(&self) -> Error {
        self.error(&ErrorKind::InvalidConnectionState(ConnectionState::Closed).into())
    }

    async fn call<T>(&self, asked: impl Future<Output = lapin::Result<T>>) -> Result<T, Error> {
        match timeout(self.call_timeout, asked).await {
            Ok(answer) => answer.map_err(|error| self.error(&error)),
            Err(_) => Err(Error::TimedOut { address: self.address.clone(), after: self.call_timeout }),
        }
    }

    /// The answer of a question whether something is there, with a channel to go on with.
    async fn is_there(&mut self, asked: Result<(), Error>) -> Result<bool, Error> {
        match asked {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => self.reopen_channel().await.map(|()| false),
            Err(error) => Err(error),
        }
    }
}

impl Error {
    /// For how long nothing was heard from the broker when this was found out.
    pub(super) fn silence(&self) -> Duration {
        match self {
            Error::TimedOut { after, .. } => *after,
            Error::Lost { .. } | Error::ConnectionClosed { .. } | Error::ChannelClosed { .. } => {
                Duration::ZERO
            }
        }
    }
}

fn translated(address: &str, error: &lapin::Error) -> Error {
    let address = address.to_owned();
    match error.kind() {
        ErrorKind::ProtocolError(refusal) => {
            let (code, text) = (refusal.get_id(), refusal.get_message().to_string());
            if error.is_amqp_soft_error() {
                Error::ChannelClosed { address, code, text }
            } else {
                Error::ConnectionClosed { address, code, text }
            }
        }
        ErrorKind::MissingHeartbeatError => Error::TimedOut { address, after: 2 * HEARTBEAT },
        ErrorKind::IOError(error) => Error::Lost { address, why: error.to_string() },
        ErrorKind::InvalidConnectionState(_) => {
            Error::Lost { address, why: "the connection was closed".to_owned() }
        }
        _ => Error::Lost { address, why: error.to_string() },
    }
}
