//! The operator's commands beside the service: `hushtag` sends its arguments, and the same command runs on the sandbox that is open.

use std::path::Path;
use std::sync::Arc;

pub use hushtag_cli::{Done, Line, PATH as COMMANDS_PATH, SendProgress, Sent};

use super::{Sandbox, SandboxError, remember};
use hushtag::CancelToken;

impl Sandbox {
    /// Runs a command that was sent; `stop` stops a seal that has charged nothing yet. Blocks. `progress` is given lines that say how
    /// far long work has come.
    ///
    /// # Privacy
    /// That of the command: it is the operator's own.
    #[must_use]
    pub fn run(&self, sent: Sent, stop: &CancelToken, progress: Option<SendProgress>) -> Done {
        let answered = Arc::clone(&self.answered);
        sent.run(hushtag_cli::Running {
            operator: Arc::clone(&self.operator),
            folder: self.path.clone(),
            root_key: self.root_key.clone(),
            stop: stop.clone(),
            answered: Box::new(move |released| remember(&answered, released)),
            progress,
        })
    }

    /// Lets `hushtag` find the socket at which the service takes commands.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn name_socket(&self, socket: &Path) -> Result<(), SandboxError> {
        Ok(self.operator.name_socket(socket)?)
    }
}
