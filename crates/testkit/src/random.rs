//! Bytes that nobody else has: keys of handshakes, masks, ids of sends.

use ring::rand::{SecureRandom, SystemRandom};

/// `N` random bytes.
///
/// # Panics
///
/// When the system has none.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        panic!("the system gives no random bytes");
    }
    bytes
}

/// 128 random bits as 32 hexadecimal digits.
pub(crate) fn id() -> String {
    bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}
