//! A service on loopback over a small sandbox of made-up people, which all tests of a binary share.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock, OnceLock};

use hushtag::{Keys, Operator};
use hushtag_serve::command::{Started, start};
use hushtag_serve::sandbox::demo::{DemoTerms, RECIPIENT, make};
use hushtag_serve::sandbox::{Clock, Sandbox, SystemClock};
use hushtag_serve::service::Service;
use hushtag_serve::settings::{Limits, Settings, TlsFiles};
use hushtag_serve::tokens::{Role, TokenStore};

/// A service, and how to come in.
pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) http: SocketAddr,
    pub(crate) postgres: SocketAddr,
    pub(crate) analyst: String,
    pub(crate) auditor: String,
    pub(crate) monitor: String,
    pub(crate) state: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) started: Option<Started>,
    pub(crate) _place: tempfile::TempDir,
}

/// How a world is made.
pub(crate) struct WorldTerms {
    pub(crate) people: u32,
    pub(crate) epsilon: u32,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<TlsFiles>,
}

impl Default for WorldTerms {
    fn default() -> Self {
        Self { people: 3_000, epsilon: 400, limits: Limits::default(), tls: None }
    }
}

/// A runtime that lives as long as the tests.
pub(crate) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap())
}

/// A world of its own.
pub(crate) fn world(terms: WorldTerms) -> World {
    world_at(terms, SystemClock)
}

/// A world of its own whose sandbox and tokens have this clock.
pub(crate) fn world_at(terms: WorldTerms, clock: impl Clock + Clone + 'static) -> World {
    let place = tempfile::tempdir().unwrap();
    let demo = DemoTerms { people: terms.people, seed: 7, epsilon: terms.epsilon };
    drop(make(place.path(), demo).unwrap());
    let folder = place.path().join("sandbox");
    let options = Operator::options(Keys::InFolder).without_response_slot().with_clock(clock.clone());
    let sandbox = Sandbox::over(options.open(&folder).unwrap(), &folder, Box::new(clock)).unwrap();
    let state = place.path().join("serve");
    let tokens = TokenStore::open(&state).unwrap();
    let now = SystemClock.now();
    let token = |role, recipient| tokens.add(role, (recipient, None), 1, now).unwrap().0.reveal().to_string();
    let (analyst, auditor, monitor) =
        (token(Role::Analyst, Some(RECIPIENT)), token(Role::Auditor, None), token(Role::Monitor, None));
    let settings = Settings {
        tls: terms.tls,
        limits: terms.limits,
        ..Settings::on_loopback(folder.clone(), state.clone(), [0, 0])
    };
    let service = Arc::new(Service::new(sandbox, tokens, settings));
    let started = runtime().block_on(start(Arc::clone(&service), false)).unwrap();
    World {
        http: started.http.unwrap(),
        postgres: started.postgres.unwrap(),
        service,
        analyst,
        auditor,
        monitor,
        state,
        folder,
        started: Some(started),
        _place: place,
    }
}

/// The command `hushtag`, which cargo builds as an example.
pub(crate) static HUSHTAG: LazyLock<PathBuf> = LazyLock::new(|| {
    Path::new(env!("CARGO_BIN_EXE_hushtag-serve")).with_file_name("examples").join("hushtag")
});

/// Runs `hushtag --format json` on the sandbox in `folder`, which is `BOX` among the arguments.
pub(crate) fn hushtag(folder: &Path, arguments: &[&str]) -> Output {
    let folder = folder.to_str().unwrap();
    let arguments = arguments.iter().map(|argument| if *argument == "BOX" { folder } else { argument });
    Command::new(&*HUSHTAG).args(["--format", "json"]).args(arguments).output().unwrap()
}

/// Tests of one binary that look at what was spent run one after another.
pub(crate) fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The world that the tests of one binary share.
pub(crate) fn shared() -> &'static World {
    static SHARED: OnceLock<World> = OnceLock::new();
    SHARED.get_or_init(|| world(WorldTerms::default()))
}

impl World {
    /// What was spent of the pool.
    pub(crate) fn spent(&self) -> u128 {
        let who = hushtag_serve::sandbox::Who::new(RECIPIENT, None).unwrap();
        self.service.sandbox.budget(&who).unwrap().first().unwrap().spent
    }

    /// How `tokio-postgres` connects.
    pub(crate) fn dsn(&self) -> String {
        let (port, token) = (self.postgres.port(), &self.analyst);
        format!("host=127.0.0.1 port={port} user={RECIPIENT} password={token} dbname=hushtag")
    }
}
