//! Lends `ring` to the token library, which brings no cryptography of its own.
//!
//! Promises: an algorithm and a key of another family never meet, and what is not in [`super::Algorithm`] is refused.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind, Result, new_error},
    signature,
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
        RsaEncoding, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
    },
};

/// Makes `ring` the token library's cryptography, for this process, once. Without it the library panics at its first use.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Fails only where whoever embeds this crate has chosen another one, which is then as good.
        PROVIDER.install_default().ok();
    });
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // For keys in JSON (JWK), which are not read.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(unsupported()),
        rsa_pub_components_from_public_key: |_| Err(unsupported()),
        ec_pub_components_from_private_key: |_, _| Err(unsupported()),
        ed_pub_components_from_private_key: |_, _| Err(unsupported()),
        compute_digest: |_, _| Err(unsupported()),
    },
};

fn unsupported() -> Error {
    new_error(ErrorKind::UnsupportedAlgorithm)
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if key.family() != algorithm.family() {
        return Err(new_error(ErrorKind::InvalidKeyFormat));
    }
    let bytes = key.try_get_as_bytes()?;
    let public =
        |how: &'static dyn VerificationAlgorithm| Check::Public(UnparsedPublicKey::new(how, bytes.to_vec()));
    let check = match algorithm {
        Algorithm::HS256 => Check::Secret(hmac::Key::new(hmac::HMAC_SHA256, bytes)),
        Algorithm::HS384 => Check::Secret(hmac::Key::new(hmac::HMAC_SHA384, bytes)),
        Algorithm::HS512 => Check::Secret(hmac::Key::new(hmac::HMAC_SHA512, bytes)),
        Algorithm::RS256 => public(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS512 => public(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::ES256 => public(&ECDSA_P256_SHA256_FIXED),
        Algorithm::EdDSA => public(&ED25519),
        _ => return Err(unsupported()),
    };
    Ok(Box::new(RingVerifier { algorithm: *algorithm, check }))
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if key.family() != algorithm.family() {
        return Err(new_error(ErrorKind::InvalidKeyFormat));
    }
    let bytes = key.as_bytes();
    let rsa = |padding: &'static dyn RsaEncoding| match RsaKeyPair::from_der(bytes) {
        Ok(pair) => Ok(Sign::Rsa(pair, padding)),
        Err(rejected) => Err(new_error(ErrorKind::InvalidRsaKey(rejected.to_string()))),
    };
    let sign = match algorithm {
        Algorithm::HS256 => Sign::Secret(hmac::Key::new(hmac::HMAC_SHA256, bytes)),
        Algorithm::HS384 => Sign::Secret(hmac::Key::new(hmac::HMAC_SHA384, bytes)),
        Algorithm::HS512 => Sign::Secret(hmac::Key::new(hmac::HMAC_SHA512, bytes)),
        Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256)?,
        Algorithm::RS512 => rsa(&RSA_PKCS1_SHA512)?,
        Algorithm::ES256 => {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &SystemRandom::new())
                .map(Sign::P256)
                .map_err(|_| new_error(ErrorKind::InvalidEcdsaKey))?
        }
        // OpenSSL writes the older form, without the public key in it.
        Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes)
            .map(Sign::Ed25519)
            .map_err(|_| new_error(ErrorKind::InvalidEddsaKey))?,
        _ => return Err(unsupported()),
    };
    Ok(Box::new(RingSigner { algorithm: *algorithm, sign }))
}

struct RingVerifier {
    algorithm: Algorithm,
    check: Check,
}

enum Check {
    Secret(hmac::Key),
    Public(UnparsedPublicKey<Vec<u8>>),
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl signature::Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let checked = match &self.check {
            Check::Secret(key) => hmac::verify(key, message, signature),
            Check::Public(key) => key.verify(message, signature),
        };
        checked.map_err(|_| signature::Error::new())
    }
}

struct RingSigner {
    algorithm: Algorithm,
    sign: Sign,
}

enum Sign {
    Secret(hmac::Key),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl signature::Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        match &self.sign {
            Sign::Secret(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Sign::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*padding, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| signature::Error::new())?;
                Ok(signature)
            }
            Sign::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| signature::Error::new()),
            Sign::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}
