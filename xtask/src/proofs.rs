//! What pages name as shown is there: each name that looks like a test is a function of the repository.
//!
//! That it tests what the page says is a reader's affair.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use crate::shell::root;

    /// Shorter names in code font are settings and words of the protocol.
    const WORDS_MIN: usize = 5;

    /// The pages, and how many tests each names at least.
    const PAGES: [(&str, usize); 2] = [("docs/guarantees.md", 20), ("docs/conformance.md", 15)];

    #[test]
    fn every_proof_that_a_page_names_is_there() {
        let mut code = String::new();
        for folder in ["crates", "xtask"] {
            gather(&root().join(folder), &mut code);
        }
        for (page, proofs_min) in PAGES {
            let text = std::fs::read_to_string(root().join(page)).expect("the page");
            let named = text.split('`').skip(1).step_by(2);
            let named: BTreeSet<&str> = named.filter(|name| name.split('_').count() >= WORDS_MIN).collect();
            assert!(named.len() >= proofs_min, "{page} names only {} proofs", named.len());
            let missing: Vec<_> =
                named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
            assert!(missing.is_empty(), "{page} names what is not there: {missing:?}");
        }
    }

    fn gather(folder: &Path, code: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                gather(&path, code);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code.push_str(&std::fs::read_to_string(&path).expect("a source file"));
            }
        }
    }
}
