//! One run from its first server to its verdict.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testkit::http::Http;
use testkit::judge::{self, Entry, Fact, Facts};
use tokio::time::{Instant, sleep_until};

use crate::cluster::Cluster;
use crate::links::Links;
use crate::nemesis::Nemesis;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::said::{self, Said};
use crate::schedule::Schedule;
use crate::servers::Servers;
use crate::settings::Settings;
use crate::workload::Workload;
use crate::{bounds, delays, habits, probe};

/// The log of facts in the folder of a run.
const FACTS: &str = "facts.ndjson";
/// The part of a run without faults, at its end.
const CALM: f64 = 0.2;
/// After the last fault and the last send, everybody holds everything without coming back.
const SETTLING_DEADLINE: Duration = Duration::from_secs(60);

/// Runs what is planned and judges it.
///
/// # Panics
///
/// When it cannot be set up, when a process does not come back after its fault, or when a server breaks the protocol.
pub async fn run(plan: &Plan) -> Outcome {
    let settings = Settings::of(plan.time);
    let schedule = Schedule::draw(plan.seed, plan.time, &settings);
    eprintln!("{}\n{} faults:\n{schedule}", plan.command(), schedule.len());
    std::fs::create_dir_all(&plan.folder)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", plan.folder.display()));
    for old in std::fs::read_dir(&plan.folder).into_iter().flatten().flatten() {
        // Logs are appended to, life by life; those of an earlier run are not ours.
        std::fs::remove_file(old.path()).ok();
    }
    let servers = Servers::start(plan.bus).await;
    let links = Links::lay(&servers);
    let cluster = Cluster::start(&plan.binary, links, &settings, &plan.folder).await;
    let facts_file = plan.folder.join(FACTS);
    let facts = Arc::new(Facts::in_file(&facts_file));
    make_groups(&cluster.nodes[0].api, &facts).await;

    let said = Said::default();
    let mut problems = Vec::new();
    let stage = async {
        let run = format!("r{}", plan.seed);
        let mut workload = Workload::start(&run, plan.seed, &cluster, &facts).await;
        workload.begin();
        break_things(plan, &schedule, &servers, &cluster, &facts, &mut workload).await;
        settle(&cluster, workload, &mut problems).await;
    };
    tokio::select! {
        () = stage => {}
        () = said.listen(&cluster, &facts) => {}
    }
    said.read(&cluster, &facts).await;
    keep_store(&servers, &facts).await;
    cluster.keep_logs();

    let logs = cluster.parts().map(|part| part.log().to_owned());
    judged(plan, &facts, problems, std::iter::once(facts_file).chain(logs).collect())
}

/// Judges once more what an earlier run of this plan has seen; what else went wrong then is not known.
///
/// # Panics
///
/// When its facts are not there.
pub fn judge_again(plan: &Plan) -> Outcome {
    let facts_file = plan.folder.join(FACTS);
    judged(plan, &Facts::read(&facts_file), Vec::new(), vec![facts_file])
}

fn judged(plan: &Plan, facts: &Facts, mut problems: Vec<String>, files: Vec<PathBuf>) -> Outcome {
    let settings = Settings::of(plan.time);
    let schedule = Schedule::draw(plan.seed, plan.time, &settings);
    let entries = facts.entries();
    let said = sums(&entries);
    if let Some((_, defects)) = said.iter().find(|(event, _)| event == said::DEFECT) {
        problems.push(format!("{defects} defects, as the nodes say themselves"));
    }
    let verdict = judge::judge(facts, &bounds::of(&settings, &schedule)).of_run(plan.seed, &plan.command());
    Outcome { verdict, problems, delays: delays::table(&entries), said, files }
}

/// Plays the schedule, and waits for the end of the calm after it.
async fn break_things(
    plan: &Plan,
    schedule: &Schedule,
    servers: &Servers,
    cluster: &Cluster,
    facts: &Facts,
    workload: &mut Workload,
) {
    let began = Instant::now();
    Nemesis { servers, cluster, facts }.play(schedule, began).await;
    workload.check();
    eprintln!("{:7.1} s  no more faults", began.elapsed().as_secs_f64());
    sleep_until((began + plan.time).max(Instant::now() + plan.time.mul_f64(CALM))).await;
    workload.check();
}

/// Lets everything come to rest, has everybody come back once, and probes.
async fn settle(cluster: &Cluster, mut workload: Workload, problems: &mut Vec<String>) {
    let mut note = |what: &str, outcome: Result<(), String>| {
        eprintln!("           {what}: {}", outcome.as_ref().err().map_or("yes", String::as_str));
        problems.extend(outcome.err().map(|seen| format!("not {what}: {seen}")));
    };
    note("healthy", cluster.becomes_healthy().await);
    note("answered", workload.finish().await);
    note("delivered to those who stayed", workload.settle(SETTLING_DEADLINE).await);
    note("back and caught up", workload.recall().await);
    note("probed", probe::all_pairs(workload.world(), cluster).await);
    workload.leave().await;
}

/// Makes the groups, of those who never leave them.
async fn make_groups(api: &Http, facts: &Facts) {
    for group in habits::groups() {
        let path = format!("/api/v1/groups/{}", group.name);
        let answer = api.put(&path, &json!({ "members": group.settled })).await;
        assert!(matches!(answer.status, 200 | 201 | 204), "{path}: {answer:?}");
        for user in group.settled {
            facts.record(Fact::Joined { group: group.name.clone(), user });
        }
    }
}

/// Writes down every row of the store.
async fn keep_store(servers: &Servers, facts: &Facts) {
    let columns = "conversation, seq, sender, client_id, message_id";
    let rows = servers.postgres.execute(&format!("SELECT {columns} FROM messages ORDER BY 1, 2")).await;
    for row in rows.lines() {
        let cells: Vec<&str> = row.split('|').collect();
        let [conversation, seq, from, id, message_id] = cells[..] else {
            panic!("a row of the store: {row}")
        };
        facts.record(Fact::Kept {
            conversation: conversation.to_owned(),
            seq: seq.parse().unwrap_or_else(|error| panic!("a row of the store: {row}: {error}")),
            from: from.to_owned(),
            id: id.to_owned(),
            message_id: message_id.to_owned(),
        });
    }
}

/// What the nodes said, by event.
fn sums(entries: &[Entry]) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in entries {
        if let Fact::Said { event, amount, .. } = &entry.fact {
            *sums.entry(event).or_default() += amount;
        }
    }
    sums.into_iter().map(|(event, sum)| (event.to_owned(), sum)).collect()
}
