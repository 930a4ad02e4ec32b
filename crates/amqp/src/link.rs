//! One connection with one channel: requests and their answers, and what comes by itself.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use crate::assembly::{Assembly, Of};
use crate::config::Config;
use crate::error::Error;
use crate::event::{Confirmed, Event};
use crate::frame::Frame;
use crate::methods::{self, Method, Reply, Says, id};
use crate::request::{self, Publication};
use crate::socket::{FRAME_BYTES_MAX, Socket};
use crate::topology::{Depth, Kind, QueueOptions};

/// A connection to a broker. Belongs to one task; dropping it closes it without a word.
#[derive(Debug)]
pub struct Link {
    socket: Socket,
    config: Config,
    /// What came while the answer to a request was waited for.
    backlog: VecDeque<Event>,
    coming: Option<Assembly>,
    published: u64,
}

enum Incoming {
    Event(Event),
    Reply(Reply),
}

impl Link {
    /// Connects, logs in, and opens the channel.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached, or refuses us.
    pub async fn open(config: &Config, host: &str, port: u16) -> Result<Link, Error> {
        let socket = Socket::connect(host, port, config.heartbeat, config.call_timeout).await?;
        let (backlog, config) = (VecDeque::new(), config.clone());
        let mut link = Link { socket, config, backlog, coming: None, published: 0 };
        link.socket.out.extend_from_slice(request::HELLO);
        link.answer(id::START).await?;
        request::start_ok(&mut link.socket.out, &link.config);
        let Says::Tune { frame_bytes_max, heartbeat_seconds: _ } = link.answer(id::TUNE).await? else {
            return Err(link.socket.nonsense("no tuning".to_owned()));
        };
        // 0 stands for no limit.
        let frame_bytes_max =
            if frame_bytes_max == 0 { FRAME_BYTES_MAX } else { frame_bytes_max.min(FRAME_BYTES_MAX) };
        let heartbeat_seconds = u16::try_from(link.config.heartbeat.as_secs().max(1)).unwrap_or(u16::MAX);
        link.socket.agree_on(frame_bytes_max);
        request::tune_ok(&mut link.socket.out, frame_bytes_max, heartbeat_seconds);
        request::open(&mut link.socket.out, &link.config.virtual_host);
        link.answer(id::OPEN_OK).await?;
        link.reopen_channel().await?;
        Ok(link)
    }

