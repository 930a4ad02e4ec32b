//! A process that is killed while it keeps messages. It is this test program itself, started once more for one test alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use adapters::sql::SqliteStore;
use ports::store::{PageQuery, Reader};
use ports::{Ambient, Retry, Store};
use testkit::process::{Process, Program, Stream};
use wire::Target;
use wire::frame::Range;
use wire::id::GroupId;

use super::{draft, open};

/// Where the child finds its database; only a child has it.
const DATABASE: &str = "TRUNKLINE_TEST_DATABASE";
/// Times that a process is killed on the same file.
const KILLS: u64 = 5;
/// Receipts before a kill.
const RECEIPTS_MIN: u64 = 150;

/// Not a test by itself: without a database it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_appends_until_it_is_killed() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let store = open(&PathBuf::from(path)).await;
    let group: GroupId = "g".parse().unwrap();
    let senders: Vec<String> = (0..8).map(|number| format!("u{number}")).collect();
    let members: Vec<_> = senders.iter().map(|sender| sender.parse().unwrap()).collect();
    store.put_group(&group, Some(&members)).await.unwrap();
    let life = Ambient::system().message_id();
    let mut sending = tokio::task::JoinSet::new();
    for sender in senders {
        sending.spawn(send_for_ever(store.clone(), sender, format!("{life}")));
    }
    sending.join_all().await;
}

#[expect(clippy::print_stdout, reason = "the parent reads the receipts")]
async fn send_for_ever(store: Arc<SqliteStore>, sender: String, life: String) {
    for number in 0.. {
        let to = match number % 3 {
            0 => Target::User("hub".parse().unwrap()),
            1 => Target::Group("g".parse().unwrap()),
            _ => Target::Group(GroupId::everyone()),
        };
        let id = format!("{life}-{number}");
        let message = store.append(draft(&sender, to, &id, number)).await.unwrap().message;
        println!("receipt {} {} {sender} {id} {number}", message.conversation.unwrap(), message.seq.unwrap());
    }
}

fn start(path: &Path) -> Process {
    let child = "sqlite::crash::child_that_appends_until_it_is_killed";
    let program = Program::new(std::env::current_exe().unwrap()).called("appending child");
    program.args(["--exact", child, "--nocapture"]).env(DATABASE, path).start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_receipted_outlives_a_kill_without_a_hole() {
    let folder = testkit::scratch::folder("sqlite-crash");
    let path = folder.path().join("trunkline.db");
    let mut receipts: Vec<String> = Vec::new();
    for round in 0..KILLS {
        let child = start(&path);
        let enough = async || child.line_count() >= RECEIPTS_MIN + 37 * round;
        testkit::poll::until("enough receipts", Duration::from_secs(30), enough).await;
        child.kill_9().await;
        let lines = child.lines(Stream::Out);
        receipts.extend(lines.into_iter().filter(|line| line.starts_with("receipt ")));

        let store = open(&path).await;
        check(&store, &receipts).await;
        store.close().await;
    }
    assert!(receipts.len() as u64 > KILLS * RECEIPTS_MIN / 2, "only {} receipts", receipts.len());
}

/// Every receipt names a message that is there, as it was said; no log has a hole; what is counted is what is there.
async fn check(store: &Arc<SqliteStore>, receipts: &[String]) {
    let mut logs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let names = (0..8).map(|number| format!("d:hub:u{number}")).chain(["g:g".into(), "g:everyone".into()]);
    for name in names {
        let query = PageQuery {
            conversation: name.parse().unwrap(),
            reader: Reader::All,
            range: Range::After(0),
            items_max: 1_000_000,
            bytes_max: usize::MAX,
        };
        let page = store.pages(&[query]).await.unwrap().pop().unwrap().unwrap();
        let seqs: Vec<u64> = page.messages.iter().map(|message| message.seq.unwrap()).collect();
        assert_eq!(seqs, (1..=page.head).collect::<Vec<_>>(), "{name} has a hole");
        let lines = page.messages.iter().map(|message| {
            let (from, id) = (message.from.as_ref().unwrap(), message.id.as_ref().unwrap());
            format!("receipt {name} {} {from} {id} {}", message.seq.unwrap(), message.content.get())
        });
        let lines = lines.collect();
        logs.insert(name, lines);
    }
    for receipt in receipts {
        let mut words = receipt.split(' ').skip(1);
        let (name, seq): (&str, usize) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        assert_eq!(logs.get(name).and_then(|log| log.get(seq - 1)), Some(receipt), "receipted, but not kept");
    }
    let unread = store.arrive(&["hub".parse().unwrap()], 100).await.unwrap().pop().unwrap();
    for line in unread.items.iter().filter(|line| !line.conversation.is_group()) {
        let log = logs.get(line.conversation.as_str()).unwrap();
        assert_eq!((line.unread, line.head), (log.len() as u64, log.len() as u64), "{}", line.conversation);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_one_file_is_refused_until_the_first_is_gone() {
    let folder = testkit::scratch::folder("sqlite-two");
    let path = folder.path().join("trunkline.db");
    let child = start(&path);
    child.wait_for_line("receipt", Duration::from_secs(30)).await;
    let error = SqliteStore::open(&path, &Ambient::system()).await.err().unwrap();
    assert_eq!(error.retry, Retry::Never);
    assert!(error.chain().contains("another process"), "{}", error.chain());
    child.kill_9().await;
    open(&path).await.close().await;
}
