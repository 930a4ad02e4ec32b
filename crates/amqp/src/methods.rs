//! The methods that a broker sends, read.

use bytes::Bytes;

use crate::words::{Reader, Short};

/// Class and method of those that we send or receive.
pub(crate) mod id {
    pub(crate) const START: (u16, u16) = (10, 10);
    pub(crate) const START_OK: (u16, u16) = (10, 11);
    pub(crate) const TUNE: (u16, u16) = (10, 30);
    pub(crate) const TUNE_OK: (u16, u16) = (10, 31);
    pub(crate) const OPEN: (u16, u16) = (10, 40);
    pub(crate) const OPEN_OK: (u16, u16) = (10, 41);
    pub(crate) const CLOSE: (u16, u16) = (10, 50);
    pub(crate) const CLOSE_OK: (u16, u16) = (10, 51);
    pub(crate) const BLOCKED: (u16, u16) = (10, 60);
    pub(crate) const UNBLOCKED: (u16, u16) = (10, 61);
    pub(crate) const CHANNEL_OPEN: (u16, u16) = (20, 10);
    pub(crate) const CHANNEL_OPEN_OK: (u16, u16) = (20, 11);
    pub(crate) const CHANNEL_FLOW: (u16, u16) = (20, 20);
    pub(crate) const CHANNEL_FLOW_OK: (u16, u16) = (20, 21);
    pub(crate) const CHANNEL_CLOSE: (u16, u16) = (20, 40);
    pub(crate) const CHANNEL_CLOSE_OK: (u16, u16) = (20, 41);
    pub(crate) const EXCHANGE_DECLARE: (u16, u16) = (40, 10);
    pub(crate) const EXCHANGE_DECLARE_OK: (u16, u16) = (40, 11);
    pub(crate) const QUEUE_DECLARE: (u16, u16) = (50, 10);
    pub(crate) const QUEUE_DECLARE_OK: (u16, u16) = (50, 11);
    pub(crate) const QUEUE_BIND: (u16, u16) = (50, 20);
    pub(crate) const QUEUE_BIND_OK: (u16, u16) = (50, 21);
    pub(crate) const QUEUE_DELETE: (u16, u16) = (50, 40);
    pub(crate) const QUEUE_DELETE_OK: (u16, u16) = (50, 41);
    pub(crate) const QOS: (u16, u16) = (60, 10);
    pub(crate) const QOS_OK: (u16, u16) = (60, 11);
    pub(crate) const CONSUME: (u16, u16) = (60, 20);
    pub(crate) const CONSUME_OK: (u16, u16) = (60, 21);
    pub(crate) const CANCEL: (u16, u16) = (60, 30);
    pub(crate) const CANCEL_OK: (u16, u16) = (60, 31);
    pub(crate) const PUBLISH: (u16, u16) = (60, 40);
    pub(crate) const RETURN: (u16, u16) = (60, 50);
    pub(crate) const DELIVER: (u16, u16) = (60, 60);
    pub(crate) const ACK: (u16, u16) = (60, 80);
    pub(crate) const NACK: (u16, u16) = (60, 120);
    pub(crate) const CONFIRM_SELECT: (u16, u16) = (85, 10);
    pub(crate) const CONFIRM_SELECT_OK: (u16, u16) = (85, 11);
}

/// A method that came.
#[derive(Debug)]
pub(crate) enum Method {
    /// The answer to a request, with what it says.
    Reply(Reply),
    ConnectionClose {
        code: u16,
        text: String,
    },
    ChannelClose {
        code: u16,
        text: String,
    },
    Flow {
        active: bool,
    },
    Blocked(String),
    Unblocked,
    Cancel,
    Deliver {
        tag: u64,
        redelivered: bool,
        exchange: Bytes,
        key: Bytes,
    },
    Return {
        why: String,
        exchange: String,
        key: String,
    },
    Ack {
        number: u64,
        and_earlier: bool,
    },
    Nack {
        number: u64,
        and_earlier: bool,
    },
}

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Class and method.
    pub(crate) id: (u16, u16),
    /// What it says, where it says something that is of use.
    pub(crate) says: Says,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Nothing,
    Tune { frame_bytes_max: u32, heartbeat_seconds: u16 },
    Declared { messages: u32, consumers: u32 },
    Deleted { messages: u32 },
}

