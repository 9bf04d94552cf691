//! `hushtag consent import` and `export`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::cli::inputs::Inputs;
use crate::cli::progress::shown;
use crate::cli::sandbox::open;
use crate::cli::{Context, Failure};
use crate::engine::{FileHygiene, MaxBadRows, Progress, handed_in};

#[derive(Args)]
pub(in crate::cli) struct Import {
    /// The sandbox
    dir: PathBuf,
    /// Files of consent events (.jsonl, .csv, .parquet, .arrow), folders of parts, patterns, or - for stdin
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How many percent of a file's rows may be bad
    #[arg(long, value_name = "PERCENT", default_value_t = MaxBadRows::default())]
    max_bad_rows: MaxBadRows,
}

#[derive(Args)]
pub(in crate::cli) struct Export {
    /// The sandbox
    dir: PathBuf,
    /// The new file, readable by its owner alone: .jsonl, .csv, .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Import {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<(), Failure> {
        let operator = open(&self.dir, context)?;
        let mut done = Vec::new();
        let (mut files, mut inputs) = (Vec::new(), Inputs::default());
        for path in self.files {
            files.extend(inputs.of(path)?.into_iter().map(|file| (None, file)));
        }
        for (_, file) in handed_in(files)? {
            let progress = Arc::new(Progress::default());
            let import = || operator.consents().import_shown(file, self.max_bad_rows, &progress);
            match shown(&context.output, &progress, "events", import) {
                Ok(report) => done.push(report),
                Err(error) => {
                    for report in &done {
                        context.output.note(&format!("recorded before: {}", line(report)));
                    }
                    return Err(error.into());
                }
            }
        }
        context.output.either(
            || {
                let file = |report: &FileHygiene| {
                    json!({
                        "file": report.file, "rows": report.rows, "taken": report.used,
                        "dropped": report.dropped, "first": report.first_places(),
                    })
                };
                json!({ "files": done.iter().map(file).collect::<Vec<_>>() })
            },
            || done.iter().map(line).collect::<Vec<_>>().join("\n"),
        )
    }
}

fn line(report: &FileHygiene) -> String {
    let mut text = format!("{}: {} rows read, {} taken", report.file, report.rows, report.used);
    for (reason, count) in &report.dropped {
        text.push_str(&format!(", {count} dropped ({reason})"));
    }
    for place in report.first_places() {
        text.push_str(&format!("\n  {place}"));
    }
    text
}

impl Export {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<(), Failure> {
        let count = open(&self.dir, context)?.consents().export(&self.out)?;
        context.output.note("note: the file holds raw ids in the clear; keep it as you keep keys");
        let shown = self.out.display();
        context.output.either(
            || json!({ "file": shown.to_string(), "events": count }),
            || format!("{shown}: {count} event(s)"),
        )
    }
}
