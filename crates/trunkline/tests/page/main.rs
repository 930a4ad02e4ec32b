//! What `docs/from-the-article.md` and the two READMEs say is done as they say: files written, commands and programs run, what they print compared.
//!
//! Nacos, Redis and RocketMQ are real. Only ports differ from the page, so that nobody's own servers are in the way.
//! Blocks without a word for the test (nginx, Kubernetes, the browser's console) are not run, and the page says so of each.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up must fail")]

mod blocks;
mod walk;

use std::path::Path;
use std::time::Duration;

use blocks::{Block, Deed, blocks};
use testkit::servers::{Nacos, Redis, RocketMq};
use tokio::time::Instant;
use walk::Walk;

/// A reader is not kept waiting, and neither is whoever runs all tests.
const WALK_LIMIT: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_readers_of_the_article_does_what_it_says() {
    let blocks = blocks(&page("docs/from-the-article.md"));
    let (nacos, redis, rocketmq) = tokio::join!(Nacos::start(), Redis::start(), RocketMq::start());
    let began = Instant::now();
    let mut walk = Walk::new(
        "docs/from-the-article.md",
        &[
            ("8848", nacos.address().port()),
            ("6379", redis.address().port()),
            ("9876", rocketmq.address().port()),
        ],
    );
    walk.take_all(&blocks).await;
    walk.end().await;
    let took = began.elapsed();
    assert!(took < WALK_LIMIT, "the walk took {took:.0?}");
    let asked = |deed: Deed| blocks.iter().filter(|block: &&Block| block.deed == deed).count();
    assert!(asked(Deed::Java) >= 10 && asked(Deed::Run) >= 10, "the page has lost its examples");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quick_tours_of_both_readmes_do_what_they_say() {
    for readme in ["README.md", "README.zh-CN.md"] {
        let port = testkit::ports::free_with(&[1]);
        let mut walk = Walk::new(readme, &[("8080", port), ("8081", port + 1)]);
        walk.start(&format!("trunkline up --port {port} --data data")).await;
        let blocks = blocks(&page(readme));
        assert!(blocks.len() >= 5, "{readme} has lost its tour");
        walk.take_all(&blocks).await;
        walk.end().await;
    }
}

fn page(path: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(page).expect(path)
}
