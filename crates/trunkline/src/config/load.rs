//! From a file, variables and flags to a checked configuration.
//!
//! Promises: either a `Config` in which nothing is known to be wrong for its role, or every problem found, a line each.

use std::path::{Path, PathBuf};

use super::{
    backend::{BusBackend, DirectoryBackend, RegistryBackend, StoreBackend},
    checks,
    config::{Backends, Config},
    environment::Environment,
    key::{self, TokenKey},
    overlay::{self, Flags},
    place::Place,
    placeholder,
    problem::{Problem, Problems},
    role::Role,
    routes,
    scalar::UrlText,
    secret::Secret,
    sections, settle, spring,
    tree::{Map, Node},
    unknown, yaml,
};

/// What is to be read, and for whom.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the process is going to be.
    pub role: Role,
    /// The file of `-c`; without one, everything is at its default.
    pub file: Option<PathBuf>,
    /// What lies over the file.
    pub flags: Flags,
    /// `--insecure`.
    pub insecure: bool,
    /// Where `up` keeps its messages and lists (`--data`).
    pub data: Option<PathBuf>,
}

/// A configuration that holds.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Worth a line at every start.
    pub warnings: Vec<Problem>,
    /// Keys of others that are not read, for `check`.
    pub unread: Vec<Problem>,
    /// Top-level keys of others, for `check`.
    pub ignored: Vec<String>,
}

/// Text, positions, variables and placeholders put together; nothing is typed yet.
///
/// It cannot be printed, because it holds whatever secrets the file holds.
#[derive(Clone)]
pub struct Spelled {
    pub(super) root: Node,
    folder: PathBuf,
    warnings: Vec<Problem>,
    problems: Problems,
}

impl Spelled {
    /// Reads a file and lays variables and flags over it.
    pub fn read(
        file: Option<&Path>,
        flags: &Flags,
        environment: &dyn Environment,
    ) -> Result<Spelled, Problems> {
        let mut problems = Problems::default();
        let (mut root, left_out, folder) = match file {
            None => (Node::map(Place::named("default"), Map::default()), Vec::new(), PathBuf::new()),
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read(path)
                    .map_err(|error| Problem::general(format!("{name}: cannot be read: {error}")))?;
                let text =
                    String::from_utf8(text).map_err(|_| Problem::general(format!("{name}: is not UTF-8")))?;
                let read = yaml::read(&text, &name)?;
                (read.root, read.left_out, path.parent().map(Path::to_owned).unwrap_or_default())
            }
        };
        overlay::apply(&mut root, environment, flags, &mut problems);
        placeholder::fill(&mut root, environment, &mut problems);
        Ok(Spelled { root, folder, warnings: left_out, problems })
    }

    /// The roles that this seems to be written for.
    pub fn roles(&self) -> Vec<Role> {
        Role::of_file(&self.root)
    }
}

/// Reads and checks a configuration.
pub fn load(request: &Request, environment: &dyn Environment) -> Result<Loaded, Problems> {
    let spelled = Spelled::read(request.file.as_deref(), &request.flags, environment)?;
    understand(spelled, request, environment)
}

/// Gives types to what was read, and checks it.
pub fn understand(
    spelled: Spelled,
    request: &Request,
    environment: &dyn Environment,
) -> Result<Loaded, Problems> {
    let Spelled { root, folder, mut warnings, mut problems } = spelled;
    let ignored = unknown::check(&root, &mut problems);
    let read_routes = routes::read(&root, &mut problems);
    compile_routes(&read_routes.spec, &mut problems);
    let config = read_sections(&root, request, &folder, read_routes.spec, &mut problems);
    warnings.extend(read_routes.warnings);
    warnings.extend(spring::warnings(&root));
    let role = request.role;
    let mut heeded = only_for(role, problems);
    let Some(mut config) = config else { return Err(placed(heeded, &root)) };
    settle::settle(&mut config, role, environment, &mut heeded);
    checks::check(&config, role, &mut heeded, &mut warnings);
    let heeded = placed(heeded, &root);
    if heeded.is_empty() {
        Ok(Loaded { config, warnings, unread: read_routes.unread, ignored })
    } else {
        Err(heeded)
    }
}

/// What the gateway says of the routes: which predicates and filters there are, only it knows.
fn compile_routes(spec: &gateway::route::RoutesSpec, problems: &mut Problems) {
    if problems.touch("spring.cloud.gateway") {
        // What was left out as wrong would be missed.
        return;
    }
    for problem in gateway::route::compile(spec).err().unwrap_or_default() {
        problems.push(Problem {
            at: Some(Place::named(&problem.at)),
            key: Some("spring.cloud.gateway".to_owned()),
            message: problem.message,
        });
    }
}

/// Adds the line to what was found wrong without looking at the file.
fn placed(problems: Problems, root: &Node) -> Problems {
    let mut placed = Problems::default();
    for problem in problems.iter() {
        let at =
            problem.at.clone().or_else(|| root.find(problem.key.as_deref()?).map(|node| node.at.clone()));
        placed.push(Problem { at, ..problem.clone() });
    }
    placed
}

