//! The methods that we send, written.

use bytes::{BufMut, BytesMut};

use crate::config::Config;
use crate::content::{self, Properties};
use crate::frame::{self, CHANNEL};
use crate::methods::id;
use crate::topology::{Kind, QueueOptions};
use crate::words::{Value, Words};

/// What a client says first.
pub(crate) const HELLO: &[u8] = b"AMQP\x00\x00\x09\x01";

/// What a refusal of ours says where the protocol wants a code and a sentence: that all is well.
const GOODBYE: u16 = 200;

// Bits of the declarations.
const PASSIVE: u8 = 1;
const DURABLE: u8 = 1 << 1;
const EXCHANGE_AUTO_DELETE: u8 = 1 << 2;
const CONSUME_EXCLUSIVE: u8 = 1 << 2;
const DELETE_UNUSED: u8 = 1;
const MANDATORY: u8 = 1;

/// What the one consumer of a channel is called.
const CONSUMER: &str = "1";

/// A message to publish.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// Where to; the empty name is the exchange that knows every queue by its name.
    pub exchange: &'a str,
    /// The routing key.
    pub key: &'a str,
    /// Whether it comes back where no queue wants it.
    pub mandatory: bool,
    /// Its properties.
    pub properties: Properties<'a>,
    /// The body.
    pub body: &'a [u8],
}

pub(crate) fn start_ok(out: &mut BytesMut, config: &Config) {
    let capabilities = [
        ("publisher_confirms", Value::Bool(true)),
        ("basic.nack", Value::Bool(true)),
        ("consumer_cancel_notify", Value::Bool(true)),
        ("connection.blocked", Value::Bool(true)),
        // A wrong password is answered in words instead of by a closed socket.
        ("authentication_failure_close", Value::Bool(true)),
    ];
    let about_us = [
        ("product", Value::Text(env!("CARGO_PKG_NAME"))),
        ("version", Value::Text(env!("CARGO_PKG_VERSION"))),
        ("connection_name", Value::Text(&config.name)),
        ("capabilities", Value::Table(&capabilities)),
    ];
    frame::put_method(out, 0, id::START_OK, |out| {
        out.put_table(&about_us);
        out.put_short("PLAIN");
        out.put_long(format!("\0{}\0{}", config.user, config.password).as_bytes());
        out.put_short("en_US");
    });
}

pub(crate) fn tune_ok(out: &mut BytesMut, frame_bytes_max: u32, heartbeat_seconds: u16) {
    frame::put_method(out, 0, id::TUNE_OK, |out| {
        out.put_u16(CHANNEL);
        out.put_u32(frame_bytes_max);
        out.put_u16(heartbeat_seconds);
    });
}

pub(crate) fn open(out: &mut BytesMut, virtual_host: &str) {
    frame::put_method(out, 0, id::OPEN, |out| {
        out.put_short(virtual_host);
        out.put_short("");
        out.put_u8(0);
    });
}

pub(crate) fn close(out: &mut BytesMut) {
    frame::put_method(out, 0, id::CLOSE, |out| {
        out.put_u16(GOODBYE);
        out.put_short("goodbye");
        out.put_u32(0);
    });
}

pub(crate) fn close_ok(out: &mut BytesMut) {
    frame::put_method(out, 0, id::CLOSE_OK, |_| {});
}

pub(crate) fn open_channel(out: &mut BytesMut) {
    frame::put_method(out, CHANNEL, id::CHANNEL_OPEN, |out| out.put_short(""));
}

pub(crate) fn channel_close_ok(out: &mut BytesMut) {
    frame::put_method(out, CHANNEL, id::CHANNEL_CLOSE_OK, |_| {});
}

pub(crate) fn flow_ok(out: &mut BytesMut, active: bool) {
    frame::put_method(out, CHANNEL, id::CHANNEL_FLOW_OK, |out| out.put_u8(u8::from(active)));
}

/// Without a kind it is only asked whether it is there.
pub(crate) fn declare_exchange(out: &mut BytesMut, name: &str, kind: Option<Kind>) {
    frame::put_method(out, CHANNEL, id::EXCHANGE_DECLARE, |out| {
        out.put_u16(0);
        out.put_short(name);
        out.put_short(kind.map_or("direct", Kind::name));
        out.put_u8(match kind {
            None => PASSIVE,
            Some(Kind::FanoutWhileBound) => DURABLE | EXCHANGE_AUTO_DELETE,
            Some(Kind::Direct | Kind::Fanout) => DURABLE,
        });
        out.put_table(&[]);
    });
}

