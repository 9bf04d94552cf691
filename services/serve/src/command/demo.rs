//! `demo`: made-up people, a token, and lines to paste.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{CommandError, Started, print, serve};
use crate::sandbox::demo::{DemoTerms, RECIPIENT, make};
use crate::sandbox::{Clock, Sandbox, SystemClock};
use crate::service::Service;
use crate::settings::Settings;
use crate::tokens::{Role, TokenStore};
use crate::traces;

/// The demo.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The folder, which must be empty or absent
    #[arg(long, default_value = "hushtag-serve-demo")]
    dir: PathBuf,
    /// How many people to make up
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    people: u32,
    /// The seed makes the people, never the noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The port of HTTP on loopback; 0 for any that is free
    #[arg(long, default_value_t = 8080)]
    http_port: u16,
    /// The port of PostgreSQL's protocol on loopback; 0 for any that is free
    #[arg(long, default_value_t = 5433)]
    postgres_port: u16,
}

/// What every line to paste asks.
const QUERY: &str = "SELECT region, COUNT(*) AS people FROM tags GROUP BY region ORDER BY region";

impl Demo {
    pub(super) fn run(self) -> Result<(), CommandError> {
        if self.dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(CommandError::NotEmpty(self.dir.display().to_string()));
        }
        let terms = DemoTerms { people: self.people, seed: self.seed, epsilon: 4 };
        let operator = make(&self.dir, terms)?;
        let folder = self.dir.join("sandbox");
        let sandbox = Sandbox::over(operator, &folder, Box::new(SystemClock))?;
        let state = self.dir.join("serve");
        let tokens = TokenStore::open(&state)?;
        let now = SystemClock.now();
        let (analyst, _) = tokens.add(Role::Analyst, (Some(RECIPIENT), None), 7, now)?;
        let (auditor, _) = tokens.add(Role::Auditor, (None, None), 7, now)?;
        let config = self.dir.join("serve.toml");
        let text = format!(
            "sandbox = \"sandbox\"\nstate = \"serve\"\n[http]\nlisten = \"127.0.0.1:{}\"\npublic_metrics = true\n\
             [postgres]\nlisten = \"127.0.0.1:{}\"\n",
            self.http_port, self.postgres_port
        );
        std::fs::write(&config, text).map_err(|error| CommandError::Write(config.clone(), error))?;
        let mut settings = Settings::on_loopback(folder, state, [self.http_port, self.postgres_port]);
        if let Some(door) = &mut settings.http {
            door.public_metrics = true;
        }
        let service = Arc::new(Service::new(sandbox, tokens, settings));
        let config = config.display().to_string();
        let sandbox = service.settings.sandbox.display().to_string();
        let lines = Lines {
            people: self.people,
            token: &analyst.reveal(),
            auditor: &auditor.reveal(),
            config: &config,
            sandbox: &sandbox,
        };
        let _tracing = traces::begin(None)?;
        serve(service, false, |started| print(&guide(started, &lines)))
    }
}

/// What the lines to paste name.
struct Lines<'a> {
    people: u32,
    token: &'a str,
    auditor: &'a str,
    config: &'a str,
    sandbox: &'a str,
}

/// The lines to paste.
fn guide(started: &Started, lines: &Lines<'_>) -> String {
    let Lines { people, token, auditor, config, sandbox } = lines;
    let port = |at: Option<SocketAddr>| at.map_or(0, |at| at.port());
    let (http, wire) = (port(started.http), port(started.postgres));
    let url = format!("postgresql://{RECIPIENT}:{token}@127.0.0.1:{wire}/hushtag");
    format!(
        "A sandbox of {people} made-up people is open on loopback. The recipient is {RECIPIENT}; its token:\n\n\
         \x20 {token}\n\n\
         psql (EXPLAIN in front of a query says what it costs, and costs nothing)\n\n\
         \x20 psql '{url}' -c \"{QUERY}\"\n\n\
         psycopg\n\n\
         \x20 import psycopg\n\
         \x20 print(psycopg.connect('{url}').execute('{QUERY}').fetchall())\n\n\
         pandas\n\n\
         \x20 import pandas, sqlalchemy\n\
         \x20 print(pandas.read_sql('{QUERY}', sqlalchemy.create_engine('{sqlalchemy}')))\n\n\
         JDBC\n\n\
         \x20 jdbc:postgresql://127.0.0.1:{wire}/hushtag?user={RECIPIENT}&password={token}\n\n\
         curl (the first to ask is charged; all others get the stored answer)\n\n\
         \x20 curl -H 'Authorization: Bearer {token}' -d '{{\"sql\": \"{QUERY}\"}}' http://127.0.0.1:{http}/v1/queries\n\
         \x20 curl -H 'Authorization: Bearer {token}' http://127.0.0.1:{http}/v1/vocabulary\n\n\
         The auditor reads the log with another token\n\n\
         \x20 curl -H 'Authorization: Bearer {auditor}' http://127.0.0.1:{http}/log/checkpoint\n\n\
         The operator's commands beside the running service, in another terminal\n\n\
         \x20 hushtag status {sandbox}\n\n\
         Monitoring: http://127.0.0.1:{http}/metrics    The API: http://127.0.0.1:{http}/openapi.json\n\
         Ctrl-C stops it; the sandbox stays, `hushtag-serve run --config {config}` serves it again, and `hushtag` opens it.",
        sqlalchemy = url.replacen("postgresql://", "postgresql+psycopg://", 1),
    )
}
