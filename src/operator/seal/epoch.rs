//! `seal`: files in, sealed cubes of every permitted study and recipient out, in one run.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, RwLockReadGuard};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::audit::Kind;
use crate::engine::cluster::{Cluster, ClusterError, JobTerms, Refusal};
use crate::engine::{BuiltEpoch, IngestReport, Progress, Reading, Sources, shapes};
use crate::keys::Keyring;
use crate::operator::law::in_force::{InForceLaw, text};
use crate::operator::sandbox::{
    EpochFile, StudyEntry, cube_path, join_cubes, regime_path, split_cube, study_path,
};
use crate::operator::seal::permitted::{Building, Flows, NotPermitted, OnCluster, RefusedFlow};
use crate::operator::shelf::epochs::CubeKey;
use crate::operator::shelf::sealed::unfinished;
use crate::operator::{Adopted, Operator, OperatorError, SandboxState};
use crate::policy::Reason;
use crate::register::{Snapshot, State, Visitor};
use crate::release::{Cube, Exact, Released};
use crate::storage::file_time;
use crate::types::trace::{counted, span};
use crate::types::{CancelToken, EpochId, RecipientId, Secret, StudyId, Timestamp};

/// Which epoch is sealed, from what day, how its tables are read, who sees how far it has come and who may stop it.
///
/// ```
/// use hushtag::{CancelToken, EpochId, SealTerms, Timestamp};
///
/// let stop = CancelToken::new();
/// let terms = SealTerms::new(EpochId::new("2026-q3")?, Timestamp::parse("2026-10-01T00:00:00Z")?)
///     .cancelled_by(&stop)
///     .on_progress(|progress| println!("{} rows", progress.rows()));
/// # assert_eq!(terms.epoch.as_str(), "2026-q3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SealTerms {
    /// The new epoch's id.
    pub epoch: EpochId,
    /// Consents count as of this instant, windows end at it.
    pub as_of: Timestamp,
    /// How the tables are read.
    pub reading: Reading,
    /// What reads them, if it is not this process.
    cluster: Option<Arc<dyn Cluster>>,
}

/// Whether it runs on a cluster, and nothing of that.
impl fmt::Debug for SealTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, as_of, reading, cluster } = self;
        f.debug_struct("SealTerms")
            .field("epoch", epoch)
            .field("as_of", as_of)
            .field("reading", reading)
            .field("cluster", &cluster.is_some())
            .finish()
    }
}

impl SealTerms {
    /// Terms for an epoch of this id, whose consents count as of `as_of`.
    #[must_use]
    pub fn new(epoch: EpochId, as_of: Timestamp) -> Self {
        Self { epoch, as_of, reading: Reading::default(), cluster: None }
    }

    /// The tables are read and counted by a cluster; everything else of the seal stays here.
    #[cfg(feature = "internals")]
    #[must_use]
    pub fn on_cluster(mut self, cluster: Arc<dyn Cluster>) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// Tables are read like this. It replaces what was set before: reading, progress and cancelling.
    #[must_use]
    pub fn with_reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// The seal stops soon after `token` is cancelled, with [`EngineError::Cancelled`](crate::input::EngineError::Cancelled), as long as nothing is charged: the folder is as
    /// after any seal that failed. See [`Reading::cancelled_by`].
    #[must_use]
    pub fn cancelled_by(mut self, token: &CancelToken) -> Self {
        self.reading = self.reading.cancelled_by(token);
        self
    }

    /// `observer` is called while files are read: see [`Progress::observed`].
    #[must_use]
    pub fn on_progress(mut self, observer: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.reading = self.reading.with_progress(Arc::new(Progress::observed(observer)));
        self
    }
}

/// What a seal did.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct Sealed {
    /// What was read and dropped, file by file.
    pub hygiene: IngestReport,
    /// Recipients (study, recipient) that have a cube now.
    pub recipients: Vec<(StudyId, RecipientId)>,
    /// People in, and out by reason, noised: one answer for each recipient whose study pays for it.
    pub consents: Vec<Released>,
    /// Recipients that policy refuses, with all reasons.
    pub refused: Vec<(StudyId, RecipientId, Vec<Reason>)>,
}

