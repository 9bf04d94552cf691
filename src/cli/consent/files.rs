//! `hushtag consent import` and `export`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::inputs::Inputs;
use crate::cli::progress::shown;
use crate::cli::sandbox::open;
use crate::cli::{Context, Failure};
use crate::engine::{Imported, Progress, handed_in};
use crate::types::StudyId;

#[derive(Args)]
pub(in crate::cli) struct Import {
    /// The sandbox
    dir: PathBuf,
    /// Files of consent events (.jsonl, .csv, .parquet, .arrow), folders of parts, patterns, or - for stdin
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The study of the sandbox whose `[consents]` says how the tables are written: columns, words, constants, time zone
    #[arg(long)]
    study: Option<StudyId>,
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
            let study = self.study.as_ref();
            let import = || operator.consents().import_shown(file, study, &progress);
            match shown(&context.output, &progress, "events", import) {
                Ok(report) => done.push(report),
                Err(error) => {
                    for report in &done {
                        context.output.note(&format!("recorded before: {}", text(report)));
                    }
                    return Err(error.into());
                }
            }
        }
        context.output.either(
            || json!({ "files": done.iter().map(as_json).collect::<Vec<_>>() }),
            || done.iter().map(text).collect::<Vec<_>>().join("\n"),
        )
    }
}

fn as_json(report: &Imported) -> Value {
    json!({
        "file": report.file, "rows": report.rows, "taken": report.events, "notes": report.notes,
        "unreadable": report.unreadable, "unknown_words": report.unknown, "unknown_recipients": report.strangers,
    })
}

fn text(report: &Imported) -> String {
    let mut text = format!("{}: {} rows read, {} taken", report.file, report.rows, report.events);
    report.notes.iter().for_each(|note| text.push_str(&format!("\n  {note}")));
    for (column, events) in &report.unreadable {
        text.push_str(&format!(
            "\n  {events} of {} events: `{column}` cannot be read; each keeps its person out of every use",
            report.events
        ));
    }
    for (column, events) in &report.unknown {
        text.push_str(&format!("\n  {events} of {} events: {}", report.events, unknown(column)));
    }
    if report.strangers > 0 {
        let (strangers, events) = (report.strangers, report.events);
        text.push_str(&format!(
            "\n  {strangers} of {events} events name a recipient of no study of the sandbox"
        ));
    }
    text
}

/// What becomes of an event whose word in a column no study knows.
pub(super) fn unknown(column: &str) -> String {
    let every = match column {
        "categories" => return "`categories` lists a word that no study of the sandbox knows".to_owned(),
        column => column,
    };
    format!(
        "`{column}` is none that a study of the sandbox knows; a consent with it is none, anything else counts against every {every}"
    )
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
