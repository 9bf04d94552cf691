//! Which queries were answered before: asking them again is free. Read from the log once, then kept beside it; the service is the one
//! writer, so nothing is missing.

use std::collections::HashSet;
use std::path::Path;

use hushtag::audit::Kind;
use hushtag::sandbox::show_log;

use super::SandboxError;

/// Queries that were answered, each by study, recipient, epoch and canonical text.
#[derive(Debug, Default)]
pub struct Answered(HashSet<[String; 4]>);

impl Answered {
    /// All that the log of the sandbox in `folder` names.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn read(folder: &Path) -> Result<Self, SandboxError> {
        let mut answered = Self::default();
        for (_, entry) in show_log(folder)? {
            if entry.kind == Kind::Ask {
                let text =
                    |name: &str| entry.body.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
                answered.add(text("study"), text("recipient"), text("epoch"), text("question"));
            }
        }
        Ok(answered)
    }

    /// One more.
    pub fn add(&mut self, study: &str, recipient: &str, epoch: &str, question: &str) {
        self.0.insert([study, recipient, epoch, question].map(str::to_owned));
    }

    /// Whether this one was answered.
    #[must_use]
    pub fn has(&self, study: &str, recipient: &str, epoch: &str, question: &str) -> bool {
        self.0.contains(&[study, recipient, epoch, question].map(str::to_owned))
    }
}