impl Operator {
    /// Seals an epoch. An id is used once: the log decides whether an epoch of this id was sealed before, also if it was retired
    /// since or its folder is gone. Epochs whose retention is over are retired first.
    ///
    /// Consents are those of `sources` and, always where there is one, of the register: the union of all events, of which the
    /// latest decides, so that an event that is in both counts once and a withdrawal counts wherever it is.
    ///
    /// Order: a mark in the register, if there is one; epoch key; cubes into `epochs/ID.new`; the charged counts of people by consent, where the study pays for them; the
    /// auditor's figures; the times of the files; the log entry, which decides; the folder's final name. If we stop before the
    /// entry, the next open removes what there is; after it, the next open gives the folder its name.
    ///
    /// The counts come after everything that a file can spoil, each of them charged before its answer is drawn. A seal that fails
    /// or stops between the first charge and the entry has paid: the charges stay, with `ask` entries of an epoch that never was,
    /// the id stays free, and a seal that is tried again queries again and pays again.
    ///
    /// # Errors
    /// [`OperatorError`]; but for what was charged the sandbox is as before. [`OperatorError::EpochExists`] for an id that is used,
    /// [`EngineError::Cancelled`](crate::input::EngineError::Cancelled) for a seal that was cancelled before anything was charged,
    /// [`OperatorError::Damaged`] where the folder of any sealed epoch is missing or another one. After an error in the last step
    /// the epoch is sealed, and the next open finishes.
    ///
    /// # Privacy
    /// The hygiene is a function of single files. Joined facts are in the sealed cubes, in the figures that the auditor's key opens,
    /// and in the noised counts of people by consent. Entries, charges and files have the instant at which the seal began.
    pub fn seal(&self, terms: &SealTerms, sources: Sources) -> Result<Sealed, OperatorError> {
        span!("seal");
        let inner = &*self.inner;
        // Everything that the seal writes has this instant: the time of a step would reveal how long the steps before took.
        let now = inner.clock.now();
        inner.retire_ended()?;
        self.check_epoch(&terms.epoch)?;
        // Files are read and cubes are built under this law, and no query waits for it; it has to be in force still when the seal ends.
        let law = inner.law.in_force();
        let rules = inner.seal_rules(&law)?;
        let (flows, refused) = match rules.permitted(terms.as_of, now) {
            Ok(permitted) => permitted,
            Err(not) => {
                match &not {
                    NotPermitted::Policy(refused) => inner.log_refusal(refused, &terms.epoch, now)?,
                    NotPermitted::Unpaid(reasons) => inner.log_unpaid(reasons, &terms.epoch, now)?,
                    NotPermitted::Failed(_) => {}
                }
                return Err(not.into());
            }
        };
        let staged = unfinished(&terms.epoch);
        let failed = |error: OperatorError| {
            inner.log_failed_seal(&terms.epoch, now, &error);
            error
        };
        inner.sweep_register(file_time(now, 0)).map_err(failed)?;
        let register = inner.mark_seal(file_time(now, 1)).map_err(failed)?;
        let key = inner.shelf.keyring.create_epoch(&*inner.storage, &terms.epoch);
        let key = key.map_err(|error| failed(error.into()))?;
        // What is there was left by a seal that failed in this process and could not remove it.
        inner.storage.remove(&staged).map_err(|error| failed(error.into()))?;
        let sealed = inner.stage(terms, (sources, register.as_ref()), (&law, &flows), &key, now, &staged);
        let Staged { hygiene, consents, file, entry, unchanged: _unchanged } = match sealed {
            Ok(staged) => staged,
            Err(error) => {
                // If removing fails too, the next open does it.
                let _ = inner.storage.remove(&staged);
                let _ = Keyring::destroy_epoch(&*inner.storage, &terms.epoch);
                return Err(failed(error));
            }
        };
        if !refused.is_empty() {
            inner.log_refusal(&refused, &terms.epoch, now)?;
        }
        inner.books.append(Kind::Seal, now, entry)?;
        inner.add_epoch(file)?;
        let names = |(study, flows): (&Arc<Adopted>, Flows)| {
            let id = study.study.id.clone();
            flows.into_iter().map(move |(recipient, _)| (id.clone(), recipient))
        };
        Ok(Sealed { hygiene, recipients: flows.into_iter().flat_map(names).collect(), consents, refused })
    }

