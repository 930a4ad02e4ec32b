//! The content of a message of a run: it says who sent it and as which one, so that loss, invention and corruption can be seen.

use serde::{Deserialize, Serialize};

/// A content that nobody else sends, with a checksum over itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The run; two runs on one store do not meddle with each other.
    pub run: String,
    /// The user who sends it.
    pub sender: String,
    /// The sender's own count: 1, 2, 3.
    pub n: u64,
    /// Nothing but length.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fill: String,
    /// [`checksum`] of the rest.
    pub sum: String,
}

/// What a client reads from the content of a message that has reached it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whose it says to be; empty where the content says nothing of that kind.
    pub from: String,
    /// Its id; empty likewise.
    pub id: String,
    /// True when the sum matches.
    pub intact: bool,
}

impl Payload {
    /// The `n`th message of a sender.
    pub fn new(run: &str, sender: &str, n: u64) -> Payload {
        Payload::filled(run, sender, n, 0)
    }

    /// The same with `fill_bytes` more, which depend on `n`.
    pub fn filled(run: &str, sender: &str, n: u64, fill_bytes: usize) -> Payload {
        let letters = (b'a'..=b'z').map(char::from).cycle().skip(usize::try_from(n % 26).unwrap_or(0));
        let fill: String = letters.take(fill_bytes).collect();
        let sum = checksum(run, sender, n, &fill);
        Payload { run: run.to_owned(), sender: sender.to_owned(), n, fill, sum }
    }

    /// The client's id of the message that carries it.
    pub fn id(&self) -> String {
        format!("{}-{}-{}", self.run, self.sender, self.n)
    }

    /// The JSON that goes into a `send`.
    ///
    /// # Panics
    ///
    /// Never: it has nothing that JSON lacks.
    pub fn to_json(&self) -> String {
        match serde_json::to_string(self) {
            Ok(content) => content,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }

    /// Reads a content that has reached a client.
    pub fn seen(content: &str) -> Seen {
        match serde_json::from_str::<Payload>(content) {
            Ok(payload) => {
                let sum = checksum(&payload.run, &payload.sender, payload.n, &payload.fill);
                Seen { id: payload.id(), intact: sum == payload.sum, from: payload.sender }
            }
            Err(_) => Seen { from: String::new(), id: String::new(), intact: false },
        }
    }
}

/// 64 bits of FNV-1a over the parts, a zero byte after each, as hexadecimal digits.
fn checksum(run: &str, sender: &str, n: u64, fill: &str) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let parts = [run.as_bytes(), sender.as_bytes(), &n.to_be_bytes(), fill.as_bytes()];
    let bytes = parts.iter().flat_map(|part| part.iter().copied().chain([0]));
    let sum = bytes.fold(BASIS, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{sum:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_says_whose_it_is() {
        let payload = Payload::filled("r7", "3", 12, 40);
        assert_eq!(payload.id(), "r7-3-12");
        let seen = Payload::seen(&payload.to_json());
        assert_eq!(seen, Seen { from: "3".into(), id: "r7-3-12".into(), intact: true });
    }

    #[test]
    fn any_changed_byte_is_seen() {
        let content = Payload::filled("r7", "3", 12, 10).to_json();
        for at in 0..content.len() {
            let mut bytes = content.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!Payload::seen(&changed).intact, "{changed}");
        }
        assert!(!Payload::seen("\"hi\"").intact);
    }
}
