//! `serve.toml`: parsed like a study, with the place of every error and the nearest word. It is that of a service over a sandbox, or that of
//! a platform that evaluates blind tokens.

mod bounded;
mod error;
mod evaluation;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

pub use bounded::Bounded;
pub use error::SettingsError;
pub use evaluation::{Evaluated, EvaluationDoor, EvaluationLimits, EvaluationSettings};

/// What a file of settings describes: with `[evaluation]` a platform that evaluates blind tokens, else a service over a sandbox.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum ServeFile {
    /// A service over a sandbox.
    Sandbox(Settings),
    /// A platform that evaluates blind tokens.
    Evaluation(EvaluationSettings),
}

impl ServeFile {
    /// Reads the file; its relative paths are seen from its folder.
    ///
    /// # Errors
    /// [`SettingsError`], with its place.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path).map_err(|error| SettingsError::File(path.into(), error))?;
        let mut file = Self::parse(path, &text)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        match &mut file {
            Self::Sandbox(settings) => settings.resolve(folder),
            Self::Evaluation(settings) => settings.resolve(folder),
        }
        Ok(file)
    }

    /// Parses the text of `path`.
    ///
    /// # Errors
    /// [`SettingsError`], with its place; [`SettingsError::Both`] for a sandbox beside a platform's key.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let table: toml::Table =
            toml::from_str(text).map_err(|error| SettingsError::at(path, text, &error))?;
        match (table.contains_key("sandbox"), table.contains_key("evaluation")) {
            (true, true) => Err(SettingsError::Both(path.into())),
            (_, true) => Ok(Self::Evaluation(EvaluationSettings::parse(path, text)?)),
            _ => Ok(Self::Sandbox(Settings::parse(path, text)?)),
        }
    }

    /// The folder of the service itself.
    #[must_use]
    pub fn state(&self) -> &Path {
        match self {
            Self::Sandbox(settings) => &settings.state,
            Self::Evaluation(settings) => &settings.state,
        }
    }

    /// The JSON Schema of the file.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }
}

/// The settings of the service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder of the sandbox; relative paths are seen from the settings file.
    pub sandbox: PathBuf,
    /// The folder of the service itself, with its tokens.
    pub state: PathBuf,
    /// The file of the root key, if it is not in the sandbox.
    #[serde(default)]
    pub root_key: Option<PathBuf>,
    /// The Unix socket of the operator; without it `operator.sock` in `state`.
    #[serde(default)]
    pub operator_socket: Option<PathBuf>,
    /// The door for HTTP.
    #[serde(default)]
    pub http: Option<HttpDoor>,
    /// The door for PostgreSQL's protocol.
    #[serde(default)]
    pub postgres: Option<WireDoor>,
    /// TLS 1.3 for both doors. Without it they listen on loopback only.
    #[serde(default)]
    pub tls: Option<TlsFiles>,
    /// Where spans go; without it they go nowhere.
    #[serde(default)]
    pub traces: Option<Traces>,
    /// Limits of requests and connections.
    #[serde(default)]
    pub limits: Limits,
}

/// A collector of OpenTelemetry.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// Its URL for traces over OTLP/HTTP, such as `http://127.0.0.1:4318/v1/traces`.
    #[schemars(with = "String")]
    pub endpoint: Endpoint,
}

/// The URL of a collector. Without TLS: a collector on this host passes spans on.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(String);

impl Endpoint {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Endpoint {
    type Error = &'static str;

    fn try_from(url: String) -> Result<Self, Self::Error> {
        let is_url =
            url.strip_prefix("http://").is_some_and(|rest| !rest.starts_with('/') && !rest.is_empty());
        if is_url { Ok(Self(url)) } else { Err("give a URL such as `http://127.0.0.1:4318/v1/traces`") }
    }
}

/// The door for HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpDoor {
    /// Address and port.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Whether the log (checkpoint, tiles, entries) is public, so that auditors need no token.
    #[serde(default)]
    pub public_log: bool,
    /// Whether `/metrics` is public.
    #[serde(default)]
    pub public_metrics: bool,
}

/// The door for PostgreSQL's protocol.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WireDoor {
    /// Address and port.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
}

/// The files of TLS, in PEM.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate and those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Roots of client certificates: with them every client shows one, besides its token.
    #[serde(default)]
    pub client_roots: Option<PathBuf>,
}

impl TlsFiles {
    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [Some(&mut self.certificate), Some(&mut self.key), self.client_roots.as_mut()].into_iter().flatten()
    }
}

/// Limits of requests and connections.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections of each door at a time.
    pub connections: Bounded<1, 100_000>,
    /// The largest body of a request and message of the wire, in bytes.
    pub request_bytes: Bounded<1_024, 16_777_216>,
    /// How long a query may run, in seconds.
    pub query_seconds: Bounded<1, 3_600>,
    /// How long a client may take to send a request, or to log in, in seconds.
    pub client_seconds: Bounded<1, 600>,
    /// How long a connection of the wire may be idle, in seconds.
    pub idle_seconds: Bounded<1, 604_800>,
    /// Queries at a time, of all recipients.
    pub queries: Bounded<1, 400>,
    /// Queries at a time of one recipient.
    pub queries_of_recipient: Bounded<1, 400>,
    /// Queries of one recipient that wait for their turn; more are refused.
    pub waiting_of_recipient: Bounded<0, 10_000>,
    /// How long a stop waits for what is under way, in seconds.
    pub drain_seconds: Bounded<1, 3_600>,
    /// Memory for what runs over released rows, in bytes.
    pub outer_bytes: Bounded<1_048_576, 4_294_967_296>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Bounded::of(1_000),
            request_bytes: Bounded::of(262_144),
            query_seconds: Bounded::of(60),
            client_seconds: Bounded::of(10),
            idle_seconds: Bounded::of(3_600),
            queries: Bounded::of(128),
            queries_of_recipient: Bounded::of(64),
            waiting_of_recipient: Bounded::of(256),
            drain_seconds: Bounded::of(60),
            outer_bytes: Bounded::of(134_217_728),
        }
    }
}

