//! The code map in ARCHITECTURE.md: a line a file, which is the first sentence of what the file says of itself.
//!
//! A file that is added, moved or described anew makes its test fail until `cargo xtask docs` has run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::shell::{Done, Problem, root};

const PAGE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- the code map: written by `cargo xtask docs`, compared by a test -->\n";
const END: &str = "<!-- end of the code map -->\n";
/// The folders of code, in the order of reading: what stands on nothing comes first.
const FOLDERS: [&str; 12] = [
    "crates/wire",
    "crates/ports",
    "crates/edge",
    "crates/rocketmq",
    "crates/adapters",
    "crates/node",
    "crates/gateway",
    "crates/trunkline",
    "crates/testkit",
    "crates/chaos",
    "crates/bench",
    "xtask",
];

/// Writes the map again.
pub fn write() -> Done {
    let (page, renewed) = renewed()?;
    if page == renewed {
        return Ok(());
    }
    std::fs::write(root().join(PAGE), renewed).map_err(|error| Problem(format!("{PAGE}: {error}")))
}

/// The page as it is, and as it has to be.
fn renewed() -> Result<(String, String), Problem> {
    let page = read(&root().join(PAGE))?;
    let lost = || Problem(format!("{PAGE} has lost the marks around its code map"));
    let (before, rest) = page.split_once(BEGIN).ok_or_else(lost)?;
    let (_, after) = rest.split_once(END).ok_or_else(lost)?;
    let renewed = format!("{before}{BEGIN}{}{END}{after}", map()?);
    Ok((page, renewed))
}

fn map() -> Result<String, Problem> {
    let mut map = String::new();
    for folder in FOLDERS {
        let source = root().join(folder).join("src");
        let mut files = Vec::new();
        gather(&source, &mut files)?;
        files.sort();
        // Writing into a text cannot fail.
        let _written = write!(map, "\n### `{folder}`\n\n| file under `src` | |\n| --- | --- |\n");
        for file in files {
            let shown = file.strip_prefix(&source).unwrap_or(&file).display().to_string();
            let sentence = first_sentence(&read(&file)?).replace('|', "\\|");
            let _written = writeln!(map, "| `{shown}` | {sentence} |");
        }
    }
    map.push('\n');
    Ok(map)
}

/// The first sentence of a file's own description.
fn first_sentence(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let paragraph = without_links(&paragraph.join(" "));
    match paragraph.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => paragraph,
    }
}

/// Links between items of code lead nowhere on a page: `[text](path)` and `[text]` become `text`.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (shown, after))) =
        rest.split_once('[').and_then(|(before, linked)| Some((before, linked.split_once(']')?)))
    {
        plain.push_str(before);
        plain.push_str(shown);
        rest =
            after.strip_prefix('(').and_then(|path| path.split_once(')')).map_or(after, |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

/// The source files below a folder, but for tests.
fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> Done {
    let lost = |error: std::io::Error| Problem(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(lost)? {
        let path = entry.map_err(lost)?.path();
        if path.is_dir() && !path.ends_with("tests") {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(file).map_err(|error| Problem(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_map_is_that_of_the_code() {
        let (page, renewed) = renewed().map_err(|problem| problem.0).unwrap();
        assert!(page == renewed, "{PAGE} has an old code map; write it again: cargo xtask docs");
    }

    #[test]
    fn a_file_is_described_by_its_first_sentence() {
        assert_eq!(
            first_sentence("//! Who is here: by user. And more.\n//!\n//! x\nuse a;\n"),
            "Who is here: by user."
        );
        assert_eq!(first_sentence("//! Of [`A`] and [b](crate::B). C.\n"), "Of `A` and b.");
        assert_eq!(first_sentence("//! One that goes\n//! on.\n\nuse a;\n"), "One that goes on.");
    }
}
