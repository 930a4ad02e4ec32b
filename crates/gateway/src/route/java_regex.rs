//! Regular expressions as Spring's configuration has them, in Java's language, for Rust's engine.
//!
//! Promises: an expression either means the same here as there, or it is refused with a sentence. What the engine cannot do
//! (look-around, back-references) is what could take exponential time in Java.

use regex::Regex;

/// Compiles an expression that may match anywhere.
pub(super) fn compile(java: &str) -> Result<Regex, String> {
    Regex::new(&translate(java)?).map_err(|error| reason(java, &error))
}

/// Compiles an expression that has to match a whole text.
pub(super) fn compile_whole(java: &str) -> Result<Regex, String> {
    let rust = translate(java)?;
    // By itself first: what is no expression must not become one between our brackets.
    Regex::new(&rust).map_err(|error| reason(java, &error))?;
    Regex::new(&format!("^(?:{rust})$")).map_err(|error| reason(java, &error))
}

fn reason(java: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    format!("the regular expression `{java}`: {}", last.trim_start_matches("error: "))
}

/// What both languages have and mean differently is written out, or refused.
fn translate(java: &str) -> Result<String, String> {
    let mut rust = String::with_capacity(java.len());
    let mut rest = java;
    let mut class_depth = 0usize;
    let mut after_quantifier = false;
    while let Some(char) = rest.chars().next() {
        if let Some(foreign) = foreign(rest, class_depth > 0) {
            return Err(format!("the regular expression `{java}`: {foreign}"));
        }
        let was_after_quantifier = std::mem::take(&mut after_quantifier);
        rest = &rest[char.len_utf8()..];
        match char {
            '\\' => {
                rest = escape(rest, &mut rust)
                    .map_err(|reason| format!("the regular expression `{java}` {reason}"))?
            }
            '[' => {
                class_depth += 1;
                rust.push('[');
            }
            ']' => {
                class_depth = class_depth.saturating_sub(1);
                rust.push(']');
            }
            '+' if was_after_quantifier && class_depth == 0 => {
                return Err(format!(
                    "the regular expression `{java}`: possessive quantifiers are not supported"
                ));
            }
            _ => {
                after_quantifier = class_depth == 0 && matches!(char, '+' | '*' | '?' | '}');
                rust.push(char);
            }
        }
    }
    Ok(rust)
}

/// What begins here and means something else to the engine than to Java, which mostly refuses it.
fn foreign(rest: &str, in_class: bool) -> Option<&'static str> {
    /// In the engine's language sets of characters by name, differences and symmetric differences; in Java's, single characters.
    const IN_CLASS: [(&str, &str); 3] = [
        ("[:", "`[:` in a class is not supported"),
        ("--", "`--` in a class is not supported"),
        ("~~", "`~~` in a class is not supported"),
    ];
    const OUTSIDE: [(&str, &str); 3] = [
        ("(?P", "a group is named `(?<name>...)`"),
        ("{,", "a repetition begins with a number"),
        ("\\b{", "`\\b{` is not supported"),
    ];
    let words = if in_class { &IN_CLASS } else { &OUTSIDE };
    if let Some((_, reason)) = words.iter().find(|(word, _)| rest.starts_with(word)) {
        return Some(reason);
    }
    let flags = rest.strip_prefix("(?").filter(|_| !in_class)?;
    let flags = flags.split_once([':', ')'])?.0;
    let is_flags = flags.chars().all(|char| char.is_ascii_alphabetic() || char == '-');
    // `U` makes every repetition lazy there, and classes those of Unicode here; `R` is no flag of Java's.
    (is_flags && flags.contains(['U', 'R'])).then_some("the flags `U` and `R` are not supported")
}

