//! Where the text of `/metrics` comes from. Which exporter collects it is the binary's choice.

use std::fmt;
use std::sync::Arc;

/// Renders all metrics of the process in Prometheus' text format. Cheap to clone; the default has none.
#[derive(Clone)]
pub struct MetricsText(Arc<dyn Fn() -> String + Send + Sync>);

impl MetricsText {
    /// Asks `render` each time.
    pub fn new(render: impl Fn() -> String + Send + Sync + 'static) -> MetricsText {
        MetricsText(Arc::new(render))
    }

    /// The text as of now.
    pub fn render(&self) -> String {
        (self.0)()
    }
}

impl Default for MetricsText {
    fn default() -> Self {
        MetricsText::new(String::new)
    }
}

impl fmt::Debug for MetricsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsText")
    }
}
