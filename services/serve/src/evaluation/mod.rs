//! A platform that evaluates blind tokens for the other one: what `hushtag token evaluate` does, for requests that come over HTTP. It holds
//! the platform's key, so it is no part of a sandbox, whose operator has no key of a platform.
//!
//! One request at a time: an evaluation uses all cores. A request is a file while it is read, and so is a reply until it was fetched, so memory
//! depends on neither but for 32 bytes a point.
//!
//! # Privacy
//! Requests and replies are uniformly random points; the book and the log of the service have sessions and numbers of points.

mod error;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hushtag::mentioned::WriterLock;
use hushtag::sandbox::AnchorFile;
use hushtag::tokens::{BlindTokenKey, CheckedRequest, EvaluationBook, FilePlace, Parties, Work};
use hushtag::{Study, StudySource};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use error::{EvaluationError, Fault};

use crate::sandbox::{Clock, StateFolder, StateStorage as _, SystemClock};
use crate::settings::EvaluationSettings;
use crate::tokens::{Caller, TokenStore};

/// The folder of requests and replies in the folder of the service. All of it can be made again.
const FOLDER: &str = "evaluation";
/// The request that is received or evaluated.
const REQUEST: &str = "request";
/// How names of replies end.
const REPLY: &str = ".reply";

/// A platform that evaluates.
pub struct Evaluation {
    /// The settings.
    pub settings: EvaluationSettings,
    tokens: TokenStore,
    study: Study,
    key: BlindTokenKey,
    book: AnchorFile,
    path: PathBuf,
    folder: StateFolder,
    longest: u64,
    turn: Arc<Semaphore>,
    _alone: WriterLock,
}

/// The right to send a request and have it evaluated; no other request is received meanwhile.
pub struct Turn {
    /// Where the request is written.
    pub request: PathBuf,
    _permit: OwnedSemaphorePermit,
}

/// A reply that is whole and durable.
pub struct Reply {
    /// Its bytes.
    pub file: File,
    /// Where it is, until it was fetched.
    pub path: PathBuf,
}

impl Evaluation {
    /// Reads study and key, and takes the folder of requests and replies; what a killed service left there is removed.
    ///
    /// # Errors
    /// [`EvaluationError`]: a study that pins no `token_key` of the key, a book of another key or a changed one, or another service that has
    /// the folder.
    pub fn open(settings: EvaluationSettings) -> Result<Self, EvaluationError> {
        let tokens = TokenStore::open(&settings.state)?;
        let (study, _) = StudySource::load(&settings.evaluation.study)?.parse()?;
        let key = BlindTokenKey::load(&settings.evaluation.key)?;
        let longest = CheckedRequest::longest(Parties::new(&study, &key)?.terms);
        let book = AnchorFile::new(&settings.evaluation.book)?;
        let (storage, name) = book.place();
        EvaluationBook::new(FilePlace { storage, name }, &key).read()?;
        let path = settings.state.join(FOLDER);
        let folder = if path.exists() { StateFolder::open(&path)? } else { StateFolder::create(&path)? };
        let folder = folder.for_owner();
        let alone = folder.lock(Duration::ZERO, "hushtag-serve")?;
        for name in folder.list("")?.into_iter().filter(|name| name == REQUEST || name.contains(REPLY)) {
            folder.remove_unsynced(&name)?;
        }
        let turn = Arc::new(Semaphore::new(1));
        Ok(Self { settings, tokens, study, key, book, path, folder, longest, turn, _alone: alone })
    }

    /// Who holds the token that `text` is, if it is in force.
    ///
    /// # Errors
    /// [`EvaluationError::Token`]
    pub fn caller(&self, text: &str) -> Result<Option<Caller>, EvaluationError> {
        Ok(self.tokens.caller(text, SystemClock.now())?)
    }

    /// The most bytes of a request, by `max_ids` of the study.
    #[must_use]
    pub const fn longest(&self) -> u64 {
        self.longest
    }

    /// Waits for the right to send a request.
    ///
    /// # Errors
    /// [`EvaluationError::Busy`] if another one is still evaluated after `client_seconds`.
    pub async fn turn(&self) -> Result<Turn, EvaluationError> {
        let turn = Arc::clone(&self.turn).acquire_owned();
        let turn = tokio::time::timeout(self.settings.limits.client_time(), turn).await;
        let permit = turn.map_err(|_| EvaluationError::Busy)?.map_err(|_| EvaluationError::Stopped)?;
        Ok(Turn { request: self.path.join(REQUEST), _permit: permit })
    }

    /// Checks the request that was written, counts it durably and evaluates it, on a thread of its own, which goes on if the client leaves:
    /// sending the same request again then gives the reply that is kept.
    ///
    /// # Errors
    /// [`EvaluationError`]
    pub async fn evaluate(self: Arc<Self>, turn: Turn) -> Result<Reply, EvaluationError> {
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let reply = self.evaluated();
            // It can be sent again.
            let _ = self.folder.remove_unsynced(REQUEST);
            reply
        });
        work.await.map_err(|_| EvaluationError::Stopped)?
    }

    /// If we stop before the count is durable, nothing was counted; after it, the same request is counted already, and evaluated again.
    fn evaluated(&self) -> Result<Reply, EvaluationError> {
        let at = |name| FilePlace { storage: &self.folder, name };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let work = Work { threads, progress: &|_| () };
        let parties = Parties::new(&self.study, &self.key)?;
        let checked = CheckedRequest::read(parties, at(REQUEST), work)?;
        let (session, points) = (checked.session(), checked.total());
        let counting = EvaluationBook::count_alone(&self.book, &self.key, checked, SystemClock.now())?;
        let (counted_before, ids, max_ids) = (counting.again, counting.ids, parties.terms.max_ids);
        tracing::info!(%session, points, counted_before, ids, max_ids, "counted");
        let name = format!("{session}{REPLY}");
        // One that is kept is whole, and the book has said that its request is this one.
        if self.folder.read_blocks(&name)?.is_none() {
            counting.counted.evaluate(&self.key, at(&name), work)?;
        }
        let path = self.path.join(&name);
        let file = File::open(&path).map_err(EvaluationError::File)?;
        tracing::info!(%session, "evaluated");
        Ok(Reply { file, path })
    }
}

impl Reply {
    /// Removes the file of a reply that was sent. One that is left is removed at the next start.
    pub fn forget(path: &Path) {
        let _ = std::fs::remove_file(path);
    }
}