impl Limits {
    /// How long a query may run.
    #[must_use]
    pub const fn query_time(&self) -> Duration {
        Duration::from_secs(self.query_seconds.get())
    }

    /// How long a client may take to send a request, or to log in.
    #[must_use]
    pub const fn client_time(&self) -> Duration {
        Duration::from_secs(self.client_seconds.get())
    }

    /// How long a connection of the wire may be idle.
    #[must_use]
    pub const fn idle_time(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.get())
    }

    /// How long a stop waits for what is under way.
    #[must_use]
    pub const fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.get())
    }
}

impl Settings {
    /// Both doors on these ports of loopback, 0 for any that is free, without TLS and with the limits of a service that says none: for a
    /// demo, and for what serves a sandbox in its own process.
    #[must_use]
    pub fn on_loopback(sandbox: PathBuf, state: PathBuf, [http, postgres]: [u16; 2]) -> Self {
        let listen = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            sandbox,
            state,
            root_key: None,
            operator_socket: None,
            http: Some(HttpDoor { listen: listen(http), public_log: false, public_metrics: false }),
            postgres: Some(WireDoor { listen: listen(postgres) }),
            tls: None,
            traces: None,
            limits: Limits::default(),
        }
    }

    fn resolve(&mut self, folder: &Path) {
        let own = [
            Some(&mut self.sandbox),
            Some(&mut self.state),
            self.root_key.as_mut(),
            self.operator_socket.as_mut(),
        ];
        let tls = self.tls.iter_mut().flat_map(TlsFiles::paths);
        for file in own.into_iter().flatten().chain(tls) {
            *file = folder.join(&*file);
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|error| SettingsError::at(path, text, &error))?;
        if settings.http.is_none() && settings.postgres.is_none() {
            return Err(SettingsError::NoDoor(path.into()));
        }
        Ok(settings)
    }

    /// Where the operator's socket is.
    #[must_use]
    pub fn operator_socket(&self) -> PathBuf {
        self.operator_socket.clone().unwrap_or_else(|| self.state.join("operator.sock"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "sandbox = \"box\"\nstate = \"serve\"\n[http]\nlisten = \"127.0.0.1:8080\"\n";

    fn error(text: &str) -> String {
        ServeFile::parse(Path::new("serve.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_short_file_is_enough_and_paths_are_seen_from_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("serve.toml");
        std::fs::write(&path, PLAIN).unwrap();
        let ServeFile::Sandbox(settings) = ServeFile::read(&path).unwrap() else { panic!("of a sandbox") };
        assert_eq!(settings.sandbox, place.path().join("box"));
        assert_eq!(settings.limits.connections.get(), 1_000);
    }

    const EVALUATES: &str = "state = \"serve\"\n[evaluation]\nstudy = \"study.toml\"\nkey = \"b.key\"\nbook = \"/b.evaluations\"\n[http]\nlisten = \"127.0.0.1:8080\"\n";

    /// A key of a platform is never beside a sandbox: its operator would reverse tokens with it.
    #[test]
    fn a_platform_that_evaluates_has_a_file_of_its_own() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("serve.toml");
        std::fs::write(&path, EVALUATES).unwrap();
        let ServeFile::Evaluation(settings) = ServeFile::read(&path).unwrap() else {
            panic!("of a platform")
        };
        assert_eq!(settings.evaluation.key, place.path().join("b.key"));
        assert_eq!(settings.evaluation.book, Path::new("/b.evaluations"));
        let both = error(&format!("sandbox = \"box\"\n{EVALUATES}"));
        assert!(both.contains("two files"), "{both}");
        let wrong = error(&EVALUATES.replace("book", "bok"));
        assert!(wrong.starts_with("serve.toml:5:1: ") && wrong.contains("did you mean `book`?"), "{wrong}");
        let wrong = error(&format!("{EVALUATES}public_log = true\n"));
        assert!(wrong.starts_with("serve.toml:8:1: "), "{wrong}");
        assert!(error(&EVALUATES.replace("[http]", "[postgres]")).contains("postgres"));
    }

    #[test]
    fn errors_have_their_place_and_the_nearest_word() {
        let wrong = error(&format!("{PLAIN}lisen = 1\n"));
        assert!(wrong.starts_with("serve.toml:5:1: "), "{wrong}");
        assert!(wrong.contains("did you mean `listen`?"), "{wrong}");
        let wrong = error(&format!("{PLAIN}[limits]\nquery_seconds = 0\n"));
        assert!(wrong.starts_with("serve.toml:6:17: ") && wrong.contains("from 1 to 3600"), "{wrong}");
        let wrong = error("sandbox = \"box\"\nstate = \"serve\"\n");
        assert!(wrong.contains("[http]"), "{wrong}");
        let wrong = error("sandbox = \"box\"\nstate = \"serve\"\n[http]\nlisten = \"here\"\n");
        assert!(wrong.starts_with("serve.toml:4:10: "), "{wrong}");
        let wrong = error(&format!("{PLAIN}[traces]\nendpoint = \"127.0.0.1:4318\"\n"));
        assert!(wrong.starts_with("serve.toml:6:12: ") && wrong.contains("give a URL"), "{wrong}");
    }
}
