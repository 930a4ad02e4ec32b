//! Groups: who is a member, since when, and at which version.

use tokio::task::JoinSet;
use wire::frame::Range;

use super::scene::{Scene, denied, group, query, seqs, user, users};
use crate::store::{Denied, Draft, Reader};

pub(super) async fn only_members_send_to_a_group_but_the_service_may(scene: Scene) {
    scene.put("g", &["1"]).await;
    scene.say("1", "g:g").await;
    let stranger = scene.draft("3", "g:g");
    assert_eq!(scene.append(&stranger).await.unwrap_err(), Denied::Forbidden);
    let service = Draft { members_only: false, ..stranger };
    assert_eq!(scene.append(&service).await.unwrap().message.seq, Some(2), "what was refused took no seq");
    assert_eq!(scene.list("3", 10, None).await.items.len(), 0, "who speaks for the service is no member");
}

pub(super) async fn a_group_that_is_not_there_is_not_found(scene: Scene) {
    let absent = group("absent");
    for members_only in [true, false] {
        let draft = Draft { members_only, ..scene.draft("1", "g:absent") };
        assert_eq!(scene.append(&draft).await.unwrap_err(), Denied::NotFound);
    }
    for reader in [Reader::All, Reader::User(user("1"))] {
        let page = scene.page(query("g:absent", reader, Range::Latest)).await;
        assert_eq!(page.unwrap_err(), Denied::NotFound);
    }
    assert_eq!(scene.mark("1", "g:absent", 1).await, Err(Denied::NotFound));
    let one = users(&["1"]);
    let refused = [
        denied(scene.store.add_members(&absent, &one, false).await),
        denied(scene.store.remove_members(&absent, &one).await),
        denied(scene.store.delete_group(&absent).await),
    ];
    assert!(refused.iter().all(|change| matches!(change, Err(Denied::NotFound))), "{refused:?}");
    assert_eq!(scene.store.rosters(&[absent]).await.unwrap(), [None]);
}

pub(super) async fn a_group_exists_from_put_on_and_may_be_empty(scene: Scene) {
    let made = scene.store.put_group(&group("g"), None).await.unwrap();
    assert!(made.joined.is_empty() && made.left.is_empty() && made.version > 0);
    let roster = scene.store.rosters(&[group("g")]).await.unwrap().pop().unwrap().unwrap();
    assert_eq!(roster, made.roster);
    assert!(roster.members.is_empty());
    scene.join("g", "1").await;
    let again = scene.store.put_group(&group("g"), None).await.unwrap();
    assert_eq!(again.roster.members.len(), 1, "to make a group that is there changes nothing");
    scene.leave("g", "1").await;
    let left = scene.store.rosters(&[group("g")]).await.unwrap();
    assert!(left.first().unwrap().is_some(), "a group without members is still there");
}

pub(super) async fn members_are_made_exactly_those_that_are_put(scene: Scene) {
    let store = &scene.store;
    scene.put("g", &["1", "2", "3"]).await;
    let change = store.put_group(&group("g"), Some(&users(&["5", "3", "4", "4"]))).await.unwrap();
    assert_eq!(change.joined, users(&["4", "5"]));
    assert_eq!(change.left, users(&["1", "2"]));
    assert_eq!(change.roster.members.keys().cloned().collect::<Vec<_>>(), users(&["3", "4", "5"]));
    assert_eq!(change.roster.version, change.version);
    assert_eq!(store.rosters(&[group("g")]).await.unwrap(), [Some(change.roster)]);
    let emptied = store.put_group(&group("g"), Some(&[])).await.unwrap();
    assert_eq!((emptied.left.len(), emptied.roster.members.len()), (3, 0));
}

pub(super) async fn adding_makes_the_group_only_where_it_may(scene: Scene) {
    let store = &scene.store;
    assert!(store.add_members(&group("g"), &users(&["1"]), false).await.is_err());
    let made = store.add_members(&group("g"), &users(&["1", "2", "1"]), true).await.unwrap();
    assert_eq!(made.joined, users(&["1", "2"]));
    let added = store.add_members(&group("g"), &users(&["2", "3"]), true).await.unwrap();
    assert_eq!((added.joined, added.left), (users(&["3"]), vec![]));
    let removed = store.remove_members(&group("g"), &users(&["1", "9"])).await.unwrap();
    assert_eq!((removed.joined, removed.left), (vec![], users(&["1"])));
    assert_eq!(removed.roster.members.keys().cloned().collect::<Vec<_>>(), users(&["2", "3"]));
}

