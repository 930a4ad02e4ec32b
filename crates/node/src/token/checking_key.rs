//! A configured key, made ready to check signatures with.
//!
//! Promises: a key with which no signature could ever be right (another kind, another curve, too short) is refused here,
//! at start, and not one login after the other.

use std::fmt;

use jsonwebtoken::{DecodingKey, crypto, errors::ErrorKind};
use ring::{
    agreement::{self, ECDH_P256, EphemeralPrivateKey},
    rand::SystemRandom,
};

use super::{
    algorithm::Algorithm, bad_key::BadKey, bad_token::BadToken, compact::Compact, key_spec::KeySpec,
};

/// Bytes of a secret for HS*: fewer can be guessed. RFC 7518 asks for as many as the hash has (48 and 64 for HS384 and HS512);
/// 32 random ones are as safe there, and are what services that already run have.
pub(super) const SECRET_BYTES_MIN: usize = 32;

const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// What PEM files are taken for a public key of each kind.
const RSA_WANTED: &str = "an RSA public key as PEM (-----BEGIN PUBLIC KEY-----)";
const P256_WANTED: &str = "a public key on the curve P-256 (prime256v1) as PEM (-----BEGIN PUBLIC KEY-----)";
const ED25519_WANTED: &str = "an Ed25519 public key as PEM (-----BEGIN PUBLIC KEY-----)";

/// A configured key, made ready to check signatures with.
pub(super) struct CheckingKey {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    key: DecodingKey,
}

impl CheckingKey {
    /// Looks at a key and understands it.
    pub(super) fn new(spec: &KeySpec) -> Result<CheckingKey, BadKey> {
        let algorithm = spec.algorithm;
        let key = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => DecodingKey::from_secret(secret(spec)?),
            Algorithm::Rs256 | Algorithm::Rs512 => rsa(algorithm, public_pem(&spec.key)?)?,
            Algorithm::Es256 => p256(public_pem(&spec.key)?)?,
            Algorithm::EdDsa => ed25519(public_pem(&spec.key)?)?,
        };
        Ok(CheckingKey { algorithm, kid: spec.kid.clone(), key })
    }

    /// Whether this key signed `token`, in the way that the configuration says of the key.
    pub(super) fn has_signed(&self, token: &Compact<'_>) -> Result<bool, BadToken> {
        let checked = crypto::verify(token.signature, token.signed, &self.key, self.algorithm.in_library());
        checked.map_err(|error| match error.kind() {
            ErrorKind::Base64(_) => BadToken::Malformed,
            // The key was understood at start, so that nothing else is left; whatever it is, the signature is not known to be right.
            _ => BadToken::Signature,
        })
    }
}

impl fmt::Debug for CheckingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckingKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The bytes of a secret that cannot be guessed.
pub(super) fn secret(spec: &KeySpec) -> Result<&[u8], BadKey> {
    let algorithm = spec.algorithm;
    if has_label(&spec.key, "-----BEGIN ") {
        return Err(BadKey::PemAsSecret { algorithm });
    }
    if spec.key.len() < SECRET_BYTES_MIN {
        return Err(BadKey::TooShort { algorithm, bytes: spec.key.len(), bytes_min: SECRET_BYTES_MIN });
    }
    Ok(&spec.key)
}

/// Whether `pem` holds the text `label`.
pub(super) fn has_label(pem: &[u8], label: &str) -> bool {
    pem.windows(label.len()).any(|window| window == label.as_bytes())
}

fn public_pem(pem: &[u8]) -> Result<&[u8], BadKey> {
    if has_label(pem, "PRIVATE KEY-----") {
        return Err(BadKey::Private);
    }
    if has_label(pem, "BEGIN CERTIFICATE-----") {
        return Err(BadKey::Certificate);
    }
    Ok(pem)
}

fn rsa(algorithm: Algorithm, pem: &[u8]) -> Result<DecodingKey, BadKey> {
    let other = |_| BadKey::OtherKind { algorithm, wanted: RSA_WANTED };
    let key = DecodingKey::from_rsa_pem(pem).map_err(other)?;
    let der = key.try_get_as_bytes().map_err(other)?;
    let bits = modulus_bits(der).ok_or(BadKey::OtherKind { algorithm, wanted: RSA_WANTED })?;
    if !RSA_BITS.contains(&bits) {
        return Err(BadKey::RsaBits { algorithm, bits });
    }
    Ok(key)
}

fn p256(pem: &[u8]) -> Result<DecodingKey, BadKey> {
    let other = || BadKey::OtherKind { algorithm: Algorithm::Es256, wanted: P256_WANTED };
    let key = DecodingKey::from_ec_pem(pem).map_err(|_| other())?;
    let point = key.try_get_as_bytes().map_err(|_| other())?;
    // The only door that `ring` has to its test of whether a point lies on the curve: other curves of 256 bits look alike.
    let partner = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).map_err(|_| other())?;
    let point = agreement::UnparsedPublicKey::new(&ECDH_P256, point);
    agreement::agree_ephemeral(partner, &point, |_| ()).map_err(|_| other())?;
    Ok(key)
}

fn ed25519(pem: &[u8]) -> Result<DecodingKey, BadKey> {
    let other = || BadKey::OtherKind { algorithm: Algorithm::EdDsa, wanted: ED25519_WANTED };
    let key = DecodingKey::from_ed_pem(pem).map_err(|_| other())?;
    match key.try_get_as_bytes() {
        Ok(bytes) if bytes.len() == ring::signature::ED25519_PUBLIC_KEY_LEN => Ok(key),
        Ok(_) | Err(_) => Err(other()),
    }
}

/// How many bits the first integer of `SEQUENCE { modulus INTEGER, exponent INTEGER }` has.
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (sequence, _) = der_value(der, 0x30)?;
    let (modulus, rest) = der_value(sequence, 0x02)?;
    let (exponent, rest) = der_value(rest, 0x02)?;
    if !rest.is_empty() || exponent.is_empty() {
        return None;
    }
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let first = modulus.first()?;
    Some(modulus.len() * 8 - first.leading_zeros() as usize)
}

/// The value of an element of DER with this tag, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => {
            rest.split_first_chunk().map(|(&length, rest)| (usize::from(u16::from_be_bytes(length)), rest))?
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
