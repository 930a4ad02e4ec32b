//! Section 6: text is UTF-8, whole characters and nothing else, however it is cut; what can no longer become UTF-8 is 1007 at once.

use testkit::client::Frame;

use super::{Bed, Cut, in_frames, send_of};

/// Greek, with characters of one and of two bytes.
const GREEK: &str = "Hello-µ@ßöäüàá-UTF-8!!";

async fn fails(content: &[u8]) {
    Bed::start().await.fails(&[Frame::new(1, send_of(content))], Cut::Not, 1007).await;
}

async fn all_fail(contents: &[&[u8]]) {
    for content in contents {
        fails(content).await;
    }
}

async fn all_arrive(contents: &[&str]) {
    let mut bed = Bed::start().await;
    for content in contents {
        bed.arrives(&in_frames(&send_of(content), 1), Cut::Not, content).await;
    }
}

#[tokio::test]
async fn case_6_1_2_three_frames_without_a_byte_are_a_message_and_no_json() {
    let mut bed = Bed::start().await;
    let empty = Frame::continuation(b"");
    bed.write(&[Frame::text("").unfinished(), empty.clone().unfinished(), empty], Cut::Not).await;
    bed.next().await;
    bed.has_failed(4502).await;
}

#[tokio::test]
async fn case_6_1_3_a_text_between_frames_without_a_byte() {
    let text = Frame::continuation(&send_of("middle")).unfinished();
    let frames = [Frame::text("").unfinished(), text, Frame::continuation(b"")];
    Bed::start().await.arrives(&frames, Cut::Not, "middle").await;
}

#[tokio::test]
async fn case_6_2_1_characters_of_two_bytes() {
    Bed::start().await.arrives(&[Frame::new(1, send_of(GREEK))], Cut::Not, GREEK).await;
}

#[tokio::test]
async fn case_6_2_2_characters_of_two_bytes_in_two_frames_that_do_not_cut_one() {
    let text = send_of(GREEK);
    let at = text.iter().rposition(|byte| *byte == 0xc3).expect("a character of two bytes");
    let frames = [Frame::new(1, &text[..at]).unfinished(), Frame::continuation(&text[at..])];
    Bed::start().await.arrives(&frames, Cut::Not, GREEK).await;
}

#[tokio::test]
async fn case_6_2_3_characters_of_two_bytes_in_frames_of_one_byte() {
    Bed::start().await.arrives(&in_frames(&send_of(GREEK), 1), Cut::Not, GREEK).await;
}

#[tokio::test]
async fn case_6_2_4_a_greek_word_in_frames_of_one_byte_that_come_byte_by_byte() {
    Bed::start().await.arrives(&in_frames(&send_of("κόσμε"), 1), Cut::Every(1), "κόσμε").await;
}

#[tokio::test]
async fn case_6_3_1_a_surrogate_in_one_frame_is_1007() {
    fails(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited").await;
}

#[tokio::test]
async fn case_6_3_2_a_surrogate_in_frames_of_one_byte_is_1007() {
    let frames = in_frames(&send_of(b"\xce\xba\xed\xa0\x80edited"), 1);
    Bed::start().await.fails(&frames, Cut::Not, 1007).await;
}

#[tokio::test]
async fn case_6_4_1_a_frame_that_makes_utf8_impossible_is_1007_before_the_last_frame_comes() {
    let frames = [Frame::new(1, "κόσμε").unfinished(), Frame::continuation(b"\xf4\x90\x80\x80").unfinished()];
    Bed::start().await.fails(&frames, Cut::Not, 1007).await;
}

#[tokio::test]
async fn case_6_4_2_a_character_that_the_next_frame_makes_impossible_is_1007_before_the_last_frame_comes() {
    let frames =
        [Frame::new(1, b"\xce\xba\xf4".as_slice()).unfinished(), Frame::continuation(b"\x90").unfinished()];
    Bed::start().await.fails(&frames, Cut::Not, 1007).await;
}

#[tokio::test]
async fn case_6_5_and_6_9_the_first_and_the_last_character_of_each_length() {
    all_arrive(&["\u{7f}", "\u{80}", "\u{7ff}", "\u{800}", "\u{ffff}", "\u{10000}", "\u{10ffff}"]).await;
}

#[tokio::test]
async fn case_6_6_prefixes_of_a_greek_word_are_text_where_they_end_with_a_character() {
    all_arrive(&["κ", "κό", "κόσ", "κόσμ", "κόσμε"]).await;
    all_fail(&[b"\xce", b"\xce\xba\xe1\xbd", "κόσμε".as_bytes().split_last().expect("bytes").1]).await;
}

#[tokio::test]
async fn case_6_8_and_6_10_lengths_of_five_and_six_bytes_are_1007() {
    all_fail(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xf4\x90\x80\x80"]).await;
}

#[tokio::test]
async fn case_6_12_continuation_bytes_alone_are_1007() {
    all_fail(&[b"\x80", b"\xbf", b"\x80\xbf\x80"]).await;
}

#[tokio::test]
async fn case_6_13_first_bytes_alone_are_1007() {
    all_fail(&[b"\xc3 ", b"\xe1 ", b"\xf0 ", b"\xf8 "]).await;
}

#[tokio::test]
async fn case_6_14_a_last_byte_that_is_missing_is_1007() {
    all_fail(&[b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xf0\x90\x80"]).await;
}

#[tokio::test]
async fn case_6_16_bytes_that_never_occur_are_1007() {
    all_fail(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]).await;
}

#[tokio::test]
async fn case_6_17_to_6_19_characters_that_are_longer_than_they_need_be_are_1007() {
    all_fail(&[b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xc0\x80"])
        .await;
}

#[tokio::test]
async fn case_6_20_and_6_21_surrogates_alone_and_in_pairs_are_1007() {
    all_fail(&[b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80"]).await;
}

#[tokio::test]
async fn case_6_22_characters_that_stand_for_nothing_are_text() {
    all_arrive(&["\u{fffe}", "\u{ffff}", "\u{1fffe}", "\u{10fffe}"]).await;
}

#[tokio::test]
async fn case_6_23_the_replacement_character_and_its_neighbours_are_text() {
    all_arrive(&["\u{fff9}", "\u{fffc}", "\u{fffd}"]).await;
}
