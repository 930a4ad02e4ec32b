//! Tables of configurations: what they come to, and what is said where they are wrong.

mod malformed;
mod overlays;
mod pages;
mod placeholders;
mod seams;
mod spring_files;
mod yaml_forms;

use std::collections::BTreeMap;

use super::{
    Flags, Loaded, Problems, Request, Role, Secret, Spelled, load,
    routes::{self, ReadRoutes},
};

/// A configuration that exists for one test only.
struct Case {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    request: Request,
}

impl Case {
    /// A node's file.
    fn node(text: &str) -> Case {
        Case::of(Role::Node, text)
    }

    /// A gateway's file.
    fn gateway(text: &str) -> Case {
        Case::of(Role::Gateway, text)
    }

    fn of(role: Role, text: &str) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trunkline.yml");
        std::fs::write(&file, text).unwrap();
        let request =
            Request { role, file: Some(file), flags: Flags::default(), insecure: false, data: None };
        // The machine's own host name may be anything.
        let environment = [("HOSTNAME".to_owned(), "machine-1.example".to_owned())].into();
        Case { folder, environment, request }
    }

    fn variable(mut self, name: &str, value: &str) -> Case {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn set(mut self, assignment: &str) -> Case {
        self.request.flags.set.push(Secret::new(assignment));
        self
    }

    fn insecure(mut self) -> Case {
        self.request.insecure = true;
        self
    }

    fn file(self, name: &str, content: &str) -> Case {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    fn load(&self) -> Result<Loaded, Problems> {
        load(&self.request, &self.environment)
    }

    /// What it comes to; it must hold.
    fn holds(&self) -> Loaded {
        self.load().unwrap_or_else(|problems| panic!("must hold, but:\n{problems}"))
    }

    /// The routes as they are written, whether or not the gateway knows what is in them.
    fn routes(&self) -> ReadRoutes {
        let mut problems = Problems::default();
        let spelled =
            Spelled::read(self.request.file.as_deref(), &self.request.flags, &self.environment).unwrap();
        let read = routes::read(&spelled.root, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        read
    }

    /// What is wrong with it, a line each, without the name of the folder.
    fn wrong(&self) -> Vec<String> {
        let problems = self.load().err().unwrap_or_default();
        let folder = format!("{}/", self.folder.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }
}
