//! From routes as they are written to routes that decide; everything that is not understood is an error.

use std::fmt;

use super::{Filter, Named, Pattern, Route, RouteSpec, Routes, RoutesSpec, Target};

/// What is wrong with a route, where it stands, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteProblem {
    /// `trunkline.yml:12:9`.
    pub at: String,
    /// The sentence.
    pub message: String,
}

impl fmt::Display for RouteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// Understands all routes, or says everything that is wrong with them. `enabled: false` gives no routes.
pub fn compile(spec: &RoutesSpec) -> Result<Routes, Vec<RouteProblem>> {
    let mut problems = Vec::new();
    let default_filters = filters(&spec.default_filters, "default-filters", &mut problems);
    let mut ordered: Vec<&RouteSpec> = spec.routes.iter().collect();
    ordered.sort_by_key(|route| route.order);
    let routes =
        ordered.into_iter().filter_map(|spec| route(spec, &default_filters, &mut problems)).collect();
    match problems.is_empty() {
        true if spec.enabled == Some(false) => Ok(Routes::default()),
        true => Ok(Routes { routes }),
        false => Err(problems),
    }
}

/// The routes of a gateway that has none of its own: the service under its own path, and under its name.
pub fn built_in(service: &str, ws_path: &str) -> RoutesSpec {
    let at = || "built-in".to_owned();
    let named = |name: &str, value: String| Named {
        name: name.to_owned(),
        args: vec![("_genkey_0".to_owned(), value)],
        at: at(),
    };
    let route = |id: &str, path: String, filters| RouteSpec {
        id: id.to_owned(),
        uri: format!("lb:ws://{service}"),
        order: 0,
        predicates: vec![named("Path", path)],
        filters,
        metadata: Vec::new(),
        at: at(),
    };
    let by_path = route("by-path", format!("{}/**", ws_path.trim_end_matches('/')), Vec::new());
    let by_name = route("by-name", format!("/{service}/**"), vec![named("StripPrefix", "1".to_owned())]);
    RoutesSpec { routes: vec![by_path, by_name], ..RoutesSpec::default() }
}

fn route(spec: &RouteSpec, default_filters: &[Filter], problems: &mut Vec<RouteProblem>) -> Option<Route> {
    let before = problems.len();
    let whose = format!("route `{}`", spec.id);
    let mut problem = |at: &str, message: String| {
        problems.push(RouteProblem { at: at.to_owned(), message: format!("{whose}: {message}") });
    };
    let target = Target::parse(&spec.uri).map_err(|reason| problem(&spec.at, reason)).ok();
    if spec.predicates.is_empty() {
        problem(&spec.at, "needs a predicate, such as `Path=/ws/**`".to_owned());
    }
    let mut paths = Vec::new();
    for predicate in &spec.predicates {
        match patterns(predicate) {
            Ok(patterns) => paths.push(patterns),
            Err(reason) => problem(&predicate.at, reason),
        }
    }
    let own_filters = filters(&spec.filters, &whose, problems);
    let (target, true) = (target?, problems.len() == before) else { return None };
    Some(Route { id: spec.id.clone(), target, paths, filters: interleaved(default_filters, own_filters) })
}

/// Spring counts default filters and a route's own from 1 each and sorts both together: first default, first own, second default, ...
fn interleaved(default_filters: &[Filter], own: Vec<Filter>) -> Vec<Filter> {
    let defaults = default_filters.iter().cloned().enumerate();
    let mut all: Vec<(usize, Filter)> = defaults.chain(own.into_iter().enumerate()).collect();
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, filter)| filter).collect()
}

/// Spring's two names, new and old, for whether `/a` matches `/a/` too.
const TRAILING_SLASH: [&str; 2] = ["matchTrailingSlash", "matchOptionalTrailingSeparator"];

fn patterns(predicate: &Named) -> Result<Vec<Pattern>, String> {
    if predicate.name != "Path" {
        return Err(format!("predicate `{}` is not supported; this gateway knows `Path`", predicate.name));
    }
    let mut values = Vec::new();
    let mut trailing_slash = None;
    for (key, value) in &predicate.args {
        match TRAILING_SLASH.contains(&key.as_str()) {
            true => trailing_slash = Some(value.as_str()),
            false => values.push(value.as_str()),
        }
    }
    // The short form has it last, without a name.
    if trailing_slash.is_none() && values.last().is_some_and(|value| ["true", "false"].contains(value)) {
        trailing_slash = values.pop();
    }
    let trailing_slash = match trailing_slash {
        None | Some("true") => true,
        Some("false") => false,
        Some(other) => {
            return Err(format!("`Path`: `{}` is true or false, not `{other}`", TRAILING_SLASH[0]));
        }
    };
    if values.is_empty() {
        return Err("`Path` needs a pattern, such as `/ws/**`".to_owned());
    }
    values.into_iter().map(|value| Pattern::parse(value, trailing_slash)).collect()
}