pub(super) async fn the_version_grows_with_each_change_and_with_nothing_else(scene: Scene) {
    let store = &scene.store;
    let (g, one) = (group("g"), users(&["1"]));
    let mut versions = vec![scene.put("g", &["1"]).await.version];
    versions.push(store.add_members(&g, &users(&["2"]), false).await.unwrap().version);
    versions.push(store.remove_members(&g, &one).await.unwrap().version);
    versions.push(store.delete_group(&g).await.unwrap().version);
    versions.push(scene.put("g", &[]).await.version);
    versions.push(store.delete_group(&g).await.unwrap().version);
    versions.push(store.add_members(&g, &one, true).await.unwrap().version);
    assert!(versions.is_sorted_by(|one, other| one < other), "{versions:?}");
    let last = versions.pop().unwrap();
    scene.say("1", "g:g").await;
    let unchanged = [
        store.add_members(&g, &one, false).await.unwrap().version,
        store.remove_members(&g, &users(&["7"])).await.unwrap().version,
        scene.put("g", &["1"]).await.version,
        store.put_group(&g, None).await.unwrap().version,
    ];
    assert_eq!(unchanged, [last; 4]);
}

pub(super) async fn a_message_carries_the_version_that_it_was_said_under(scene: Scene) {
    let first = scene.put("g", &["1"]).await.version;
    let draft = scene.draft("1", "g:g");
    assert_eq!(scene.append(&draft).await.unwrap().version, Some(first));
    let second = scene.put("g", &["1", "2"]).await.version;
    assert_eq!(scene.append(&scene.draft("1", "g:g")).await.unwrap().version, Some(second));
    assert_eq!(scene.append(&draft).await.unwrap().version, Some(first), "repeated");
}

pub(super) async fn a_member_sees_only_what_came_after_joining(scene: Scene) {
    scene.put("g", &["1"]).await;
    scene.say_times(3, "1", "g:g").await;
    let roster = scene.put("g", &["1", "2"]).await;
    assert_eq!(roster.members.get(&user("1")), Some(&0));
    assert_eq!(roster.members.get(&user("2")), Some(&3));
    let empty = scene.read("2", "g:g", Range::Latest).await.unwrap();
    assert_eq!((empty.first, empty.head, empty.more, empty.messages.len()), (4, 3, false, 0));
    scene.say_times(2, "1", "g:g").await;
    for range in [Range::Latest, Range::After(0), Range::After(3), Range::Before(6)] {
        let page = scene.read("2", "g:g", range).await.unwrap();
        assert_eq!((seqs(&page), page.first, page.more), (vec![4, 5], 4, false), "{range:?}");
    }
    assert_eq!(seqs(&scene.read("2", "g:g", Range::Before(4)).await.unwrap()), [0; 0]);
    assert_eq!(seqs(&scene.read("1", "g:g", Range::Latest).await.unwrap()), [1, 2, 3, 4, 5]);
    assert_eq!(scene.count("2", "g:g").await, 2);
}

pub(super) async fn who_joins_again_sees_nothing_of_the_time_between(scene: Scene) {
    scene.put("g", &["1", "2"]).await;
    scene.say_times(2, "1", "g:g").await;
    scene.leave("g", "2").await;
    scene.say_times(2, "1", "g:g").await;
    scene.join("g", "2").await;
    scene.say("1", "g:g").await;
    let page = scene.read("2", "g:g", Range::After(0)).await.unwrap();
    assert_eq!((seqs(&page), page.first), (vec![5], 5));
    assert_eq!(scene.count("2", "g:g").await, 1);
    assert_eq!(scene.cursor("2", "g:g").await, 4);
    assert_eq!(scene.position("g:g", Some("2"), 100_000).await, 4);
}

pub(super) async fn who_has_left_is_shown_nothing(scene: Scene) {
    scene.put("g", &["1", "2"]).await;
    scene.say("1", "g:g").await;
    scene.leave("g", "2").await;
    assert_eq!(scene.read("2", "g:g", Range::Latest).await.unwrap_err(), Denied::Forbidden);
    assert_eq!(scene.mark("2", "g:g", 1).await, Err(Denied::Forbidden));
    assert_eq!(scene.append(&scene.draft("2", "g:g")).await.unwrap_err(), Denied::Forbidden);
    assert_eq!(scene.unread("2").await, []);
    assert_eq!(scene.store.recent_heads(&users(&["2"]), 0).await.unwrap(), [vec![]]);
}

