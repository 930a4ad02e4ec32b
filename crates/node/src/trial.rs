//! What a simulation does to a node: where it crashes, and which rule it breaks. Nothing, and of no size, in production.

use crate::fault::Faults;
use crate::sabotage::Sabotaged;

/// What a simulation does to a node. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// Where it crashes.
    pub(crate) faults: Faults,
    /// Which rule it breaks.
    pub(crate) sabotaged: Sabotaged,
}

#[cfg(not(any(feature = "faults", feature = "sabotage")))]
const _: () = assert!(size_of::<Trial>() == 0, "nothing of it is in a node of production");
