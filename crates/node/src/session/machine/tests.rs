//! What a session decides, event by event.

use std::time::Duration;

use serde_json::value::RawValue;
use wire::id::MessageId;
use wire::{Message, Target};

use super::*;
use crate::parcel::Parcel;
use crate::session::codec::{Fault, Incoming};
use crate::session::event::CaughtUp;

const USER: &str = "2";

fn profile(dialect: Dialect, resume: bool) -> Profile {
    Profile {
        user: USER.parse().unwrap(),
        dialect,
        limits: Arc::default(),
        keeps: true,
        resume,
        classic_errors: false,
        classic_note: Some("elsewhere".into()),
        sabotaged: Default::default(),
    }
}

fn now() -> Instant {
    Instant::now()
}

fn direct() -> ConversationId {
    "d:1:2".parse().unwrap()
}

fn parcel(from: &str, seq: Seq) -> Arc<Parcel> {
    let from: UserId = from.parse().unwrap();
    let to = if from.as_str() == USER { "1" } else { USER };
    Arc::new(Parcel::message(Message {
        conversation: Some(direct()),
        seq: Some(seq),
        message_id: MessageId::mint(1, u128::from(seq)),
        from: Some(from),
        to: Target::User(to.parse().unwrap()),
        content: RawValue::from_string(format!("\"m{seq}\"")).unwrap().into(),
        time_ms: 1,
        id: Some(format!("c{seq}").parse().unwrap()),
    }))
}

fn page(seqs: std::ops::RangeInclusive<Seq>, head: Seq) -> CaughtUp {
    let more = *seqs.end() < head;
    CaughtUp {
        conversation: direct(),
        parcels: seqs.map(|seq| parcel("1", seq)).collect(),
        first: 1,
        head,
        more,
    }
}

/// A session that was just welcomed.
fn welcomed(profile: Profile, unread: &[Unread]) -> Machine {
    let mut machine = Machine::new(profile, now());
    machine.step(Event::Admitted { expires: None }, now());
    machine.step(Event::Welcomed { welcome: Bytes::from_static(b"{}"), unread }, now());
    machine
}

fn live() -> Machine {
    welcomed(profile(Dialect::V1, false), &[])
}

fn text(frame: &Bytes) -> String {
    // Frames of these tests are longer than 125 bytes only where they hold a message.
    let skip = if frame.get(1).is_some_and(|&length| length < 126) { 2 } else { 4 };
    String::from_utf8_lossy(&frame[skip..]).into_owned()
}

/// The seqs of the messages that are pushed.
fn pushed(effects: &Effects) -> Vec<Seq> {
    let texts = effects.iter().filter_map(|effect| match effect {
        Effect::Push(frame) => Some(text(frame)),
        _ => None,
    });
    let values = texts.filter_map(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    values.filter(|value| value["type"] == "message").filter_map(|value| value["seq"].as_u64()).collect()
}

fn words(effects: &Effects) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Push(frame) if frame[0] == 0x88 => "close frame".to_owned(),
        Effect::Push(frame) if frame[0] == 0x89 => "ping".to_owned(),
        Effect::Push(frame) => match serde_json::from_str::<serde_json::Value>(&text(frame)) {
            Ok(value) => value["type"].as_str().unwrap_or("?").to_owned(),
            Err(_) => text(frame),
        },
        Effect::CatchUp(_, after) => format!("read after {after}"),
        Effect::FindPosition(_) => "find position".to_owned(),
        Effect::Close { code, .. } => format!("close {}", code.number()),
        Effect::Pause(_) => "pause".to_owned(),
        Effect::Work(_) | Effect::ClassicSend(_) => "work".to_owned(),
    };
    effects.iter().map(word).collect()
}

fn says(machine: &mut Machine, frame: &str) -> Vec<String> {
    words(&machine.step(Event::Incoming(Incoming::Text(frame.to_owned())), now()))
}

#[test]
fn messages_are_pushed_once_and_in_order() {
    let mut machine = live();
    for seq in 1..=3 {
        assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", seq)), now())), [seq]);
        assert!(machine.step(Event::Kept(&parcel("1", seq)), now()).is_empty(), "a repeat");
    }
}