fn filters(named: &[Named], whose: &str, problems: &mut Vec<RouteProblem>) -> Vec<Filter> {
    let mut filters = Vec::new();
    for named in named {
        match filter(named) {
            Ok(filter) => filters.push(filter),
            Err(reason) => {
                problems.push(RouteProblem { at: named.at.clone(), message: format!("{whose}: {reason}") });
            }
        }
    }
    filters
}

fn filter(named: &Named) -> Result<Filter, String> {
    match named.name.as_str() {
        "StripPrefix" => strip_prefix(named),
        "RewritePath" => rewrite_path(named),
        name => Err(format!(
            "filter `{name}` is not supported; this gateway knows `StripPrefix` and `RewritePath`"
        )),
    }
}

fn strip_prefix(named: &Named) -> Result<Filter, String> {
    known_args(named, &["parts"])?;
    match named.arg("parts", 0) {
        None => Ok(Filter::StripPrefix(1)),
        Some(parts) => match parts.parse() {
            Ok(parts) => Ok(Filter::StripPrefix(parts)),
            Err(_) => Err(format!("`StripPrefix` needs a number, not `{parts}`")),
        },
    }
}

fn rewrite_path(named: &Named) -> Result<Filter, String> {
    known_args(named, &["regexp", "replacement"])?;
    match (named.arg("regexp", 0), named.arg("replacement", 1)) {
        (Some(expression), Some(replacement)) => {
            Filter::rewrite(expression, replacement).map_err(|reason| format!("`RewritePath`: {reason}"))
        }
        _ => Err(
            "`RewritePath` needs an expression and a replacement: `RewritePath=/red/(?<rest>.*), /$\\{rest}`"
                .to_owned(),
        ),
    }
}

