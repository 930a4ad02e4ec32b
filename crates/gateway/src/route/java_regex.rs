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
    Regex::new(&format!("^(?:{})$", translate(java)?)).map_err(|error| reason(java, &error))
}

fn reason(java: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    format!("the regular expression `{java}`: {}", last.trim_start_matches("error: "))
}

/// Java's `\d`, `\w`, `\s` are ASCII; `\Q...\E` quotes; a `+` behind a quantifier gives up going back.
fn translate(java: &str) -> Result<String, String> {
    let mut rust = String::with_capacity(java.len());
    let mut rest = java.chars();
    let mut class_depth = 0usize;
    let mut after_quantifier = false;
    while let Some(char) = rest.next() {
        let was_after_quantifier = std::mem::take(&mut after_quantifier);
        match char {
            '\\' => match rest.next() {
                Some('Q') => {
                    let (quoted, behind) = rest.as_str().split_once("\\E").unwrap_or((rest.as_str(), ""));
                    rust.push_str(&regex::escape(quoted));
                    rest = behind.chars();
                }
                Some(escaped) => match ascii_class(escaped) {
                    Some(class) => rust.push_str(class),
                    None => rust.extend(['\\', escaped]),
                },
                None => return Err(format!("the regular expression `{java}` ends in a single `\\`")),
            },
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
}
