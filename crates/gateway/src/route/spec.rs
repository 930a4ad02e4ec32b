//! A route as it was written: the plain data that the configuration hands to the gateway, before anything in it is understood.
//!
//! Promises: every text is as the file has it after placeholders were filled in, shortcut and expanded forms look alike, and each
//! part says where it was written, so that whoever compiles it can name the line.
//! Does not know which predicates and filters exist, nor what they mean: compiling does.

/// All that a configuration says of routes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoutesSpec {
    /// The routes in the order of the file; those switched off are left out.
    pub routes: Vec<RouteSpec>,
    /// The filters that every route gets.
    pub default_filters: Vec<Named>,
    /// `false` where `spring.cloud.gateway.enabled` is: then no route of the file is served.
    pub enabled: Option<bool>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSpec {
    /// Its name, for errors and metrics; `route-1` and so on where none was written.
    pub id: String,
    /// Where it leads: `lb:ws://name`, `lb://name`, `ws://host:port`.
    pub uri: String,
    /// Lower comes first; routes of the same order keep the order of the file.
    pub order: i32,
    /// All of them must hold; never empty.
    pub predicates: Vec<Named>,
    /// What happens to the request on its way.
    pub filters: Vec<Named>,
    /// What the file has under `metadata`; nested keys are joined by dots.
    pub metadata: Vec<(String, String)>,
    /// Where the route was written: `trunkline.yml:12:9`.
    pub at: String,
}

/// One predicate or filter: a name and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// `Path`, `StripPrefix`, ...
    pub name: String,
    /// The arguments in the order written. Those of the shortcut form `Name=a,b` are called `_genkey_0`, `_genkey_1`, as in Spring;
    /// the values of a list under `args` are `key.0`, `key.1`.
    pub args: Vec<(String, String)>,
    /// Where it was written: `trunkline.yml:14:13`.
    pub at: String,
}

impl Named {
    /// The values alone, for those whose arguments have no names that matter.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.args.iter().map(|(_, value)| value.as_str())
    }

    /// The argument called `name`, or the one at `place` of the shortcut form.
    pub fn arg(&self, name: &str, place: usize) -> Option<&str> {
        let generated = format!("_genkey_{place}");
        self.args.iter().find(|(key, _)| key == name || *key == generated).map(|(_, value)| value.as_str())
    }
}