    /// Reads everything that [`Operator::seal`] would read, under a key that is thrown away, and reports every file.
    ///
    /// Nothing is written, logged or charged, and no epoch id is used up.
    ///
    /// # Errors
    /// As [`Operator::seal`]; [`OperatorError::Several`] where more than one file cannot be read. A reader or a pipe can be read once only:
    /// of those the first fault ends the check.
    ///
    /// # Privacy
    /// The report is a function of single files; the cubes are dropped unopened.
    pub fn check_sources(
        &self,
        as_of: Timestamp,
        reading: &Reading,
        sources: Sources,
    ) -> Result<IngestReport, OperatorError> {
        let inner = &*self.inner;
        let register = inner.register_snapshot()?;
        let (law, instants) = (inner.law.in_force(), (as_of, inner.clock.now()));
        inner.seal_rules(&law)?.check_sources(instants, reading, sources, register.as_ref())
    }
}

/// What a `seal` entry says of one study and recipient.
#[derive(Serialize)]
pub(in crate::operator) struct CubeEntry {
    pub(in crate::operator) study: StudyId,
    pub(in crate::operator) recipient: RecipientId,
    /// The hash of the file of the cubes.
    blake3: String,
    /// The hash of what was demanded of every person.
    demand: String,
    /// The root of the consent tree, where there is a register.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::operator) consents: Option<String>,
}

/// What staging yields: the hygiene, the noised counts by consent, the public file of the epoch and the body of its log entry, under a law
/// that stays in force.
struct Staged<'a> {
    hygiene: IngestReport,
    consents: Vec<Released>,
    file: EpochFile,
    entry: Map<String, Value>,
    unchanged: RwLockReadGuard<'a, ()>,
}

