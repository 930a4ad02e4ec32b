//! Pieces of a log, in both directions, cut to what the reader can take.

use wire::frame::Range;

use super::scene::{Scene, query, raw, seqs, user};
use crate::store::{Denied, Draft, PageQuery, Reader};

fn of_ten(range: Range, items_max: usize) -> PageQuery {
    PageQuery { items_max, ..query("d:1:2", Reader::User(user("2")), range) }
}

/// Ten messages, and what each query gives of them.
async fn ten(scene: &Scene, cases: &[(Range, usize, &[u64], bool)]) {
    scene.say_times(10, "1", "2").await;
    for (range, items_max, expected, more) in cases {
        let page = scene.page(of_ten(*range, *items_max)).await.unwrap();
        assert_eq!((seqs(&page), page.more), (expected.to_vec(), *more), "{range:?} by {items_max}");
        assert_eq!((page.first, page.head), (1, 10));
        assert!(page.roster.is_none());
    }
}

pub(super) async fn the_latest_page_goes_backwards_from_the_head(scene: Scene) {
    ten(
        &scene,
        &[
            (Range::Latest, 3, &[8, 9, 10], true),
            (Range::Latest, 10, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false),
            (Range::Latest, 200, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false),
        ],
    )
    .await;
}

pub(super) async fn a_page_before_ends_just_below(scene: Scene) {
    ten(
        &scene,
        &[
            (Range::Before(8), 3, &[5, 6, 7], true),
            (Range::Before(4), 3, &[1, 2, 3], false),
            (Range::Before(3), 3, &[1, 2], false),
            (Range::Before(1), 3, &[], false),
            (Range::Before(0), 3, &[], false),
            (Range::Before(11), 2, &[9, 10], true),
            (Range::Before(u64::MAX >> 11), 2, &[9, 10], true),
        ],
    )
    .await;
}

pub(super) async fn a_page_after_starts_just_above(scene: Scene) {
    ten(
        &scene,
        &[
            (Range::After(0), 3, &[1, 2, 3], true),
            (Range::After(7), 3, &[8, 9, 10], false),
            (Range::After(6), 3, &[7, 8, 9], true),
            (Range::After(9), 3, &[10], false),
            (Range::After(10), 3, &[], false),
            (Range::After(u64::MAX >> 11), 3, &[], false),
        ],
    )
    .await;
}

/// In either direction the cut is at the far end, and a message that is too long for the page comes alone.
pub(super) async fn a_page_is_cut_by_bytes_but_holds_one_message(scene: Scene) {
    for length in [10, 10, 50, 10, 10] {
        let content = raw(&format!("\"{}\"", "x".repeat(length - 2)));
        scene.append(&Draft { content, ..scene.draft("1", "2") }).await.unwrap();
    }
    let cases: [(Range, usize, &[u64], bool); 9] = [
        (Range::After(0), 20, &[1, 2], true),
        (Range::After(0), 69, &[1, 2], true),
        (Range::After(0), 70, &[1, 2, 3], true),
        (Range::After(0), 5, &[1], true),
        (Range::After(2), 20, &[3], true),
        (Range::After(2), 90, &[3, 4, 5], false),
        (Range::Latest, 20, &[4, 5], true),
        (Range::Latest, 1, &[5], true),
        (Range::Before(4), 55, &[3], true),
    ];
    for (range, bytes_max, expected, more) in cases {
        let page = scene.page(PageQuery { bytes_max, ..of_ten(range, 100) }).await.unwrap();
        assert_eq!((seqs(&page), page.more), (expected.to_vec(), more), "{range:?} by {bytes_max} bytes");
    }
    let wide = Draft { content: raw("\"长长长\""), ..scene.draft("1", "2") };
    scene.append(&wide).await.unwrap();
    let page = scene.page(PageQuery { bytes_max: 20, ..of_ten(Range::Latest, 100) }).await.unwrap();
    assert_eq!(seqs(&page), [6], "bytes are counted, not characters");
}

pub(super) async fn an_empty_log_is_an_empty_page(scene: Scene) {
    scene.put("g", &["1"]).await;
    for name in ["d:1:2", "g:g", "g:everyone"] {
        for reader in [Reader::User(user("1")), Reader::All] {
            for range in [Range::Latest, Range::Before(5), Range::After(0), Range::After(5)] {
                let page = scene.page(query(name, reader.clone(), range)).await.unwrap();
                assert_eq!((page.messages.len(), page.more), (0, false), "{name}");
                assert_eq!((page.first, page.head), (1, 0), "{name}");
            }
        }
    }
    assert_eq!(scene.list("2", 10, None).await.items.len(), 0, "reading makes no conversation");
}

pub(super) async fn a_stranger_reads_nothing(scene: Scene) {
    scene.put("g", &["1"]).await;
    scene.say("1", "2").await;
    scene.say("1", "g:g").await;
    for name in ["d:1:2", "g:g", "d:1:1"] {
        assert_eq!(scene.read("3", name, Range::Latest).await.unwrap_err(), Denied::Forbidden, "{name}");
        assert_eq!(scene.read("12", name, Range::Latest).await.unwrap_err(), Denied::Forbidden, "{name}");
    }
}

pub(super) async fn a_page_of_a_group_comes_with_its_roster(scene: Scene) {
    scene.put("g", &["1", "2"]).await;
    scene.say("1", "g:g").await;
    for reader in [Reader::User(user("2")), Reader::All] {
        let page = scene.page(query("g:g", reader, Range::Latest)).await.unwrap();
        let roster = page.roster.unwrap();
        assert_eq!(
            Some(roster.clone()),
            scene.store.rosters(std::slice::from_ref(&roster.group)).await.unwrap().pop().unwrap()
        );
    }
    let changed = scene.put("g", &["1", "3"]).await;
    assert_eq!(scene.log("g:g").await.roster, Some(changed));
}

/// Refused ones among them do not disturb the others.
pub(super) async fn many_pages_are_read_at_once_in_the_order_asked(scene: Scene) {
    scene.put("g", &["2"]).await;
    scene.say_times(4, "1", "2").await;
    scene.say_times(3, "2", "g:g").await;
    let reader = || Reader::User(user("2"));
    let queries = [
        query("g:g", reader(), Range::After(1)),
        query("d:3:4", reader(), Range::Latest),
        PageQuery { items_max: 2, ..query("d:1:2", reader(), Range::Latest) },
        query("g:absent", Reader::All, Range::Latest),
        query("d:1:2", Reader::All, Range::After(3)),
        PageQuery { items_max: 2, ..query("d:1:2", reader(), Range::After(0)) },
        PageQuery { bytes_max: 1, ..query("d:1:2", reader(), Range::After(0)) },
        query("g:everyone", reader(), Range::Latest),
    ];
    let told: Vec<Result<Vec<u64>, Denied>> = scene
        .store
        .pages(&queries)
        .await
        .unwrap()
        .into_iter()
        .map(|page| page.map(|page| seqs(&page)))
        .collect();
    let expected = [
        Ok(vec![2, 3]),
        Err(Denied::Forbidden),
        Ok(vec![3, 4]),
        Err(Denied::NotFound),
        Ok(vec![4]),
        Ok(vec![1, 2]),
        Ok(vec![1]),
        Ok(vec![]),
    ];
    assert_eq!(told, expected);
    assert_eq!(scene.store.pages(&[]).await.unwrap().len(), 0);
}
