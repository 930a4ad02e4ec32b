//! Keys: each algorithm signs and checks, what OpenSSL signed is accepted, and a key that cannot do its work is refused at start.

use node::token::{Algorithm, BadKey, BadToken, KeySpec, Verifier, VerifierSettings, mint};
use serde_json::json;

use super::*;

#[test]
fn each_algorithm_checks_what_it_signed_and_not_what_another_key_signed() {
    for (algorithm, (private, public)) in pairs() {
        let token = mint(
            &named("k1", algorithm, private),
            &claims(json!({ "sub": "1", "exp": NOW + 600, "aud": "chat", "role": "admin" })),
        )
        .unwrap();
        let identity = verifier(vec![named("k1", algorithm, public.clone())]).verify(&token, NOW_MS).unwrap();
        assert_eq!(
            (identity.user.as_str(), identity.expires_ms),
            ("1", Some(NOW_MS + 600_000)),
            "{algorithm}"
        );
        let other = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => OTHER_SECRET.to_vec(),
            Algorithm::Rs256 | Algorithm::Rs512 => file("rsa-other.public.pem"),
            Algorithm::Es256 => file("p256-other.public.pem"),
            Algorithm::EdDsa => file("ed25519-other.public.pem"),
        };
        let one = verifier(vec![spec(algorithm, other.clone())]);
        assert_eq!(one.verify(&token, NOW_MS), Err(BadToken::Signature), "{algorithm}");
        let two = verifier(vec![spec(algorithm, other), spec(algorithm, public)]);
        assert!(two.verify(&token, NOW_MS).is_ok(), "{algorithm}");
    }
}

#[test]
fn what_openssl_signed_is_accepted() {
    let tokens = String::from_utf8(file("openssl-tokens.txt")).unwrap();
    let pairs = pairs();
    let all =
        verifier(pairs.iter().map(|(&algorithm, (_, public))| spec(algorithm, public.clone())).collect());
    let mut seen = 0;
    for line in tokens.lines() {
        let (name, token) = line.split_once(' ').unwrap();
        let algorithm: Algorithm = name.parse().unwrap();
        let alone = verifier(vec![spec(algorithm, pairs[&algorithm].1.clone())]);
        for verifier in [&alone, &all] {
            let identity = verifier.verify(token, NOW_MS).unwrap();
            assert_eq!(
                (identity.user.as_str(), identity.expires_ms),
                ("42", Some(2_000_000_000_000)),
                "{name}"
            );
        }
        seen += 1;
    }
    assert_eq!(seen, Algorithm::ALL.len());
}

#[test]
fn keys_in_older_forms_work() {
    let key = spec(Algorithm::Rs256, file("rsa.pkcs1.private.pem"));
    let token = mint(&key, &claims(json!({ "sub": "1", "exp": NOW + 600 }))).unwrap();
    let older = verifier(vec![spec(Algorithm::Rs256, file("rsa.pkcs1.public.pem"))]);
    assert!(older.verify(&token, NOW_MS).is_ok());
    let crlf = String::from_utf8(file("rsa.public.pem")).unwrap().replace('\n', "\r\n");
    assert!(verifier(vec![spec(Algorithm::Rs256, crlf)]).verify(&token, NOW_MS).is_ok());
    let with_comment = [b"the key of our login\n".to_vec(), file("rsa.public.pem")].concat();
    assert!(verifier(vec![spec(Algorithm::Rs256, with_comment)]).verify(&token, NOW_MS).is_ok());
}