#[test]
fn a_hole_is_read_from_the_store_and_what_comes_meanwhile_is_read_too() {
    let mut machine = live();
    machine.step(Event::Kept(&parcel("1", 1)), now());
    assert_eq!(words(&machine.step(Event::Kept(&parcel("1", 3)), now())), ["read after 1"]);
    assert!(machine.step(Event::Kept(&parcel("1", 4)), now()).is_empty(), "no buffer: it is read");
    let effects = machine.step(Event::Page(&page(2..=3, 3)), now());
    assert_eq!(pushed(&effects), [2, 3]);
    assert_eq!(words(&effects).last().unwrap(), "read after 3");
    assert_eq!(pushed(&machine.step(Event::Page(&page(4..=4, 4)), now())), [4]);
    assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", 5)), now())), [5]);
}

#[test]
fn a_conversation_that_the_session_was_told_nothing_of_begins_where_the_store_says() {
    let mut machine = live();
    assert_eq!(words(&machine.step(Event::Kept(&parcel("1", 9)), now())), ["find position"]);
    assert_eq!(words(&machine.step(Event::Position(&direct(), 7), now())), ["read after 7"]);
    assert_eq!(pushed(&machine.step(Event::Page(&page(8..=9, 9)), now())), [8, 9]);
}

#[test]
fn what_welcome_names_is_not_pushed_and_what_comes_after_it_is() {
    let unread = [Unread { conversation: direct(), unread: 2, head: 6 }];
    let mut machine = welcomed(profile(Dialect::V1, false), &unread);
    assert!(machine.step(Event::Kept(&parcel("1", 6)), now()).is_empty());
    assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", 7)), now())), [7]);
}

#[test]
fn what_arrives_before_the_session_is_live_is_read_when_it_is() {
    let mut machine = Machine::new(profile(Dialect::V1, false), now());
    machine.step(Event::Admitted { expires: None }, now());
    assert!(machine.step(Event::Kept(&parcel("1", 1)), now()).is_empty());
    let welcome = Bytes::from_static(b"{\"type\":\"welcome\"}");
    let effects = machine.step(Event::Welcomed { welcome, unread: &[] }, now());
    assert_eq!(words(&effects), ["welcome", "find position"]);
}

#[test]
fn a_resumed_session_is_told_its_gaps_then_ready_then_what_came_meanwhile() {
    let mut machine = welcomed(profile(Dialect::V1, true), &[]);
    assert!(machine.step(Event::Kept(&parcel("1", 4)), now()).is_empty(), "nothing but welcome before hello");
    let have = [(direct(), 1)];
    let resuming = Event::Resuming { have: &have, id: Some("h".parse().unwrap()), expires: None };
    assert_eq!(words(&machine.step(resuming, now())), ["read after 1"]);
    let effects = machine.step(Event::Page(&page(2..=3, 3)), now());
    assert_eq!(words(&effects), ["message", "message", "ready", "read after 3"]);
    assert_eq!(pushed(&machine.step(Event::Page(&page(4..=4, 4)), now())), [4]);
}

#[test]
fn resuming_with_nothing_is_ready_at_once() {
    let mut machine = welcomed(profile(Dialect::V1, true), &[]);
    let resuming = Event::Resuming { have: &[], id: None, expires: None };
    assert_eq!(words(&machine.step(resuming, now())), ["ready"]);
}

#[test]
fn a_client_that_holds_more_than_the_store_is_told_to_forget_it() {
    let mut machine = welcomed(profile(Dialect::V1, true), &[]);
    let have = [(direct(), 50)];
    machine.step(Event::Resuming { have: &have, id: None, expires: None }, now());
    let empty = CaughtUp { conversation: direct(), parcels: Vec::new(), first: 1, head: 3, more: false };
    assert_eq!(words(&machine.step(Event::Page(&empty), now())), ["behind", "ready"]);
    assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", 4)), now())), [4]);
}

#[test]
fn a_gap_of_more_than_behind_after_is_named_and_not_pushed() {
    let mut machine = welcomed(profile(Dialect::V1, true), &[]);
    let have = [(direct(), 1)];
    machine.step(Event::Resuming { have: &have, id: None, expires: None }, now());
    let head = 2 + Limits::default().behind_after;
    assert_eq!(words(&machine.step(Event::Page(&page(2..=101, head)), now())), ["behind", "ready"]);
    assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", head + 1)), now())), [head + 1]);
}