/// Without options it is only asked whether it is there.
pub(crate) fn declare_queue(out: &mut BytesMut, name: &str, options: Option<&QueueOptions>) {
    let millis = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let mut arguments: Vec<(&str, Value<'_>)> = Vec::new();
    if let Some(options) = options {
        let expires = options.expires.map(|span| ("x-expires", Value::Int(millis(span))));
        let ttl = options.message_ttl.map(|span| ("x-message-ttl", Value::Int(millis(span))));
        let messages = options.messages_max.map(|max| ("x-max-length", Value::Int(i64::from(max))));
        let bytes = options.bytes_max.map(|max| i64::try_from(max).unwrap_or(i64::MAX));
        let bytes = bytes.map(|max| ("x-max-length-bytes", Value::Int(max)));
        arguments.extend([expires, ttl, messages, bytes].into_iter().flatten());
        if messages.is_some() || bytes.is_some() {
            arguments.push(("x-overflow", Value::Text("reject-publish")));
        }
    }
    frame::put_method(out, CHANNEL, id::QUEUE_DECLARE, |out| {
        out.put_u16(0);
        out.put_short(name);
        out.put_u8(if options.is_some() { DURABLE } else { PASSIVE });
        out.put_table(&arguments);
    });
}

pub(crate) fn bind(out: &mut BytesMut, queue: &str, exchange: &str, key: &str) {
    frame::put_method(out, CHANNEL, id::QUEUE_BIND, |out| {
        out.put_u16(0);
        out.put_short(queue);
        out.put_short(exchange);
        out.put_short(key);
        out.put_u8(0);
        out.put_table(&[]);
    });
}

pub(crate) fn delete_queue(out: &mut BytesMut, name: &str, only_unused: bool) {
    frame::put_method(out, CHANNEL, id::QUEUE_DELETE, |out| {
        out.put_u16(0);
        out.put_short(name);
        out.put_u8(if only_unused { DELETE_UNUSED } else { 0 });
    });
}

pub(crate) fn prefetch(out: &mut BytesMut, messages: u16) {
    frame::put_method(out, CHANNEL, id::QOS, |out| {
        out.put_u32(0);
        out.put_u16(messages);
        out.put_u8(0);
    });
}

/// As the queue's only consumer.
pub(crate) fn consume(out: &mut BytesMut, queue: &str) {
    frame::put_method(out, CHANNEL, id::CONSUME, |out| {
        out.put_u16(0);
        out.put_short(queue);
        out.put_short(CONSUMER);
        out.put_u8(CONSUME_EXCLUSIVE);
        out.put_table(&[]);
    });
}

pub(crate) fn cancel(out: &mut BytesMut) {
    frame::put_method(out, CHANNEL, id::CANCEL, |out| {
        out.put_short(CONSUMER);
        out.put_u8(0);
    });
}

pub(crate) fn confirm_select(out: &mut BytesMut) {
    frame::put_method(out, CHANNEL, id::CONFIRM_SELECT, |out| out.put_u8(0));
}

/// This one and all earlier ones.
pub(crate) fn ack_up_to(out: &mut BytesMut, tag: u64) {
    frame::put_method(out, CHANNEL, id::ACK, |out| {
        out.put_u64(tag);
        out.put_u8(1);
    });
}

pub(crate) fn publish(out: &mut BytesMut, publication: &Publication<'_>, frame_bytes_max: usize) {
    out.reserve(publication.body.len() + publication.exchange.len() + publication.key.len() + 128);
    frame::put_method(out, CHANNEL, id::PUBLISH, |out| {
        out.put_u16(0);
        out.put_short(publication.exchange);
        out.put_short(publication.key);
        out.put_u8(if publication.mandatory { MANDATORY } else { 0 });
    });
    frame::put_header(out, |out| content::put_header(out, publication.body.len(), &publication.properties));
    frame::put_body(out, publication.body, frame_bytes_max);
}
