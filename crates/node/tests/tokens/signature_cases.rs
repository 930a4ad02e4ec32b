//! Who has signed a token, and in what form it comes.

use node::token::{Algorithm, BadToken, mint};
use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn the_algorithm_is_the_configurations_and_never_the_headers_alone() {
    let public = file("rsa.public.pem");
    let claims = format!(r#"{{"sub":"1","exp":{}}}"#, NOW + 600);
    let unsigned = |alg: &str| raw(&format!(r#"{{"alg":"{alg}"}}"#), &claims, |_| Vec::new());
    let confused = raw(r#"{"alg":"HS256"}"#, &claims, sha256_with(&public));
    let confused_newline = raw(r#"{"alg":"HS256"}"#, &claims, sha256_with(public.trim_ascii_end()));
    let minted = |algorithm| {
        let key = spec(algorithm, file("rsa.private.pem"));
        mint(&key, &super::claims(json!({ "sub": "1", "exp": NOW + 600 }))).unwrap()
    };
    let rs256 = verifier(vec![spec(Algorithm::Rs256, public.clone())]);
    check(
        &rs256,
        &[
            ("as it should be", minted(Algorithm::Rs256), Ok("1")),
            ("none", unsigned("none"), Err(BadToken::Algorithm)),
            ("None", unsigned("None"), Err(BadToken::Algorithm)),
            ("nOnE", unsigned("nOnE"), Err(BadToken::Algorithm)),
            ("no signature", unsigned("RS256"), Err(BadToken::Signature)),
            ("the public key as a secret", confused.clone(), Err(BadToken::Algorithm)),
            ("the public key without its newline as a secret", confused_newline, Err(BadToken::Algorithm)),
            ("the same key with another hash", minted(Algorithm::Rs512), Err(BadToken::Algorithm)),
            ("PS256", unsigned("PS256"), Err(BadToken::Algorithm)),
            ("in small letters", unsigned("rs256"), Err(BadToken::Algorithm)),
            ("of no library", unsigned("XS1"), Err(BadToken::Algorithm)),
            ("empty", unsigned(""), Err(BadToken::Algorithm)),
            ("a number", raw(r#"{"alg":1}"#, &claims, |_| Vec::new()), Err(BadToken::Malformed)),
            ("absent", raw(r#"{"typ":"JWT"}"#, &claims, |_| Vec::new()), Err(BadToken::Malformed)),
        ],
    );
    let both = verifier(vec![spec(Algorithm::Rs256, public), spec(Algorithm::Hs256, SECRET)]);
    check(
        &both,
        &[
            ("the public key as a secret, beside a real secret", confused, Err(BadToken::Signature)),
            ("signed with the secret", good(), Ok("1")),
            ("signed with the private key", minted(Algorithm::Rs256), Ok("1")),
        ],
    );
}

#[test]
fn kid_picks_the_key_and_else_each_key_of_the_algorithm_is_tried() {
    let claims = format!(r#"{{"sub":"1","exp":{}}}"#, NOW + 600);
    let by =
        |kid: &str, secret| raw(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#), &claims, sha256_with(secret));
    let other = raw(r#"{"alg":"HS256"}"#, &claims, sha256_with(OTHER_SECRET));
    let number = raw(r#"{"alg":"HS256","kid":1}"#, &claims, sha256_with(SECRET));
    let two_names =
        verifier(vec![named("old", Algorithm::Hs256, SECRET), named("new", Algorithm::Hs256, OTHER_SECRET)]);
    check(
        &two_names,
        &[
            ("the first by name", by("old", SECRET), Ok("1")),
            ("the second by name", by("new", OTHER_SECRET), Ok("1")),
            ("signed with another key than it names", by("old", OTHER_SECRET), Err(BadToken::Signature)),
            ("an unknown name", by("older", SECRET), Err(BadToken::UnknownKey)),
            ("an empty name", by("", SECRET), Err(BadToken::UnknownKey)),
            ("a name that is a number", number, Err(BadToken::Malformed)),
            ("no name, the first key", good(), Ok("1")),
            ("no name, the second key", other.clone(), Ok("1")),
        ],
    );
    check(
        &verifier(vec![spec(Algorithm::Hs256, SECRET), spec(Algorithm::Hs256, OTHER_SECRET)]),
        &[
            ("two without names, the first", good(), Ok("1")),
            ("two without names, the second", other, Ok("1")),
            ("an issuer names its key, the configuration does not", by("issuer-7", SECRET), Ok("1")),
            ("so it does, and neither fits", by("issuer-7", b"a third"), Err(BadToken::Signature)),
        ],
    );
    check(
        &verifier(vec![named("a", Algorithm::Hs256, SECRET), spec(Algorithm::Hs256, OTHER_SECRET)]),
        &[
            ("a name picks its key alone", by("a", OTHER_SECRET), Err(BadToken::Signature)),
            ("an unknown name leaves those without", by("b", OTHER_SECRET), Ok("1")),
            ("and never those with another", by("b", SECRET), Err(BadToken::Signature)),
        ],
    );
    check(
        &verifier(vec![named("a", Algorithm::Hs512, SECRET), spec(Algorithm::Hs256, OTHER_SECRET)]),
        &[("a name under another algorithm", by("a", SECRET), Err(BadToken::Signature))],
    );
}

#[test]
fn what_is_no_token_is_malformed_and_harms_nothing() {
    let good = good();
    let parts: Vec<&str> = good.split('.').collect();
    let signed = |header: &str, claims: &str| raw(header, claims, sha256_with(SECRET));
    let head = r#"{"alg":"HS256"}"#;
    let spare_bits = {
        // 32 bytes leave two bits of the last character unused: of the four characters that mean the same, one is canonical.
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let last = alphabet.iter().position(|&byte| byte == good.as_bytes()[good.len() - 1]).unwrap();
        format!("{}{}", &good[..good.len() - 1], char::from(alphabet[last + 1]))
    };
    let deep = format!(r#"{{"sub":{}"1"{}}}"#, "[".repeat(3_000), "]".repeat(3_000));
    check(
        &verifier(vec![spec(Algorithm::Hs256, SECRET)]),
        &[
            ("nothing", String::new(), Err(BadToken::Malformed)),
            ("a word", "token".to_owned(), Err(BadToken::Malformed)),
            ("one dot", format!("{}.{}", parts[0], parts[1]), Err(BadToken::Malformed)),
            ("two dots alone", "..".to_owned(), Err(BadToken::Malformed)),
            ("three dots", format!("{good}.{}", parts[2]), Err(BadToken::Malformed)),
            ("a dot at the end", format!("{good}."), Err(BadToken::Malformed)),
            ("a dot before", format!(".{good}"), Err(BadToken::Malformed)),
            ("five parts, as if encrypted", format!("{good}.a.b"), Err(BadToken::Malformed)),
            ("Bearer before it", format!("Bearer {good}"), Err(BadToken::Malformed)),
            ("a newline after it", format!("{good}\n"), Err(BadToken::Malformed)),
            ("no claims", format!("{}..{}", parts[0], parts[2]), Err(BadToken::Signature)),
            ("no signature", format!("{}.{}.", parts[0], parts[1]), Err(BadToken::Signature)),
            ("half a signature", good[..good.len() - 22].to_owned(), Err(BadToken::Malformed)),
            ("a signature too long", format!("{good}AAAA"), Err(BadToken::Signature)),
            ("padding", format!("{good}="), Err(BadToken::Malformed)),
            ("spare bits that are not zero", spare_bits, Err(BadToken::Malformed)),
            ("letters of another script", "王.王.王".to_owned(), Err(BadToken::Malformed)),
            ("a header that is no JSON", signed("alg=HS256", "{}"), Err(BadToken::Malformed)),
            ("a header that is a list", signed(r#"["HS256"]"#, "{}"), Err(BadToken::Malformed)),
            ("claims that are no JSON", signed(head, "sub=1"), Err(BadToken::Malformed)),
            ("claims that are text", signed(head, r#""1""#), Err(BadToken::Malformed)),
            ("claims that are empty", signed(head, ""), Err(BadToken::Malformed)),
            ("claims with something behind", signed(head, "{}{}"), Err(BadToken::Malformed)),
            ("claims too deep to follow", signed(head, &deep), Err(BadToken::Malformed)),
            (
                "claims that are not UTF-8",
                {
                    let claims = URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}");
                    let text = format!("{}.{claims}", parts[0]);
                    format!("{text}.{}", URL_SAFE_NO_PAD.encode(sha256_with(SECRET)(text.as_bytes())))
                },
                Err(BadToken::Malformed),
            ),
            (
                "an extension that must be understood",
                signed(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, "{}"),
                Err(BadToken::Extension),
            ),
            (
                "16 KiB and a byte",
                format!("{good}{}", "A".repeat(16 * 1024 + 1 - good.len())),
                Err(BadToken::TooLong),
            ),
            ("a megabyte", "a.".repeat(512 * 1024), Err(BadToken::TooLong)),
        ],
    );
}

#[test]
fn a_token_of_exactly_16_kib_is_read() {
    let bytes = |padding: usize| until_later(&format!(r#""sub":"1","roles":"{}""#, "x".repeat(padding)));
    let padding = (0..16_384).rev().find(|&padding| bytes(padding).len() <= 16 * 1024).unwrap();
    let token = bytes(padding);
    assert!(token.len() > 16 * 1024 - 4);
    check(&verifier(vec![spec(Algorithm::Hs256, SECRET)]), &[("nearly", token, Ok("1"))]);
}

#[test]
fn no_byte_of_a_token_can_be_changed() {
    for (algorithm, (private, public)) in pairs() {
        let token =
            mint(&spec(algorithm, private), &claims(json!({ "sub": "1", "exp": NOW + 600 }))).unwrap();
        let verifier = verifier(vec![spec(algorithm, public)]);
        assert!(verifier.verify(&token, NOW_MS).is_ok(), "{algorithm}");
        for index in 0..token.len() {
            for byte in [b'A', b'z', b'_', b'.', b'='] {
                let mut changed = token.clone().into_bytes();
                if std::mem::replace(&mut changed[index], byte) != byte {
                    let changed = String::from_utf8(changed).unwrap();
                    assert!(verifier.verify(&changed, NOW_MS).is_err(), "{algorithm} {index}");
                }
            }
        }
    }
}

#[test]
fn signatures_that_once_fooled_others_fool_nobody() {
    let claims = format!(r#"{{"sub":"1","exp":{}}}"#, NOW + 600);
    let es256 = |signature: &[u8]| raw(r#"{"alg":"ES256"}"#, &claims, |_| signature.to_vec());
    check(
        &verifier(vec![spec(Algorithm::Es256, file("p256.public.pem"))]),
        &[
            ("r and s of zero", es256(&[0; 64]), Err(BadToken::Signature)),
            ("nothing", es256(&[]), Err(BadToken::Signature)),
            (
                "the form of TLS instead of two integers",
                es256(&[0x30, 6, 2, 1, 1, 2, 1, 1]),
                Err(BadToken::Signature),
            ),
        ],
    );
    let rs256 = |signature: &[u8]| raw(r#"{"alg":"RS256"}"#, &claims, |_| signature.to_vec());
    let one: Vec<u8> = [vec![0; 255], vec![1]].concat();
    check(
        &verifier(vec![spec(Algorithm::Rs256, file("rsa.public.pem"))]),
        &[
            ("zero", rs256(&[0; 256]), Err(BadToken::Signature)),
            ("one", rs256(&one), Err(BadToken::Signature)),
        ],
    );
    let eddsa = raw(r#"{"alg":"EdDSA"}"#, &claims, |_| vec![0; 64]);
    check(
        &verifier(vec![spec(Algorithm::EdDsa, file("ed25519.public.pem"))]),
        &[("zero", eddsa, Err(BadToken::Signature))],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}") {
        prop_assert!(verifier(vec![spec(Algorithm::Hs256, SECRET)]).verify(&text, NOW_MS).is_err());
    }
}
