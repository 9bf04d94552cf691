//! A folder of policy files, and the command run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The study of the demo as it is shipped.
pub const STUDY: &str = include_str!("../../../../policies/demo/study.toml");

/// A folder that is gone when it is dropped.
pub struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    /// A folder with the study of the demo as `study.toml`.
    pub fn with_study() -> Self {
        let folder = Self { dir: tempfile::tempdir().unwrap() };
        folder.write("study.toml", STUDY);
        folder
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the command in the folder.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run_in(self.dir.path(), arguments)
    }
}

/// Runs the command in a folder.
pub fn run_in(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushtag"));
    Ran(command.args(arguments).current_dir(folder).env_remove("HUSHTAG_ROOT_KEY").output().unwrap())
}

/// What the command did.
pub struct Ran(Output);

impl Ran {
    /// Its exit code.
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// What it printed as its result.
    pub fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    /// Its result as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.0.stdout).unwrap_or_else(|_| panic!("not JSON: {:?}", self.0))
    }

    /// What it printed besides.
    pub fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }
}
