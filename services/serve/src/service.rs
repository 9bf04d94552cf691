//! What all doors share: the sandbox, the tokens, the turns, and how a query is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::catalogue::Catalogues;
use crate::monitoring::{Monitoring, Outcome};
use crate::queue::{Busy, Queue};
use crate::sandbox::{Answer, Sandbox, SandboxError, Who};
use crate::settings::{Limits, Settings};
use crate::tokens::{Caller, TokenError, TokenStore};

/// Why the service did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// Too many wait.
    #[error("{0}")]
    Busy(#[from] Busy),
    /// Another act of the operator is under way.
    #[error("another act of the operator is under way: wait for its end, or give a longer --wait")]
    Acting,
    /// It is being stopped.
    #[error("the service is being stopped")]
    Draining,
    /// The sandbox refused or failed.
    #[error("{0}")]
    Sandbox(#[from] SandboxError),
    /// It took too long; what was charged is kept.
    #[error("the query took longer than {} s; an answer that was charged is kept, and asking again gives it at no cost", .0.as_secs())]
    TooLong(Duration),
    /// The tokens cannot be read.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// The work stopped, which is a bug.
    #[error("a bug: the work stopped")]
    Stopped,
}

/// What the doors are opened with.
pub struct Service {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// The tokens in force.
    pub tokens: TokenStore,
    /// The settings.
    pub settings: Settings,
    /// The numbers for monitoring.
    pub monitoring: Monitoring,
    /// The catalogues of the wire, one a recipient.
    pub catalogues: Catalogues,
    queue: Queue,
    /// Held while an act of the operator is under way: a study that is adopted during a seal would make the seal fail at its end.
    acting: Arc<Mutex<()>>,
}

/// What came of a query that was asked.
#[derive(Debug)]
pub struct Asked {
    /// The answer.
    pub answer: Answer,
    /// How long it took, its turn and its slots included.
    pub took: Duration,
}

impl Service {
    /// A service over `sandbox`.
    #[must_use]
    pub fn new(sandbox: Sandbox, tokens: TokenStore, settings: Settings) -> Self {
        let queue = Queue::new(&settings.limits);
        Self {
            sandbox,
            tokens,
            settings,
            monitoring: Monitoring::default(),
            catalogues: Catalogues::default(),
            queue,
            acting: Arc::default(),
        }
    }

    /// The limits of the settings.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// Who holds the token that `text` is, if it is in force.
    ///
    /// # Errors
    /// [`ServiceError::Token`]
    pub fn caller(&self, text: &str) -> Result<Option<Caller>, ServiceError> {
        Ok(self.tokens.caller(text, self.sandbox.now())?)
    }

    /// Whether the token of `caller` is still in force.
    ///
    /// # Errors
    /// [`ServiceError::Token`]
    pub fn is_in_force(&self, caller: &Caller) -> Result<bool, ServiceError> {
        Ok(self.tokens.is_in_force(caller, self.sandbox.now())?)
    }

    /// Asks a query in its turn, on a thread of its own, since the library blocks.
    ///
    /// If the client leaves or the time is over, the thread goes on: what is charged under way is finished and stored, and its turn
    /// ends only then.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub async fn ask(
        self: &Arc<Self>,
        door: &'static str,
        who: &Who,
        text: String,
        epoch: Option<String>,
    ) -> Result<Asked, ServiceError> {
        let started = Instant::now();
        let client = who.clone();
        let span = tracing::info_span!("query", door, recipient = who.recipient());
        let asked = self
            .in_turn(who, move |service| {
                let _query = span.enter();
                Ok(service.sandbox.ask(&client, &text, epoch.as_deref())?)
            })
            .await;
        let took = started.elapsed();
        self.count(door, who, asked.as_ref().ok(), took);
        Ok(Asked { answer: asked?, took })
    }

    /// Runs `work` in a turn of `who`, on a thread of its own, for as long as a query may run.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub async fn in_turn<T: Send + 'static>(
        self: &Arc<Self>,
        who: &Who,
        work: impl FnOnce(&Self) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let limit = self.limits().query_time();
        let service = Arc::clone(self);
        let done = async {
            let turn = self.queue.turn(who.recipient()).await?;
            let work = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                work(&service)
            });
            work.await.map_err(|_| ServiceError::Stopped)?
        };
        tokio::time::timeout(limit, done).await.map_err(|_| ServiceError::TooLong(limit))?
    }

    /// Runs public reads on a thread of its own; they need no turn.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let limit = self.limits().query_time();
        let service = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&service));
        let done = tokio::time::timeout(limit, done).await.map_err(|_| ServiceError::TooLong(limit))?;
        done.map_err(|_| ServiceError::Stopped)?
    }

    /// Runs a command of the operator on a thread of its own, for as long as it takes; it goes on if the client leaves. Of those that
    /// are given a `turn`, one runs at a time, and others wait so long for it.
    ///
    /// # Errors
    /// [`ServiceError::Acting`] if another one is still under way, and [`ServiceError::Stopped`].
    pub async fn operate<T: Send + 'static>(
        self: &Arc<Self>,
        turn: Option<Duration>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let acting = match turn {
            None => None,
            Some(wait) => {
                let turn = tokio::time::timeout(wait, Arc::clone(&self.acting).lock_owned()).await;
                Some(turn.map_err(|_| ServiceError::Acting)?)
            }
        };
        let service = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let _acting = acting;
            work(&service)
        });
        done.await.map_err(|_| ServiceError::Stopped)
    }

    /// Counts a query and writes it to the log of the service.
    ///
    /// # Privacy
    /// The line has the door, the outcome, the time in slots and the public name of the recipient: no SQL, no label, no token.
    fn count(&self, door: &'static str, who: &Who, answer: Option<&Answer>, took: Duration) {
        let outcome = match answer {
            Some(Answer::Released(released)) if released.stored => Outcome::Stored,
            Some(Answer::Released(_)) => Outcome::New,
            Some(Answer::Refused(reasons)) => {
                reasons.iter().for_each(|reason| self.monitoring.refusal(&reason.rule));
                Outcome::Refused
            }
            None => Outcome::Failed,
        };
        self.monitoring.query(door, outcome, took);
        let (recipient, milliseconds) = (who.recipient(), took.as_millis());
        tracing::info!(door, recipient, outcome = outcome.as_str(), %milliseconds, "query");
    }
}
