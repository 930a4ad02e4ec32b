//! The settings for people: `trunkline config`, and `docs/configuration.md`.
//!
//! Promises: both come from the declarations that the settings are read by; nothing is said twice by hand.

use super::{
    sections,
    settings::{Default, Section, Setting},
    tree::join,
};

/// What `trunkline config` prints: a block for each section, the main settings or all of them.
pub fn settings_list(all: bool) -> String {
    let mut page = String::new();
    for section in sections::ALL {
        let shown: Vec<_> = section.settings.iter().filter(|setting| all || setting.main).collect();
        if shown.is_empty() {
            continue;
        }
        let name = if section.name.is_empty() { "(top level)" } else { section.name };
        line(&mut page, &format!("{name}: {}", joined(section.about)));
        for setting in shown {
            let key = join(section.name, setting.name);
            line(&mut page, &format!("  {key} = {}", default_text(setting).replace('`', "")));
            line(
                &mut page,
                &format!(
                    "      {}. {}{}",
                    plain_kind(setting),
                    joined(setting.about).replace('`', ""),
                    zero_sentence(setting)
                ),
            );
        }
        line(&mut page, "");
    }
    if !all {
        line(
            &mut page,
            "These are the settings that most deployments look at; `trunkline config --all` shows every one.",
        );
    }
    page
}

/// The whole of `docs/configuration.md`.
pub fn configuration_page() -> String {
    let mut page = String::from(HEAD);
    for section in sections::ALL {
        section_table(&mut page, section);
    }
    page.push_str(TAIL);
    page
}

fn section_table(page: &mut String, section: &Section) {
    let title = if section.name.is_empty() { "Top level".to_owned() } else { format!("`{}`", section.name) };
    line(page, &format!("\n## {title}\n\n{}\n", lines(section.about)));
    line(page, "| key | kind | default | 0 means | what it does |");
    line(page, "| --- | --- | --- | --- | --- |");
    for setting in section.settings {
        let cells = [
            format!("`{}`", join(section.name, setting.name)),
            (setting.kind)(),
            default_cell(setting),
            setting.zero.unwrap_or_default().to_owned(),
            joined(setting.about),
        ];
        let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        line(page, &format!("| {} |", cells.join(" | ")));
    }
}

const HEAD: &str = "# Configuration

<!-- Generated from crates/trunkline/src/config/sections by `trunkline config --markdown`; a test compares the two. -->

One YAML file serves both roles, `trunkline node -c FILE` and `trunkline gateway -c FILE`; a role ignores the sections of the other.
`trunkline check -c FILE` says what a file means and what in it is wrong, a line each, without starting anything.
`trunkline config --all` prints the tables below.

* Every key can be given as a variable, `TRUNKLINE__WS__PORT=19999`, and on the command line, `--set ws.port=19999`; a flag wins over a variable, and a variable over the file.
  `--registry`, `--directory`, `--bus` and `--store` are short for `--set registry.url=...` and so on.
* `${VAR:default}` is filled in, inside a longer value too, and the result may stand for a number.
  `${a.b}` is another key of the file.
  A `${VAR}` that is not set and has no default is an error in the sections below, and stays as written elsewhere.
* A duration is written `10s`, `5m`, `1h30m` or `500ms`; a size in bytes, or as `64KiB` or `1MiB`; a number may stand in quotes.
* A list may be written as one text with commas between the items.
* Keys may be nested or dotted: `ws.port: 19999` is `ws: { port: 19999 }`.
* An unknown key in a section below is an error that names the nearest known one; so is a top-level key that is close to one of ours.
  Other top-level keys are ignored, and listed by `trunkline check`.
* In URLs several hosts are separated by commas, and user and password are percent-encoded.
* Of several YAML documents in one file, those for a Spring profile (`spring.config.activate.on-profile`) are not read; the others are laid over each other.
";

const TAIL: &str = "
## What is read of Spring's own settings

Where ours are absent, these are read, so that the `application.yml` of a Spring service can be used as it is:

| Spring's key | stands for |
| --- | --- |
| `spring.cloud.nacos.discovery.server-addr` (or `spring.cloud.nacos.server-addr`), `.namespace`, `.group`, `.cluster-name`, `.username`, `.password` | `registry: nacos://...` |
| `spring.cloud.nacos.discovery.ip` | `node.advertise` |
| `spring.data.redis` or `spring.redis`: `host`, `port`, `username`, `password`, `database` | `directory: redis://...` |
| `rocketmq.name-server` | `bus: rocketmq://...` |
| `spring.cloud.gateway.server.webflux` or `spring.cloud.gateway`: `routes`, `default-filters`, `enabled` | the gateway's routes; where a key is under both, the first wins |

Names under `spring` are compared as Spring does: `default-filters` is `defaultFilters`.
What a file imports (`spring.config.import`, `spring.cloud.nacos.config`) is not read; a line at start says so.
";

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

fn lines(about: &str) -> String {
    about.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

fn joined(about: &str) -> String {
    about.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn default_text(setting: &Setting) -> String {
    match setting.default {
        Default::Is("[]") => "empty".to_owned(),
        Default::Is(text) => text.to_owned(),
        Default::Said(words) => words.to_owned(),
    }
}

fn default_cell(setting: &Setting) -> String {
    match setting.default {
        Default::Is("[]") => "empty".to_owned(),
        Default::Is(text) => format!("`{text}`"),
        Default::Said(words) => words.to_owned(),
    }
}

fn plain_kind(setting: &Setting) -> String {
    let kind = (setting.kind)();
    let kind = if kind.starts_with('`') { format!("one of {kind}") } else { kind }.replace('`', "");
    let mut letters = kind.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn zero_sentence(setting: &Setting) -> String {
    setting.zero.map(|zero| format!(" 0: {zero}.")).unwrap_or_default()
}
