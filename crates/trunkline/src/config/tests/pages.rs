//! The pages say what is read.

use super::*;
use crate::config::{configuration_page, problem::Problems as Found, sections, settings_list, tree};

#[test]
fn the_configuration_page_is_the_one_in_docs() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == configuration_page(),
        "docs/configuration.md is old; write it again: cargo run -p trunkline -- config --markdown > docs/configuration.md"
    );
}

#[test]
fn every_default_is_a_value_of_its_kind() {
    let mut problems = Found::default();
    let nothing = tree::Node::map(super::super::Place::named("test"), tree::Map::default());
    assert!(sections::Ws::read(&nothing, &mut problems).is_some());
    let config = Case::node("").holds().config;
    assert!(problems.is_empty() && config.ws.name.0 == "trunkline");
}

#[test]
fn every_setting_is_described_and_listed() {
    let (short, long) = (settings_list(false), settings_list(true));
    for section in sections::ALL {
        for setting in section.settings {
            let key = tree::join(section.name, setting.name);
            assert!(setting.about.trim().ends_with('.'), "{key} has no sentence");
            assert!(long.contains(&format!("  {key} = ")), "{key} is not listed");
            assert_eq!(short.contains(&format!("  {key} = ")), setting.main, "{key}");
        }
    }
}
