//! `serve.toml` of a platform that evaluates blind tokens for the other one: its key and its book, and no sandbox.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bounded, SettingsError, TlsFiles};

/// The settings of a platform that evaluates blind tokens for the other one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSettings {
    /// The folder of the service itself, with its tokens and the replies that are not fetched yet.
    pub state: PathBuf,
    /// What is evaluated, and how it is counted.
    pub evaluation: Evaluated,
    /// The door for HTTP.
    pub http: EvaluationDoor,
    /// TLS 1.3. Without it the door listens on loopback only.
    #[serde(default)]
    pub tls: Option<TlsFiles>,
    /// Limits of requests and connections.
    #[serde(default)]
    pub limits: EvaluationLimits,
}

/// What is evaluated, and how it is counted: as `hushtag token evaluate` is given it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluated {
    /// The study that both platforms signed; relative paths are seen from the settings file.
    pub study: PathBuf,
    /// The platform's key of blind tokens: a file of mode 0600 that `hushtag key new --for blind-token` made.
    pub key: PathBuf,
    /// The platform's evaluation book; made where it is not there.
    pub book: PathBuf,
}

/// The door for HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationDoor {
    /// Address and port.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
}

/// Limits of requests and connections. The size of a request is limited by `max_ids` of the study.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationLimits {
    /// Connections at a time.
    pub connections: Bounded<1, 10_000>,
    /// How long a client may take to send the head of a request, and its body besides a second for each 65,536 bytes; and how long a
    /// request waits while another one is evaluated. In seconds.
    pub client_seconds: Bounded<1, 600>,
    /// How long a stop waits for what is under way, in seconds. What is stopped then is evaluated when it is sent again, and counted once.
    pub drain_seconds: Bounded<1, 3_600>,
}

impl Default for EvaluationLimits {
    fn default() -> Self {
        Self {
            connections: Bounded::of(100),
            client_seconds: Bounded::of(10),
            drain_seconds: Bounded::of(60),
        }
    }
}

impl EvaluationLimits {
    /// How long a client may take to send the head of a request, and to wait for its turn.
    #[must_use]
    pub const fn client_time(&self) -> Duration {
        Duration::from_secs(self.client_seconds.get())
    }

    /// How long a stop waits for what is under way.
    #[must_use]
    pub const fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.get())
    }
}

impl EvaluationSettings {
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        toml::from_str(text).map_err(|error| SettingsError::at(path, text, &error))
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        let Evaluated { study, key, book } = &mut self.evaluation;
        let tls = self.tls.iter_mut().flat_map(TlsFiles::paths);
        for file in [&mut self.state, study, key, book].into_iter().chain(tls) {
            *file = folder.join(&*file);
        }
    }
}
