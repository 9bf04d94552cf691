//! The operator's commands beside the service: `hushtag` sends its arguments, and the same command runs on the sandbox that is open.

use std::path::Path;
use std::sync::Arc;

pub use hushtag_cli::{Done, Line, PATH as COMMANDS_PATH, SendProgress, Sent};

use super::{Sandbox, SandboxError, remember};
use hushtag::CancelToken;

/// Lets queries, and every other command, go first where they and this thread, or one that it starts, want the same processor. A system that
/// does not allow it leaves the priority as it is, and queries slower.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        // Niceness 19: a seventieth of the share of a query.
        let _ = thread_priority::ThreadPriority::Min.set_for_current();
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
        // A thread of its own, since its priority cannot be raised again.
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
