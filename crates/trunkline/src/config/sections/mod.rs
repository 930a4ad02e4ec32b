//! The sections that are ours, one file each, and the list of them.

mod api;
mod auth;
mod bus;
mod directory;
mod gateway;
mod groups;
mod limits;
mod log;
mod node;
mod registry;
mod store;
mod top;
mod ws;

pub use api::Api;
pub use auth::{Auth, AuthKey};
pub use bus::Bus;
pub use directory::Directory;
pub use gateway::Gateway;
pub use groups::Groups;
pub use limits::Limits;
pub use log::Log;
pub use node::Node;
pub use registry::Registry;
pub use store::Store;
pub use top::Top;
pub use ws::Ws;

use super::settings::Section;

/// The sections that are a URL, or a map with `url` and settings.
pub const SEAMS: [&str; 4] = ["registry", "directory", "bus", "store"];

/// Every section, in the order of the pages; the first holds the keys of the top level.
pub const ALL: [&Section; 13] = [
    &Top::SECTION,
    &Node::SECTION,
    &Ws::SECTION,
    &Api::SECTION,
    &Auth::SECTION,
    &Registry::SECTION,
    &Directory::SECTION,
    &Bus::SECTION,
    &Store::SECTION,
    &Groups::SECTION,
    &Limits::SECTION,
    &Gateway::SECTION,
    &Log::SECTION,
];

/// The section called `name`.
pub fn section(name: &str) -> Option<&'static Section> {
    ALL.into_iter().find(|section| !section.name.is_empty() && section.name == name)
}

/// The names of everything that is ours at the top level.
pub fn top_level_names() -> impl Iterator<Item = &'static str> {
    let sections = ALL.into_iter().map(|section| section.name).filter(|name| !name.is_empty());
    sections.chain(Top::SECTION.settings.iter().map(|setting| setting.name))
}

/// Whether a key of the top level is ours.
pub fn is_ours(key: &str) -> bool {
    top_level_names().any(|name| name == key)
}
