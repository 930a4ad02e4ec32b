//! Tokens: JSON Web Tokens, checked against the keys that the configuration names, and minted for trying things out.
//!
//! Promises: the algorithm of a key is the configuration's; what a token's header says only picks among the keys of that algorithm.
//! No error of this folder holds a token or any of a key.
//! Keys from an address (JWKS) and encrypted tokens are not read here.

mod algorithm;
mod bad_key;
mod bad_token;
mod checking_key;
mod claims;
mod compact;
mod key_spec;
mod mint;
mod ring_provider;
mod verifier;
mod verifier_settings;

pub use algorithm::Algorithm;
pub use bad_key::BadKey;
pub use bad_token::BadToken;
pub use key_spec::KeySpec;
pub use mint::mint;
pub use verifier::Verifier;
pub use verifier_settings::{LEEWAY, VerifierSettings};
