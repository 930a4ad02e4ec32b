//! Bytes as clients put them on the wire, cut anywhere, right and wrong, and what the decoder makes of them.

use super::*;

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(first & OPCODE, payload).to_vec();
    let head = bytes.len() - payload.len();
    bytes[0] = first;
    bytes[1] |= MASKED;
    let mask = [1, 2, 3, 4];
    let mut body = bytes.split_off(head);
    unmask(&mut body, mask);
    bytes.extend_from_slice(&mask);
    bytes.extend_from_slice(&body);
    bytes
}

fn decode(chunks: &[&[u8]]) -> Vec<Result<Incoming, Fault>> {
    let mut decoder = Decoder::new(1_000);
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        loop {
            match decoder.next_incoming() {
                Ok(Some(incoming)) => out.push(Ok(incoming)),
                Ok(None) => break,
                Err(fault) => {
                    out.push(Err(fault));
                    return out;
                }
            }
        }
    }
    out
}

fn hello() -> Result<Incoming, Fault> {
    Ok(Incoming::Text("hello".into()))
}

fn piece(binary: bool) -> Result<Incoming, Fault> {
    Ok(Incoming::Fragment { binary })
}

#[test]
fn frames_come_out_however_the_bytes_are_cut() {
    let whole =
        [masked(FIN | TEXT, b"hello"), masked(FIN | PING, b"p"), masked(FIN | TEXT, b"hello")].concat();
    for cut in 0..whole.len() {
        let (one, other) = whole.split_at(cut);
        assert_eq!(
            decode(&[one, other]),
            [hello(), Ok(Incoming::Ping(Bytes::from_static(b"p"))), hello()],
            "{cut}"
        );
    }
}

#[test]
fn a_control_frame_may_stand_between_fragments() {
    let bytes =
        [masked(TEXT, b"he"), masked(FIN | PONG, b""), masked(CONTINUATION, b"l"), masked(FIN, b"lo")]
            .concat();
    assert_eq!(decode(&[&bytes]), [piece(false), Ok(Incoming::Pong), piece(false), hello()]);
}

#[test]
fn a_binary_message_comes_whole_and_each_of_its_frames_is_told() {
    let bytes = [
        masked(BINARY, b"\xff"),
        masked(FIN | PONG, b""),
        masked(FIN, b"\xfe"),
        masked(FIN | BINARY, b"\xfd"),
        masked(FIN | TEXT, b"hello"),
    ];
    let binary = |payload: &[u8]| Ok(Incoming::Binary(payload.to_vec()));
    let expected = [piece(true), Ok(Incoming::Pong), binary(b"\xff\xfe"), binary(b"\xfd"), hello()];
    assert_eq!(decode(&[&bytes.concat()]), expected);
}

#[test]
fn a_text_that_cannot_become_utf8_is_a_fault_before_its_end_and_a_cut_character_is_none() {
    let euro = "\u{20ac}".as_bytes();
    for cut in 1..euro.len() {
        let whole = [masked(TEXT, &euro[..cut]), masked(FIN, &euro[cut..])].concat();
        assert_eq!(decode(&[&whole]), [piece(false), Ok(Incoming::Text("\u{20ac}".into()))]);
        let broken = [masked(TEXT, &euro[..cut]), masked(CONTINUATION, b"x")].concat();
        assert_eq!(decode(&[&broken]), [piece(false), Err(Fault::NotUtf8)], "{cut}");
        let ended = [masked(TEXT, &euro[..cut]), masked(FIN, b"")].concat();
        assert_eq!(decode(&[&ended]), [piece(false), Err(Fault::NotUtf8)], "{cut}");
    }
    assert_eq!(decode(&[&masked(TEXT, b"\xed\xa0")]), [Err(Fault::NotUtf8)], "half a surrogate");
}

#[test]
fn faults_are_told_by_their_rfc_codes() {
    let mut unmasked = masked(FIN | TEXT, b"x");
    unmasked[1] &= !MASKED;
    let cases: Vec<(Vec<u8>, Fault)> = vec![
        (unmasked, Fault::Framing),
        (masked(FIN | 0x40 | TEXT, b"x"), Fault::Framing),
        (masked(FIN | 0x3, b"x"), Fault::Framing),
        (masked(FIN | 0xb, b"x"), Fault::Framing),
        (masked(PING, b"x"), Fault::Framing),
        (masked(FIN | PING, &[0; 126]), Fault::Framing),
        (masked(FIN, b"x"), Fault::Framing),
        ([masked(TEXT, b"x"), masked(FIN | TEXT, b"x")].concat(), Fault::Framing),
        ([masked(BINARY, &[0; 600]), masked(FIN, &[0; 600])].concat(), Fault::TooBig),
        (masked(FIN | TEXT, b"\xff"), Fault::NotUtf8),
        (masked(FIN | TEXT, &[b'x'; 1_001]), Fault::TooBig),
        ([masked(TEXT, &[b'x'; 600]), masked(FIN, &[b'x'; 600])].concat(), Fault::TooBig),
        (vec![FIN | TEXT, MASKED | 127, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], Fault::TooBig),
        (vec![FIN | TEXT, MASKED | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], Fault::Framing),
        (vec![FIN | TEXT, MASKED | 126, 0, 5, 1, 2, 3, 4], Fault::Framing),
        (masked(FIN | CLOSE, &[3]), Fault::Framing),
        (masked(FIN | CLOSE, &1005u16.to_be_bytes()), Fault::Framing),
        (masked(FIN | CLOSE, &[3, 0xe8, 0xff]), Fault::NotUtf8),
    ];
    for (bytes, fault) in cases {
        assert_eq!(decode(&[&bytes]).last(), Some(&Err(fault)), "{bytes:x?}");
    }
}

#[test]
fn nothing_is_kept_once_a_frame_is_complete() {
    let mut decoder = Decoder::new(1_000);
    decoder.feed(&masked(FIN | TEXT, &[b'x'; 500]));
    assert!(matches!(decoder.next_incoming(), Ok(Some(Incoming::Text(_)))));
    assert!(matches!(decoder.next_incoming(), Ok(None)));
    assert_eq!(decoder.pending.capacity(), 0);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
        let _frames = decode(&[&bytes]);
    }
}
