//! The protocol's small pieces: numbers, short and long strings, tables.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A short string has its length in one byte.
pub(crate) const SHORT_MAX: usize = 255;

/// Writes the arguments of a method.
pub(crate) trait Words {
    /// A string of at most 255 bytes; what is longer is cut, because names were checked by whoever made them.
    fn put_short(&mut self, text: &str);
    /// Bytes with their length in four.
    fn put_long(&mut self, bytes: &[u8]);
    /// A table.
    fn put_table(&mut self, fields: &[(&str, Value<'_>)]);
}

/// A value in a table that we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Table(&'a [(&'a str, Value<'a>)]),
}

impl Words for BytesMut {
    fn put_short(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let bytes = bytes.get(..SHORT_MAX).unwrap_or(bytes);
        self.put_u8(bytes.len() as u8);
        self.put_slice(bytes);
    }

    fn put_long(&mut self, bytes: &[u8]) {
        self.put_u32(bytes.len() as u32);
        self.put_slice(bytes);
    }

    fn put_table(&mut self, fields: &[(&str, Value<'_>)]) {
        let at = self.len();
        self.put_u32(0);
        for (name, value) in fields {
            self.put_short(name);
            match value {
                Value::Bool(value) => {
                    self.put_u8(b't');
                    self.put_u8(u8::from(*value));
                }
                Value::Int(value) => {
                    self.put_u8(b'l');
                    self.put_i64(*value);
                }
                Value::Text(text) => {
                    self.put_u8(b'S');
                    self.put_long(text.as_bytes());
                }
                Value::Table(fields) => {
                    self.put_u8(b'F');
                    self.put_table(fields);
                }
            }
        }
        let length = (self.len() - at - 4) as u32;
        if let Some(place) = self.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short;

/// Reads the arguments of a method; whatever is missing is an error, and what follows is passed over.
#[derive(Debug)]
pub(crate) struct Reader(pub(crate) Bytes);

impl Reader {
    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        self.0.try_get_u8().map_err(|_| Short)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Short> {
        self.0.try_get_u16().map_err(|_| Short)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        self.0.try_get_u32().map_err(|_| Short)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Short> {
        self.0.try_get_u64().map_err(|_| Short)
    }

    /// A short string, as the bytes that it is.
    pub(crate) fn short(&mut self) -> Result<Bytes, Short> {
        let length = usize::from(self.u8()?);
        self.take(length)
    }

    /// A short string for people.
    pub(crate) fn text(&mut self) -> Result<String, Short> {
        self.short().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A long string, or a table as the bytes that it is.
    pub(crate) fn long(&mut self) -> Result<Bytes, Short> {
        let length = usize::try_from(self.u32()?).map_err(|_| Short)?;
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Short> {
        if length > self.0.len() { Err(Short) } else { Ok(self.0.split_to(length)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_length_and_each_value_its_letter() {
        let mut bytes = BytesMut::new();
        bytes.put_table(&[("a", Value::Bool(true)), ("b", Value::Table(&[("c", Value::Text("x"))]))]);
        assert_eq!(&bytes[..], b"\0\0\0\x13\x01at\x01\x01bF\0\0\0\x08\x01cS\0\0\0\x01x");
        let mut bytes = BytesMut::new();
        bytes.put_table(&[("n", Value::Int(-2))]);
        assert_eq!(&bytes[..], b"\0\0\0\x0b\x01nl\xff\xff\xff\xff\xff\xff\xff\xfe");
    }

    #[test]
    fn strings_come_back_and_what_is_cut_off_is_an_error() {
        let mut bytes = BytesMut::new();
        bytes.put_short("key");
        bytes.put_long(b"long");
        bytes.put_u16(7);
        let whole = bytes.freeze();
        let mut reader = Reader(whole.clone());
        assert_eq!(reader.text().unwrap(), "key");
        assert_eq!(reader.long().unwrap(), "long");
        assert_eq!(reader.u16(), Ok(7));
        assert_eq!(reader.u8(), Err(Short));
        for end in 0..whole.len() {
            let mut reader = Reader(whole.slice(..end));
            assert!(reader.short().and_then(|_| reader.long()).and_then(|_| reader.u16()).is_err());
        }
    }
}
