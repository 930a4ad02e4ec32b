//! Section 1, messages of every form of length, and 10, one in many frames.

use testkit::client::{Frame, Message};

use super::{Bed, Cut, MESSAGE_BYTES_MAX, in_frames, ping_of};

async fn answers_a_text_of(bytes: usize) {
    Bed::start().await.is_answered(&[Frame::new(1, ping_of(bytes))], Cut::Not).await;
}

async fn refuses_a_binary_of(bytes: usize, cut: Cut) {
    Bed::start().await.fails(&[Frame::binary(&vec![0xfe; bytes])], cut, 1003).await;
}

#[tokio::test]
async fn case_1_1_1_a_text_of_no_bytes_is_a_message_and_no_json() {
    let mut bed = Bed::start().await;
    bed.write(&[Frame::text("")], Cut::Not).await;
    match bed.next().await {
        Message::Text(text) => assert!(text.starts_with(r#"{"type":"bye","code":4502"#), "{text}"),
        other => panic!("expected bye, got {other:?}"),
    }
    bed.has_failed(4502).await;
}

#[tokio::test]
async fn case_1_1_2_a_text_of_125_bytes_the_longest_with_a_short_length() {
    answers_a_text_of(125).await;
}

#[tokio::test]
async fn case_1_1_3_a_text_of_126_bytes_the_shortest_with_16_bits_of_length() {
    answers_a_text_of(126).await;
}

#[tokio::test]
async fn case_1_1_4_a_text_of_127_bytes() {
    answers_a_text_of(127).await;
}

#[tokio::test]
async fn case_1_1_5_a_text_of_128_bytes() {
    answers_a_text_of(128).await;
}

#[tokio::test]
async fn case_1_1_6_a_text_of_65535_bytes_the_longest_with_16_bits_of_length() {
    answers_a_text_of(65_535).await;
}

#[tokio::test]
async fn case_1_1_7_a_text_of_65536_bytes_the_shortest_with_64_bits_of_length() {
    answers_a_text_of(65_536).await;
}

#[tokio::test]
async fn case_1_1_8_a_text_of_65536_bytes_that_comes_in_pieces_of_997() {
    Bed::start().await.is_answered(&[Frame::new(1, ping_of(MESSAGE_BYTES_MAX))], Cut::Every(997)).await;
}

#[tokio::test]
async fn case_1_2_1_a_binary_message_of_no_bytes_is_1003() {
    refuses_a_binary_of(0, Cut::Not).await;
}

#[tokio::test]
async fn case_1_2_4_a_binary_message_of_127_bytes_is_1003() {
    refuses_a_binary_of(127, Cut::Not).await;
}

#[tokio::test]
async fn case_1_2_8_a_binary_message_of_65536_bytes_that_comes_in_pieces_of_997_is_1003() {
    refuses_a_binary_of(65_536, Cut::Every(997)).await;
}

#[tokio::test]
async fn case_10_1_1_a_text_of_65536_bytes_in_frames_of_1300() {
    let frames = in_frames(&ping_of(MESSAGE_BYTES_MAX), 1_300);
    Bed::start().await.is_answered(&frames, Cut::Not).await;
}
