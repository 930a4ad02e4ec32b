//! A small client of AMQP 0-9-1, the protocol of RabbitMQ: declare, publish with confirms, consume.
//!
//! A [`Link`] is one connection with one channel, and belongs to the task that polls it: no thread or task stands behind it,
//! dropping it closes the connection, and everything that the broker says comes out of [`Link::next`] in the broker's order.
//! So who publishes knows of each message whether it was confirmed, refused or returned, also where one answer is for many.
//!
//! It deliberately does not reconnect, and has no transactions, no second channel, no way to fetch single messages and no TLS.
//!
//! ```no_run
//! # async fn example() -> Result<(), amqp::Error> {
//! use amqp::{Config, Event, Kind, Link, Properties, Publication};
//!
//! let mut link = Link::open(&Config::new("guest", "guest"), "127.0.0.1", 5672).await?;
//! link.declare_exchange("greetings", Kind::Direct).await?;
//! link.confirm_publications().await?;
//! let number = link.publish(&Publication {
//!     exchange: "greetings",
//!     key: "en",
//!     mandatory: true,
//!     properties: Properties { message_id: Some("1"), ..Properties::default() },
//!     body: b"hello",
//! });
//! while let event = link.next().await? {
//!     match event {
//!         Event::Returned(returned) => println!("nobody reads {}: {}", returned.key, returned.why),
//!         Event::Confirmed(confirmed) if confirmed.covers(number) => break,
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod assembly;
mod config;
mod content;
mod error;
mod event;
mod frame;
mod link;
mod methods;
mod request;
mod socket;
mod topology;
mod words;

pub use config::Config;
pub use content::Properties;
pub use error::Error;
pub use event::{Confirmed, Delivery, Event, Returned};
pub use link::Link;
pub use request::Publication;
pub use topology::{Depth, Kind, QueueOptions};