#[test]
fn what_comes_while_a_session_is_found_to_be_behind_is_read_after_it() {
    let far = 2 + Limits::default().behind_after;
    let mut machine = live();
    machine.step(Event::Kept(&parcel("1", 1)), now());
    assert_eq!(words(&machine.step(Event::Kept(&parcel("1", far)), now())), ["read after 1"]);
    machine.step(Event::Kept(&parcel("1", far + 1)), now());
    let effects = machine.step(Event::Page(&page(2..=101, far)), now());
    assert_eq!(words(&effects), ["behind".to_owned(), format!("read after {far}")]);
    let mut resuming = welcomed(profile(Dialect::V1, true), &[]);
    let have = [(direct(), 1)];
    resuming.step(Event::Resuming { have: &have, id: None, expires: None }, now());
    resuming.step(Event::Kept(&parcel("1", far + 1)), now());
    let effects = resuming.step(Event::Page(&page(2..=101, far)), now());
    assert_eq!(words(&effects), ["behind".to_owned(), "ready".to_owned(), format!("read after {far}")]);
}

#[test]
fn a_page_of_what_was_said_before_the_user_joined_is_passed_over_and_what_follows_is_read() {
    let mut machine = welcomed(profile(Dialect::V1, true), &[]);
    let have = [(direct(), 5)];
    machine.step(Event::Resuming { have: &have, id: None, expires: None }, now());
    // It left and came back at 200: of 6 to 105 it may see nothing.
    let page = CaughtUp { conversation: direct(), parcels: Vec::new(), first: 201, head: 203, more: true };
    assert_eq!(words(&machine.step(Event::Page(&page), now())), ["read after 200"]);
    assert_eq!(pushed(&machine.step(Event::Page(&self::page(201..=203, 203)), now())), [201, 202, 203]);
}

#[test]
fn what_a_session_sends_before_it_resumes_is_not_shown_to_it_either() {
    let unread = [Unread { conversation: direct(), unread: 1, head: 17 }];
    let mut machine = welcomed(profile(Dialect::V1, true), &unread);
    let frame = Bytes::from_static(b"{}");
    machine.step(Event::Receipt { frame, conversation: &direct(), seq: 18 }, now());
    let have = [(direct(), 16)];
    machine.step(Event::Resuming { have: &have, id: None, expires: None }, now());
    assert_eq!(pushed(&machine.step(Event::Page(&page(17..=18, 18)), now())), [17]);
    assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", 19)), now())), [19]);

    let mut without = welcomed(profile(Dialect::V1, true), &unread);
    let frame = Bytes::from_static(b"{}");
    without.step(Event::Receipt { frame, conversation: &direct(), seq: 18 }, now());
    without.step(Event::Resuming { have: &[], id: None, expires: None }, now());
    assert_eq!(pushed(&without.step(Event::Kept(&parcel("1", 19)), now())), [19], "18 is ours, and no hole");
}

#[test]
fn a_log_that_a_session_began_before_it_was_live_is_not_shown_to_it_when_its_envelope_is_sent_on_to_it() {
    let mut machine = welcomed(profile(Dialect::V1, true), &[]);
    let frame = Bytes::from_static(b"{}");
    machine.step(Event::Receipt { frame, conversation: &direct(), seq: 1 }, now());
    machine.step(Event::Resuming { have: &[], id: None, expires: None }, now());
    assert!(machine.step(Event::Kept(&parcel(USER, 1)), now()).is_empty());
    assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", 2)), now())), [2]);
}

#[test]
fn a_token_that_comes_while_the_gaps_are_pushed_counts_at_once_and_both_hellos_are_answered() {
    let start = now();
    let mut machine = welcomed(profile(Dialect::V1, true), &[]);
    let have = [(direct(), 1)];
    let id = |id: &str| Some(id.parse().unwrap());
    machine.step(Event::Resuming { have: &have, id: id("a"), expires: Some((start, 1)) }, start);
    let later = start + Duration::from_secs(9);
    let second = Event::Resuming { have: &[], id: id("b"), expires: Some((later, 9)) };
    let answer = machine.step(second, start);
    assert_eq!(words(&answer), ["ready"]);
    assert!(machine.step(Event::Tick, start + Duration::from_secs(1)).is_empty(), "the newer token counts");
    assert_eq!(machine.phase(), Phase::Resuming);
    let effects = machine.step(Event::Page(&page(2..=3, 3)), start);
    assert_eq!(words(&effects), ["message", "message", "ready"]);
    assert_eq!(words(&machine.step(Event::Tick, later)), ["bye", "close frame", "close 4005"]);
}

