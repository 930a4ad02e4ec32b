//! Messages are kept: in order, without holes, as they were said.

use std::collections::BTreeSet;
use std::pin::Pin;

use tokio::task::JoinSet;
use wire::frame::Range;
use wire::id::UserId;

use super::scene::{Scene, raw, seqs, user};
use crate::store::{Appended, Draft, StoreError};

/// Sixteen senders in three conversations, all at once.
pub(super) async fn seqs_have_no_holes_however_many_send_at_once(scene: Scene) {
    const SENDERS: usize = 16;
    const EACH: usize = 25;
    let members: Vec<String> = (0..SENDERS).map(|number| format!("u{number}")).collect();
    scene.put("g", &members.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut senders = JoinSet::new();
    for sender in members {
        let scene = scene.clone();
        senders.spawn(async move {
            let mut kept = Vec::new();
            for number in 0..EACH {
                let to = ["g:g", "g:everyone", "hub"][number % 3];
                kept.push((to, scene.say(&sender, to).await));
            }
            kept
        });
    }
    let kept = senders.join_all().await.concat();
    for name in ["g:g", "g:everyone"] {
        let told: BTreeSet<u64> = kept.iter().filter(|(to, _)| *to == name).map(|(_, seq)| *seq).collect();
        let times = kept.iter().filter(|(to, _)| *to == name).count();
        assert_eq!(told, (1..=times as u64).collect(), "{name}: a seq for each, none twice, none left out");
        assert_eq!(seqs(&scene.log(name).await), (1..=times as u64).collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(scene.log("d:hub:u7").await.head, (EACH / 3) as u64);
}

type Appending<'a> = Pin<Box<dyn Future<Output = Result<Appended, StoreError>> + Send + 'a>>;

/// Each is begun before the one before it has ended.
pub(super) async fn concurrent_appends_of_one_caller_keep_their_order(scene: Scene) {
    let drafts: Vec<Draft> = (0..300).map(|_| scene.draft("1", "2")).collect();
    let mut under_way: Vec<Appending<'_>> =
        drafts.iter().map(|draft| scene.store.append(draft.clone())).collect();
    let mut kept: Vec<Option<u64>> = vec![None; under_way.len()];
    std::future::poll_fn(|context| {
        for (appending, seq) in under_way.iter_mut().zip(&mut kept) {
            if seq.is_none()
                && let std::task::Poll::Ready(appended) = appending.as_mut().poll(context)
            {
                *seq = appended.unwrap().message.seq;
            }
        }
        if kept.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert_eq!(kept, (1..=300).map(Some).collect::<Vec<_>>());
}

pub(super) async fn time_never_runs_back_within_a_conversation(scene: Scene) {
    let mut times = Vec::new();
    for (time_ms, to) in [(5_000, "2"), (3_000, "2"), (3_000, "3"), (5_001, "2")] {
        let draft = Draft { time_ms, ..scene.draft("1", to) };
        times.push(scene.append(&draft).await.unwrap().message.time_ms);
    }
    assert_eq!(times, [5_000, 5_000, 3_000, 5_001], "another conversation has a time of its own");
    let kept: Vec<u64> = scene.log("d:1:2").await.messages.iter().map(|message| message.time_ms).collect();
    assert_eq!(kept, [5_000, 5_000, 5_001]);
}

/// White space, digits beyond 64 bits, repeated keys, escapes and every plane of Unicode.
pub(super) async fn content_is_kept_byte_for_byte(scene: Scene) {
    let long = format!("\"{}\"", "长".repeat(19_990));
    let texts = [
        "{ \"n\" : 123456789012345678901234567890.10, \"n\":\t-0 ,\r\n \"x\":1E400 }",
        r#""\u0000\ud83d\ude00\/ é 😀 '%_\"; DROP TABLE messages""#,
        "null",
        "\"\u{7f}\u{85}\u{2028}\u{10ffff}\"",
        &long,
    ];
    for text in texts {
        let draft = Draft { content: raw(text), ..scene.draft("1", "2") };
        assert_eq!(scene.append(&draft).await.unwrap().message.content.get(), text);
        let repeated = scene.append(&draft).await.unwrap();
        assert_eq!((repeated.fresh, repeated.message.content.get()), (false, text));
    }
    let kept = scene.read("2", "d:1:2", Range::After(0)).await.unwrap();
    let kept: Vec<&str> = kept.messages.iter().map(|message| message.content.get()).collect();
    assert!(kept == texts, "{kept:?}");
}

/// `1` is not `01`, `A` is not `a`, and no character is special.
pub(super) async fn ids_that_look_like_numbers_or_patterns_are_only_text(scene: Scene) {
    let names = ["1", "01", "-1", "9223372036854775807", "a", "A", "_", "~.@-", "a@b.c"];
    for name in names {
        scene.say("teller", name).await;
    }
    for name in names {
        let told = scene.unread(name).await;
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        let (one, other) = told.first().unwrap().conversation.users().unwrap();
        assert!([one, other].contains(&user(name)));
    }
}

pub(super) async fn a_direct_message_to_someone_who_never_came_is_kept(scene: Scene) {
    let draft = scene.draft("1", "nobody-yet");
    let appended = scene.append(&draft).await.unwrap();
    assert!(appended.fresh);
    assert_eq!(appended.version, None, "a direct conversation has no members that change");
    assert_eq!(scene.count("nobody-yet", "d:1:nobody-yet").await, 1);
    let page = scene.read("nobody-yet", "d:1:nobody-yet", Range::Latest).await.unwrap();
    let message = page.messages.first().unwrap();
    assert_eq!(message.message_id, draft.message_id);
    assert_eq!(message.from, Some(draft.from));
    assert_eq!(message.to, draft.to);
    assert_eq!(message.id, Some(draft.id));
    assert_eq!(message.conversation, appended.message.conversation);
}

/// On whatever connection: each reader asks right after each receipt.
pub(super) async fn what_was_appended_is_readable_at_once(scene: Scene) {
    let mut pairs = JoinSet::new();
    for pair in 0..8 {
        let scene = scene.clone();
        pairs.spawn(async move {
            let (from, to): (UserId, UserId) = (user(&format!("a{pair}")), user(&format!("b{pair}")));
            let name = format!("d:{from}:{to}");
            for _ in 0..20 {
                let seq = scene.say(from.as_str(), to.as_str()).await;
                let page = scene.log(&name).await;
                assert_eq!(page.head, seq);
                assert_eq!(seqs(&page), (1..=seq).collect::<Vec<_>>());
            }
        });
    }
    pairs.join_all().await;
}
