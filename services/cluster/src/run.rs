//! The operator's side: hands the work out, runs the plan, and opens the totals with a key that is used once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::BALLISTA_VERSION;
use ballista_core::extension::{EndpointOverrideFn, SessionConfigExt, SessionStateExt};
use datafusion::DATAFUSION_VERSION;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::common::Result as PlanResult;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::{SessionConfig, SessionContext, col};
use hushtag::engine::Reading;
use hushtag::engine::cluster::{Cluster, ClusterEntry, ClusterError, Job};
use hushtag::keys::random_secret;
use hushtag::{AuditorKey, CancelToken};
use tonic::transport::Endpoint;
use zeroize::Zeroizing;

use crate::admission::session;
use crate::certificates::{Certificates, Role};
use crate::codec::LogicalCodec;
use crate::encryption::JobKey;
use crate::error::{Error, own_words};
use crate::functions::{RESULT, Workplace, aggregates, scalars};
use crate::handover::{Handover, message};
use crate::objects::Listed;
use crate::progress::{Progress, Ran};
use crate::scan::{Files, STATES, States};
use crate::scheduler::MESSAGE;

/// How a seal runs on a cluster.
#[derive(Debug, Clone)]
pub struct ClusterTerms {
    /// Where the work is handed out.
    pub listen: SocketAddr,
    /// Where the scheduler is, as host and port.
    pub scheduler: String,
    /// How many executors are waited for.
    pub executors: usize,
    /// How long.
    pub wait: Duration,
    /// How many partitions states are grouped in; more of them need less memory each.
    pub partitions: u32,
    /// Whether the engine may change partitions while it runs.
    pub adaptive: bool,
}

/// How long a seal goes on without any executor.
const ALONE: Duration = Duration::from_secs(30);
/// How often it is looked whether anything is wrong.
const LOOK: Duration = Duration::from_millis(200);

/// A cluster of the Ballista engine.
pub struct Ballista {
    terms: ClusterTerms,
    certificates: Certificates,
    /// Files that are objects of a store.
    listed: Listed,
    /// Shows how far it is.
    note: Note,
}

