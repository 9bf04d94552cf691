//! `hushtag seal`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::{refusal_text, refuse};
use super::inputs::Inputs;
use super::lang::{list, text, time};
use super::output::Output;
use super::progress::{Counted, shown};
use super::sandbox::{open, read};
use super::{Context, Failure, Format};
use crate::render::{answer_table, hygiene_text};
use hushtag::engine::{MaxBadRows, MemoryBudget, Progress, Reading, Sources};
use hushtag::operator::{OperatorError, SealTerms};
use hushtag::register::FILE;
use hushtag::types::{AsOf, DatasetName, EpochId};

#[derive(Args)]
pub(super) struct Seal {
    /// The sandbox
    dir: PathBuf,
    /// The new epoch's id
    #[arg(long, required_unless_present = "check")]
    epoch: Option<EpochId>,
    /// Where the epoch was sealed already, note it and succeed, instead of exit code 6
    #[arg(long, conflicts_with = "check")]
    if_absent: bool,
    /// Read everything and report every file, also beside another process that writes; nothing is sealed, written or logged
    #[arg(long)]
    check: bool,
    /// Consents count as of this instant and windows end at it; a bare date means the end of that day in the time zone of
    /// the studies (`[study] timezone`), else UTC
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse)]
    as_of: AsOf,
    /// A dataset of the study and its file (.parquet, .csv, .arrow), a folder of parts as Spark and Hive leave it, a pattern
    /// such as 'payments=2026/*.parquet', or - for stdin; may be given several times for one dataset
    #[arg(long = "data", value_name = "NAME=PATH", value_parser = data, required = true)]
    data: Vec<(DatasetName, PathBuf)>,
    /// A file of consent events, a folder of parts, a pattern, or - for stdin, beside the consent register, which is always
    /// read where there is one; may be given several times
    #[arg(long, value_name = "PATH")]
    consents: Vec<PathBuf>,
    /// Count identical records: all declared columns are decoded, 8 bytes of memory a record
    #[arg(long)]
    count_duplicates: bool,
    /// How many percent of a file's rows may be bad; a row of consents that belongs to no person always stops the seal
    #[arg(long, value_name = "PERCENT", default_value_t = MaxBadRows::default())]
    max_bad_rows: MaxBadRows,
    /// How much memory people, rows and pairs may take, such as 4GiB; a seal that needs more is refused, independent of who is in. Without
    /// it there is no limit
    #[arg(long, value_name = "BYTES")]
    memory: Option<MemoryBudget>,
}

fn data(text: &str) -> Result<(DatasetName, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or_else(|| text!("seal.data"))?;
    Ok((DatasetName::new(name).map_err(|error| error.to_string())?, PathBuf::from(path)))
}

impl Seal {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self.epoch.clone().filter(|_| !self.check) {
            Some(epoch) => self.seal(epoch, context),
            None => self.check(context),
        }
    }

    fn reading(&self, context: &Context) -> (Reading, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        let mut reading =
            Reading::default().with_max_bad_rows(self.max_bad_rows).with_progress(Arc::clone(&progress));
        if let Some(running) = &context.running {
            reading = reading.cancelled_by(&running.stop);
        }
        reading.count_identical = self.count_duplicates;
        reading.memory = self.memory.clone().unwrap_or_default();
        (reading, progress)
    }

    /// The tables that were given; `registered`: there is a register besides.
    fn sources(&self, registered: bool, output: &Output) -> Result<Sources, Failure> {
        let files = self.consents.iter().map(|path| path.display().to_string());
        let files = list(registered.then(|| FILE.to_owned()).into_iter().chain(files));
        if files.is_empty() {
            return Err(Failure::usage(text!("seal.no_consents"), text!("seal.no_consents_fix")));
        }
        if registered {
            output.note(&text!("seal.consents", files));
        }
        let (mut sources, mut inputs) = (Sources::default(), Inputs::default());
        for (name, path) in &self.data {
            sources.data.extend(inputs.of(path.clone())?.into_iter().map(|input| (name.clone(), input)));
        }
        for path in &self.consents {
            sources.consents.extend(inputs.of(path.clone())?);
        }
        Ok(sources)
    }

    /// Reads everything beside the writer, if there is one, and reports every file.
    fn check(&self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let reader = read(&self.dir, context)?;
        self.epoch.as_ref().map_or(Ok(()), |epoch| reader.check_epoch(epoch))?;
        let as_of = reader.instant(self.as_of)?;
        let (reading, progress) = self.reading(context);
        let sources = self.sources(reader.has_register()?, output)?;
        let check = || reader.check_sources(as_of, &reading, sources);
        let hygiene = match shown(output, &progress, Counted::Rows, check) {
            Err(OperatorError::Refused(reasons)) => return Err(refuse(output, &reasons)),
            checked => checked?,
        };
        output.either(|| hygiene.to_json(), || hygiene_text(&hygiene))?;
        output.note(&text!("seal.checked"));
        Ok(())
    }

    fn seal(&self, epoch: EpochId, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let operator = open(&self.dir, context)?;
        let as_of = operator.instant(self.as_of)?;
        let (reading, progress) = self.reading(context);
        let sources = self.sources(operator.consents().snapshot()?.is_some(), output)?;
        let mut terms = SealTerms::new(epoch, as_of).with_reading(reading);
        if let Some(cluster) = &context.cluster {
            terms = terms.on_cluster(Arc::clone(cluster));
        }
        let sealed = match shown(output, &progress, Counted::Rows, || operator.seal(&terms, sources)) {
            Ok(sealed) => sealed,
            Err(OperatorError::EpochExists(_)) if self.if_absent => {
                return output.either(
                    || serde_json::json!({ "epoch": terms.epoch, "exists": true }),
                    || text!("seal.exists", epoch = terms.epoch),
                );
            }
            Err(OperatorError::Refused(reasons)) => return Err(refuse(output, &reasons)),
            Err(error) => return Err(error.into()),
        };
        sealed.consents.iter().for_each(|counts| context.answered(counts));
        let accounting = operator.status()?.accounting;
        output.either(
            || {
                let mut all = sealed.hygiene.to_json();
                if let Some(map) = all.as_object_mut() {
                    map.insert("epoch".into(), serde_json::json!(terms.epoch));
                    let pairs = sealed.recipients.iter();
                    let list = pairs
                        .map(|(study, recipient)| serde_json::json!({ "study": study, "id": recipient }));
                    map.insert("recipients".into(), list.collect());
                    let consents = sealed.consents.iter().map(|counts| counts.to_json(accounting));
                    map.insert("consents".into(), consents.collect());
                }
                all
            },
            || {
                let counts = sealed.consents.iter().map(|counts| {
                    let (study, recipient) = (&counts.study, &counts.recipient);
                    text!("seal.counts", study, recipient, table = answer_table(counts, accounting))
                });
                std::iter::once(hygiene_text(&sealed.hygiene)).chain(counts).collect::<String>()
            },
        )?;
        for (study, recipient, reasons) in &sealed.refused {
            output.note(&text!("seal.refused", recipient, study, reasons = refusal_text(reasons)));
        }
        if output.format() == Format::Text {
            let (count, as_of) = (sealed.recipients.len(), time(terms.as_of));
            output.note(&text!("seal.done", epoch = terms.epoch, count, as_of));
        }
        Ok(())
    }
}
