//! Section 7: a Close is answered once, by the same code; after it nothing counts, and a code or a reason that may not be is a fault.

use testkit::client::{Frame, Message};

use super::{Bed, Cut, MESSAGE_BYTES_MAX, send_of};

#[tokio::test]
async fn case_7_1_1_a_message_and_then_a_close() {
    let mut bed = Bed::start().await;
    bed.arrives(&[Frame::new(1, send_of("bye"))], Cut::Not, "bye").await;
    bed.closes(&[Frame::close(1000, "")], Some(1000)).await;
}

#[tokio::test]
async fn case_7_1_2_two_closes_get_one_answer() {
    Bed::start().await.closes(&[Frame::close(1000, ""), Frame::close(1001, "")], Some(1000)).await;
}

#[tokio::test]
async fn case_7_1_3_a_ping_behind_the_close_gets_no_pong() {
    Bed::start().await.closes(&[Frame::close(1000, ""), Frame::ping(b"late")], Some(1000)).await;
}

#[tokio::test]
async fn case_7_1_4_a_message_behind_the_close_is_not_taken() {
    Bed::start().await.closes(&[Frame::close(1000, ""), Frame::new(1, send_of("late"))], Some(1000)).await;
}

#[tokio::test]
async fn case_7_1_5_a_close_in_the_middle_of_a_message_ends_it() {
    let text = send_of("half");
    let (one, other) = text.split_at(20);
    let frames = [Frame::new(1, one).unfinished(), Frame::close(1000, ""), Frame::continuation(other)];
    Bed::start().await.closes(&frames, Some(1000)).await;
}

#[tokio::test]
async fn case_7_1_6_a_message_of_256_kib_before_the_close_is_over_the_limit_and_1009() {
    let frames = [Frame::new(1, vec![b'*'; 4 * MESSAGE_BYTES_MAX]), Frame::close(1000, ""), Frame::ping(b"")];
    Bed::start().await.fails(&frames, Cut::Not, 1009).await;
}

#[tokio::test]
async fn case_7_3_1_a_close_without_a_code_is_answered_without_one() {
    Bed::start().await.closes(&[Frame::new(8, "")], None).await;
}

#[tokio::test]
async fn case_7_3_2_a_close_of_one_byte_is_1002() {
    Bed::start().await.fails(&[Frame::new(8, "a")], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_7_3_3_a_close_with_a_code_and_no_reason() {
    Bed::start().await.closes(&[Frame::close(1000, "")], Some(1000)).await;
}

#[tokio::test]
async fn case_7_3_4_a_close_with_a_reason() {
    Bed::start().await.closes(&[Frame::close(1000, "Hello, world!")], Some(1000)).await;
}

#[tokio::test]
async fn case_7_3_5_a_close_with_the_longest_reason() {
    Bed::start().await.closes(&[Frame::close(1000, &"*".repeat(123))], Some(1000)).await;
}

#[tokio::test]
async fn case_7_3_6_a_close_with_a_reason_that_is_too_long_is_1002() {
    Bed::start().await.fails(&[Frame::close(1000, &"*".repeat(124))], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_7_5_1_a_close_whose_reason_is_no_utf8_is_1007() {
    let payload = [&1000u16.to_be_bytes()[..], b"\xce\xba\xed\xa0\x80edited"].concat();
    Bed::start().await.fails(&[Frame::new(8, payload)], Cut::Not, 1007).await;
}

#[tokio::test]
async fn case_7_7_1_to_7_7_13_a_code_that_may_be_sent_is_answered_by_itself() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        Bed::start().await.closes(&[Frame::close(code, "")], Some(code)).await;
    }
}

#[tokio::test]
async fn case_7_9_1_to_7_9_9_a_code_that_never_is_sent_is_1002() {
    for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999] {
        Bed::start().await.fails(&[Frame::close(code, "")], Cut::Not, 1002).await;
    }
}

#[tokio::test]
async fn case_7_13_1_and_7_13_2_codes_beyond_those_of_applications_are_1002() {
    for code in [5000, 65_535] {
        Bed::start().await.fails(&[Frame::close(code, "")], Cut::Not, 1002).await;
    }
}

#[tokio::test]
async fn a_close_is_answered_behind_what_was_asked_before_it() {
    let mut bed = Bed::start().await;
    bed.write(&[Frame::ping(b"before"), Frame::close(1000, "")], Cut::Not).await;
    assert_eq!(bed.next().await, Message::Pong(b"before".to_vec()));
    bed.closes(&[], Some(1000)).await;
}
