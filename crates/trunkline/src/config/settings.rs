//! How a section of the configuration is declared: once, for the typed struct, for reading, for `trunkline config`, for
//! `docs/configuration.md` and for naming the nearest known key.
//!
//! Promises: the default on a page is the text that is read where the file is silent.

use serde::de::DeserializeOwned;

use super::{
    de,
    place::Place,
    problem::{Problem, Problems},
    tree::{Map, Node, Value, join},
    yaml,
};

/// One key, as pages and errors know it.
#[derive(Debug)]
pub struct Setting {
    /// The name within its section.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: fn() -> String,
    /// What holds where nothing is written.
    pub default: Default,
    /// What 0 means, where it means something of its own.
    pub zero: Option<&'static str>,
    /// What it does, from the doc comment of its field.
    pub about: &'static str,
    /// Shown by `trunkline config` without `--all`.
    pub main: bool,
}

/// What holds where nothing is written.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// This text, as if it stood in the file.
    Is(&'static str),
    /// Nothing, or what is found out later: in words.
    Said(&'static str),
}

/// A section: its name in the file (empty for keys at the top level), what it is for, and its settings.
#[derive(Debug)]
pub struct Section {
    /// `ws`.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Its keys in the order of the pages.
    pub settings: &'static [Setting],
}

/// Reads one section out of the tree, and keeps what is wrong with it.
pub struct SectionReader<'a> {
    name: &'static str,
    map: Option<&'a Map>,
    problems: &'a mut Problems,
}

impl<'a> SectionReader<'a> {
    /// A reader of the section `name` of `root`, or of the top level where `name` is empty.
    pub fn new(root: &'a Node, name: &'static str, problems: &'a mut Problems) -> SectionReader<'a> {
        let node = if name.is_empty() { Some(root) } else { root.as_map().and_then(|map| map.get(name)) };
        let map = match node.map(|node| (&node.value, &node.at)) {
            None | Some((Value::Null, _)) => None,
            Some((Value::Map(map), _)) => Some(map),
            Some((_, at)) => {
                problems.push(Problem::of(name, Some(at), "a map of settings is expected here"));
                None
            }
        };
        SectionReader { name, map, problems }
    }

    /// The value of a key, or its default; also the default where the value is wrong, which is kept as a problem.
    pub fn value<T: DeserializeOwned>(&mut self, key: &str, default: Default) -> Option<T> {
        let full = join(self.name, key);
        if let Some(node) = self.map.and_then(|map| map.get(key)).filter(|node| !node.is_null()) {
            match de::read(node, &full) {
                Ok(value) => return Some(value),
                Err(problem) => self.problems.push(problem),
            }
        }
        let at = Place::named("default");
        let node = match default {
            Default::Is(text) => yaml::read_value(text, &at),
            Default::Said(_) => Ok(Node { at, value: Value::Null }),
        };
        match node.and_then(|node| de::read(&node, &full)) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }
}

/// Declares a section. `main` settings are on the short list, `fine` ones only on the whole.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $struct:ident in $section:literal {
            $(
                $(#[doc = $doc:literal])+
                $rank:ident $field:ident: $type:ty = $how:ident($default:literal) $(, zero $zero:literal)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub struct $struct {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl $struct {
            /// Name, purpose and keys.
            pub const SECTION: $crate::config::settings::Section = $crate::config::settings::Section {
                name: $section,
                about: concat!($($about, "\n"),+),
                settings: &[$($crate::config::settings::Setting {
                    name: stringify!($field),
                    kind: <$type as $crate::config::scalar::Kind>::kind,
                    default: $crate::config::settings::Default::$how($default),
                    zero: $crate::config::settings::first(&[$($zero)?]),
                    about: concat!($($doc, "\n"),+),
                    main: $crate::config::settings::is_main(stringify!($rank)),
                },)+],
            };

            /// Reads it; nothing only where a built-in default is no value of its kind, which is a defect of ours.
            pub(in crate::config) fn read(root: &$crate::config::tree::Node, problems: &mut $crate::config::problem::Problems) -> Option<Self> {
                let mut reader = $crate::config::settings::SectionReader::new(root, $section, problems);
                $(let $field = reader.value::<$type>(stringify!($field), $crate::config::settings::Default::$how($default));)+
                Some(Self { $($field: $field?,)+ })
            }
        }
    };
}
pub(super) use section;

/// What may or may not be said.
pub const fn first(said: &[&'static str]) -> Option<&'static str> {
    match said {
        [first, ..] => Some(*first),
        [] => None,
    }
}

/// Whether a rank is that of the short list.
pub const fn is_main(rank: &str) -> bool {
    // Comparing text is not yet possible in a constant; the two ranks differ in their first letter.
    rank.as_bytes()[0] == b'm'
}