impl SandboxState {
    fn stage(
        &self,
        terms: &SealTerms,
        (sources, register): (Sources, Option<&(Snapshot, State)>),
        (law, flows): (&Arc<InForceLaw>, &[(&Arc<Adopted>, Flows)]),
        key: &Secret,
        now: Timestamp,
        folder: &str,
    ) -> Result<Staged<'_>, OperatorError> {
        let entries = flows.iter().map(|(adopted, _)| StudyEntry {
            id: adopted.study.id.clone(),
            hash: adopted.study.hash.clone(),
        });
        // One key opens the cubes of all studies, so the shortest retention ends the epoch for all of them.
        let ends = flows.iter().map(|(adopted, _)| now.saturating_add(adopted.study.retention)).min();
        let ends = ends.ok_or(OperatorError::Bug("an epoch is sealed under a study"))?;
        let file = EpochFile::new(terms.epoch.clone(), terms.as_of, now, ends, entries.collect());
        let reading = Reading { figures: self.law.auditor.is_some(), ..terms.reading.clone() };
        let (mut cubes, mut standings, mut figures) = (Vec::new(), Vec::new(), Vec::new());
        let cluster = self.cluster_of(terms, register.is_some(), flows, now)?;
        let sealing = Building { as_of: terms.as_of, key, reading: &reading, cluster };
        let (sources, records) = sources.recorded()?;
        let (register, state) = register.map(|(register, state)| (register, *state)).unzip();
        let trees = register.map(|register| self.consent_trees(register, flows, (&file, key))).transpose()?;
        let visitor = trees.clone().map(|trees| trees as Arc<dyn Visitor>);
        let register = register.map(|register| (register, visitor));
        let hygiene =
            self.seal_rules(law)?.build_each((sources, register), flows, &sealing, |position, built| {
                let (Some(study), Some((adopted, demands))) =
                    (file.studies.get(position), flows.get(position))
                else {
                    return Ok(());
                };
                for one in built {
                    let demand = demands.iter().find(|(recipient, _)| *recipient == one.recipient);
                    let demand = demand.map(|(_, demand)| demand.hash());
                    let demand = demand.ok_or(OperatorError::Bug("a cube is built of a flow"))?;
                    cubes.push(self.write_cubes(&file, (study, adopted), (&one, demand), key, folder)?);
                    standings.push((*adopted, one.recipient, one.statuses));
                    figures.extend(one.figures);
                }
                Ok(())
            })?;
        for file in &hygiene.files {
            counted!("seal.rows", file.rows);
        }
        if let Some(trees) = trees {
            span!("seal.consent_trees");
            self.write_consent_trees(&trees, folder, &mut cubes)?;
        }
        let state =
            state.map(|state| self.write_register_state(state, &terms.epoch, key, folder)).transpose()?;
        let studies = flows.iter().map(|(adopted, _)| &***adopted);
        let (inputs, openings) = self.write_inputs(&records, studies, &file, key, folder)?;
        // Everything that a file can spoil is done: from here a seal costs budget, nothing else comes into force, and nothing stops it.
        terms.reading.uncancelled()?;
        let unchanged = self.law.unchanged()?;
        if !Arc::ptr_eq(law, &self.law.in_force()) {
            let why = "a study or a key was changed while the files were read: seal again";
            return Err(OperatorError::Invalid(why.into()));
        }
        span!("seal.release");
        let mut consents = Vec::new();
        for (adopted, recipient, standings) in standings {
            consents.extend(self.release_consents(adopted, &recipient, &file, &standings)?);
        }
        let joined = self.write_figures(&figures, &file, key, folder)?;
        self.storage.write(&format!("{folder}/epoch.json"), file.to_text()?.as_bytes())?;
        // The time of a file would reveal how long its part took. If we stop before it, there is no entry and all of it goes.
        for place in [folder, &Keyring::epoch_file(&terms.epoch)] {
            self.storage.set_times(place, file_time(now, 0))?;
        }
        let mut body = Map::new();
        body.insert("epoch".into(), json!(file.epoch));
        body.insert("as_of".into(), json!(terms.as_of.to_string()));
        body.insert("ends".into(), json!(file.ends().to_string()));
        body.insert("studies".into(), json!(file.studies));
        body.insert("cubes".into(), json!(cubes));
        body.extend(state.into_iter().flatten());
        body.insert("inputs".into(), inputs);
        body.insert("openings".into(), json!(openings));
        body.extend(joined.map(|hash| ("joined".to_owned(), json!(hash))));
        body.extend(token_sessions(&hygiene).map(|sessions| ("token_sessions".to_owned(), sessions)));
        body.extend(terms.cluster.as_ref().map(|cluster| ("engine".to_owned(), json!(cluster.entry()))));
        Ok(Staged { hygiene, consents, file, entry: body, unchanged })
    }

    /// What a cluster needs of the law, if the seal runs on one.
    fn cluster_of<'t>(
        &self,
        terms: &'t SealTerms,
        has_register: bool,
        flows: &[(&Arc<Adopted>, Flows)],
        now: Timestamp,
    ) -> Result<Option<OnCluster<'t>>, OperatorError> {
        let Some(cluster) = &terms.cluster else { return Ok(None) };
        let [(adopted, _)] = flows else {
            return Err(refused(Refusal::Studies { count: flows.len() }));
        };
        if has_register {
            return Err(refused(Refusal::Register));
        }
        let (study, regime) = (&adopted.study.hash, adopted.regime.hash());
        let study = text(&*self.storage, &study_path(study), study)?;
        let regime = text(&*self.storage, &regime_path(regime), regime)?;
        Ok(Some(OnCluster { cluster: &**cluster, terms: JobTerms { study, regime, now } }))
    }

    fn write_cubes(
        &self,
        file: &EpochFile,
        (study, adopted): (&StudyEntry, &Adopted),
        (built, demand): (&BuiltEpoch, String),
        key: &Secret,
        folder: &str,
    ) -> Result<CubeEntry, OperatorError> {
        let recipient = built.recipient.as_str();
        let key = cube_key(key, study, recipient);
        let sets = adopted.study.catalogue.sets().iter().zip(shapes(&adopted.study)?);
        let mut sealed = Vec::new();
        for ((set, shape), cube) in sets.zip(&built.cubes) {
            let binding = file.binding(&self.id, study, recipient, &set.name);
            let parts: Vec<&[u8]> = binding.iter().map(Vec::as_slice).collect();
            sealed.push(cube.seal(&shape, &key, &parts).map_err(crate::release::ReleaseError::Seal)?);
        }
        let joined = join_cubes(&sealed);
        self.storage.write(&cube_path(folder, study.id.as_str(), recipient), &joined)?;
        // A ciphertext under a fresh key shows nothing, so its hash may be public.
        let blake3 = blake3::hash(&joined).to_hex().to_string();
        Ok(CubeEntry {
            study: study.id.clone(),
            recipient: built.recipient.clone(),
            blake3,
            demand,
            consents: None,
        })
    }

    /// The cube of one tag set, from memory or from its sealed file, which is read and decrypted under no lock that another query needs; for
    /// who holds [`Shelf::unretired`](crate::operator::shelf::epochs::Shelf::unretired).
    pub(in crate::operator) fn cube(
        &self,
        epoch: &EpochFile,
        adopted: &Adopted,
        recipient: &RecipientId,
        set: usize,
    ) -> Result<Arc<Exact<Cube>>, OperatorError> {
        let at: CubeKey = (epoch.epoch.clone(), adopted.study.id.clone(), recipient.clone(), set);
        if let Some(cube) = self.shelf.cube(&at) {
            return Ok(cube);
        }
        let place =
            cube_path(&format!("epochs/{}", epoch.epoch), adopted.study.id.as_str(), recipient.as_str());
        let damaged = |why: &str| OperatorError::damaged(place.clone(), why);
        let study = StudyEntry { id: adopted.study.id.clone(), hash: adopted.study.hash.clone() };
        let file = self.storage.read(&place)?.ok_or_else(|| damaged("is missing"))?;
        let sealed = split_cube(&file, set).ok_or_else(|| damaged("is cut off"))?;
        let key =
            cube_key(&self.shelf.keyring.epoch(&*self.storage, &epoch.epoch)?, &study, recipient.as_str());
        let shapes = shapes(&adopted.study)?;
        let sets = adopted.study.catalogue.sets();
        let (Some(shape), Some(declared)) = (shapes.get(set), sets.get(set)) else {
            return Err(OperatorError::Bug("a plan names a tag set of its study"));
        };
        let binding = epoch.binding(&self.id, &study, recipient.as_str(), &declared.name);
        let parts: Vec<&[u8]> = binding.iter().map(Vec::as_slice).collect();
        let cube = Exact::<Cube>::unseal(sealed, shape, &key, &parts)
            .map_err(|_| damaged("does not open: changed bytes, another key, or another place"))?;
        Ok(self.shelf.keep_cube(at, cube))
    }

    fn log_unpaid(&self, reasons: &[Reason], epoch: &EpochId, now: Timestamp) -> Result<(), OperatorError> {
        let mut body = Map::new();
        body.insert("act".into(), json!("seal"));
        body.insert("epoch".into(), json!(epoch));
        body.insert("rules".into(), reasons.iter().map(|reason| json!(reason.rule)).collect());
        self.books.append(Kind::Refuse, now, body).map(|_| ())
    }

    fn log_refusal(
        &self,
        refused: &[RefusedFlow],
        epoch: &EpochId,
        now: Timestamp,
    ) -> Result<(), OperatorError> {
        for (study, recipient, reasons) in refused {
            let mut body = Map::new();
            body.insert("act".into(), json!("seal"));
            body.insert("epoch".into(), json!(epoch));
            body.insert("study".into(), json!(study));
            body.insert("recipient".into(), json!(recipient));
            let rules: Vec<&str> = reasons.iter().map(|reason| reason.rule.as_str()).collect();
            body.insert("rules".into(), json!(rules));
            self.books.append(Kind::Refuse, now, body)?;
        }
        Ok(())
    }
}

fn refused(what: Refusal) -> OperatorError {
    crate::engine::EngineError::from(ClusterError::Refused(vec![what])).into()
}

/// The sessions in which blind tokens of the files were made, each once; a function of what the files say of themselves.
fn token_sessions(hygiene: &IngestReport) -> Option<Value> {
    let of_file = hygiene
        .files
        .iter()
        .filter_map(|file| Some((file.token_key.as_ref()?, file.token_session.as_ref()?)));
    let sessions: BTreeSet<_> = of_file.collect();
    let each =
        sessions.iter().map(|(key, one)| json!({ "key": key, "session": one.session, "ids": one.ids }));
    (!sessions.is_empty()).then(|| each.collect())
}

/// The key of the cubes of one study and recipient inside an epoch.
fn cube_key(epoch: &Secret, study: &StudyEntry, recipient: &str) -> Secret {
    let place = format!("{}\n{}\n{recipient}", study.id, study.hash);
    epoch.derive_for("hushtag 2026-11 v1 cubes of a recipient", place.as_bytes())
}
