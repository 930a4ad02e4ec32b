//! A small client for Apache RocketMQ 4 and 5 that speaks the remoting protocol: send, batch, follow queues by tag.
//!
//! * [`Client::send`] and [`Client::send_batch`] put messages on a queue of your choice, and say what became of them.
//! * [`Client::follow`] reads every queue of a topic from a fixed point on, in order, through outages.
//! * [`Client::ensure_topic`], [`Client::ensure_group`] and their neighbours create what is missing, when told to.
//!
//! It deliberately has no consumer groups that divide queues, no retry topics, no transactions, no delayed delivery of
//! its own, no ACL signature and no TLS; it reads zlib, and sends uncompressed.
//!
//! ```no_run
//! # async fn example() -> Result<(), rocketmq::Error> {
//! use rocketmq::{Client, Config, Item, Outgoing, Start, Tags};
//!
//! let client = Client::new(Config::new(["127.0.0.1:9876"]))?;
//! let route = client.ensure_topic("GREETINGS", 4).await?;
//! let mut follower = client.follow("readers", "GREETINGS", Tags::every(), Start::End).await?;
//!
//! let receipt = client.send(&route.writable[0], &Outgoing::new("hello").tag("en")).await.accepted()?;
//! if let Some(Item::Message(message)) = follower.recv().await {
//!     assert_eq!(message.offset, receipt.queue_offset);
//! }
//! client.close().await;
//! # Ok(())
//! # }
//! ```

mod admin;
mod client;
mod clock;
mod codes;
mod config;
mod connection;
mod error;
mod follower;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod heartbeat;
mod inflate;
mod limits;
mod link;
mod links;
mod message;
mod name;
mod name_servers;
mod outage;
mod outgoing;
mod pause;
mod properties;
mod pull;
mod queue;
mod route;
mod routes;
mod send;
mod tags;

pub use admin::Stretch;
pub use client::Client;
pub use config::Config;
pub use error::{Error, Fault, Retry};
pub use follower::{Follower, Item, Start};
pub use message::{Message, Unreadable};
pub use outgoing::Outgoing;
pub use properties::Properties;
pub use queue::Queue;
pub use route::TopicRoute;
pub use send::{Outcome, Receipt, Stored};
pub use tags::Tags;
