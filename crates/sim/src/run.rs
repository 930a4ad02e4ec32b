//! One run, from its plan to what was seen and said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use testkit::judge::{Bounds, Facts, Least, Verdict, judge};
use tokio::task::JoinSet;
use wire::id::ConversationId;
use wire::policy::DevicePolicy;

use crate::bounds;
use crate::cast;
use crate::client::classic;
use crate::client::device::Device;
use crate::director;
use crate::finale;
use crate::panics;
use crate::plan::Plan;
use crate::stage::Stage;

/// Of a run, the last part in which everybody logs in once more.
const FINALE: Duration = Duration::from_secs(45);

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What was seen.
    pub facts: Arc<Facts>,
    /// What the judge says of it.
    pub verdict: Verdict,
    /// Panics of tasks, and what nodes themselves called a defect.
    pub defects: Vec<String>,
    /// What nodes said of themselves, by event.
    pub said: BTreeMap<String, u64>,
    /// How many faults there were, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Calls on the seams, by seam and name.
    pub calls: BTreeMap<(&'static str, &'static str), u64>,
}

impl Outcome {
    /// Of a run that did not come to its end: the panic that broke it off is told as a defect.
    fn broken_off() -> Outcome {
        Outcome {
            facts: Arc::new(Facts::in_memory()),
            verdict: judge(&Facts::in_memory(), &Bounds { least: Least::default(), ..Bounds::default() }),
            defects: vec!["the run did not come to its end".to_owned()],
            said: BTreeMap::new(),
            faults: BTreeMap::new(),
            calls: BTreeMap::new(),
        }
    }

    /// True when nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.defects.is_empty()
    }
}

/// Runs a plan on this thread, under a clock that moves when everybody waits. The facts go to a file too where one is named.
///
/// # Panics
/// When a node breaks the rules of the WebSocket or of HTTP, or a runtime cannot be made.
pub fn run(plan: &Plan, file: Option<&Path>) -> Outcome {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime: {error}"),
    };
    panics::listen();
    // What a node's start is made of stays on its thread.
    let played = tokio::task::LocalSet::new();
    let playing = AssertUnwindSafe(|| played.block_on(&runtime, play(plan.clone(), file)));
    let outcome = catch_unwind(playing);
    drop(played);
    drop(runtime);
    let mut outcome = outcome.unwrap_or_else(|_panic| Outcome::broken_off());
    outcome.defects.extend(panics::take());
    outcome
}

async fn play(plan: Plan, file: Option<&Path>) -> Outcome {
    let facts = file.map_or_else(Facts::in_memory, Facts::in_file);
    let stage = Stage::new(plan, facts);
    stage.cluster.start().await;
    let cast = cast::assemble(&stage).await;
    let conversations = conversations(&cast);
    let mut playing = JoinSet::new();
    for device in cast {
        playing.spawn(device.live());
    }
    classic::begin(&stage);
    let directing = director::direct(stage.clone());
    let curtain = tokio::time::sleep_until(stage.at(stage.plan.length.saturating_sub(FINALE)));
    tokio::join!(directing, curtain);
    stage.curtain.cancel();
    stage.crowd.close();
    let mut cast = playing.join_all().await;
    stage.crowd.wait().await;
    cast.sort_by(|one, other| (&one.user, &one.name).cmp(&(&other.user, &other.name)));

    // Where a user may have one session, the second devices go first: the two would keep replacing each other.
    let is_first = |device: &Device| stage.plan.devices == DevicePolicy::Single && device.groups.is_empty();
    let (first, then): (Vec<Device>, Vec<Device>) = cast.into_iter().partition(is_first);
    for devices in [first, then] {
        let mut bows = JoinSet::new();
        for (place, device) in devices.into_iter().enumerate() {
            let node = place % stage.plan.nodes;
            let probes = device.friends.clone();
            bows.spawn(finale::take_a_bow(device, node, probes));
        }
        bows.join_all().await;
    }
    finale::read_the_store(&stage, &conversations).await;
    stage.cluster.tell(&stage.facts);
    stage.cluster.end();
    let verdict = judge(&stage.facts, &bounds::of(&stage.plan));
    let said = stage.cluster.said();
    let defects = said.get("defect").map(|times| format!("a node spoke of a defect {times} times"));
    let mut faults = BTreeMap::new();
    for planned in &stage.plan.faults {
        *faults.entry(planned.fault.kind().to_owned()).or_default() += 1;
    }
    Outcome {
        facts: stage.facts.clone(),
        verdict,
        defects: defects.into_iter().collect(),
        said,
        faults,
        calls: stage.seams.weather.calls(),
    }
}

/// Every conversation in which somebody may have said something.
fn conversations(cast: &[Device]) -> Vec<ConversationId> {
    let direct = cast.iter().flat_map(|device| &device.friends).map(|address| address.conversation.clone());
    let groups = cast.iter().flat_map(|device| &device.groups).map(|group| format!("g:{group}"));
    let names: BTreeSet<String> = direct.chain(groups).collect();
    names.iter().filter_map(|name| name.parse().ok()).collect()
}
