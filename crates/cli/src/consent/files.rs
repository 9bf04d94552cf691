//! `hushtag consent import` and `export`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::note_unswept;
use crate::inputs::Inputs;
use crate::lang::text;
use crate::progress::{Counted, shown};
use crate::render::unclear_text;
use crate::sandbox::open;
use crate::target::is_outside_sandboxes;
use crate::{Context, Failure};
use hushtag::engine::{Imported, Progress, handed_in};
use hushtag::types::StudyId;

#[derive(Args)]
pub(crate) struct Import {
    /// The sandbox
    dir: PathBuf,
    /// Files of consent events (.jsonl, .csv, .parquet, .arrow), folders of parts, patterns, or - for stdin
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The study of the sandbox whose `[consents]` declares how the tables are written: columns, words, constants, time zone
    #[arg(long)]
    study: Option<StudyId>,
}

#[derive(Args)]
pub(crate) struct Export {
    /// The sandbox
    dir: PathBuf,
    /// The new file, readable by its owner alone: .jsonl, .csv, .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Import {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let operator = open(&self.dir, context)?;
        let mut done = Vec::new();
        let (mut files, mut inputs) = (Vec::new(), Inputs::default());
        for path in self.files {
            files.extend(inputs.of(path)?.into_iter().map(|file| (None, file)));
        }
        for (.., file) in handed_in(files)? {
            let progress = Arc::new(Progress::default());
            let study = self.study.as_ref();
            let import = || operator.consents().import_shown(file, study, &progress);
            let imported = shown(&context.output, &progress, Counted::Events, import);
            note_unswept(&operator.consents(), context);
            match imported {
                Ok(report) => done.push(report),
                Err(error) => {
                    for report in &done {
                        context.output.note(&text!("consent.recorded_before", file = text(report)));
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

fn as_json(imported: &Imported) -> Value {
    let mut all = json!(imported.report);
    if let Some(all) = all.as_object_mut() {
        all.insert("taken".into(), json!(imported.events));
        all.insert("erased".into(), json!(imported.erased));
    }
    all
}

fn text(imported: &Imported) -> String {
    let Imported { report, events, erased } = imported;
    let mut text = text!("consent.imported", file = report.file, rows = report.rows, events);
    if *erased > 0 {
        text.push_str(&text!("consent.erased_before", erased));
    }
    report.notes.iter().for_each(|note| text.push_str(&format!("\n  {note}")));
    let unclear = unclear_text(report);
    if !unclear.is_empty() {
        text.push('\n');
        text.push_str(unclear.trim_end());
        text.push_str(&text!("consent.unclear"));
    }
    text
}

impl Export {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        is_outside_sandboxes(&self.out)?;
        let count = open(&self.dir, context)?.consents().export(&self.out)?;
        context.output.note(&text!("consent.raw_ids"));
        let shown = self.out.display();
        context.output.either(
            || json!({ "file": shown.to_string(), "events": count }),
            || text!("consent.exported", file = shown, count),
        )
    }
}
