//! `hushtag policy schema`.

use std::path::PathBuf;

use clap::Args;

use crate::lang::{list, text};
use crate::{Context, Failure};
use hushtag::policy::SchemaOf;

#[derive(Args)]
pub(crate) struct Schema {
    /// study, regime, scenarios or consent-event
    #[arg(required_unless_present = "out", conflicts_with = "out")]
    of: Option<String>,
    /// Write all of them into this folder instead
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Schema {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let pretty = |kind: SchemaOf| format!("{:#}\n", kind.schema());
        if let Some(word) = &self.of {
            let kind = SchemaOf::ALL.into_iter().find(|kind| kind.as_str() == word);
            let kind = kind.ok_or_else(|| {
                let known = list(SchemaOf::ALL.map(SchemaOf::as_str));
                Failure::usage(text!("policy.no_schema", word), text!("policy.schemas", known))
            })?;
            return context.output.result(&pretty(kind));
        }
        let folder = self.out.unwrap_or_default();
        std::fs::create_dir_all(&folder)
            .and_then(|()| {
                SchemaOf::ALL.into_iter().try_for_each(|kind| {
                    std::fs::write(folder.join(format!("{}.schema.json", kind.as_str())), pretty(kind))
                })
            })
            .map_err(|error| {
                let message = text!("file.unwritable", file = folder.display(), error);
                Failure::failed(message, text!("policy.schema_folder_fix"))
            })
    }
}
