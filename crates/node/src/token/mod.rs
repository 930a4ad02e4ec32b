//! Tokens: checked against the keys that the configuration names, and minted for trying things out.

mod verifier;

pub use verifier::{BadToken, Verifier};