/// Refuses arguments that Spring would not know, and those that a comma has split off.
fn known_args(named: &Named, names: &[&str]) -> Result<(), String> {
    for (place, (key, value)) in named.args.iter().enumerate() {
        if names.contains(&key.as_str()) {
            continue;
        }
        if !key.starts_with("_genkey_") {
            return Err(format!("`{}` has no argument `{key}`; it takes {}", named.name, names.join(", ")));
        }
        if place >= names.len() {
            let comma = "; a comma cannot stand in the short form, write such a value under `args`";
            return Err(format!(
                "`{}` takes {} and nothing more, not `{value}`{comma}",
                named.name,
                names.join(", ")
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::RequestPath;

    /// A predicate or filter in the short form.
    fn short(text: &str) -> Named {
        let (name, values) = text.split_once('=').unwrap_or((text, ""));
        let values = values.split(',').map(str::trim).filter(|value| !value.is_empty());
        let args =
            values.enumerate().map(|(place, value)| (format!("_genkey_{place}"), value.to_owned())).collect();
        Named { name: name.to_owned(), args, at: format!("f.yml:{text}") }
    }

    fn route(id: &str, uri: &str, predicates: &[&str], filters: &[&str]) -> RouteSpec {
        RouteSpec {
            id: id.to_owned(),
            uri: uri.to_owned(),
            order: 0,
            predicates: predicates.iter().map(|text| short(text)).collect(),
            filters: filters.iter().map(|text| short(text)).collect(),
            metadata: Vec::new(),
            at: "f.yml:1:1".to_owned(),
        }
    }

    fn spec(routes: Vec<RouteSpec>, default_filters: &[&str]) -> RoutesSpec {
        let default_filters = default_filters.iter().map(|text| short(text)).collect();
        RoutesSpec { routes, default_filters, enabled: None }
    }

    fn problems(spec: &RoutesSpec) -> Vec<String> {
        compile(spec).expect_err("problems").iter().map(ToString::to_string).collect()
    }

    fn found<'a>(routes: &'a Routes, path: &str) -> Option<&'a str> {
        routes.find(&RequestPath::of(path)).map(|route| route.id.as_str())
    }

    #[test]
    fn the_articles_route_compiles() {
        let spec = spec(
            vec![route(
                "wsRouter",
                "lb:ws://websocket-demo",
                &["Path=/websocket-demo/**"],
                &["StripPrefix=1"],
            )],
            &[],
        );
        let routes = compile(&spec).expect("routes");
        let route = routes.find(&RequestPath::of("/websocket-demo/ws/1")).expect("a route");
        assert_eq!(route.path("/websocket-demo/ws/a%40b"), "/ws/a%40b");
        assert_eq!(route.target.service(), Some("websocket-demo"));
        assert_eq!(routes.services().into_iter().collect::<Vec<_>>(), ["websocket-demo"]);
        assert_eq!(found(&routes, "/websocket-demo"), Some("wsRouter"));
        assert_eq!(found(&routes, "/websocket-demoX/ws/1"), None);
    }

    #[test]
    fn lower_orders_come_first_and_equal_ones_keep_the_order_of_the_file() {
        let mut routes = vec![
            route("late", "ws://a:1", &["Path=/**"], &[]),
            route("later", "ws://a:1", &["Path=/**"], &[]),
            route("early", "ws://a:1", &["Path=/x/**,/y/**"], &[]),
        ];
        routes[2].order = -1;
        let routes = compile(&spec(routes, &[])).expect("routes");
        assert_eq!(found(&routes, "/y/1"), Some("early"));
        assert_eq!(found(&routes, "/z"), Some("late"));
        assert_eq!(
            routes.iter().map(|route| route.id.as_str()).collect::<Vec<_>>(),
            ["early", "late", "later"]
        );
    }

    #[test]
    fn default_filters_and_a_routes_own_take_turns() {
        let own = ["RewritePath=/b, /own1", "RewritePath=/d, /own2"];
        let defaults = ["RewritePath=/a, /b", "RewritePath=/own1, /d"];
        let routes =
            compile(&spec(vec![route("r", "ws://a:1", &["Path=/**"], &own)], &defaults)).expect("routes");
        assert_eq!(routes.iter().next().map(|route| route.path("/a")).as_deref(), Some("/own2"));
    }

    #[test]
    fn every_predicate_must_hold_and_one_pattern_of_each_is_enough() {
        let both = route("r", "ws://a:1", &["Path=/a/**,/b/**,false", "Path=/*/ws"], &[]);
        let routes = compile(&spec(vec![both], &[])).expect("routes");
        assert_eq!(found(&routes, "/b/ws"), Some("r"));
        assert_eq!(found(&routes, "/b/chat"), None);
        assert_eq!(found(&routes, "/c/ws"), None);
    }

    #[test]
    fn everything_that_is_not_understood_is_named_with_its_route() {
        let mut no_predicate = route("r6", "ws://a:1", &[], &[]);
        no_predicate.at = "f.yml:6:1".to_owned();
        let named = |name: &str, key: &str| Named {
            name: name.to_owned(),
            args: vec![(key.to_owned(), "1".to_owned())],
            at: "f.yml:7:1".to_owned(),
        };
        let mut wrong_arg = route("r7", "ws://a:1", &["Path=/a"], &[]);
        wrong_arg.filters.push(named("StripPrefix", "part"));
        let found = problems(&spec(
            vec![
                route("r1", "lb:ws//demo", &["Path=/a"], &[]),
                route("r2", "ws://a:1", &["Host=**.example.com"], &[]),
                route("r3", "ws://a:1", &["Path=/a"], &["AddRequestHeader=X,1"]),
                route("r4", "ws://a:1", &["Path=/a"], &["StripPrefix=x"]),
                route("r5", "ws://a:1", &["Path=/{id:[0-9]{1,3}}"], &["RewritePath=/(a{1,2}), /x"]),
                no_predicate,
                wrong_arg,
                route("r8", "ws://a:1", &["Path"], &[]),
            ],
            &["DedupeResponseHeader=Access-Control-Allow-Origin"],
        ));
        let words = [
            ("default-filters", "`DedupeResponseHeader`"),
            ("route `r1`", "`lb:ws://demo`"),
            ("route `r2`", "predicate `Host`"),
            ("route `r3`", "filter `AddRequestHeader`"),
            ("route `r4`", "not `x`"),
            ("route `r5`", "under `args`"),
            ("route `r5`", "a comma"),
            ("route `r6`", "needs a predicate"),
            ("f.yml:7:1: route `r7`", "no argument `part`"),
            ("route `r8`", "needs a pattern"),
        ];
        assert_eq!(found.len(), words.len(), "{found:#?}");
        for ((whose, word), problem) in words.iter().zip(&found) {
            assert!(problem.contains(whose) && problem.contains(word), "{problem}");
        }
    }

    #[test]
    fn the_expanded_form_may_say_the_trailing_slash_anywhere() {
        let mut strict = route("r", "ws://a:1", &["Path=/a"], &[]);
        strict.predicates[0].args.insert(0, ("matchTrailingSlash".to_owned(), "false".to_owned()));
        let routes = compile(&spec(vec![strict.clone()], &[])).expect("routes");
        assert_eq!((found(&routes, "/a"), found(&routes, "/a/")), (Some("r"), None));
        strict.predicates[0].args[0].1 = "no".to_owned();
        assert!(problems(&spec(vec![strict], &[]))[0].contains("not `no`"));
    }

    #[test]
    fn routes_that_are_switched_off_still_have_to_be_understood() {
        let mut off = spec(vec![route("r", "ws://a:1", &["Path=/a"], &[])], &[]);
        off.enabled = Some(false);
        assert_eq!(compile(&off).expect("routes").iter().count(), 0);
        off.routes[0].uri = "junk".to_owned();
        assert_eq!(problems(&off).len(), 1);
    }

    #[test]
    fn a_gateway_without_routes_serves_the_service_by_path_and_by_name() {
        let routes = compile(&built_in("trunkline", "/ws")).expect("routes");
        let path = |raw: &str| routes.find(&RequestPath::of(raw)).map(|route| route.path(raw));
        assert_eq!(path("/ws/1").as_deref(), Some("/ws/1"));
        assert_eq!(path("/trunkline/ws/1").as_deref(), Some("/ws/1"));
        assert_eq!(path("/healthz"), None);
    }
}