#[test]
fn who_joins_again_while_a_read_finds_him_no_member_is_read_for_once_more() {
    let mut machine = live();
    machine.step(Event::Head(&direct(), 3), now());
    machine.step(Event::Joined(&direct(), 3), now());
    machine.step(Event::Kept(&parcel("1", 4)), now());
    assert_eq!(words(&machine.step(Event::Denied(&direct()), now())), ["read after 3"]);
    assert_eq!(pushed(&machine.step(Event::Page(&page(4..=4, 4)), now())), [4]);
    machine.step(Event::Head(&direct(), 9), now());
    assert!(machine.step(Event::Denied(&direct()), now()).is_empty(), "nothing has come since");
    assert_eq!(machine.position(&direct()), None);
}

#[test]
fn joining_does_not_lose_what_came_while_the_position_was_looked_up() {
    let mut machine = live();
    assert_eq!(words(&machine.step(Event::Kept(&parcel("1", 8)), now())), ["find position"]);
    machine.step(Event::Joined(&direct(), 7), now());
    assert_eq!(words(&machine.step(Event::Position(&direct(), 2), now())), ["read after 7"]);
    assert_eq!(pushed(&machine.step(Event::Page(&page(8..=8, 8)), now())), [8]);
}

#[test]
fn a_late_page_of_a_live_session_never_sets_it_back() {
    let mut machine = live();
    machine.step(Event::Kept(&parcel("1", 1)), now());
    machine.step(Event::Head(&direct(), 3), now());
    machine.step(Event::Left(&direct()), now());
    assert!(machine.step(Event::Page(&page(2..=3, 3)), now()).is_empty(), "it has left");
    machine.step(Event::Joined(&direct(), 5), now());
    assert!(machine.step(Event::Page(&page(2..=3, 3)), now()).is_empty());
    assert_eq!(machine.position(&direct()), Some(5));
}

#[test]
fn a_session_is_never_shown_what_it_sent_itself() {
    let mut machine = live();
    let receipt = |seq| Event::Receipt {
        frame: Bytes::from_static(b"{}"),
        conversation: DIRECT.get_or_init(direct),
        seq,
    };
    machine.step(receipt(1), now());
    assert!(machine.step(Event::Kept(&parcel(USER, 1)), now()).is_empty());
    // 2 is still on its way when our 3 is kept.
    machine.step(receipt(3), now());
    assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", 2)), now())), [2]);
    assert_eq!(pushed(&machine.step(Event::Kept(&parcel("1", 4)), now())), [4], "3 is ours, and no hole");
}

static DIRECT: std::sync::OnceLock<ConversationId> = std::sync::OnceLock::new();

#[test]
fn an_own_send_in_a_page_is_passed_over() {
    let mut machine = live();
    machine.step(Event::Kept(&parcel("1", 1)), now());
    let frame = Bytes::from_static(b"{}");
    machine.step(Event::Receipt { frame, conversation: &direct(), seq: 3 }, now());
    machine.step(Event::Kept(&parcel("1", 4)), now());
    assert_eq!(pushed(&machine.step(Event::Page(&page(2..=4, 4)), now())), [2, 4]);
}

