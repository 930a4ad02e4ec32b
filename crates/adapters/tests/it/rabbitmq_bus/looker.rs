//! A connection of the test's own, to look at the broker with and to meddle.

use std::net::SocketAddr;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

/// A channel, and the connection that keeps it open.
pub(crate) struct Looker {
    _connection: Connection,
    channel: Channel,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) messages: u32,
    pub(crate) readers: u32,
}

impl Looker {
    pub(crate) async fn at(server: SocketAddr) -> Looker {
        let connected =
            Connection::connect(&format!("amqp://{server}/%2f"), ConnectionProperties::default()).await;
        let _connection = connected.unwrap();
        let channel = _connection.create_channel().await.unwrap();
        Looker { _connection, channel }
    }

    /// None where there is no such queue; then nothing more can be asked.
    pub(crate) async fn depth(self, queue: &str) -> Option<Depth> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        match self.channel.queue_declare(queue.into(), options, FieldTable::default()).await {
            Ok(queue) => Some(Depth { messages: queue.message_count(), readers: queue.consumer_count() }),
            Err(error) if error.is_amqp_soft_error() && error.to_string().contains("NOT_FOUND") => None,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn delete_queue(&self, queue: &str) {
        self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    }

    pub(crate) async fn declare_fanout(&self, exchange: &str) {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let (kind, nothing) = (ExchangeKind::Fanout, FieldTable::default());
        self.channel.exchange_declare(exchange.into(), kind, options, nothing).await.unwrap();
    }

    /// The next messages of a queue, which stay there: nothing is acknowledged.
    pub(crate) async fn read(&self, queue: &str, count: usize) -> Vec<String> {
        let (options, nothing) = (BasicConsumeOptions::default(), FieldTable::default());
        let reader = self.channel.basic_consume(queue.into(), "looker".into(), options, nothing).await;
        let bodies = reader.unwrap().take(count).map(|next| String::from_utf8(next.unwrap().data).unwrap());
        bodies.collect().await
    }
}
