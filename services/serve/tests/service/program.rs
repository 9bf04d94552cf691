//! The program `hushtag-serve` as a process of its own, which ends with its test.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::Duration;

use hushtag_serve::sandbox::demo::{DemoTerms, RECIPIENT, make};
use hushtag_serve::sandbox::{Clock, SystemClock};
use hushtag_serve::tokens::{Role, TokenStore};
use serde_json::{Value, json};

/// Where cargo has built it.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_hushtag-serve");

/// A process that does not outlive its test, however the test ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Asks it to stop in peace, and waits.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(asked.success());
        self.0.wait().unwrap()
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A folder with a small sandbox of made-up people, the state of a service, a token of an analyst, and `serve.toml`.
pub(crate) struct Home {
    pub(crate) place: tempfile::TempDir,
    pub(crate) token: String,
}

impl Home {
    /// `settings` are added to those of the folders.
    pub(crate) fn new(people: u32, settings: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        drop(make(place.path(), DemoTerms { people, seed: 3, epsilon: 900 }).unwrap());
        let tokens = TokenStore::open(&place.path().join("serve")).unwrap();
        let now = SystemClock.now();
        let token =
            tokens.add(Role::Analyst, (Some(RECIPIENT), None), 1, now).unwrap().0.reveal().to_string();
        let text = format!("sandbox = \"sandbox\"\nstate = \"serve\"\n{settings}");
        std::fs::write(place.path().join("serve.toml"), text).unwrap();
        Self { place, token }
    }

    pub(crate) fn sandbox(&self) -> std::path::PathBuf {
        self.place.path().join("sandbox")
    }

    /// The program, and the port of its door.
    pub(crate) fn run(&self) -> (Running, u16) {
        run(Command::new(PROGRAM), &self.place.path().join("serve.toml"))
    }
}

/// Only HTTP, on any port.
pub(crate) const HTTP: &str = "[http]\nlisten = \"127.0.0.1:0\"\n";

/// The program as `command` starts it, the port of its first door, and what else it writes to its log.
pub(crate) fn run_logged(
    mut command: Command,
    config: &Path,
) -> (Running, u16, Lines<BufReader<ChildStderr>>) {
    let child = command.args(["run", "--config"]).arg(config).stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines();
    let port = loop {
        let line = lines.next().unwrap_or_else(|| panic!("it stopped: {:?}", running.0.try_wait())).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let listen = value["fields"]["listen"].as_str().unwrap_or_default();
        if let Some((_, port)) = listen.trim_end_matches(')').rsplit_once(':') {
            break port.parse().unwrap();
        }
    };
    (running, port, lines)
}

/// As [`run_logged`], for who does not look at the log.
pub(crate) fn run(command: Command, config: &Path) -> (Running, u16) {
    let (running, port, lines) = run_logged(command, config);
    // Lines that no one reads would fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (running, port)
}

/// The status and the body of a query over HTTP, if an answer comes.
pub(crate) fn ask(port: u16, token: &str, sql: &str) -> Option<(u16, Value)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    let request = agent.post(format!("http://127.0.0.1:{port}/v1/queries"));
    let request = request.header("Authorization", format!("Bearer {token}"));
    let mut response = request.send(json!({ "sql": sql }).to_string()).ok()?;
    let text = response.body_mut().read_to_string().ok()?;
    Some((response.status().as_u16(), serde_json::from_str(&text).ok()?))
}
