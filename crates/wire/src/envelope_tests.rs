//! Envelopes as they lie on the bus: what Java reads, what comes back, what is refused.

use super::*;
use crate::id::Nonce;

fn origin() -> Boot {
    Boot { node: "node-1".parse().unwrap(), nonce: Nonce::mint(1, 1) }
}

fn envelope(body: Body) -> Envelope {
    Envelope { service: "demo".into(), origin: origin(), at_ms: 9, hop: 0, body }
}

fn delivery(from: &str, to: Target) -> Delivery {
    let from: UserId = from.parse().unwrap();
    let message = Message {
        conversation: Some(to.conversation(&from)),
        seq: Some(3),
        message_id: MessageId::mint(1, 2),
        from: Some(from.clone()),
        to: to.clone(),
        content: RawValue::from_string(r#"{"text":"你好"}"#.into()).unwrap().into(),
        time_ms: 1_690_000_000_000,
        id: None,
    };
    let (users, group) = match &to {
        Target::User(user) => (vec![user.clone(), from], None),
        Target::Group(group) => (vec![], Some(group.clone())),
    };
    Delivery { frame: message.frame(), id: Some("c1".parse().unwrap()), users, group, version: None }
}

fn to_user(id: &str) -> Target {
    Target::User(id.parse().unwrap())
}

#[test]
fn a_direct_message_reads_like_the_java_originals_and_comes_back_byte_for_byte() {
    let delivery = delivery("1", to_user("2"));
    let body = envelope(Body::Message(delivery.clone())).encode();
    let text = std::str::from_utf8(&body).unwrap();
    let java =
        r#"{"content":"{\"text\":\"你好\"}","from":1,"msgType":10,"time":1690000000000,"to":2,"tl":{"v":1,"#;
    assert!(text.starts_with(java), "{text}");
    let Ok(Arrival::Ours(Envelope { body: Body::Message(back), .. })) = Envelope::decode(&body, "demo")
    else {
        panic!("not ours: {text}")
    };
    assert_eq!(back.frame, delivery.frame);
    assert_eq!(back.users, delivery.users);
    assert_eq!(back.message().unwrap().id, delivery.id);
}

#[test]
fn only_what_a_java_node_can_read_takes_its_roads() {
    let lane = |from: &str, to: Target| envelope(Body::Message(delivery(from, to))).lane();
    assert_eq!(lane("1", to_user("2")), Lane::Single);
    assert_eq!(lane("one", to_user("2")), Lane::Control);
    assert_eq!(lane("1", Target::Group(GroupId::everyone())), Lane::Group);
    assert_eq!(lane("1", Target::Group("7".parse().unwrap())), Lane::Control);
    let everybody = || Delivery {
        group: Some(GroupId::everyone()),
        ..delivery("1", Target::Group("7".parse().unwrap()))
    };
    assert_eq!(envelope(Body::Message(everybody())).lane(), Lane::Group, "a classic group without a store");
    let shown_as_signal = envelope(Body::Signal(everybody()));
    assert_eq!(shown_as_signal.lane(), Lane::Group, "a classic group with a store");
    assert!(shown_as_signal.encode().starts_with(b"{\"content\":"));
    assert_eq!(envelope(Body::Signal(delivery("1", to_user("2")))).lane(), Lane::Control);
}

#[test]
fn every_kind_comes_back_as_it_was() {
    let eviction = Eviction { user: "1".parse().unwrap(), session: SessionId::mint(1, 1), code: 4500 };
    let head = Head { conversation: Some("d:1:2".parse().unwrap()), head: 7 };
    let change = MembersChange {
        group: "g".parse().unwrap(),
        version: 4,
        joined: vec!["1".parse().unwrap()],
        left: vec![],
    };
    for body in [Body::Evict(eviction), Body::Head(head), Body::Members(change)] {
        let encoded = envelope(body.clone()).encode();
        let Ok(Arrival::Ours(back)) = Envelope::decode(&encoded, "demo") else { panic!("{encoded:?}") };
        assert_eq!(format!("{:?}", back.body), format!("{body:?}"));
    }
}

#[test]
fn what_is_not_ours_is_named() {
    let encoded = envelope(Body::Head(Head { conversation: None, head: 0 })).encode();
    assert_eq!(Envelope::decode(&encoded, "other").unwrap_err(), BadEnvelope::OtherService);
    let text = String::from_utf8(encoded.to_vec()).unwrap();
    let newer = Bytes::from(text.replace("\"v\":1", "\"v\":9"));
    assert_eq!(Envelope::decode(&newer, "demo").unwrap_err(), BadEnvelope::UnknownVersion { version: 9 });
    let odd = Bytes::from(text.replace("\"kind\":\"head\"", "\"kind\":\"x\""));
    assert_eq!(Envelope::decode(&odd, "demo").unwrap_err(), BadEnvelope::UnknownKind);
    let (_, tl) = text.split_once("\"tl\":").unwrap();
    let tl = tl.strip_suffix('}').unwrap();
    let outer_as_list = format!("[{tl},null,null,null,null]");
    let tl_as_list = r#"{"tl":[1,"demo","head","node-1/01ARZ3NDEKTSV4RRFFQ69G5FAV",1,0]}"#;
    for bad in ["", "hi", "[]", r#"{"tl":{}}"#, &outer_as_list, tl_as_list] {
        let error = Envelope::decode(&Bytes::from(bad.to_owned()), "demo").unwrap_err();
        assert_eq!(error, BadEnvelope::Malformed, "{bad}");
    }
}

#[test]
fn a_body_without_tl_is_a_foreign_systems() {
    let read = |text: &'static str| match Envelope::decode(&Bytes::from(text), "demo") {
        Ok(Arrival::Foreign(foreign)) => foreign,
        other => panic!("{other:?}"),
    };
    let foreign = read(r#"{"content":"hi","from":1,"msgType":10,"time":5,"to":2}"#);
    assert_eq!((foreign.to.as_deref(), foreign.time_ms), (Some("2"), Some(5)));
    let bare = read(r#"{"to":"2","content":null,"time":"today"}"#);
    assert!(bare.from.is_none() && bare.content.is_none() && bare.time_ms.is_none());
}

proptest::proptest! {
    #[test]
    fn no_body_makes_the_decoder_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _result = Envelope::decode(&Bytes::from(body), "demo");
    }
}
