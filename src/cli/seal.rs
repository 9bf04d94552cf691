//! `hushtag seal`.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit::{refusal_text, refuse};
use super::progress::shown;
use super::sandbox::open;
use super::{Context, Failure, Format};
use crate::engine::{MaxBadRows, Progress, Reading, Sources};
use crate::operator::SealTerms;
use crate::register::FILE;
use crate::report::{answer_json, answer_table, hygiene_json, hygiene_text};
use crate::types::{AsOf, DatasetName, EpochId};

#[derive(Args)]
pub(super) struct Seal {
    /// The sandbox
    dir: PathBuf,
    /// The new epoch's id
    #[arg(long, required_unless_present = "check")]
    epoch: Option<EpochId>,
    /// Read everything and report every file; nothing is sealed, written or logged
    #[arg(long)]
    check: bool,
    /// Consents count as of this instant and windows end at it; a bare date means the end of that day in the time zone of
    /// the studies (`[study] timezone`), else UTC
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse)]
    as_of: AsOf,
    /// A dataset of the study and its file (.parquet, .csv, .arrow), or a pattern such as 'payments=2026/*.parquet'; may be
    /// given several times for one dataset
    #[arg(long = "data", value_name = "NAME=PATH", value_parser = data, required = true)]
    data: Vec<(DatasetName, PathBuf)>,
    /// A file of consent events, or a pattern, beside the consent register, which is always read where there is one; may be
    /// given several times
    #[arg(long, value_name = "PATH")]
    consents: Vec<PathBuf>,
    /// Count identical records: all declared columns are decoded, 8 bytes of memory a record
    #[arg(long)]
    count_duplicates: bool,
    /// How many percent of a file's rows may be bad; a row of consents that is nobody's always stops the seal
    #[arg(long, value_name = "PERCENT", default_value_t = MaxBadRows::default())]
    max_bad_rows: MaxBadRows,
}

fn data(text: &str) -> Result<(DatasetName, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write NAME=PATH, such as follows=follows.csv")?;
    Ok((DatasetName::new(name).map_err(|error| error.to_string())?, PathBuf::from(path)))
}

/// The files that a path means: itself if it is there, else all that match it as a pattern, in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_pattern = path.to_str().is_some_and(|text| text.contains(['*', '?', '[']));
    if !is_pattern || path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    let text = path.to_str().unwrap_or_default();
    let wrong = |why: String| {
        Failure::failed(
            format!("`{text}`: {why}"),
            "write a file, or a pattern in quotes such as 'payments=2026/*.parquet'",
        )
    };
    if let Some(place) = unspeakable(path) {
        return Err(Failure::failed(
            format!("`{text}`: a name in `{}` is no text, so no pattern can match it", place.display()),
            "rename that file, or move it elsewhere",
        ));
    }
    let found = glob::glob(text).map_err(|error| wrong(error.msg.to_owned()))?;
    let found: Vec<PathBuf> =
        found.collect::<Result<_, _>>().map_err(|error| wrong(error.error().kind().to_string()))?;
    if found.is_empty() { Err(wrong("no file matches this pattern".to_owned())) } else { Ok(found) }
}

/// The folder of a name that is no text, if a pattern looks into it: names like that never match, and a file of withdrawals
/// that is left out in silence would put people in.
fn unspeakable(pattern: &Path) -> Option<PathBuf> {
    let is_plain = |part: &&Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    let parts: Vec<Component<'_>> = pattern.components().collect();
    let base: PathBuf = parts.iter().take_while(is_plain).collect();
    let anywhere = parts.iter().any(|part| part.as_os_str() == "**");
    let depth = if anywhere { usize::MAX } else { parts.len() - parts.iter().take_while(is_plain).count() };
    let mut open = vec![(if base.as_os_str().is_empty() { PathBuf::from(".") } else { base }, depth)];
    while let Some((folder, depth)) = open.pop() {
        // What cannot be read matches nothing, and the pattern says so.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_none() {
                return Some(folder);
            }
            if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push((entry.path(), depth - 1));
            }
        }
    }
    None
}

impl Seal {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let operator = open(&self.dir, context)?;
        let progress = Arc::new(Progress::default());
        let reading = Reading {
            max_bad_rows: self.max_bad_rows,
            count_identical: self.count_duplicates,
            progress: Some(Arc::clone(&progress)),
            ..Reading::default()
        };
        let as_of = operator.instant(self.as_of)?;
        let registered = operator.consents().snapshot()?.is_some();
        let read: Vec<String> = self.consents.iter().map(|path| path.display().to_string()).collect();
        let read = registered.then(|| FILE.to_owned()).into_iter().chain(read).collect::<Vec<_>>().join(", ");
        if read.is_empty() {
            let next = "give --consents PATH, or fill the register with `hushtag consent record` or `import`";
            return Err(Failure::usage("there are no consents: no --consents and no consent register", next));
        }
        if registered {
            output.note(&format!("consents are read from {read}"));
        }
        let mut sources = Sources::default();
        for (name, path) in self.data {
            sources.data.extend(files(&path)?.into_iter().map(|path| (name.clone(), path.into())));
        }
        for path in self.consents {
            sources.consents.extend(files(&path)?.into_iter().map(Into::into));
        }
        let Some(epoch) = self.epoch.filter(|_| !self.check) else {
            let check = || operator.check_sources(as_of, &reading, sources);
            let hygiene = match shown(output, &progress, "rows", check) {
                Err(crate::operator::OperatorError::Refused(reasons)) => {
                    return Err(refuse(output, &reasons));
                }
                checked => checked?,
            };
            output.either(|| hygiene_json(&hygiene), || hygiene_text(&hygiene))?;
            output.note("every file was read; nothing was sealed, written or logged");
            return Ok(());
        };
        let terms = SealTerms { epoch, as_of, reading };
        let sealed = match shown(output, &progress, "rows", || operator.seal(&terms, sources)) {
            Ok(sealed) => sealed,
            Err(crate::operator::OperatorError::Refused(reasons)) => return Err(refuse(output, &reasons)),
            Err(error) => return Err(error.into()),
        };
        let accounting = operator.status()?.accounting;
        output.either(
            || {
                let mut all = hygiene_json(&sealed.hygiene);
                if let Some(map) = all.as_object_mut() {
                    map.insert("epoch".into(), serde_json::json!(terms.epoch));
                    let pairs = sealed.recipients.iter();
                    let list = pairs
                        .map(|(study, recipient)| serde_json::json!({ "study": study, "id": recipient }));
                    map.insert("recipients".into(), list.collect());
                    let consents = sealed.consents.iter().map(|counts| answer_json(counts, accounting));
                    map.insert("consents".into(), consents.collect());
                }
                all
            },
            || {
                let counts = sealed.consents.iter().map(|counts| {
                    let whose =
                        format!("people by consent, study {}, recipient {}", counts.study, counts.recipient);
                    format!("\n{whose}\n{}", answer_table(counts, accounting))
                });
                std::iter::once(hygiene_text(&sealed.hygiene)).chain(counts).collect::<String>()
            },
        )?;
        for (study, recipient, reasons) in &sealed.refused {
            output.note(&format!(
                "recipient {recipient} of study {study} has no cube; {}",
                refusal_text(reasons)
            ));
        }
        if output.format() == Format::Text {
            output.note(&format!(
                "epoch {} is sealed for {} recipient(s) as of {}",
                terms.epoch,
                sealed.recipients.len(),
                terms.as_of
            ));
        }
        Ok(())
    }
}
