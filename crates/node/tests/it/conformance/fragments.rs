//! Section 5: messages in several frames, control frames between them, and continuations of nothing.

use testkit::client::{Frame, Message};

use super::{Bed, Cut, in_frames, send_of};

/// A `send` in so many frames of about the same length.
fn send_in(frames: usize) -> Vec<Frame> {
    let text = send_of("fragments");
    in_frames(&text, text.len().div_ceil(frames))
}

#[tokio::test]
async fn case_5_1_a_ping_in_two_frames_is_1002() {
    let frames = [Frame::ping(b"frag").unfinished(), Frame::continuation(b"ment")];
    Bed::start().await.fails(&frames, Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_5_2_a_pong_in_two_frames_is_1002() {
    let frames = [Frame::pong(b"frag").unfinished(), Frame::continuation(b"ment")];
    Bed::start().await.fails(&frames, Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_5_3_a_text_in_two_frames() {
    Bed::start().await.arrives(&send_in(2), Cut::Not, "fragments").await;
}

#[tokio::test]
async fn case_5_5_a_text_in_two_frames_that_come_byte_by_byte() {
    Bed::start().await.arrives(&send_in(2), Cut::Every(1), "fragments").await;
}

async fn arrives_around_a_ping(cut: Cut) {
    let mut bed = Bed::start().await;
    let mut frames = send_in(2);
    frames.insert(1, Frame::ping(b"between"));
    bed.write(&frames, cut).await;
    assert_eq!(bed.next().await, Message::Pong(b"between".to_vec()), "at once, not behind the text");
    bed.has_arrived("fragments").await;
}

#[tokio::test]
async fn case_5_6_a_ping_between_two_frames_is_answered_before_the_text() {
    arrives_around_a_ping(Cut::Not).await;
}

#[tokio::test]
async fn case_5_8_a_ping_between_two_frames_that_come_byte_by_byte() {
    arrives_around_a_ping(Cut::Every(1)).await;
}

#[tokio::test]
async fn case_5_9_a_last_continuation_of_nothing_is_1002() {
    Bed::start().await.fails(&[Frame::continuation(b"of nothing"), Frame::ping(b"")], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_5_11_a_last_continuation_of_nothing_byte_by_byte_is_1002() {
    Bed::start().await.fails(&[Frame::continuation(b"of nothing")], Cut::Every(1), 1002).await;
}

#[tokio::test]
async fn case_5_12_a_continuation_of_nothing_that_is_not_the_last_is_1002() {
    let frame = Frame::continuation(b"of nothing").unfinished();
    Bed::start().await.fails(&[frame, Frame::ping(b"")], Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_5_15_a_continuation_after_the_last_frame_is_1002_and_the_text_before_it_arrives() {
    let mut bed = Bed::start().await;
    let mut frames = send_in(2);
    frames.extend([Frame::continuation(b"more").unfinished(), Frame::text("new")]);
    bed.write(&frames, Cut::Not).await;
    bed.has_arrived("fragments").await;
    bed.has_failed(1002).await;
}

#[tokio::test]
async fn case_5_16_a_continuation_of_nothing_before_a_text_in_two_frames_is_1002() {
    let mut frames = send_in(2);
    frames.insert(0, Frame::continuation(b"of nothing").unfinished());
    Bed::start().await.fails(&frames, Cut::Not, 1002).await;
}

#[tokio::test]
async fn case_5_18_a_second_frame_that_begins_a_text_again_is_1002() {
    let mut frames = send_in(2);
    frames[1].opcode = 1;
    Bed::start().await.fails(&frames, Cut::Not, 1002).await;
}

async fn arrives_around_pings(cut: Cut) {
    let mut bed = Bed::start().await;
    let mut frames = send_in(5);
    frames.insert(2, Frame::ping(b"first"));
    frames.insert(5, Frame::ping(b"second"));
    bed.write(&frames, cut).await;
    for payload in [b"first".to_vec(), b"second".to_vec()] {
        assert_eq!(bed.next().await, Message::Pong(payload));
    }
    bed.has_arrived("fragments").await;
}

#[tokio::test]
async fn case_5_19_two_pings_among_five_frames() {
    arrives_around_pings(Cut::Not).await;
}

#[tokio::test]
async fn case_5_20_two_pings_among_five_frames_that_come_byte_by_byte() {
    arrives_around_pings(Cut::Every(1)).await;
}