/// Reads a method. `Err` with what it should have been.
pub(crate) fn read(bytes: Bytes) -> Result<Method, String> {
    let mut reader = Reader(bytes);
    let id = reader.u16().and_then(|class| Ok((class, reader.u16()?)));
    let (class, method) = id.map_err(|Short| "a method without a name".to_owned())?;
    match read_arguments((class, method), &mut reader) {
        Ok(Some(read)) => Ok(read),
        Ok(None) => Err(format!("method {class}.{method}, which was not asked for")),
        Err(Short) => Err(format!("method {class}.{method}, cut off")),
    }
}

fn read_arguments(id: (u16, u16), reader: &mut Reader) -> Result<Option<Method>, Short> {
    let reply = |says| Method::Reply(Reply { id, says });
    Ok(Some(match id {
        id::START
        | id::OPEN_OK
        | id::CLOSE_OK
        | id::CHANNEL_OPEN_OK
        | id::CHANNEL_CLOSE_OK
        | id::EXCHANGE_DECLARE_OK
        | id::QUEUE_BIND_OK
        | id::QOS_OK
        | id::CONSUME_OK
        | id::CANCEL_OK
        | id::CONFIRM_SELECT_OK => reply(Says::Nothing),
        id::TUNE => {
            let _channels_max = reader.u16()?;
            reply(Says::Tune { frame_bytes_max: reader.u32()?, heartbeat_seconds: reader.u16()? })
        }
        id::QUEUE_DECLARE_OK => {
            let _name = reader.short()?;
            reply(Says::Declared { messages: reader.u32()?, consumers: reader.u32()? })
        }
        id::QUEUE_DELETE_OK => reply(Says::Deleted { messages: reader.u32()? }),
        id::CLOSE => Method::ConnectionClose { code: reader.u16()?, text: reader.text()? },
        id::CHANNEL_CLOSE => Method::ChannelClose { code: reader.u16()?, text: reader.text()? },
        id::CHANNEL_FLOW => Method::Flow { active: reader.u8()? & 1 == 1 },
        id::BLOCKED => Method::Blocked(reader.text()?),
        id::UNBLOCKED => Method::Unblocked,
        id::CANCEL => Method::Cancel,
        id::DELIVER => {
            let _consumer = reader.short()?;
            Method::Deliver {
                tag: reader.u64()?,
                redelivered: reader.u8()? & 1 == 1,
                exchange: reader.short()?,
                key: reader.short()?,
            }
        }
        id::RETURN => {
            let _code = reader.u16()?;
            Method::Return { why: reader.text()?, exchange: reader.text()?, key: reader.text()? }
        }
        id::ACK => Method::Ack { number: reader.u64()?, and_earlier: reader.u8()? & 1 == 1 },
        id::NACK => Method::Nack { number: reader.u64()?, and_earlier: reader.u8()? & 1 == 1 },
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_delivery_and_a_close_are_read() {
        let deliver = b"\0\x3c\0\x3c\x01t\0\0\0\0\0\0\0\x09\x01\x01x\x02ky";
        let read_one = read(Bytes::from_static(deliver)).unwrap();
        let Method::Deliver { tag: 9, redelivered: true, exchange, key } = read_one else {
            panic!("{read_one:?}")
        };
        assert_eq!((&exchange[..], &key[..]), (&b"x"[..], &b"ky"[..]));
        let close = read(Bytes::from_static(b"\0\x14\0\x28\x01\x94\x04gone\0\0\0\0")).unwrap();
        assert!(matches!(close, Method::ChannelClose { code: 404, text } if text == "gone"));
        for end in 0..deliver.len() {
            assert!(read(Bytes::copy_from_slice(&deliver[..end])).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(class in 0_u16..90, method in 0_u16..130, rest in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut bytes = [class.to_be_bytes(), method.to_be_bytes()].concat();
            bytes.extend(rest);
            let _any = read(bytes.into());
        }
    }
}
