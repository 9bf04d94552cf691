//! `hushtag seal`.

use std::path::PathBuf;

use clap::Args;

use super::exit::refusal_text;
use super::sandbox::open;
use super::{Context, Failure, Format};
use crate::engine::{MaxBadRows, Sources};
use crate::operator::SealTerms;
use crate::register::FILE;
use crate::report::{hygiene_json, hygiene_text};
use crate::types::{DatasetName, EpochId, Timestamp};

#[derive(Args)]
pub(super) struct Seal {
    /// The sandbox
    dir: PathBuf,
    /// The new epoch's id
    #[arg(long)]
    epoch: EpochId,
    /// Consents count as of this instant and windows end at it; a bare date means the end of that day (UTC)
    #[arg(long, value_name = "WHEN", value_parser = Timestamp::parse_or_end_of_day)]
    as_of: Timestamp,
    /// A dataset of the study and its file (.parquet, .csv, .arrow); a dataset may have several files
    #[arg(long = "data", value_name = "NAME=PATH", value_parser = data, required = true)]
    data: Vec<(DatasetName, PathBuf)>,
    /// A file of consent events beside the consent register, which is always read where there is one; several may be given
    #[arg(long, value_name = "PATH")]
    consents: Vec<PathBuf>,
    /// How many percent of a file's rows may be bad
    #[arg(long, value_name = "PERCENT", default_value_t = MaxBadRows::default())]
    max_bad_rows: MaxBadRows,
}

fn data(text: &str) -> Result<(DatasetName, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write NAME=PATH, such as follows=follows.csv")?;
    Ok((DatasetName::new(name).map_err(|error| error.to_string())?, PathBuf::from(path)))
}

impl Seal {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let operator = open(&self.dir, context)?;
        let terms = SealTerms { epoch: self.epoch, as_of: self.as_of, max_bad_rows: self.max_bad_rows };
        let registered = operator.consents().snapshot()?.is_some();
        let read: Vec<String> = self.consents.iter().map(|path| path.display().to_string()).collect();
        let read = registered.then(|| FILE.to_owned()).into_iter().chain(read).collect::<Vec<_>>().join(", ");
        if read.is_empty() {
            let next = "give --consents PATH, or fill the register with `hushtag consent record` or `import`";
            return Err(Failure::usage("there are no consents: no --consents and no consent register", next));
        }
        output.note(&format!("consents are read from {read}"));
        let sources = Sources {
            data: self.data.into_iter().map(|(name, path)| (name, path.into())).collect(),
            consents: self.consents.into_iter().map(Into::into).collect(),
        };
        let sealed = match operator.seal(&terms, sources) {
            Ok(sealed) => sealed,
            Err(crate::operator::OperatorError::Refused(reasons)) => {
                output.either(|| crate::report::refusal_json(&reasons), || refusal_text(&reasons))?;
                return Err(Failure::refused());
            }
            Err(error) => return Err(error.into()),
        };
        output.either(
            || {
                let mut all = hygiene_json(&sealed.hygiene);
                if let Some(map) = all.as_object_mut() {
                    map.insert("epoch".into(), serde_json::json!(terms.epoch));
                    let pairs = sealed.recipients.iter();
                    let list = pairs
                        .map(|(study, recipient)| serde_json::json!({ "study": study, "id": recipient }));
                    map.insert("recipients".into(), list.collect());
                }
                all
            },
            || hygiene_text(&sealed.hygiene),
        )?;
        for (study, recipient, reasons) in &sealed.refused {
            output.note(&format!(
                "recipient {recipient} of study {study} has no cube; {}",
                refusal_text(reasons)
            ));
        }
        if output.format() == Format::Text {
            output.note(&format!(
                "epoch {} is sealed for {} recipient(s)",
                terms.epoch,
                sealed.recipients.len()
            ));
        }
        Ok(())
    }
}