type Note = Arc<dyn Fn(Notice<'_>) + Send + Sync>;

/// What a seal shows while it runs.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'n> {
    /// What happened.
    Line(&'n str),
    /// How far a stage is; the next notice takes its place.
    Stage(&'n str),
}

impl Ballista {
    /// A cluster that a seal starts to use when it has read its own files' names.
    #[must_use]
    pub fn new(
        terms: ClusterTerms,
        certificates: Certificates,
        listed: Listed,
        note: impl Fn(Notice<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self { terms, certificates, listed, note: Arc::new(note) }
    }

    fn note(&self, line: &str) {
        (self.note)(Notice::Line(line));
    }

    async fn seal(&self, job: &Job, cancel: &CancelToken) -> Result<Zeroizing<Vec<u8>>, Error> {
        let result = AuditorKey::generate().map_err(|_| Error::Cryptography)?;
        let key = JobKey::new(random_secret().map_err(|_| Error::Cryptography)?);
        self.listed.check(job)?;
        let handed = message(job, &key, &result.public(), &self.listed.objects)?;
        let ClusterTerms { executors, wait, partitions, adaptive, .. } = self.terms;
        let files = u32::try_from(job.units()).map_err(|_| Error::Engine("too many files".to_owned()))?;
        let progress = Arc::new(Progress::new(files, partitions, adaptive));
        let show = shown(Arc::clone(&progress), Arc::clone(&self.note));
        let (handover, address) =
            Handover::start(self.terms.listen, &self.certificates, handed, Arc::new(show)).await?;
        self.note(&format!("waiting for {executors} executors at {address}"));
        tokio::select! {
            () = handover.executors(executors) => {}
            () = cancelled(cancel) => return Err(Error::Engine("cancelled by the caller".to_owned())),
            () = tokio::time::sleep(wait) => {
                let (there, seconds) = (handover.holding(), wait.as_secs());
                let why = format!("{there} of {executors} executors came within {seconds} s");
                return Err(Error::Engine(why));
            }
        }
        self.note(&format!("{executors} executors, {files} files, {partitions} partitions"));
        // Executors that end and are started again could go on like that for ever.
        let mut runs_left = executors;
        loop {
            let ended = handover.ended();
            let totals = tokio::select! {
                batches = self.totals(files) => batches.and_then(|batches| conserved(job, &result, &batches)),
                () = cancelled(cancel) => return Err(Error::Engine("cancelled by the caller".to_owned())),
                () = abandoned(&handover) => return Err(Error::Engine("no executor is left".to_owned())),
            };
            // Ballista 55 repeats outputs of a stage that it rolls back: what surviving executors wrote stays beside what they write again.
            // Totals are refused then, and another run has only executors that are there. Each lost one allows one run, and there are as many as executors at most.
            match totals {
                Err(_) if handover.ended() > ended && handover.holding() > 0 && runs_left > 0 => {
                    runs_left -= 1;
                    progress.reset();
                    self.note(&format!("an executor ended: begins again with {}", handover.holding()));
                }
                totals => {
                    let totals = totals?;
                    self.note("all partitions are counted");
                    return Ok(totals);
                }
            }
        }
    }

    /// Runs the plan.
    async fn totals(&self, files: u32) -> Result<Vec<RecordBatch>, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Engine(own_words(&error.to_string()));
        let ClusterTerms { scheduler, partitions, adaptive, .. } = &self.terms;
        let (to_scheduler, to_executors) =
            (self.certificates.client(Role::Scheduler), self.certificates.client(Role::Executor));
        let authority = scheduler.clone();
        let with_tls: EndpointOverrideFn = Arc::new(move |endpoint: Endpoint| {
            let is_scheduler = endpoint.uri().authority().is_some_and(|known| known.as_str() == authority);
            let tls = if is_scheduler { &to_scheduler } else { &to_executors };
            Ok(endpoint.tls_config(tls.clone())?)
        });
        let config = SessionConfig::new_with_ballista()
            .with_target_partitions(usize::try_from(*partitions).unwrap_or(usize::MAX))
            .with_ballista_adaptive_query_planner(*adaptive)
            .with_ballista_use_tls(true)
            .with_ballista_grpc_client_max_message_size(MESSAGE)
            .with_ballista_logical_extension_codec(Arc::new(LogicalCodec::default()))
            .with_ballista_override_create_grpc_client_endpoint(with_tls)
            .set_bool("ballista.client.pull", true);
        let state = session(config, &Workplace::default());
        let state = state.upgrade_for_ballista(format!("https://{scheduler}")).map_err(|e| failed(&e))?;
        let context = SessionContext::new_with_state(state);
        let tasks = (*partitions).max(1);
        let plan = plan(&context, Files { files, tasks }).map_err(|e| failed(&e))?;
        plan.collect().await.map_err(|e| failed(&e))
    }
}

/// Shows what executors ran.
fn shown(progress: Arc<Progress>, note: Note) -> impl Fn(Ran) + Send + Sync {
    move |ran| {
        if let Some(shown) = progress.ran(ran) {
            let line = shown.to_string();
            note(if shown.is_whole() { Notice::Line(&line) } else { Notice::Stage(&line) });
        }
    }
}

/// The plan of a seal: two groupings and no join.
pub(crate) fn plan(context: &SessionContext, files: Files) -> PlanResult<DataFrame> {
    let place = Workplace::default();
    let functions = (aggregates(&place), scalars());
    let ([person, settle, whole], [key]) = (functions.0.as_slice(), functions.1.as_slice()) else {
        return Err(Error::NoKey.into());
    };
    let states = provider_as_source(Arc::new(States { files, place }));
    let states = LogicalPlanBuilder::scan(STATES, states, None)?.build()?;
    DataFrame::new(context.state(), states)
        .aggregate(vec![col("person")], vec![person.call(vec![col("state")]).alias("parts")])?
        .select(vec![col("parts")])?
        .unnest_columns(&["parts"])?
        .aggregate(
            vec![key.call(vec![col("parts")]).alias("key")],
            vec![settle.call(vec![col("parts")]).alias("settled")],
        )?
        .aggregate(vec![], vec![whole.call(vec![col("settled")]).alias("totals")])
}

/// The text of the plan, which is the same for every seal of one version.
fn plan_text() -> String {
    let context = SessionContext::new_with_state(session(SessionConfig::new(), &Workplace::default()));
    let plan = plan(&context, Files { files: 0, tasks: 0 });
    plan.map_or_else(|error| error.to_string(), |plan| plan.logical_plan().display_indent().to_string())
}

/// The totals, if they add up with what was read.
fn conserved(job: &Job, result: &AuditorKey, batches: &[RecordBatch]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let totals = result.open(RESULT, only_row(batches)?).map_err(|_| Error::Changed)?;
    job.check(&totals)?;
    Ok(totals)
}

fn only_row(batches: &[RecordBatch]) -> Result<&[u8], Error> {
    let mut rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    match (rows.next(), rows.next()) {
        (Some(batch), None) if batch.num_rows() == 1 => {
            let column = batch.columns().first().and_then(|column| column.as_binary_opt::<i64>());
            column.filter(|column| column.is_valid(0)).map(|column| column.value(0)).ok_or(Error::Changed)
        }
        _ => Err(Error::Engine("the plan of a seal has one row".to_owned())),
    }
}

async fn cancelled(cancel: &CancelToken) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns when there has been no executor for a while.
async fn abandoned(handover: &Handover) {
    let mut since = tokio::time::Instant::now();
    while since.elapsed() < ALONE {
        if handover.holding() > 0 {
            since = tokio::time::Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Cluster for Ballista {
    fn run(&self, job: &Job, reading: &Reading) -> Result<Zeroizing<Vec<u8>>, ClusterError> {
        let failed = |error: &dyn std::fmt::Display| ClusterError::Failed(error.to_string());
        let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let threads = threads.map_err(|error| failed(&error))?;
        let totals = threads.block_on(self.seal(job, &reading.cancel));
        if totals.is_err() {
            self.note("the cluster stopped");
        }
        // Executors see their connection close.
        threads.shutdown_timeout(Duration::from_secs(1));
        totals.map_err(|error| failed(&error))
    }

    fn entry(&self) -> ClusterEntry {
        ClusterEntry {
            name: "ballista".to_owned(),
            version: BALLISTA_VERSION.to_owned(),
            datafusion: DATAFUSION_VERSION.to_owned(),
            plan: format!("blake3:{}", blake3::hash(plan_text().as_bytes()).to_hex()),
            partitions: self.terms.partitions,
        }
    }
}
