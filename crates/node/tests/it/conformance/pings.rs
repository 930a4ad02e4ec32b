//! Section 2: pings are answered with what they carry, in their order, and pongs that nobody asked for are passed over.

use testkit::client::{Frame, Message};

use super::{Bed, Cut, ping_of};

async fn answers(payloads: &[&[u8]], cut: Cut) {
    let mut bed = Bed::start().await;
    let pings: Vec<Frame> = payloads.iter().map(|payload| Frame::ping(payload)).collect();
    bed.write(&pings, cut).await;
    for payload in payloads {
        assert_eq!(bed.next().await, Message::Pong(payload.to_vec()));
    }
    bed.is_answered(&[Frame::new(1, ping_of(30))], Cut::Not).await;
}

async fn passes_over(pongs: &[Frame]) {
    let mut bed = Bed::start().await;
    bed.write(pongs, Cut::Not).await;
    bed.write(&[Frame::ping(b"now")], Cut::Not).await;
    assert_eq!(bed.next().await, Message::Pong(b"now".to_vec()));
}

#[tokio::test]
async fn case_2_1_a_ping_without_a_payload() {
    answers(&[b""], Cut::Not).await;
}

#[tokio::test]
async fn case_2_2_a_ping_with_a_text() {
    answers(&[b"Hello, world!"], Cut::Not).await;
}

#[tokio::test]
async fn case_2_3_a_ping_whose_payload_is_no_text() {
    answers(&[b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"], Cut::Not).await;
}

#[tokio::test]
async fn case_2_4_a_ping_of_125_bytes() {
    answers(&[&[0xfe; 125]], Cut::Not).await;
}

#[tokio::test]
async fn case_2_5_a_ping_of_126_bytes_is_1002() {
    Bed::start().await.fails(&[Frame::ping(&[0xfe; 126])], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_2_6_a_ping_of_125_bytes_that_comes_byte_by_byte() {
    answers(&[&[0xfe; 125]], Cut::Every(1)).await;
}

#[tokio::test]
async fn case_2_7_a_pong_without_a_payload_is_passed_over() {
    passes_over(&[Frame::pong(b"")]).await;
}

#[tokio::test]
async fn case_2_8_a_pong_with_a_payload_is_passed_over() {
    passes_over(&[Frame::pong(b"unasked")]).await;
}

#[tokio::test]
async fn case_2_9_a_pong_that_nobody_asked_for_does_not_answer_the_ping_behind_it() {
    let mut bed = Bed::start().await;
    bed.write(&[Frame::pong(b"unasked"), Frame::ping(b"asked")], Cut::Not).await;
    assert_eq!(bed.next().await, Message::Pong(b"asked".to_vec()));
}

const TEN: [&[u8]; 10] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"];

#[tokio::test]
async fn case_2_10_ten_pings_at_once_are_answered_in_their_order() {
    answers(&TEN, Cut::Not).await;
}

#[tokio::test]
async fn case_2_11_ten_pings_that_come_byte_by_byte_are_answered_in_their_order() {
    answers(&TEN, Cut::Every(1)).await;
}
