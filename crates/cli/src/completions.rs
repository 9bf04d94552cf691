//! `hushtag completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use super::{Cli, Context, Failure};

#[derive(Args)]
pub(super) struct Completions {
    /// The shell that reads the script
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "hushtag", &mut script);
        let script = String::from_utf8_lossy(&script);
        context
            .output
            .either(|| json!({ "shell": self.shell.to_string(), "script": script }), || script.to_string())
    }
}