#[test]
fn a_page_that_is_read_between_the_commit_and_the_receipt_does_not_show_a_session_what_it_sends() {
    let mut machine = live();
    machine.step(Event::Kept(&parcel("1", 1)), now());
    machine.step(Event::Kept(&parcel("1", 4)), now());
    assert_eq!(says(&mut machine, r#"{"type":"send","id":"c3","to":{"user":"1"},"content":1}"#), ["work"]);
    let mut read = page(2..=4, 4);
    read.parcels[1] = parcel(USER, 3);
    assert_eq!(pushed(&machine.step(Event::Page(&read), now())), [2, 4]);
    let frame = Bytes::from_static(b"{}");
    machine.step(Event::Receipt { frame, conversation: &direct(), seq: 3 }, now());
    // What another session of the user sends under another name is shown.
    machine.step(Event::Kept(&parcel("1", 7)), now());
    let mut read = page(5..=7, 7);
    read.parcels[1] = parcel(USER, 6);
    assert_eq!(pushed(&machine.step(Event::Page(&read), now())), [5, 6, 7]);
}

#[test]
fn a_head_above_the_position_is_read_and_one_below_is_not() {
    let mut machine = live();
    machine.step(Event::Kept(&parcel("1", 1)), now());
    assert!(machine.step(Event::Head(&direct(), 1), now()).is_empty());
    assert_eq!(words(&machine.step(Event::Head(&direct(), 2), now())), ["read after 1"]);
}

#[test]
fn a_slow_sender_is_never_refused_and_a_flood_ends_with_4003() {
    let mut machine = live();
    let send = r#"{"type":"send","id":"a","to":{"user":"1"},"content":1}"#;
    let limits = Limits::default();
    let answers: Vec<Vec<String>> =
        (0..limits.sends_burst + limits.refusals_max).map(|_| says(&mut machine, send)).collect();
    let worked = answers.iter().filter(|words| words[..] == ["work"]).count();
    assert_eq!(worked, limits.sends_burst as usize);
    assert_eq!(answers.last().unwrap(), &["bye", "close frame", "close 4003"]);
    assert!(says(&mut machine, send).is_empty(), "a session that ended does nothing any more");
}

#[test]
fn a_quiet_client_is_pinged_and_a_dead_one_ends_with_4002() {
    let mut machine = live();
    let limits = Limits::default();
    let start = machine.heard;
    assert!(machine.step(Event::Tick, start + limits.ping_every / 2).is_empty());
    let pinged = start + limits.ping_every;
    assert_eq!(words(&machine.step(Event::Tick, pinged)), ["ping"]);
    assert!(machine.deadline() <= pinged + limits.pong_timeout);
    machine.step(Event::Heard, pinged + limits.pong_timeout / 2);
    let again = pinged + limits.pong_timeout / 2 + limits.ping_every;
    assert_eq!(words(&machine.step(Event::Tick, again)), ["ping"]);
    let dead = machine.step(Event::Tick, again + limits.pong_timeout);
    assert_eq!(words(&dead), ["bye", "close frame", "close 4002"]);
}

#[test]
fn a_hello_that_is_owed_and_does_not_come_ends_with_4002() {
    let mut machine = Machine::new(profile(Dialect::V1, false), now());
    let send = r#"{"type":"send","id":"a","to":{"user":"1"},"content":1}"#;
    assert_eq!(says(&mut machine, send), ["error"], "nothing before a token");
    let due = machine.deadline();
    assert_eq!(words(&machine.step(Event::Tick, due)), ["bye", "close frame", "close 4002"]);
}

#[test]
fn a_token_that_ends_ends_the_session_unless_a_newer_one_comes() {
    let start = now();
    let mut machine = Machine::new(profile(Dialect::V1, false), start);
    let minute = Duration::from_secs(5);
    machine.step(Event::Admitted { expires: Some(start + minute) }, start);
    machine.step(Event::Welcomed { welcome: Bytes::from_static(b"{}"), unread: &[] }, start);
    machine.step(Event::Ready { id: None, expires: Some((start + minute * 2, 7)) }, start);
    assert!(machine.step(Event::Tick, start + minute).is_empty());
    assert_eq!(words(&machine.step(Event::Tick, start + minute * 2)), ["bye", "close frame", "close 4005"]);
}

#[test]
fn what_is_not_the_protocol_ends_with_its_own_code() {
    let close = |event: Event<'_>| words(&live().step(event, now()));
    assert_eq!(close(Event::Incoming(Incoming::Text("hi".into()))), ["bye", "close frame", "close 4502"]);
    assert_eq!(close(Event::Broken(Fault::Framing)), ["close frame", "close 1002"]);
    assert_eq!(close(Event::Incoming(Incoming::Binary(vec![1]))), ["close frame", "close 1003"]);
    let fragment = Incoming::Fragment { binary: true };
    assert_eq!(close(Event::Incoming(fragment)), ["close frame", "close 1003"]);
    assert_eq!(close(Event::Broken(Fault::NotUtf8)), ["close frame", "close 1007"]);
    assert_eq!(close(Event::Broken(Fault::TooBig)), ["close frame", "close 1009"]);
    assert_eq!(close(Event::Incoming(Incoming::Close(Some(1000)))), ["close frame", "close 1000"]);
}

#[test]
fn have_needs_a_session_that_resumes() {
    let hello = r#"{"type":"hello","have":{"d:1:2":1}}"#;
    assert_eq!(says(&mut live(), hello), ["error"]);
    assert_eq!(says(&mut live(), r#"{"type":"hello"}"#), ["work"]);
    let mut resuming = welcomed(profile(Dialect::V1, true), &[]);
    assert_eq!(says(&mut resuming, hello), ["work"]);
}

#[test]
fn a_classic_session_is_told_nothing_but_messages() {
    let mut machine = welcomed(profile(Dialect::Classic, false), &[]);
    assert!(says(&mut machine, "nonsense").is_empty(), "where the original was silent so are we");
    assert_eq!(says(&mut machine, r#"{"msgType":10,"to":1,"content":"x"}"#), ["work"]);
    assert!(machine.step(Event::Answer(Bytes::from_static(b"{}")), now()).is_empty());
    let signal = Parcel::notice(Bytes::from_static(b"{\"type\":\"signal\"}"));
    assert!(machine.step(Event::Unkept(&signal), now()).is_empty());
    let shown = machine.step(Event::Kept(&parcel("1", 1)), now());
    assert!(words(&shown)[0].starts_with(r#"{"content":"m1","fromUserId":1"#) || words(&shown) == ["?"]);
    assert_eq!(
        words(&machine.step(Event::Evict(CloseCode::Replaced), now())),
        ["elsewhere", "close frame", "close 4500"]
    );
}

#[test]
fn where_nothing_is_kept_early_messages_wait_for_welcome() {
    let mut machine = Machine::new(Profile { keeps: false, ..profile(Dialect::V1, false) }, now());
    machine.step(Event::Admitted { expires: None }, now());
    assert!(machine.step(Event::Unkept(&parcel("1", 1)), now()).is_empty());
    let welcome = Bytes::from_static(b"{\"type\":\"welcome\"}");
    let effects = machine.step(Event::Welcomed { welcome, unread: &[] }, now());
    assert_eq!(words(&effects), ["welcome", "message"]);
}

proptest::proptest! {
    /// Whatever order, repeats and losses: what is pushed is 1, 2, 3 and so on, once each, and in the end everything.
    #[test]
    fn any_mix_of_messages_pages_and_hints_pushes_each_message_once_and_in_order(
        arrivals in proptest::collection::vec((1u64..=20, 0u8..4), 0..80),
    ) {
        let mut machine = live();
        let mut seen = Vec::new();
        let mut reads = std::collections::VecDeque::new();
        let mut take = |effects: Effects, reads: &mut std::collections::VecDeque<(Option<Seq>, ())>| {
            seen.extend(pushed(&effects));
            for effect in effects {
                match effect {
                    Effect::CatchUp(_, after) => reads.push_back((Some(after), ())),
                    Effect::FindPosition(_) => reads.push_back((None, ())),
                    _ => {}
                }
            }
        };
        let mut head = 0;
        let answer = |machine: &mut Machine, after: Option<Seq>, head: Seq| match after {
            None => machine.step(Event::Position(DIRECT.get_or_init(direct), 0), now()),
            Some(after) => {
                let to = (after + 3).min(head);
                machine.step(Event::Page(&page(after + 1..=to, head)), now())
            }
        };
        for (seq, what) in arrivals {
            head = head.max(seq);
            let effects = match what {
                0 => machine.step(Event::Head(DIRECT.get_or_init(direct), head), now()),
                1 => match reads.pop_front() {
                    Some((after, ())) => answer(&mut machine, after, head),
                    None => Effects::new(),
                },
                _ => machine.step(Event::Kept(&parcel("1", seq)), now()),
            };
            take(effects, &mut reads);
        }
        let effects = machine.step(Event::Head(DIRECT.get_or_init(direct), head), now());
        take(effects, &mut reads);
        while let Some((after, ())) = reads.pop_front() {
            let effects = answer(&mut machine, after, head);
            take(effects, &mut reads);
        }
        proptest::prop_assert_eq!(seen, (1..=head).collect::<Vec<_>>());
    }
}

#[cfg(feature = "sabotage")]
#[test]
fn a_session_that_breaks_a_rule_pushes_what_it_should_not() {
    use crate::sabotage::Sabotage;
    let run = |sabotage: Option<Sabotage>| {
        let sabotaged = sabotage.map(Sabotaged::by).unwrap_or_default();
        let mut machine = welcomed(Profile { sabotaged, ..profile(Dialect::V1, false) }, &[]);
        let steps = [1, 3, 2, 1].map(|seq| pushed(&machine.step(Event::Kept(&parcel("1", seq)), now())));
        (steps.concat(), words(&machine.step(Event::Head(&direct(), 9), now())))
    };
    // 3 came too early, so the log is being read.
    assert_eq!(run(None), (vec![1], vec![]));
    assert_eq!(run(Some(Sabotage::NoOrderCheck)), (vec![1, 3, 2, 1], vec!["read after 3".to_owned()]));
    assert_eq!(run(Some(Sabotage::NoDeduplication)), (vec![1, 1], vec![]));
    assert_eq!(run(Some(Sabotage::PostWithoutCatchUp)), (vec![1, 3], vec![]));
}
