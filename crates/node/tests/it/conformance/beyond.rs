//! What the suite does not ask: masks, lengths in a form that they may not have, lengths that nobody can mean, and heads cut anywhere.

use testkit::client::Frame;

use super::{Bed, Cut, MESSAGE_BYTES_MAX, in_frames, ping_of, send_of};

#[tokio::test]
async fn a_frame_without_a_mask_is_1002_whatever_it_is() {
    let frames =
        [Frame::new(1, ping_of(30)), Frame::ping(b""), Frame::close(1000, ""), Frame::continuation(b"")];
    for frame in frames {
        Bed::start().await.fails(&[frame.unmasked()], Cut::Not, 1002).await;
    }
}

#[tokio::test]
async fn a_second_frame_without_a_mask_is_1002_although_the_first_had_one() {
    let mut frames = in_frames(&send_of("half"), 40);
    frames[1].mask = None;
    Bed::start().await.fails(&frames, Cut::Not, 1002).await;
}

#[tokio::test]
async fn a_mask_of_zeros_is_a_mask() {
    Bed::start().await.is_answered(&[Frame::new(1, ping_of(30)).masked_with([0; 4])], Cut::Not).await;
}

#[tokio::test]
async fn a_length_in_16_bits_that_needs_7_is_1002() {
    for bytes in [30, 125] {
        Bed::start().await.fails(&[Frame::new(1, ping_of(bytes)).long_form()], Cut::Not, 1002).await;
    }
}

#[tokio::test]
async fn a_length_in_64_bits_that_needs_16_is_1002() {
    for bytes in [30, 126, 65_535] {
        Bed::start().await.fails(&[Frame::new(1, ping_of(bytes)).longest_form()], Cut::Not, 1002).await;
    }
}

#[tokio::test]
async fn a_length_of_64_bits_with_the_highest_set_is_1002() {
    for length in [1 << 63, u64::MAX] {
        Bed::start().await.fails(&[Frame::text("").claiming(length)], Cut::Not, 1002).await;
    }
}

#[tokio::test]
async fn a_length_over_the_limit_is_1009_before_a_byte_of_the_payload_has_come() {
    for length in [MESSAGE_BYTES_MAX as u64 + 1, 1 << 32, (1 << 63) - 1] {
        Bed::start().await.fails(&[Frame::text("").claiming(length)], Cut::Not, 1009).await;
    }
}

#[tokio::test]
async fn frames_that_are_together_over_the_limit_are_1009_at_the_head_of_the_one_too_many() {
    let half = Frame::new(1, vec![b'*'; MESSAGE_BYTES_MAX / 2]).unfinished();
    let more = Frame::continuation(b"").unfinished().claiming(MESSAGE_BYTES_MAX as u64 / 2 + 1);
    Bed::start().await.fails(&[half, more], Cut::Not, 1009).await;
}

#[tokio::test]
async fn a_control_frame_with_a_long_length_is_1002_whatever_length_follows() {
    let long =
        [Frame::ping(b"").claiming(126), Frame::pong(b"").claiming(1 << 40), Frame::new(8, "").claiming(200)];
    for frame in long {
        Bed::start().await.fails(&[frame], Cut::Not, 1002).await;
    }
}

#[tokio::test]
async fn a_frame_arrives_wherever_its_head_is_cut() {
    let mut bed = Bed::start().await;
    for bytes in [30, 200, 65_536] {
        let frame = Frame::new(1, ping_of(bytes));
        for at in 1..16 {
            let encoded = frame.encode();
            let (head, rest) = encoded.split_at(at);
            bed.talker.write(head).await.expect("written");
            bed.talker.write(rest).await.expect("written");
            bed.is_answered(&[], Cut::Not).await;
        }
    }
}

#[tokio::test]
async fn frames_that_come_in_one_write_with_the_handshake_are_the_first_ones() {
    let bed = Bed::start().await;
    let url = bed.cluster.node(0).url("2");
    let early = testkit::client::RawClient::handshake(&url, |it| it.then(&Frame::new(3, "early")));
    let mut client = testkit::client::RawClient::connect(&url).await;
    assert_eq!(client.shake_hands(&early).await.expect("answered").status, 101);
    assert_eq!(client.expect_close().await.code, Some(1002));
    bed.nothing_was_brought().await;
}
