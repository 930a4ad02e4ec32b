//! Signs tokens: for trying things out, and for tests. Who issues tokens in earnest does so elsewhere.

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value};

use super::{
    algorithm::Algorithm,
    bad_key::BadKey,
    checking_key::{has_label, secret},
    key_spec::KeySpec,
    ring_provider,
};

/// What PEM files are taken for a private key of each kind.
const RSA_WANTED: &str = "an RSA private key of 2048 to 4096 bits as PEM (-----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----)";
const P256_WANTED: &str = "a private key on the curve P-256 as PEM in PKCS#8 (-----BEGIN PRIVATE KEY-----); `openssl pkcs8 -topk8 -nocrypt -in KEY.pem` makes one of an EC PRIVATE KEY";
const ED25519_WANTED: &str = "an Ed25519 private key as PEM in PKCS#8 (-----BEGIN PRIVATE KEY-----)";

/// A token that says `claims`, signed with `key`: a secret for HS*, else a private key as PEM.
pub fn mint(key: &KeySpec, claims: &Map<String, Value>) -> Result<String, BadKey> {
    ring_provider::install();
    let algorithm = key.algorithm;
    let mut header = Header::new(algorithm.in_library());
    header.kid.clone_from(&key.kid);
    let other_kind = |wanted| move |_| BadKey::OtherKind { algorithm, wanted };
    let (signing, wanted) = match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
            (EncodingKey::from_secret(secret(key)?), "a secret")
        }
        Algorithm::Rs256 | Algorithm::Rs512 => {
            (EncodingKey::from_rsa_pem(private_pem(key)?).map_err(other_kind(RSA_WANTED))?, RSA_WANTED)
        }
        Algorithm::Es256 => {
            (EncodingKey::from_ec_pem(private_pem(key)?).map_err(other_kind(P256_WANTED))?, P256_WANTED)
        }
        Algorithm::EdDsa => {
            (EncodingKey::from_ed_pem(private_pem(key)?).map_err(other_kind(ED25519_WANTED))?, ED25519_WANTED)
        }
    };
    jsonwebtoken::encode(&header, claims, &signing).map_err(other_kind(wanted))
}

fn private_pem(spec: &KeySpec) -> Result<&[u8], BadKey> {
    if !has_label(&spec.key, "PRIVATE KEY-----") {
        return Err(BadKey::NotPrivate { algorithm: spec.algorithm });
    }
    Ok(&spec.key)
}
