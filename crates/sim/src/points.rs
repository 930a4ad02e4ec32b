//! The points of a node's code at which it can be made to crash, and the rules that it can be told to break.
//!
//! Nodes have both in builds with the feature `whole` alone; without it they pass every point and keep every rule.

use node::Launch;

/// A node that asks at each point, by its place among all of them, whether it crashes there.
#[cfg(feature = "whole")]
pub fn watched(launch: Launch, strikes: impl Fn(usize) -> bool + Send + Sync + 'static) -> Launch {
    use node::fault::Point;
    let place = |point: Point| Point::ALL.iter().position(|other| *other == point);
    launch.striking(move |point| place(point).is_some_and(&strikes))
}

/// A node that passes every point.
#[cfg(not(feature = "whole"))]
pub fn watched(launch: Launch, _strikes: impl Fn(usize) -> bool + Send + Sync + 'static) -> Launch {
    launch
}

/// A node that breaks the rule of this name.
///
/// # Panics
/// When there is none.
#[cfg(feature = "whole")]
pub fn sabotaged(launch: Launch, rule: Option<&str>) -> Launch {
    use node::sabotage::Sabotage;
    let Some(name) = rule else { return launch };
    match Sabotage::named(name) {
        Some(sabotage) => launch.sabotaged(sabotage),
        None => panic!("no sabotage is called {name}"),
    }
}

/// A node that keeps every rule.
#[cfg(not(feature = "whole"))]
pub fn sabotaged(launch: Launch, _rule: Option<&str>) -> Launch {
    launch
}
