//! `hushtag token`: the files of blind tokens that go between the two platforms.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::inputs::Inputs;
use super::lang::{list, text};
use super::progress::{Counted, shown};
use super::{Context, Failure};
use crate::render::hygiene_text;
use hushtag::blind_token::{
    BlindTokenError, CheckedRequest, EvaluatedSession, EvaluationBook, EvaluationTotals, FilePlace, Parties,
    Request, Section, Work,
};
use hushtag::engine::{IngestReport, MaxBadRows, Progress, Reading, RequestIds, request_ids};
use hushtag::keys::BlindTokenKey;
use hushtag::operator::StudySource;
use hushtag::storage::{AnchorFile, Folder, Storage};
use hushtag::types::{Clock, SystemClock};

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Ask the other platform to help with tokens of the ids of your tables: it sees random points, and how many, padded
    #[command(
        after_help = "Example:\n  hushtag token request --study study.toml --dataset follows --dataset consents follows.csv consents.csv \\\n    --key a.key --out request.bin --state a.state"
    )]
    Request(RequestCommand),
    /// Answer a request of the other platform, within the limit of the study over all requests (exit code 3 over it)
    #[command(
        after_help = "Example:\n  hushtag token evaluate request.bin --study study.toml --key b.key --book b.evaluations --out reply.bin"
    )]
    Evaluate(EvaluateCommand),
    /// Verify an evaluation book and show its sessions
    #[command(after_help = "Example:\n  hushtag token book b.evaluations --key b.key --study study.toml")]
    Book(BookCommand),
}

#[derive(Args)]
pub(super) struct RequestCommand {
    /// The study that both platforms signed
    #[arg(long, value_name = "FILE")]
    study: PathBuf,
    /// A dataset of the study that your platform hands in, or `consents`; once for each table
    #[arg(long = "dataset", value_name = "NAME", required = true)]
    datasets: Vec<String>,
    /// The tables (.parquet, .csv, .arrow), in the order of --dataset
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Your platform's key of blind tokens: a file of mode 0600 that `hushtag key new --for blind-token` made
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The new file for the other platform
    #[arg(long)]
    out: PathBuf,
    /// The new file that stays here, without which the reply is of no use
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// How many percent of the rows of a table may be bad
    #[arg(long, value_name = "PERCENT", default_value_t = MaxBadRows::default())]
    max_bad_rows: MaxBadRows,
}

#[derive(Args)]
pub(super) struct EvaluateCommand {
    /// The other platform's request
    request: PathBuf,
    /// The study that both platforms signed
    #[arg(long, value_name = "FILE")]
    study: PathBuf,
    /// Your platform's key of blind tokens
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Your platform's evaluation book, which every request is counted in; made where it is not there
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// The new file for the other platform
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
pub(super) struct BookCommand {
    /// The evaluation book
    book: PathBuf,
    /// The key whose book it is
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A study, to show its limit beside what was counted
    #[arg(long, value_name = "FILE")]
    study: Option<PathBuf>,
}

/// A path as a folder and a name in it.
pub(super) struct Place {
    folder: Folder,
    name: String,
}

impl Place {
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.filter(|name| !name.starts_with('.')).ok_or_else(|| {
            let path = path.display();
            Failure::usage(text!("token.not_a_file", path), text!("token.not_a_file_fix"))
        })?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = Folder::open(parent.unwrap_or(Path::new(".")))?;
        Ok(Self { folder, name: name.to_owned() })
    }

    /// A file that only its owner may read.
    pub(super) fn private(path: &Path) -> Result<Self, Failure> {
        let Self { folder, name } = Self::new(path)?;
        Ok(Self { folder: folder.for_owner(), name })
    }

    /// Refuses a place where something is, before any work is done for it.
    fn is_free(&self) -> Result<(), Failure> {
        match self.folder.read_blocks(&self.name)? {
            Some(_) => Err(BlindTokenError::Exists(self.name.clone()).into()),
            None => Ok(()),
        }
    }

    pub(super) fn get(&self) -> FilePlace<'_> {
        FilePlace { storage: &self.folder, name: &self.name }
    }
}

/// As many threads as the machine has cores.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl TokenCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Request(command) => command.run(context),
            Self::Evaluate(command) => command.run(context),
            Self::Book(command) => command.run(context),
        }
    }
}