#[test]
fn a_key_that_cannot_check_is_refused_at_start() {
    let rs256 = Algorithm::Rs256;
    let cases: Vec<(&str, KeySpec, &str)> = vec![
        (
            "31 bytes",
            spec(Algorithm::Hs256, [7; 31]),
            "a key for HS256 needs at least 32 bytes, and this has 31",
        ),
        (
            "31 bytes",
            spec(Algorithm::Hs384, [7; 31]),
            "a key for HS384 needs at least 32 bytes, and this has 31",
        ),
        (
            "31 bytes",
            spec(Algorithm::Hs512, [7; 31]),
            "a key for HS512 needs at least 32 bytes, and this has 31",
        ),
        ("no bytes", spec(Algorithm::Hs256, []), "a key for HS256 needs at least 32 bytes, and this has 0"),
        (
            "PEM as secret",
            spec(Algorithm::Hs256, file("rsa.public.pem")),
            "a PEM file is not a key for HS256",
        ),
        ("a secret as PEM", spec(rs256, SECRET), "this is not a key for RS256; it takes an RSA public key"),
        ("empty", spec(rs256, []), "this is not a key for RS256"),
        ("a private key", spec(rs256, file("rsa.private.pem")), "this is the private key"),
        ("an older private key", spec(rs256, file("rsa.pkcs1.private.pem")), "this is the private key"),
        ("a certificate", spec(rs256, file("rsa.certificate.pem")), "this is a certificate"),
        (
            "1024 bits",
            spec(Algorithm::Rs512, file("rsa-1024.public.pem")),
            "a key for RS512 has 2048 to 8192 bits, and this has 1024",
        ),
        ("another kind", spec(rs256, file("p256.public.pem")), "this is not a key for RS256"),
        (
            "another kind",
            spec(Algorithm::Es256, file("rsa.public.pem")),
            "this is not a key for ES256; it takes a public key on the curve P-256",
        ),
        ("another curve", spec(Algorithm::Es256, file("p384.public.pem")), "this is not a key for ES256"),
        (
            "another curve of 256 bits",
            spec(Algorithm::Es256, file("secp256k1.public.pem")),
            "this is not a key for ES256",
        ),
        ("another kind", spec(Algorithm::Es256, file("ed25519.public.pem")), "this is not a key for ES256"),
        (
            "another kind",
            spec(Algorithm::EdDsa, file("p256.public.pem")),
            "this is not a key for EdDSA; it takes an Ed25519 public key",
        ),
        (
            "for agreeing, not signing",
            spec(Algorithm::EdDsa, file("x25519.public.pem")),
            "this is not a key for EdDSA",
        ),
        ("half a file", spec(rs256, file("rsa.public.pem")[..200].to_vec()), "this is not a key for RS256"),
    ];
    for (name, key, expected) in cases {
        let algorithm = key.algorithm;
        // Beside a good one: each of the keys is looked at.
        let keys = vec![spec(Algorithm::Hs256, SECRET), key];
        let error = Verifier::new(settings(keys)).expect_err(name).to_string();
        assert!(error.starts_with(expected), "{algorithm}, {name}: {error}");
    }
    assert_eq!(Verifier::new(VerifierSettings::default()).unwrap_err(), BadKey::NoKey);
    assert!(Verifier::new(settings(vec![spec(Algorithm::Hs256, [7; 32])])).is_ok());
}

#[test]
fn a_key_that_cannot_sign_is_refused() {
    let cases: Vec<(&str, KeySpec, &str)> = vec![
        ("a short secret", spec(Algorithm::Hs256, "secret"), "a key for HS256 needs at least 32 bytes"),
        (
            "a public key",
            spec(Algorithm::Rs256, file("rsa.public.pem")),
            "this is not a private key, which signing for RS256 needs",
        ),
        (
            "another kind",
            spec(Algorithm::Rs256, file("p256.private.pem")),
            "this is not a key for RS256; it takes an RSA private key",
        ),
        (
            "another kind",
            spec(Algorithm::EdDsa, file("rsa.private.pem")),
            "this is not a key for EdDSA; it takes an Ed25519 private key",
        ),
        (
            "an older form",
            spec(Algorithm::Es256, file("p256.sec1.private.pem")),
            "this is not a key for ES256; it takes a private key on the curve P-256 as PEM in PKCS#8",
        ),
    ];
    for (name, key, expected) in cases {
        let error = mint(&key, &claims(json!({ "sub": "1" }))).expect_err(name).to_string();
        assert!(error.starts_with(expected), "{name}: {error}");
    }
}

#[test]
fn a_minted_token_says_what_it_is_told_to() {
    let key = named("k1", Algorithm::Hs512, SECRET);
    let token = mint(&key, &claims(json!({ "sub": "1", "exp": NOW, "x": [1] }))).unwrap();
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], json!({ "typ": "JWT", "alg": "HS512", "kid": "k1" }));
    assert_eq!(parts[1], json!({ "sub": "1", "exp": NOW, "x": [1] }));
}

#[test]
fn no_key_is_ever_printed() {
    let secret = "this secret must never be printed, wherever it is";
    let key = named("k1", Algorithm::Hs256, secret);
    let settings = settings(vec![key.clone()]);
    let printed = format!("{key:?} {settings:?} {:?}", Verifier::new(settings.clone()).unwrap());
    assert!(printed.contains("k1") && !printed.contains("secret must"), "{printed}");
    assert!(!printed.contains("116, 104, 105, 115"), "{printed}");
}
