//! The operator's commands beside the service: `hushtag` sends its arguments, and the same command runs on the sandbox that is open.

use std::path::Path;
use std::sync::Arc;

pub use hushtag_cli::{Done, Line, PATH as COMMANDS_PATH, SendProgress, Sent};

use super::{Sandbox, SandboxError, remember};
use hushtag::CancelToken;

/// Lets queries, and every other command, go first: this thread, and those that it starts, yield every processor to them, and do not run on
/// the first one of several at all, so that no query waits there for a time slice to end. Where the system does not allow it, nothing is
/// changed, and queries are slower during a seal. Against a quota of processor time, as containers have, neither helps.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        // A seventieth of the share of a query. Linux has a niceness for each thread.
        let _ = rustix::process::nice(19);
        if let Ok(mut processors) = sched_getaffinity(None)
            && processors.count() > 1
            && let Some(first) = (0..CpuSet::MAX_CPU).find(|processor| processors.is_set(*processor))
        {
            processors.unset(first);
            let _ = sched_setaffinity(None, &processors);
        }
    }
}

impl Sandbox {
    /// Runs a command that was sent; `stop` stops a seal that has charged nothing yet. Blocks. `progress` is given lines that say how
    /// far long work has come. A seal runs behind queries; a withdrawal, or what holds a lock that queries want, never does.
    ///
    /// # Privacy
    /// That of the command: it is the operator's own.
    #[must_use]
    pub fn run(&self, sent: Sent, stop: &CancelToken, progress: Option<SendProgress>) -> Done {
        let answered = Arc::clone(&self.answered);
        let running = hushtag_cli::Running {
            operator: Arc::clone(&self.operator),
            folder: self.path.clone(),
            root_key: self.root_key.clone(),
            stop: stop.clone(),
            answered: Box::new(move |released| remember(&answered, released)),
            progress,
        };
        if !sent.is_seal() {
            return sent.run(running);
        }
        // A thread of its own, since its niceness cannot be lowered again.
        let run = || {
            give_way();
            sent.run(running)
        };
        match std::thread::scope(|scope| scope.spawn(run).join()) {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Lets `hushtag` find the socket at which the service takes commands.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn name_socket(&self, socket: &Path) -> Result<(), SandboxError> {
        Ok(self.operator.name_socket(socket)?)
    }
}