    /// Opens a channel again after [`Error::ChannelClosed`]; consumer, prefetch and confirmations went with the old one.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn reopen_channel(&mut self) -> Result<(), Error> {
        self.coming = None;
        self.published = 0;
        request::open_channel(&mut self.socket.out);
        self.answer(id::CHANNEL_OPEN_OK).await.map(drop)
    }

    /// Makes sure that a durable exchange is there.
    ///
    /// # Errors
    ///
    /// When it is there and otherwise, or we may not.
    pub async fn declare_exchange(&mut self, name: &str, kind: Kind) -> Result<(), Error> {
        request::declare_exchange(&mut self.socket.out, name, Some(kind));
        self.answer(id::EXCHANGE_DECLARE_OK).await.map(drop)
    }

    /// Whether there is an exchange of that name; where there is none, the channel is a new one afterwards.
    ///
    /// # Errors
    ///
    /// When the broker does not say.
    pub async fn has_exchange(&mut self, name: &str) -> Result<bool, Error> {
        request::declare_exchange(&mut self.socket.out, name, None);
        let answer = self.answer(id::EXCHANGE_DECLARE_OK).await.map(|_| true);
        self.absent_is(answer, false).await
    }

    /// Makes sure that a durable queue is there, and says how full it is.
    ///
    /// # Errors
    ///
    /// When it is there and otherwise, or we may not.
    pub async fn declare_queue(&mut self, name: &str, options: &QueueOptions) -> Result<Depth, Error> {
        request::declare_queue(&mut self.socket.out, name, Some(options));
        let says = self.answer(id::QUEUE_DECLARE_OK).await?;
        self.depth(says)
    }

    /// How full a queue is, `None` where there is none; the channel is a new one then.
    ///
    /// # Errors
    ///
    /// When the broker does not say.
    pub async fn inspect_queue(&mut self, name: &str) -> Result<Option<Depth>, Error> {
        request::declare_queue(&mut self.socket.out, name, None);
        let answer = match self.answer(id::QUEUE_DECLARE_OK).await {
            Ok(says) => self.depth(says).map(Some),
            Err(error) => Err(error),
        };
        self.absent_is(answer, None).await
    }

    /// Leads what is published to `exchange` with `key` into a queue.
    ///
    /// # Errors
    ///
    /// When one of them is not there, or we may not.
    pub async fn bind(&mut self, queue: &str, exchange: &str, key: &str) -> Result<(), Error> {
        request::bind(&mut self.socket.out, queue, exchange, key);
        self.answer(id::QUEUE_BIND_OK).await.map(drop)
    }

    /// Deletes a queue, whoever reads it, and says how many messages waited there; none where there is no such queue.
    ///
    /// # Errors
    ///
    /// When we may not.
    pub async fn delete_queue(&mut self, name: &str) -> Result<u32, Error> {
        request::delete_queue(&mut self.socket.out, name, false);
        match self.answer(id::QUEUE_DELETE_OK).await? {
            Says::Deleted { messages } => Ok(messages),
            _ => Err(self.socket.nonsense("no count".to_owned())),
        }
    }

    /// As [`Link::delete_queue`], but fails where somebody reads it.
    ///
    /// # Errors
    ///
    /// When somebody reads it, or we may not.
    pub async fn delete_unused_queue(&mut self, name: &str) -> Result<(), Error> {
        request::delete_queue(&mut self.socket.out, name, true);
        self.answer(id::QUEUE_DELETE_OK).await.map(drop)
    }

    /// Limits how many deliveries wait for an acknowledgement.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn prefetch(&mut self, messages: u16) -> Result<(), Error> {
        request::prefetch(&mut self.socket.out, messages);
        self.answer(id::QOS_OK).await.map(drop)
    }

    /// Begins to read a queue, as its only consumer.
    ///
    /// # Errors
    ///
    /// When it has a consumer, is not there, or we may not.
    pub async fn consume(&mut self, queue: &str) -> Result<(), Error> {
        request::consume(&mut self.socket.out, queue);
        self.answer(id::CONSUME_OK).await.map(drop)
    }

    /// Ends what [`Link::consume`] began; what was delivered and not acknowledged goes back with the channel.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn cancel_consumer(&mut self) -> Result<(), Error> {
        request::cancel(&mut self.socket.out);
        self.answer(id::CANCEL_OK).await.map(drop)
    }

    /// From here on the broker says of each message whether it took it; they are numbered from 1.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn confirm_publications(&mut self) -> Result<(), Error> {
        request::confirm_select(&mut self.socket.out);
        self.answer(id::CONFIRM_SELECT_OK).await.map(drop)
    }

    /// Puts a message among what is to be written, and says its number. [`Link::next`] or [`Link::flush`] writes it.
    pub fn publish(&mut self, publication: &Publication<'_>) -> u64 {
        let frame_bytes_max = self.socket.frame_bytes_max();
        request::publish(&mut self.socket.out, publication, frame_bytes_max);
        self.published += 1;
        self.published
    }

    /// Acknowledges this delivery and all earlier ones; written as [`Link::publish`] is.
    pub fn ack_up_to(&mut self, tag: u64) {
        request::ack_up_to(&mut self.socket.out, tag);
    }

    /// Writes what is to be written, as much of it as the system takes without waiting.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.socket.write_some()
    }

    /// Bytes that are not written yet.
    pub fn unwritten_bytes(&self) -> usize {
        self.socket.out.len()
    }

    /// The next thing that the broker says. Writes meanwhile, and says that we live; so it must be polled. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection is lost, or the broker closed it or the channel.
    pub async fn next(&mut self) -> Result<Event, Error> {
        if let Some(event) = self.backlog.pop_front() {
            return Ok(event);
        }
        match self.incoming().await? {
            Incoming::Event(event) => Ok(event),
            Incoming::Reply(reply) => {
                Err(self.socket.nonsense(format!("answer {:?} to no question", reply.id)))
            }
        }
    }

    /// When the broker last said anything.
    pub fn heard_at(&self) -> Instant {
        self.socket.heard_at()
    }

    /// Says goodbye: what was written is worked off before the connection is closed.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn close(mut self) -> Result<(), Error> {
        request::close(&mut self.socket.out);
        self.answer(id::CLOSE_OK).await.map(drop)
    }

    /// Waits for the answer to what was asked last.
    async fn answer(&mut self, expected: (u16, u16)) -> Result<Says, Error> {
        let limit = self.config.call_timeout;
        let answered = timeout(limit, async {
            loop {
                match self.incoming().await? {
                    Incoming::Reply(reply) if reply.id == expected => return Ok(reply.says),
                    Incoming::Reply(reply) => {
                        let what = format!("answer {:?} where {expected:?} was due", reply.id);
                        return Err(self.socket.nonsense(what));
                    }
                    Incoming::Event(event) => self.backlog.push_back(event),
                }
            }
        });
        match answered.await {
            Ok(answer) => answer,
            Err(_) => Err(Error::TimedOut { address: self.socket.address().to_owned(), after: limit }),
        }
    }

    /// The answer of a question whether something is there, with a channel to go on with.
    async fn absent_is<T>(&mut self, answer: Result<T, Error>, absent: T) -> Result<T, Error> {
        match answer {
            Err(error) if error.is_not_found() => {
                self.reopen_channel().await?;
                Ok(absent)
            }
            answer => answer,
        }
    }

    fn depth(&self, says: Says) -> Result<Depth, Error> {
        match says {
            Says::Declared { messages, consumers } => Ok(Depth { messages, consumers }),
            _ => Err(self.socket.nonsense("no depth".to_owned())),
        }
    }

    /// Cancel safe: what is half there stays until the rest comes.
    async fn incoming(&mut self) -> Result<Incoming, Error> {
        loop {
            let event = match self.socket.frame().await? {
                Frame::Heartbeat => None,
                Frame::Method(_, bytes) => match self.method(bytes)? {
                    Some(incoming) => return Ok(incoming),
                    None => None,
                },
                Frame::Header(bytes) => self.piece(|coming| coming.header(bytes))?,
                Frame::Body(bytes) => self.piece(|coming| coming.body(bytes))?,
            };
            if let Some(event) = event {
                return Ok(Incoming::Event(event));
            }
        }
    }

    fn method(&mut self, bytes: Bytes) -> Result<Option<Incoming>, Error> {
        let method = methods::read(bytes).map_err(|what| self.socket.nonsense(what))?;
        let event = match method {
            Method::Reply(reply) => return Ok(Some(Incoming::Reply(reply))),
            Method::ConnectionClose { code, text } => {
                request::close_ok(&mut self.socket.out);
                // The broker closes in any case; that it could not be answered changes nothing.
                self.socket.write_some().ok();
                return Err(Error::ConnectionClosed {
                    address: self.socket.address().to_owned(),
                    code,
                    text,
                });
            }
            Method::ChannelClose { code, text } => {
                request::channel_close_ok(&mut self.socket.out);
                return Err(Error::ChannelClosed { address: self.socket.address().to_owned(), code, text });
            }
            Method::Flow { active } => {
                request::flow_ok(&mut self.socket.out, active);
                return Ok(None);
            }
            Method::Deliver { tag, redelivered, exchange, key } => {
                self.coming = Some(Assembly::begin(Of::Delivery { tag, redelivered, exchange, key }));
                return Ok(None);
            }
            Method::Return { why, exchange, key } => {
                self.coming = Some(Assembly::begin(Of::Return { why, exchange, key }));
                return Ok(None);
            }
            Method::Blocked(why) => Event::Blocked(why),
            Method::Unblocked => Event::Unblocked,
            Method::Cancel => Event::Cancelled,
            Method::Ack { number, and_earlier } => {
                Event::Confirmed(Confirmed { taken: true, number, and_earlier })
            }
            Method::Nack { number, and_earlier } => {
                Event::Confirmed(Confirmed { taken: false, number, and_earlier })
            }
        };
        Ok(Some(Incoming::Event(event)))
    }

    /// Puts a piece to the message that is coming, and gives that out once it is whole.
    fn piece(
        &mut self,
        put: impl FnOnce(&mut Assembly) -> Result<(), String>,
    ) -> Result<Option<Event>, Error> {
        let nothing = || "a piece of nothing".to_owned();
        let put = self.coming.as_mut().ok_or_else(nothing).and_then(put);
        put.map_err(|what| self.socket.nonsense(what))?;
        Ok(self.coming.take_if(|coming| coming.is_whole()).map(Assembly::event))
    }
}
