//! The fenced blocks of a page, in their order, with what their first lines say is to be done with them.
//!
//! The words after the language are the test's: `file=NAME`, `run`, `start`, `until`, `shows`, `tail`, `rocketmq`.
//! A block without such a word is for readers alone.

/// What is to be done with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Write it into a file.
    Write,
    /// Run it with the shell to its end.
    Run,
    /// Run it again and again until it shows what follows.
    Until,
    /// Start each line as a process of its own.
    Start,
    /// Run it with `java`, without any library.
    Java,
    /// Compile it against RocketMQ's client, and let it run.
    JavaRocketMq,
    /// What the block before prints.
    Shows,
    /// A line that the latest `trunkline tail` prints.
    Tail,
}

/// A block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) deed: Deed,
    /// The name of its file; empty where it has none.
    pub(crate) file: String,
    pub(crate) text: String,
    /// Its first line in the page, counted from 1.
    pub(crate) line: usize,
}

/// The blocks of a page that the test has to do something with.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((idx, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut text = String::new();
        loop {
            let (idx, line) =
                lines.next().unwrap_or_else(|| panic!("the block of line {} has no end", idx + 1));
            match line.strip_prefix("```") {
                Some("") => break,
                Some(_) => panic!("line {}: a block ends with three backticks alone", idx + 1),
                None => text.extend([line, "\n"]),
            }
        }
        if let Some((deed, file)) = asked(info, idx + 1) {
            blocks.push(Block { deed, file, text, line: idx + 2 });
        }
    }
    blocks
}

fn asked(info: &str, line: usize) -> Option<(Deed, String)> {
    let mut words = info.split_whitespace();
    let language = words.next().unwrap_or_default();
    let (files, deeds): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("file="));
    let file = files.first().and_then(|word| word.strip_prefix("file=")).unwrap_or_default().to_owned();
    let deed = match (language, deeds.as_slice(), file.is_empty()) {
        (_, [], true) => return None,
        ("yaml", [], false) => Deed::Write,
        ("sh", ["run"], true) => Deed::Run,
        ("sh", ["until"], true) => Deed::Until,
        ("sh", ["start"], true) => Deed::Start,
        ("java", ["run"], false) => Deed::Java,
        ("java", ["rocketmq"], false) => Deed::JavaRocketMq,
        ("text", ["shows"], true) => Deed::Shows,
        ("text", ["tail"], true) => Deed::Tail,
        _ => panic!("line {line}: the test does not know what to do with a block of {info:?}"),
    };
    Some((deed, file))
}

/// Whether `text` is `pattern`, in which `…` stands for anything within a line.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<&str>, Vec<&str>) =
        (pattern.trim().lines().collect(), text.trim().lines().collect());
    pattern.len() == text.len() && pattern.iter().zip(text).all(|(pattern, line)| line_is_like(pattern, line))
}

/// Whether a line is like a pattern of one line.
pub(crate) fn line_is_like(pattern: &str, line: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(found) = rest.find(piece) else { return false };
        rest = &rest[found + piece.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_pattern_leaves_out_what_changes_and_nothing_else() {
    for (pattern, text, like) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("{\"time\":…}", "{\"time\":17}", true),
        ("{\"time\":…}", "{\"time\":17", false),
        ("a…b…c", "a1b2c", true),
        ("a…b…c", "a1c2", false),
        ("…b", "ab\nc", false),
        ("a\nb…", "a\nbc", true),
    ] {
        assert_eq!(is_like(pattern, text), like, "{pattern:?} {text:?}");
    }
}

#[test]
fn blocks_are_found_with_what_is_to_be_done() {
    let page = "a\n```sh run\nx\ny\n```\n```yaml\nno\n```\n```yaml file=a.yml\nk: 1\n```\n";
    let found: Vec<(Deed, String, String, usize)> =
        blocks(page).into_iter().map(|block| (block.deed, block.file, block.text, block.line)).collect();
    assert_eq!(
        found,
        [
            (Deed::Run, String::new(), "x\ny\n".to_owned(), 3),
            (Deed::Write, "a.yml".to_owned(), "k: 1\n".to_owned(), 10)
        ]
    );
}