fn only_for(role: Role, problems: Problems) -> Problems {
    let mut heeded = Problems::default();
    for problem in problems.iter().filter(|problem| problem.key.as_deref().is_none_or(|key| role.heeds(key)))
    {
        heeded.push(problem.clone());
    }
    heeded
}

fn read_sections(
    root: &Node,
    request: &Request,
    folder: &Path,
    routes: gateway::route::RoutesSpec,
    problems: &mut Problems,
) -> Option<Config> {
    let mut node = sections::Node::read(root, problems)?;
    if node.advertise.is_none() {
        node.advertise = kept(spring::advertise(root), problems).flatten();
    }
    let (api, auth) = (sections::Api::read(root, problems)?, sections::Auth::read(root, problems)?);
    let (registry, directory) =
        (sections::Registry::read(root, problems)?, sections::Directory::read(root, problems)?);
    let (bus, store) = (sections::Bus::read(root, problems)?, sections::Store::read(root, problems)?);
    let mut gateway = sections::Gateway::read(root, problems)?;
    if let (Role::Up, Some(data)) = (request.role, &request.data) {
        gateway.state.0.clone_from(data);
    }
    let reads_keys = request.role != Role::Gateway;
    let backends = Backends {
        registry: backend(
            root,
            "registry",
            &registry.url,
            RegistryBackend::parse,
            spring::registry,
            problems,
        )
        .unwrap_or(RegistryBackend::Memory),
        directory: backend(
            root,
            "directory",
            &directory.url,
            DirectoryBackend::parse,
            spring::directory,
            problems,
        )
        .unwrap_or(DirectoryBackend::Memory),
        bus: backend(root, "bus", &bus.url, BusBackend::parse, spring::bus, problems)
            .unwrap_or(BusBackend::Memory),
        store: backend(root, "store", &store.url, StoreBackend::parse, |_| Ok(None), problems)
            .unwrap_or_else(|| default_store(request)),
        store_said: store.url.is_some(),
    };
    Some(Config {
        top: sections::Top::read(root, problems)?,
        ws: sections::Ws::read(root, problems)?,
        groups: sections::Groups::read(root, problems)?,
        limits: sections::Limits::read(root, problems)?,
        log: sections::Log::read(root, problems)?,
        api_keys: if reads_keys { read_api_keys(&api, root, folder, problems) } else { Vec::new() },
        token_keys: if reads_keys { read_token_keys(&auth, root, folder, problems) } else { Vec::new() },
        node,
        api,
        auth,
        registry,
        directory,
        bus,
        store,
        gateway,
        backends,
        routes,
        insecure: request.insecure,
    })
}

fn default_store(request: &Request) -> StoreBackend {
    match &request.data {
        Some(data) => StoreBackend::Sqlite(data.join("trunkline.db")),
        None => StoreBackend::Sqlite(StoreBackend::DEFAULT_FILE.into()),
    }
}

/// What a seam's URL says; where there is none, what Spring's own settings say.
fn backend<T>(
    root: &Node,
    seam: &str,
    url: &Option<UrlText>,
    parse: fn(&str) -> Result<T, String>,
    spring: impl Fn(&Node) -> Result<Option<T>, Problem>,
    problems: &mut Problems,
) -> Option<T> {
    let Some(UrlText(url)) = url else { return kept(spring(root), problems).flatten() };
    let at = root.find(&format!("{seam}.url")).map(|node| &node.at);
    let parsed = parse(url.expose_text().unwrap_or_default());
    kept(parsed.map_err(|message| Problem::of(seam, at, message)), problems)
}

fn read_api_keys(api: &sections::Api, root: &Node, folder: &Path, problems: &mut Problems) -> Vec<Secret> {
    let at = root.find("api.keys").map(|node| &node.at);
    let read = |(index, written): (usize, &Secret)| {
        key::resolve(written, folder)
            .map_err(|message| Problem::of(&format!("api.keys[{index}]"), at, message))
    };
    api.keys.iter().enumerate().filter_map(|key| kept(read(key), problems)).collect()
}

fn read_token_keys(
    auth: &sections::Auth,
    root: &Node,
    folder: &Path,
    problems: &mut Problems,
) -> Vec<TokenKey> {
    let at = root.find("auth.keys").map(|node| &node.at);
    let read = |(index, written): (usize, &sections::AuthKey)| {
        let problem = |message| Problem::of(&format!("auth.keys[{index}].key"), at, message);
        let key = key::resolve(&written.key, folder).map_err(problem)?;
        let kid = written.kid.as_ref().map(|kid| kid.0.clone());
        let key = TokenKey { algorithm: written.algorithm, key, kid };
        key::inspect(&key).map_err(problem)?;
        Ok(key)
    };
    auth.keys.iter().enumerate().filter_map(|key| kept(read(key), problems)).collect()
}

fn kept<T>(result: Result<T, Problem>, problems: &mut Problems) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}
