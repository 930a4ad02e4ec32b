//! Points between two steps at which a simulation can crash a node: where two servers must agree, and one has been told and the other has not.
//!
//! Each is named and described here, and passed in one place. Without the feature `faults` a point is nothing at all.
//! What is armed belongs to one node: many clusters may run in one process.

#[cfg(feature = "faults")]
use std::sync::Arc;

#[cfg(feature = "faults")]
use edge::Life;

/// A place between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// The directory has carried out a claim, and nobody else knows: neither the client, nor whoever was displaced by it.
    AfterClaim,
    /// A message is decided on, and kept nowhere: its sender has to send it again.
    BeforeAppend,
    /// A message is kept, and nobody knows: its sender sends it again and must get the first receipt, and the others must get it.
    AfterAppend,
    /// The sender's receipt is on its way, and nobody else has been told: they must learn of it from the store.
    AfterReceipt,
    /// It is known which nodes have to be told, and none has been.
    AfterLocate,
    /// The bus has taken a batch, and what was to be remembered of it is not.
    AfterPost,
    /// A session is gone, and its binding is not.
    BeforeRelease,
}

impl Point {
    /// All of them, in the order of a login, a message and a logout.
    pub const ALL: [Point; 7] = [
        Point::AfterClaim,
        Point::BeforeAppend,
        Point::AfterAppend,
        Point::AfterReceipt,
        Point::AfterLocate,
        Point::AfterPost,
        Point::BeforeRelease,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Point::AfterClaim => "after_claim",
            Point::BeforeAppend => "before_append",
            Point::AfterAppend => "after_append",
            Point::AfterReceipt => "after_receipt",
            Point::AfterLocate => "after_locate",
            Point::AfterPost => "after_post",
            Point::BeforeRelease => "before_release",
        }
    }
}

/// Which points of one node are armed; none, unless a simulation says so. Cheap to clone.
#[derive(Clone, Default)]
pub struct Faults {
    #[cfg(feature = "faults")]
    armed: Option<Armed>,
}

#[cfg(feature = "faults")]
#[derive(Clone)]
struct Armed {
    life: Life,
    strikes: Arc<dyn Fn(Point) -> bool + Send + Sync>,
}

#[cfg(feature = "faults")]
impl Faults {
    /// At each point `strikes` is asked, and where it says yes, `life` ends there.
    pub(crate) fn armed(life: Life, strikes: impl Fn(Point) -> bool + Send + Sync + 'static) -> Faults {
        Faults { armed: Some(Armed { life, strikes: Arc::new(strikes) }) }
    }

    /// What is armed ends this life from now on.
    pub(crate) fn end_with(&mut self, life: &Life) {
        if let Some(armed) = &mut self.armed {
            armed.life = life.clone();
        }
    }

    /// Goes past a point, or never comes back from it. `last` is what has happened by then, where others do it a little later.
    pub(crate) async fn pass_after(&self, point: Point, last: impl FnOnce()) {
        if let Some(armed) = self.armed.as_ref().filter(|armed| (armed.strikes)(point)) {
            last();
            armed.life.end();
            std::future::pending().await
        }
    }
}

#[cfg(not(feature = "faults"))]
impl Faults {
    /// What is not armed ends nothing.
    pub(crate) fn end_with(&mut self, _: &edge::Life) {}

    /// Goes past a point.
    pub(crate) fn pass_after(&self, _: Point, _: impl FnOnce()) -> std::future::Ready<()> {
        std::future::ready(())
    }
}

impl Faults {
    /// Goes past a point, or never comes back from it.
    pub(crate) fn pass(&self, point: Point) -> impl Future<Output = ()> + Send {
        self.pass_after(point, || ())
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}
