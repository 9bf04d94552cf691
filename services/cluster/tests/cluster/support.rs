//! A cluster of child processes that end with the test, a sandbox to seal into, and the bytes of its cubes.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::RecordBatchReader;
use arrow_array::cast::AsArray;
use hushtag::audit::Kind;
use hushtag::dp::Delta;
use hushtag::engine::{Input, MaxBadRows, Reading, Sources, build, shapes};
use hushtag::keys::{Keyring, open};
use hushtag::operator::{Approval, Keys, Operator, PoolTerms, Setup, StudySource};
use hushtag::policy::{Decision, Regime, Study, decide};
use hushtag::storage::Folder;
use hushtag::types::{EpochId, NanoEpsilon, Secret, SystemClock, Timestamp};
use hushtag_cluster::make_certificates;
use hushtag_population::{Population, PopulationConfig, SocialCommerce};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hushtag-cluster");

/// Two cores have one cluster at a time.
static ONE: Mutex<()> = Mutex::new(());

/// A child that ends when it is dropped, whatever the test asserts.
pub(crate) struct Process {
    child: Child,
    /// What it wrote to stderr so far.
    pub(crate) said: Arc<Mutex<String>>,
}

impl Process {
    fn start(arguments: &[OsString], folder: &Path, environment: &[(String, String)]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(folder)
            .envs(environment.iter().cloned())
            .env("RUST_MIN_STACK", "8388608")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, lines) = (Arc::new(Mutex::new(String::new())), child.stderr.take().unwrap());
        let kept = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Self { child, said }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// MiB that it has had in memory at most; 0 if it is over.
    pub(crate) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok());
        kib.unwrap_or(0_u64) / 1_024
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it wrote this to stderr.
    pub(crate) fn says(&mut self, words: &str, within: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < within && self.is_running() && !self.said.lock().unwrap().contains(words) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.said.lock().unwrap().contains(words)
    }

    pub(crate) fn end(&mut self, within: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < within {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A scheduler and executors.
pub(crate) struct Cluster {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) scheduler: Process,
    pub(crate) scheduler_address: String,
    pub(crate) operator_address: String,
    pub(crate) executors: Vec<Process>,
    pub(crate) memory: u32,
    /// What operator and executors have in their environment.
    pub(crate) environment: Vec<(String, String)>,
    _one: MutexGuard<'static, ()>,
}

fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.into_iter().map(OsString::from).collect()
}

/// A port that is free now.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Cluster {
    pub(crate) fn start(executors: usize) -> Self {
        Self::with_memory(executors, 512)
    }

    pub(crate) fn with_memory(executors: usize, memory: u32) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        make_certificates(&folder.path().join("certificates")).unwrap();
        let arguments = words([
            "scheduler",
            "--certificates",
            "certificates/scheduler",
            "--listen",
            "127.0.0.1:0",
            "--dead-after",
            "6",
        ]);
        let scheduler = Process::start(&arguments, folder.path(), &[]);
        let begun = Instant::now();
        let scheduler_address = loop {
            let said = scheduler.said.lock().unwrap().clone();
            if let Some(address) = said.lines().find_map(|line| line.strip_prefix("scheduler at 127.0.0.1:"))
            {
                break format!("localhost:{address}");
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "no scheduler: {said}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut cluster = Self {
            folder,
            scheduler,
            scheduler_address,
            operator_address: free(),
            executors: Vec::new(),
            memory,
            environment: Vec::new(),
            _one: one,
        };
        (0..executors).for_each(|_| cluster.add_executor());
        cluster
    }

    pub(crate) fn scratch(&self, executor: usize) -> PathBuf {
        self.folder.path().join(format!("scratch-{executor}"))
    }

    pub(crate) fn add_executor(&mut self) {
        let scratch = self.scratch(self.executors.len());
        fs::create_dir_all(&scratch).unwrap();
        let arguments = words([
            "executor",
            "--certificates",
            "certificates/executor",
            "--operator",
            &self.operator_address,
            "--scheduler",
            &self.scheduler_address,
            "--listen",
            "127.0.0.1:0",
            "--scratch",
            scratch.to_str().unwrap(),
            "--memory",
            &self.memory.to_string(),
        ]);
        self.executors.push(Process::start(&arguments, self.folder.path(), &self.environment));
    }

    /// The arguments of a seal.
    pub(crate) fn arguments(&self, case: &Case, terms: &Terms) -> Vec<OsString> {
        let mut all = words([
            "seal",
            "--certificates",
            "certificates/operator",
            "--scheduler",
            &self.scheduler_address,
            "--listen",
            &self.operator_address,
            "--executors",
            &self.executors.len().to_string(),
            "--wait",
            "60",
            "--partitions",
            &terms.partitions.to_string(),
        ]);
        all.extend(terms.adaptive.then(|| OsString::from("--adaptive")));
        all.push("--".into());
        all.extend(case.seal_arguments(terms.epoch));
        all
    }

    /// Seals, and waits for the end.
    pub(crate) fn seal(&self, case: &Case, terms: &Terms) -> Output {
        self.run(self.arguments(case, terms))
    }

    /// Runs an operator with these arguments.
    pub(crate) fn run(&self, arguments: Vec<OsString>) -> Output {
        Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(self.environment.iter().cloned())
            .output()
            .unwrap()
    }

    /// Seals in the background.
    pub(crate) fn begin(&self, case: &Case, terms: &Terms) -> Process {
        Process::start(&self.arguments(case, terms), self.folder.path(), &self.environment)
    }

    /// Everything that all processes wrote to stderr.
    pub(crate) fn logs(&self) -> String {
        let all = self.executors.iter().chain([&self.scheduler]);
        all.map(|process| process.said.lock().unwrap().clone()).collect()
    }
}