/// Writes what stands behind a backslash, and gives what follows it.
///
/// Java's `\d`, `\w`, `\s` are ASCII; `\Q...\E` quotes; `\<` is a character as any that is no letter is.
fn escape<'a>(rest: &'a str, rust: &mut String) -> Result<&'a str, String> {
    if let Some(quoted) = rest.strip_prefix('Q') {
        let (quoted, behind) = quoted.split_once("\\E").unwrap_or((quoted, ""));
        rust.push_str(&regex::escape(quoted));
        return Ok(behind);
    }
    let escaped = rest.chars().next().ok_or("ends in a single `\\`")?;
    match escaped {
        'v' | 'h' | 'U' => return Err(format!("has `\\{escaped}`, which is not supported")),
        'p' | 'P' if posix_class(rest).is_some() => {
            let (class, behind) = posix_class(rest).unwrap_or_default();
            rust.push_str(if escaped == 'p' { "[[:" } else { "[[:^" });
            rust.push_str(&class);
            rust.push_str(":]]");
            return Ok(behind);
        }
        _ => {}
    }
    match ascii_class(escaped) {
        Some(class) => rust.push_str(class),
        None if escaped.is_alphanumeric() => rust.extend(['\\', escaped]),
        None => rust.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
    }
    Ok(&rest[escaped.len_utf8()..])
}

/// `p{Lower}` and its neighbours: in Java they are of ASCII, elsewhere of Unicode.
fn posix_class(rest: &str) -> Option<(String, &str)> {
    const NAMES: [&str; 13] = [
        "Lower", "Upper", "ASCII", "Alpha", "Digit", "Alnum", "Punct", "Graph", "Print", "Blank", "Cntrl",
        "XDigit", "Space",
    ];
    let (name, behind) = rest.get(1..)?.strip_prefix('{')?.split_once('}')?;
    NAMES.contains(&name).then(|| (name.to_ascii_lowercase(), behind))
}

fn ascii_class(escaped: char) -> Option<&'static str> {
    Some(match escaped {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[a-zA-Z_0-9]",
        'W' => "[^a-zA-Z_0-9]",
        's' => r"[ \t\n\x0B\f\r]",
        'S' => r"[^ \t\n\x0B\f\r]",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ascii_as_in_java() {
        let digits = compile_whole(r"\d+[\w-]*").expect("compiles");
        assert!(digits.is_match("12a_-") && !digits.is_match("١٢"));
        assert!(!compile_whole(r"\w+").expect("compiles").is_match("é"));
    }

    #[test]
    fn quoted_text_stands_for_itself() {
        let quoted = compile_whole(r"\Qa.b+\E\d").expect("compiles");
        assert!(quoted.is_match("a.b+1") && !quoted.is_match("axbb1"));
    }

    #[test]
    fn what_the_engine_cannot_do_is_said() {
        let look_around = compile("/(?!admin)(.*)").expect_err("look-around");
        assert!(look_around.contains("look-around") && look_around.contains("(?!admin)"), "{look_around}");
        assert!(compile(r"(a)\1").is_err(), "a back-reference");
        assert!(compile("a++").expect_err("possessive").contains("possessive"));
        assert!(compile(r"[a+*+]+\++").is_ok(), "a plus in a class, and an escaped one, are characters");
        assert!(compile("a\\").is_err());
    }

    #[test]
    fn what_both_have_and_mean_differently_is_refused_or_written_out() {
        for foreign in [
            "(?U)a+",
            "(?iU:a)",
            "(?R)a",
            "(?P<n>a)",
            "a{,2}",
            r"\b{start}a",
            "[[:alpha:]]",
            "[a--b]",
            "[a~~b]",
            r"\v",
        ] {
            assert!(compile(foreign).is_err(), "{foreign}");
        }
        assert!(compile_whole(r"\<a\>").expect("compiles").is_match("<a>"), "no boundaries of words in Java");
        assert!(!compile_whole(r"\p{Lower}\P{Alpha}").expect("compiles").is_match("éé"));
        assert!(compile_whole(r"\p{Lower}\P{Alpha}[\p{Digit}x]\p{L}").expect("compiles").is_match("aé1é"));
        assert!(compile_whole(r"(?i:A)(?<n>b{1,2})[-~]\-").expect("compiles").is_match("abb~-"));
    }

    #[test]
    fn a_group_that_is_not_closed_is_not_closed_by_ours() {
        assert!(compile_whole("a)(b").is_err() && compile("a)(b").is_err());
        assert!(compile_whole("a|b").expect("compiles").is_match("b"));
    }
}
