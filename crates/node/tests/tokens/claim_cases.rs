//! What a token says: for whom, for whose ears, from when, until when.

use std::time::Duration;

use node::token::{Algorithm, BadToken, Verifier, VerifierSettings};
use proptest::prelude::*;

use super::*;

#[test]
fn times_hold_with_a_minute_of_leeway_on_either_side() {
    let until = |exp: String| hs256(&format!(r#"{{"sub":"1","exp":{exp}}}"#));
    let from = |nbf: String| until_later(&format!(r#""sub":"1","nbf":{nbf}"#));
    check(
        &verifier(vec![spec(Algorithm::Hs256, SECRET)]),
        &[
            ("exp to come", until((NOW + 1).to_string()), Ok("1")),
            ("expired 59 s ago", until((NOW - 59).to_string()), Ok("1")),
            ("expired 59.999 s ago", until(format!("{}.001", NOW - 60)), Ok("1")),
            (
                "expired 60 s ago, when a session of it ends",
                until((NOW - 60).to_string()),
                Err(BadToken::Expired),
            ),
            ("expired 61 s ago", until((NOW - 61).to_string()), Err(BadToken::Expired)),
            ("exp with a fraction", until(format!("{}.5", NOW + 600)), Ok("1")),
            ("exp with an exponent", until("2.1e9".to_owned()), Ok("1")),
            ("exp of 0", until("0".to_owned()), Err(BadToken::Expired)),
            ("exp before 1970", until("-5".to_owned()), Err(BadToken::Expired)),
            ("exp before 1970 with a fraction", until("-5.5".to_owned()), Err(BadToken::Expired)),
            ("exp beyond all clocks", until(u64::MAX.to_string()), Ok("1")),
            ("exp beyond all integers", until("1e300".to_owned()), Ok("1")),
            ("exp as text", until(format!(r#""{}""#, NOW + 600)), Err(BadToken::BadTime)),
            ("exp as a list", until("[1]".to_owned()), Err(BadToken::BadTime)),
            ("exp of true", until("true".to_owned()), Err(BadToken::BadTime)),
            ("exp of null is none", until("null".to_owned()), Err(BadToken::NoExp)),
            ("no exp", hs256(r#"{"sub":"1"}"#), Err(BadToken::NoExp)),
            ("nbf 59 s ahead", from((NOW + 59).to_string()), Ok("1")),
            ("nbf 60 s ahead", from((NOW + 60).to_string()), Ok("1")),
            ("nbf 61 s ahead", from((NOW + 61).to_string()), Err(BadToken::NotYetValid)),
            ("nbf far ahead", from("1e300".to_owned()), Err(BadToken::NotYetValid)),
            ("nbf as text", from(r#""1""#.to_owned()), Err(BadToken::BadTime)),
            ("nbf of null is none", from("null".to_owned()), Ok("1")),
        ],
    );
}

#[test]
fn exp_may_be_absent_where_the_configuration_allows_but_is_never_overlooked() {
    let keys = vec![spec(Algorithm::Hs256, SECRET)];
    let verifier = Verifier::new(VerifierSettings { require_exp: false, ..settings(keys) }).unwrap();
    check(
        &verifier,
        &[
            ("absent", hs256(r#"{"sub":"1"}"#), Ok("1")),
            ("null", hs256(r#"{"sub":"1","exp":null}"#), Ok("1")),
            ("past", hs256(&format!(r#"{{"sub":"1","exp":{}}}"#, NOW - 61)), Err(BadToken::Expired)),
            ("text", hs256(r#"{"sub":"1","exp":"never"}"#), Err(BadToken::BadTime)),
        ],
    );
    assert_eq!(verifier.verify(&hs256(r#"{"sub":"1"}"#), NOW_MS).unwrap().expires_ms, None);
}

#[test]
fn the_end_of_a_token_is_told_in_milliseconds_and_can_be_added_to() {
    let verifier = verifier(vec![spec(Algorithm::Hs256, SECRET)]);
    let expires_ms = |exp: &str| {
        let token = hs256(&format!(r#"{{"sub":"1","exp":{exp}}}"#));
        verifier.verify(&token, NOW_MS).unwrap().expires_ms
    };
    assert_eq!(expires_ms("1900000600"), Some(1_900_000_600_000));
    assert_eq!(expires_ms("1900000600.25"), Some(1_900_000_600_250));
    assert_eq!(expires_ms("18446744073709551615"), Some((1 << 53) - 1));
}

#[test]
fn leeway_is_the_configurations() {
    let keys = vec![spec(Algorithm::Hs256, SECRET)];
    let leeway = Duration::ZERO;
    let verifier = Verifier::new(VerifierSettings { leeway, ..settings(keys) }).unwrap();
    check(
        &verifier,
        &[
            ("exp now", hs256(&format!(r#"{{"sub":"1","exp":{NOW}}}"#)), Err(BadToken::Expired)),
            ("nbf now", until_later(&format!(r#""sub":"1","nbf":{NOW}"#)), Ok("1")),
            (
                "nbf in 1 s",
                until_later(&format!(r#""sub":"1","nbf":{}"#, NOW + 1)),
                Err(BadToken::NotYetValid),
            ),
        ],
    );
}

#[test]
fn a_user_is_text_or_a_64_bit_integer_and_keeps_every_digit() {
    let sub = |sub: &str| until_later(&format!(r#""sub":{sub}"#));
    let name = "a".repeat(64);
    check(
        &verifier(vec![spec(Algorithm::Hs256, SECRET)]),
        &[
            ("text", sub(r#""anna@example.org""#), Ok("anna@example.org")),
            ("text with an escape", sub(r#""\u0041nna""#), Ok("Anna")),
            ("digits with a zero before them", sub(r#""007""#), Ok("007")),
            ("an integer", sub("42"), Ok("42")),
            ("a negative integer", sub("-7"), Ok("-7")),
            ("the largest signed integer", sub("9223372036854775807"), Ok("9223372036854775807")),
            ("one that a double would round", sub("9007199254740993"), Ok("9007199254740993")),
            ("the largest unsigned integer", sub("18446744073709551615"), Ok("18446744073709551615")),
            ("one more than 64 bits", sub("18446744073709551616"), Err(BadToken::BadUser)),
            ("a fraction", sub("1.5"), Err(BadToken::BadUser)),
            ("a whole number as a fraction", sub("1.0"), Err(BadToken::BadUser)),
            ("an exponent", sub("1e3"), Err(BadToken::BadUser)),
            ("true", sub("true"), Err(BadToken::BadUser)),
            ("a list", sub(r#"["1"]"#), Err(BadToken::BadUser)),
            ("an object", sub(r#"{"id":"1"}"#), Err(BadToken::BadUser)),
            ("null", sub("null"), Err(BadToken::NoUser)),
            ("absent", until_later(r#""uid":"1""#), Err(BadToken::NoUser)),
            ("empty", sub(r#""""#), Err(BadToken::BadUser)),
            ("64 characters", sub(&format!(r#""{name}""#)), Ok(name.clone().leak())),
            ("65 characters", sub(&format!(r#""{name}a""#)), Err(BadToken::BadUser)),
            ("a slash", sub(r#""a/b""#), Err(BadToken::BadUser)),
            ("a colon, as in a conversation's name", sub(r#""1:2""#), Err(BadToken::BadUser)),
            ("a space", sub(r#"" 1""#), Err(BadToken::BadUser)),
            ("a control character", sub(r#""1\u0000""#), Err(BadToken::BadUser)),
            ("letters of another script", sub(r#""王""#), Err(BadToken::BadUser)),
        ],
    );
}

#[test]
fn another_claim_may_name_the_user_and_then_sub_is_not_looked_at() {
    let keys = vec![spec(Algorithm::Hs256, SECRET)];
    let user_claim = "https://example.org/uid".to_owned();
    check(
        &Verifier::new(VerifierSettings { user_claim, ..settings(keys) }).unwrap(),
        &[
            ("both", until_later(r#""sub":"1","https://example.org/uid":2"#), Ok("2")),
            ("sub of a strange type", until_later(r#""sub":{},"https://example.org/uid":2"#), Ok("2")),
            ("sub alone", until_later(r#""sub":"1""#), Err(BadToken::NoUser)),
            (
                "a path is not followed",
                until_later(r#""https://example":{"org/uid":2}"#),
                Err(BadToken::NoUser),
            ),
        ],
    );
}

#[test]
fn the_audience_is_checked_where_one_is_configured() {
    let keys = vec![spec(Algorithm::Hs256, SECRET)];
    let audience = vec!["chat".to_owned(), "chat-test".to_owned()];
    let aud = |aud: &str| until_later(&format!(r#""sub":"1","aud":{aud}"#));
    check(
        &Verifier::new(VerifierSettings { audience, ..settings(keys.clone()) }).unwrap(),
        &[
            ("text", aud(r#""chat""#), Ok("1")),
            ("the other one", aud(r#""chat-test""#), Ok("1")),
            ("a list with it", aud(r#"["mail",7,"chat"]"#), Ok("1")),
            ("another", aud(r#""mail""#), Err(BadToken::Audience)),
            ("a longer one", aud(r#""chatter""#), Err(BadToken::Audience)),
            ("in capitals", aud(r#""CHAT""#), Err(BadToken::Audience)),
            ("a list without it", aud(r#"["mail","chatter"]"#), Err(BadToken::Audience)),
            ("an empty list", aud("[]"), Err(BadToken::Audience)),
            ("a number", aud("1"), Err(BadToken::Audience)),
            ("an object", aud(r#"{"chat":"chat"}"#), Err(BadToken::Audience)),
            ("null", aud("null"), Err(BadToken::Audience)),
            ("absent", good(), Err(BadToken::Audience)),
        ],
    );
    check(&verifier(keys), &[("not configured", aud(r#""mail""#), Ok("1"))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_claims_with_a_right_signature_are_judged_without_a_panic(
        sub in "[-0-9.eE\"\\[\\]{}a-z]{0,12}",
        exp in "[-0-9.eE\"]{0,24}",
        now_ms in any::<u64>(),
    ) {
        let token = hs256(&format!(r#"{{"sub":{sub},"exp":{exp},"nbf":{exp}}}"#));
        let outcome = verifier(vec![spec(Algorithm::Hs256, SECRET)]).verify(&token, now_ms);
        if let Ok(identity) = outcome {
            prop_assert!(identity.expires_ms.unwrap().saturating_add(60_000) > now_ms);
        }
    }
}