impl RequestCommand {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        if self.datasets.len() != self.inputs.len() {
            let (datasets, tables) = (self.datasets.len(), self.inputs.len());
            return Err(Failure::usage(text!("token.pairs", datasets, tables), text!("token.pairs_fix")));
        }
        let key = BlindTokenKey::load(&self.key).map_err(Failure::blind_token_key)?;
        let (study, _) = StudySource::load(&self.study)?.parse()?;
        let parties = Parties::new(&study, &key)?;
        let (out, state) = (Place::new(&self.out)?, Place::private(&self.state)?);
        out.is_free()?;
        state.is_free()?;
        let progress = Arc::new(Progress::default());
        let terms = |table| RequestIds {
            study: &study,
            table,
            reading: Reading::default()
                .with_max_bad_rows(self.max_bad_rows)
                .with_progress(Arc::clone(&progress)),
        };
        let mut namespaces = std::collections::BTreeSet::new();
        for table in &self.datasets {
            parties.check_table(table)?;
            namespaces.extend(terms(table).namespaces()?);
        }
        let work = Work { threads: threads(), progress: &|_| () };
        let mut request = Request::new(parties, &key, state.get(), namespaces, work)?;
        let (files, requested) = shown(output, &progress, Counted::Rows, || -> Result<_, Failure> {
            let tables = self.datasets.iter().zip(&self.inputs);
            let read = tables.map(|(table, path)| {
                request_ids(&terms(table), Inputs::one(path.clone()), &mut request).map_err(Failure::from)
            });
            let files = read.collect::<Result<Vec<_>, _>>()?;
            Ok((files, request.finish(out.get())?))
        })?;
        let hygiene = IngestReport { files };
        output.either(
            || {
                let mut all = hygiene.to_json();
                if let Some(map) = all.as_object_mut() {
                    map.insert("session".into(), json!(requested.session.to_string()));
                    map.insert("namespaces".into(), sections_json(&requested.sections, Some(&requested.ids)));
                    map.insert("out".into(), json!(self.out.display().to_string()));
                    map.insert("state".into(), json!(self.state.display().to_string()));
                }
                all
            },
            || hygiene_text(&hygiene),
        )?;
        let (out, peer, session) = (self.out.display(), &parties.peer.id, requested.session);
        let (points, state) = (sections_text(&requested.sections), self.state.display());
        output.note(&text!("token.requested", out, peer, session, points, state));
        Ok(())
    }
}

impl EvaluateCommand {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let key = BlindTokenKey::load(&self.key).map_err(Failure::blind_token_key)?;
        let (study, _) = StudySource::load(&self.study)?.parse()?;
        let parties = Parties::new(&study, &key)?;
        let (request, out) = (Place::new(&self.request)?, Place::new(&self.out)?);
        let book = AnchorFile::new(&self.book)?;
        out.is_free()?;
        let progress = Arc::new(Progress::default());
        let done = |points| progress.add(points);
        let work = Work { threads: threads(), progress: &done };
        let checked = CheckedRequest::read(parties, request.get(), work)?;
        progress.expect(checked.total());
        let counting = EvaluationBook::count_alone(&book, &key, checked, SystemClock.now())?;
        let (again, ids) = (counting.again, counting.ids);
        let evaluated =
            shown(output, &progress, Counted::Points, || counting.counted.evaluate(&key, out.get(), work))?;
        let limit = parties.terms.max_ids;
        output.either(
            || {
                json!({
                    "session": evaluated.session.to_string(), "namespaces": sections_json(&evaluated.sections, None),
                    "counted_before": again, "ids": ids, "max_ids": limit, "out": self.out.display().to_string(),
                })
            },
            || {
                let (session, points) = (evaluated.session, sections_text(&evaluated.sections));
                match again {
                    true => text!("token.evaluated_again", session, points, ids, limit),
                    false => text!("token.evaluated", session, points, ids, limit),
                }
            },
        )
    }
}

impl BookCommand {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let key = BlindTokenKey::load(&self.key).map_err(Failure::blind_token_key)?;
        let limit = match &self.study {
            Some(path) => Some(Parties::new(&StudySource::load(path)?.parse()?.0, &key)?.terms.max_ids),
            None => None,
        };
        let place = Place::new(&self.book)?;
        if place.folder.read_blocks(&place.name)?.is_none() {
            return Err(BlindTokenError::Missing(place.name).into());
        }
        let totals = EvaluationBook::new(place.get(), &key).read()?;
        context.output.either(|| book_json(&totals, limit), || book_text(&totals, limit))
    }
}

fn book_json(totals: &EvaluationTotals, limit: Option<u64>) -> Value {
    let session = |one: &EvaluatedSession| json!({ "number": one.number, "at": one.at.to_string(), "session": one.session.to_string(), "ids": one.ids });
    let sessions: Vec<Value> = totals.sessions.iter().map(session).collect();
    json!({ "sessions": sessions, "ids": totals.ids, "max_ids": limit })
}

fn book_text(totals: &EvaluationTotals, limit: Option<u64>) -> String {
    let session =
        |one: &EvaluatedSession| text!("token.session", at = one.at, session = one.session, ids = one.ids);
    let sessions: String = totals.sessions.iter().map(session).collect();
    let (ids, count) = (totals.ids, totals.sessions.len());
    match limit {
        Some(limit) => text!("token.book_limit", sessions, ids, limit, count),
        None => text!("token.book", sessions, ids, count),
    }
}

fn sections_json(sections: &[Section], ids: Option<&[u64]>) -> Value {
    let each = sections.iter().enumerate().map(|(at, section)| {
        let distinct = ids.and_then(|ids| ids.get(at));
        match distinct {
            Some(distinct) => {
                json!({ "namespace": section.namespace, "points": section.count, "ids": distinct })
            }
            None => json!({ "namespace": section.namespace, "points": section.count }),
        }
    });
    each.collect()
}

fn sections_text(sections: &[Section]) -> String {
    let section = |one: &Section| text!("token.section", count = one.count, namespace = one.namespace);
    list(sections.iter().map(section))
}
