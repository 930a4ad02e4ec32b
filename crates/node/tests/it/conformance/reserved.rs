//! Sections 3 and 4: bits and opcodes that mean nothing yet are 1002, and what came before them counts.

use testkit::client::Frame;

use super::{Bed, Cut, ping_of, send_of};

/// Something good, then what breaks the rule, then a ping that must not be answered any more.
async fn fails_after_a_good_message(bad: Frame, cut: Cut) {
    let mut bed = Bed::start().await;
    bed.write(&[Frame::new(1, send_of("good")), bad, Frame::ping(b"too late")], cut).await;
    bed.has_arrived("good").await;
    bed.has_failed(1002).await;
}

fn text() -> Frame {
    Frame::new(1, ping_of(30))
}

#[tokio::test]
async fn case_3_1_reserved_bits_001_on_a_text() {
    Bed::start().await.fails(&[text().reserved(1)], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_3_2_reserved_bits_010_on_a_text_after_a_good_one() {
    fails_after_a_good_message(text().reserved(2), Cut::Not).await;
}

#[tokio::test]
async fn case_3_3_reserved_bits_011_on_a_text_in_one_write_with_its_neighbours() {
    fails_after_a_good_message(text().reserved(3), Cut::Every(4_096)).await;
}

#[tokio::test]
async fn case_3_4_reserved_bits_100_as_a_compressed_text_would_have_them_byte_by_byte() {
    fails_after_a_good_message(text().reserved(4), Cut::Every(1)).await;
}

#[tokio::test]
async fn case_3_5_reserved_bits_101_on_a_binary_message_are_1002_before_they_are_1003() {
    Bed::start().await.fails(&[Frame::binary(b"x").reserved(5)], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_3_6_reserved_bits_110_on_a_ping() {
    Bed::start().await.fails(&[Frame::ping(b"x").reserved(6)], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_3_7_reserved_bits_111_on_a_close() {
    Bed::start().await.fails(&[Frame::close(1000, "").reserved(7)], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_4_1_1_opcode_3_without_a_payload() {
    Bed::start().await.fails(&[Frame::new(3, "")], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_4_1_2_opcode_4_with_a_payload() {
    Bed::start().await.fails(&[Frame::new(4, "reserved")], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_4_1_3_opcode_5_after_a_good_message() {
    fails_after_a_good_message(Frame::new(5, ""), Cut::Not).await;
}

#[tokio::test]
async fn case_4_1_4_opcode_6_after_a_good_message() {
    fails_after_a_good_message(Frame::new(6, "reserved"), Cut::Not).await;
}

#[tokio::test]
async fn case_4_1_5_opcode_7_after_a_good_message_byte_by_byte() {
    fails_after_a_good_message(Frame::new(7, "reserved"), Cut::Every(1)).await;
}

#[tokio::test]
async fn case_4_2_1_control_opcode_11_without_a_payload() {
    Bed::start().await.fails(&[Frame::new(11, "")], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_4_2_2_control_opcode_12_with_a_payload() {
    Bed::start().await.fails(&[Frame::new(12, "reserved")], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_4_2_3_control_opcode_13_after_a_good_message() {
    fails_after_a_good_message(Frame::new(13, ""), Cut::Not).await;
}

#[tokio::test]
async fn case_4_2_4_control_opcode_14_after_a_good_message() {
    fails_after_a_good_message(Frame::new(14, "reserved"), Cut::Not).await;
}

#[tokio::test]
async fn case_4_2_5_control_opcode_15_after_a_good_message_byte_by_byte() {
    fails_after_a_good_message(Frame::new(15, "reserved"), Cut::Every(1)).await;
}
