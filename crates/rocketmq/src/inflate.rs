//! Bodies that their producer compressed, inflated up to a limit.
//!
//! Java producers compress bodies over 4 KiB with zlib unless told otherwise; the two other formats are not read.

use std::io::Read;

use bytes::Bytes;
use flate2::read::ZlibDecoder;

/// How a body was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Zlib,
}

impl Format {
    /// Bits 8 to 10 of a message's flags name the format; 0 was written before there was a choice.
    pub(crate) fn of(flags: u32) -> Result<Self, String> {
        match flags >> 8 & 0b111 {
            0 | 3 => Ok(Self::Zlib),
            1 => Err("its body is compressed with LZ4, which is not supported".to_owned()),
            2 => Err("its body is compressed with ZSTD, which is not supported".to_owned()),
            other => Err(format!("its body is compressed in the unknown format {other}")),
        }
    }
}

pub(crate) fn inflate(body: &[u8], format: Format, inflated_bytes_max: usize) -> Result<Bytes, String> {
    let Format::Zlib = format;
    let mut inflated = Vec::new();
    let one_more = u64::try_from(inflated_bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    ZlibDecoder::new(body)
        .take(one_more)
        .read_to_end(&mut inflated)
        .map_err(|error| format!("its zlib body is broken: {error}"))?;
    if inflated.len() > inflated_bytes_max {
        return Err(format!("its body inflates to more than {inflated_bytes_max} bytes"));
    }
    Ok(Bytes::from(inflated))
}