pub(super) async fn a_group_made_again_goes_on_above_its_old_log(scene: Scene) {
    scene.put("g", &["1", "2"]).await;
    scene.say_times(3, "1", "g:g").await;
    let gone = scene.store.delete_group(&group("g")).await.unwrap();
    assert_eq!((gone.left, gone.joined), (users(&["1", "2"]), vec![]));
    assert!(gone.roster.members.is_empty());
    assert_eq!(scene.store.rosters(&[group("g")]).await.unwrap(), [None]);
    assert_eq!(scene.read("1", "g:g", Range::Latest).await.unwrap_err(), Denied::NotFound);
    assert_eq!(scene.append(&scene.draft("1", "g:g")).await.unwrap_err(), Denied::NotFound);
    assert_eq!((scene.unread("2").await, scene.list("2", 10, None).await.items.len()), (vec![], 0));
    let made = scene.put("g", &["2", "3"]).await;
    assert!(made.version > gone.version);
    assert_eq!(scene.log("g:g").await.messages.len(), 0, "nobody is shown what the old one said");
    assert_eq!(scene.say("2", "g:g").await, 4);
    for reader in [Reader::All, Reader::User(user("3"))] {
        let page = scene.page(query("g:g", reader, Range::After(0))).await.unwrap();
        assert_eq!((seqs(&page), page.first, page.head), (vec![4], 4, 4));
    }
    assert_eq!(scene.count("3", "g:g").await, 1);
}

pub(super) async fn the_groups_of_users_are_told_in_the_order_asked(scene: Scene) {
    scene.put("a", &["1", "2"]).await;
    scene.put("b", &["2"]).await;
    scene.say("1", "2").await;
    scene.say("1", "g:everyone").await;
    scene.unread("1").await;
    let told = scene.store.groups_of(&users(&["3", "2", "1", "2"])).await.unwrap();
    let (a, b) = (group("a"), group("b"));
    assert_eq!(told, [vec![], vec![a.clone(), b.clone()], vec![a.clone()], vec![a.clone(), b.clone()]]);
    let absent = group("absent");
    let rosters = scene.store.rosters(&[b.clone(), absent, a.clone()]).await.unwrap();
    let named: Vec<_> =
        rosters.iter().map(|roster| roster.as_ref().map(|roster| roster.group.clone())).collect();
    assert_eq!(named, [Some(b), None, Some(a)]);
}

pub(super) async fn ten_thousand_members_fit_in_one_call(scene: Scene) {
    let many: Vec<_> = (0..10_000).map(|number| user(&format!("u{number}"))).collect();
    let change = scene.store.put_group(&group("g"), Some(&many)).await.unwrap();
    assert_eq!((change.joined.len(), change.roster.members.len()), (10_000, 10_000));
    scene.say("u1", "g:g").await;
    assert_eq!(scene.count("u9999", "g:g").await, 1);
    let told = scene.store.groups_of(&many).await.unwrap();
    assert!(told.len() == many.len() && told.iter().all(|groups| groups.len() == 1));
    let change = scene.store.remove_members(&group("g"), many.get(1..).unwrap()).await.unwrap();
    assert_eq!((change.left.len(), change.roster.members.len()), (9_999, 1));
}

/// No change is lost, no version is given twice.
pub(super) async fn racing_changes_of_a_group_all_count(scene: Scene) {
    scene.put("g", &["0"]).await;
    let mut changes = JoinSet::new();
    for number in 1..=20 {
        let scene = scene.clone();
        changes.spawn(async move {
            let member = users(&[&format!("u{number}")]);
            scene.say("0", "g:g").await;
            scene.store.add_members(&group("g"), &member, false).await.unwrap().version
        });
    }
    let mut versions = changes.join_all().await;
    versions.sort_unstable();
    let first = *versions.first().unwrap();
    assert_eq!(versions, (first..first + 20).collect::<Vec<_>>());
    let roster = scene.store.rosters(&[group("g")]).await.unwrap().pop().unwrap().unwrap();
    assert_eq!((roster.members.len(), roster.version), (21, first + 19));
}