/// How a seal runs.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) epoch: &'a str,
    pub(crate) partitions: u32,
    pub(crate) adaptive: bool,
}

impl<'a> Terms<'a> {
    pub(crate) fn new(epoch: &'a str, partitions: u32) -> Self {
        Self { epoch, partitions, adaptive: false }
    }
}

/// A sandbox, and the files that are sealed into it.
pub(crate) struct Case {
    pub(crate) folder: tempfile::TempDir,
    text: String,
    pub(crate) data: Vec<(String, PathBuf)>,
    pub(crate) consents: PathBuf,
    /// The bucket in which its tables are, if they are objects.
    pub(crate) bucket: Option<String>,
    as_of: String,
}

const DEMO: &str = include_str!("../../../../policies/demo/study.toml");
const SOCIAL: &str = include_str!("../../../../policies/social-commerce/study.toml");

/// The study, in date on the day of the test.
fn dated(study: &str) -> String {
    let day = 86_400;
    let today = SystemClock.now_seconds();
    let date =
        |by: i64| Timestamp::from_seconds(today + by * day).to_string().chars().take(10).collect::<String>();
    let moved = [("2026-09-01", -30), ("2027-09-01", 335), ("2026-09-15", -16)];
    moved.into_iter().fold(study.to_owned(), |study, (from, by)| study.replace(from, &date(by)))
}

trait Now {
    fn now_seconds(&self) -> i64;
}

impl Now for SystemClock {
    fn now_seconds(&self) -> i64 {
        hushtag::types::Clock::now(self).seconds()
    }
}

/// The day of the test.
fn today() -> i64 {
    SystemClock.now_seconds().div_euclid(86_400) * 86_400
}

impl Case {
    pub(crate) fn new(
        text: String,
        as_of: String,
        data: Vec<(String, PathBuf)>,
        consents: PathBuf,
        folder: tempfile::TempDir,
    ) -> Self {
        let pool = PoolTerms::new(NanoEpsilon::new(4_000_000_000)).with_delta(Delta::DEFAULT);
        let setup = Setup::new(vec![StudySource::new("study.toml", text.clone())], pool);
        let setup = setup.with_approval(Approval::None);
        let sandbox = folder.path().join("box");
        drop(Operator::init(&sandbox, setup, Keys::InFolder, Box::new(SystemClock)).unwrap());
        Self { folder, text, data, consents, bucket: None, as_of }
    }

    /// Made-up people under the demo's study, in so many files a table.
    pub(crate) fn demo(people: u32, files: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = PopulationConfig { people, as_of: today(), ..PopulationConfig::default() };
        let population = Population::new(config).unwrap();
        let tables = [
            ("follows", population.follows()),
            ("payments", population.payments()),
            ("members", population.members()),
            ("consents", population.consents()),
        ];
        Self::of_tables(DEMO, folder, tables.into_iter(), files)
    }

