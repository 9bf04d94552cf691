//! `hushtag man`.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use serde_json::json;

use super::lang::text;
use super::{Cli, Context, Failure};
use hushtag::storage::{Folder, Storage as _};

#[derive(Args)]
pub(super) struct ManPages {
    /// The folder, which is made where it is missing; pages of an earlier run are replaced
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl ManPages {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed(text!("man.failed", folder = self.out.display(), error), text!("man.fix"))
        };
        // `help` repeats the pages.
        let mut root = Cli::command().disable_help_subcommand(true);
        root.build();
        let mut pages = Vec::new();
        collect(&root, &mut pages).map_err(failed)?;
        std::fs::create_dir_all(&self.out).map_err(failed)?;
        let folder = Folder::open(&self.out.canonicalize().map_err(failed)?)?;
        for (name, page) in &pages {
            folder.write(name, page)?;
        }
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        context.output.either(
            || json!({ "folder": self.out.display().to_string(), "pages": names }),
            || text!("man.done", count = names.len(), folder = self.out.display()),
        )
    }
}

/// The page of a command and those of the commands below it.
fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render(&mut page)?;
    pages.push((man.get_filename(), page));
    command.get_subcommands().try_for_each(|below| collect(below, pages))
}
