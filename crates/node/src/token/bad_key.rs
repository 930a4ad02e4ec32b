//! Why a key cannot be used.

use super::algorithm::Algorithm;

/// Why a key cannot be used; says what to do, and never holds any of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Without keys nobody could ever log in.
    #[error("there is no key to check tokens with")]
    NoKey,
    /// A secret that can be guessed.
    #[error(
        "a key for {algorithm} needs at least {bytes_min} bytes, and this has {bytes}; `openssl rand -base64 32` makes one"
    )]
    TooShort {
        /// What the key is for.
        algorithm: Algorithm,
        /// How many it has.
        bytes: usize,
        /// How many it needs.
        bytes_min: usize,
    },
    /// A public key as secret: whoever knows it, and that is everybody, could sign.
    #[error(
        "a PEM file is not a key for {algorithm}, which shares one secret; RS256, ES256 or EdDSA take PEM"
    )]
    PemAsSecret {
        /// What the key is for.
        algorithm: Algorithm,
    },
    /// The private key where the public one is enough.
    #[error(
        "this is the private key, and checking needs only the public one: `openssl pkey -in private.pem -pubout` prints it"
    )]
    Private,
    /// A public key where something is to be signed.
    #[error("this is not a private key, which signing for {algorithm} needs")]
    NotPrivate {
        /// What the key is for.
        algorithm: Algorithm,
    },
    /// A certificate where its key is meant.
    #[error(
        "this is a certificate, and the public key in it is wanted: `openssl x509 -in certificate.pem -noout -pubkey` prints it"
    )]
    Certificate,
    /// Not PEM, or PEM that cannot be read, or a key of another kind.
    #[error("this is not a key for {algorithm}; it takes {wanted}")]
    OtherKind {
        /// What the key is for.
        algorithm: Algorithm,
        /// What is taken.
        wanted: &'static str,
    },
    /// An RSA key that is too short to be safe, or too long to be quick.
    #[error("a key for {algorithm} has 2048 to 8192 bits, and this has {bits}")]
    RsaBits {
        /// What the key is for.
        algorithm: Algorithm,
        /// How many it has.
        bits: usize,
    },
}