    /// The same under the study with every kind of tie, referral and distinct count.
    pub(crate) fn social_commerce(people: u32, files: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = PopulationConfig { people, as_of: today(), ..SocialCommerce::config() };
        let population = SocialCommerce::new(config).unwrap();
        Self::of_tables(SOCIAL, folder, population.tables().into_iter(), files)
    }

    fn of_tables(
        study: &str,
        folder: tempfile::TempDir,
        tables: impl Iterator<Item = (&'static str, Box<dyn RecordBatchReader + Send>)>,
        files: usize,
    ) -> Self {
        let mut data = Vec::new();
        for (name, rows) in tables {
            data.push((name.to_owned(), write_parts(&folder.path().join(name), rows, files)));
        }
        let consents = data.iter().position(|(name, _)| name == "consents").unwrap();
        let (_, consents) = data.remove(consents);
        let as_of = Timestamp::from_seconds(today()).to_string();
        Self::new(dated(study), as_of, data, consents, folder)
    }

    pub(crate) fn sandbox(&self) -> PathBuf {
        self.folder.path().join("box")
    }

    /// What follows `hushtag seal`.
    pub(crate) fn seal_arguments(&self, epoch: &str) -> Vec<OsString> {
        let sandbox = self.sandbox();
        let mut all = words([sandbox.to_str().unwrap(), "--epoch", epoch, "--as-of", &self.as_of]);
        all.extend(words(["--max-bad-rows", "5"]));
        let place = |path: &Path| match &self.bucket {
            None => path.display().to_string(),
            Some(bucket) => {
                format!("s3://{bucket}/{}", path.strip_prefix(self.folder.path()).unwrap().display())
            }
        };
        for (name, path) in &self.data {
            all.extend(words(["--data", &format!("{name}={}", place(path))]));
        }
        all.extend(words(["--consents", &place(&self.consents)]));
        all
    }

    /// Whether the sandbox has an epoch, and its log verifies.
    pub(crate) fn is_sealed(&self, epoch: &str) -> bool {
        let storage = Folder::open(&self.sandbox()).unwrap();
        hushtag::operator::verify_log(&storage, None, Some(Keys::InFolder), None).unwrap();
        self.sandbox().join("epochs").join(epoch).join("epoch.json").is_file()
    }

    /// The bytes of all cubes of an epoch, opened with the keys of the sandbox.
    pub(crate) fn sealed_cubes(&self, epoch: &str) -> Vec<Vec<u8>> {
        let study = Study::parse("study", &self.text).unwrap();
        let file = self.epoch_file(epoch);
        let at = |name: &str| file[name].as_i64().unwrap().to_be_bytes();
        let times = ["as_of", "sealed_at", "ends"].map(at);
        let (id, key) = self.epoch_key(epoch);
        let mut all = Vec::new();
        for recipient in &study.recipients {
            let place = format!("{}\n{}\n{}", study.id, study.hash, recipient.id);
            let key = key.derive_for("hushtag 2026-11 v1 cubes of a recipient", place.as_bytes());
            let path = self.sandbox().join(format!("epochs/{epoch}/{}.{}.cube", study.id, recipient.id));
            let mut rest = fs::read(path).unwrap();
            for set in study.catalogue.sets() {
                let (length, after) = rest.split_first_chunk::<8>().unwrap();
                let length = usize::try_from(u64::from_be_bytes(*length)).unwrap();
                let texts = [&id, epoch, study.id.as_str(), &study.hash, recipient.id.as_str(), &set.name];
                let bound: Vec<&[u8]> =
                    texts.iter().map(|text| text.as_bytes()).chain(times.iter().map(|at| &at[..])).collect();
                all.push(open(&key, &bound, &after[..length]).unwrap().to_vec());
                rest = after[length..].to_vec();
            }
        }
        all
    }

    fn epoch_file(&self, epoch: &str) -> serde_json::Value {
        let path = self.sandbox().join(format!("epochs/{epoch}/epoch.json"));
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The id of the sandbox, and the key of an epoch.
    fn epoch_key(&self, epoch: &str) -> (String, Secret) {
        let storage = Folder::open(&self.sandbox()).unwrap();
        let file = fs::read_to_string(self.sandbox().join("sandbox.toml")).unwrap();
        let file: toml::Table = file.parse().unwrap();
        let id = file["id"].as_str().unwrap().to_owned();
        let keyring = Keyring::open_in_folder(&storage, &id).unwrap();
        (id, keyring.epoch(&storage, &EpochId::new(epoch).unwrap()).unwrap())
    }

    /// The bytes of the cubes that one machine makes under the key of an epoch.
    pub(crate) fn own_cubes(&self, epoch: &str) -> Vec<Vec<u8>> {
        let study = Study::parse("study", &self.text).unwrap();
        let regime = Regime::built_in(&study.regime).unwrap();
        let now = Timestamp::from_seconds(self.epoch_file(epoch)["sealed_at"].as_i64().unwrap());
        let flow = |recipient| match decide(&study, &regime, recipient, now) {
            Decision::Permit(flow) => (recipient.id.clone(), flow.demand().clone()),
            Decision::Deny(reasons) => panic!("{reasons:?}"),
        };
        let flows: Vec<_> = study.recipients.iter().map(flow).collect();
        let mut sources = Sources::default().with_consents(Input::Path(self.consents.clone()));
        for (name, path) in &self.data {
            sources = sources.with_data(name.parse().unwrap(), Input::Path(path.clone()));
        }
        let (_, key) = self.epoch_key(epoch);
        let reading = Reading::default().with_max_bad_rows("5".parse::<MaxBadRows>().unwrap());
        let as_of = Timestamp::parse(&self.as_of).unwrap();
        let (built, _) = build(&study, &flows, sources, as_of, &key, &reading).unwrap();
        let other = Secret::new([1; 32]);
        let mut all = Vec::new();
        for epoch in built {
            for (cube, shape) in epoch.cubes.iter().zip(shapes(&study).unwrap()) {
                let sealed = cube.seal(&shape, &other, &[b"test"]).unwrap();
                all.push(open(&other, &[b"test"], &sealed).unwrap().to_vec());
            }
        }
        all
    }

    /// What the log says of the engine that sealed an epoch.
    pub(crate) fn logged_engine(&self, epoch: &str) -> serde_json::Value {
        let entries = hushtag::operator::show_log(&self.sandbox()).unwrap();
        let mut seals = entries.iter().filter(|(_, entry)| entry.kind == Kind::Seal);
        let (_, seal) = seals.find(|(_, entry)| entry.body["epoch"] == epoch).unwrap();
        seal.body.get("engine").cloned().unwrap_or_default()
    }
}

/// Writes a table as one file, or as a folder of so many.
fn write_parts(path: &Path, rows: Box<dyn RecordBatchReader + Send>, files: usize) -> PathBuf {
    let schema = rows.schema();
    let batches: Vec<_> = rows.map(Result::unwrap).collect();
    let all = arrow_select::concat::concat_batches(&schema, &batches).unwrap();
    fs::create_dir(path).unwrap();
    let size = all.num_rows().div_ceil(files).max(1);
    for (number, first) in (0..all.num_rows()).step_by(size).enumerate() {
        let part = all.slice(first, size.min(all.num_rows() - first));
        let file = fs::File::create(path.join(format!("part-{number:05}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema.clone(), None).unwrap();
        writer.write(&part).unwrap();
        writer.close().unwrap();
    }
    path.to_owned()
}

/// Whether any file below a folder has these bytes.
pub(crate) fn holds(folder: &Path, needle: &[u8]) -> Option<PathBuf> {
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = item.path();
        // A link to a file in memory is no file on a disk.
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            if let Some(found) = holds(&path, needle) {
                return Some(found);
            }
        } else {
            // What is read while a cluster works may be gone by now.
            let Ok(bytes) = fs::read(&path) else { continue };
            if bytes.windows(needle.len()).any(|window| window == needle) {
                return Some(path);
            }
        }
    }
    None
}

/// One column of texts of a Parquet file.
pub(crate) fn texts(path: &Path, name: &str) -> Vec<String> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap().build().unwrap();
    let cells = |batch: arrow_array::RecordBatch| {
        let column = batch.column_by_name(name).unwrap().clone();
        column.as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    reader.flat_map(|batch| cells(batch.unwrap())).collect()
}
