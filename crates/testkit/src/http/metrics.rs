//! Prometheus' text format, read into a map.

use std::collections::BTreeMap;

/// Labels by name.
type Labels = BTreeMap<String, String>;

/// The samples of one scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    samples: BTreeMap<String, Vec<(Labels, f64)>>,
}

impl Metrics {
    /// Reads the text format; comments are passed over, timestamps dropped.
    ///
    /// # Panics
    ///
    /// At the first line that is not of the format.
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, labels, value) =
                sample(line).unwrap_or_else(|| panic!("not a metrics line: {line:?}"));
            metrics.samples.entry(name).or_default().push((labels, value));
        }
        metrics
    }

    /// The sum of all samples of `name` that carry these labels (and any others); 0 where there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.samples.get(name).map(Vec::as_slice).unwrap_or_default();
        let carries =
            |has: &Labels| labels.iter().all(|(name, value)| has.get(*name).is_some_and(|v| v == value));
        samples.iter().filter(|(has, _)| carries(has)).map(|(_, value)| value).sum()
    }

    /// Whether there is any sample of `name`.
    pub fn has(&self, name: &str) -> bool {
        self.samples.contains_key(name)
    }

    /// The names of all samples.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.samples.keys().map(String::as_str)
    }
}

/// `name{label="value",…} 1.5 [timestamp]`
fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.trim().to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after).trim_start();
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?;
    let value = if value == "+Inf" { f64::INFINITY } else { value.parse().ok()? };
    (!name.is_empty()).then(|| (name.to_owned(), labels, value))
}

/// The rest of a quoted value, and what follows its closing quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
# HELP sessions Sessions now.
# TYPE sessions gauge
sessions{node="node-1",dialect="v1"} 3
sessions{node="node-2",dialect="v1",} 4 1690000000000
sessions{node="node-2",dialect="classic"} 2
odd{text="a \"quote\", a \\ and }"} 1.5e3
bucket{le="+Inf"} +Inf
plain 7
"#;

    #[test]
    fn samples_are_summed_over_the_labels_that_were_not_asked_for() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.sum("sessions", &[]), 9.0);
        assert_eq!(metrics.sum("sessions", &[("node", "node-2")]), 6.0);
        assert_eq!(metrics.sum("sessions", &[("node", "node-2"), ("dialect", "v1")]), 4.0);
        assert_eq!(metrics.sum("sessions", &[("node", "node-3")]), 0.0);
        assert_eq!((metrics.sum("plain", &[]), metrics.sum("absent", &[])), (7.0, 0.0));
        assert!(metrics.has("plain") && !metrics.has("absent"));
    }

    #[test]
    fn quotes_in_labels_are_read() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.sum("odd", &[("text", r#"a "quote", a \ and }"#)]), 1500.0);
        assert_eq!(metrics.sum("bucket", &[]), f64::INFINITY);
    }

    #[test]
    #[should_panic(expected = "not a metrics line")]
    fn a_line_that_is_none_is_not_passed_over() {
        Metrics::parse("<html>");
    }
}
