//! `hushtag init`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::sandbox::keys;
use super::{Context, Failure};
use crate::dp::Delta;
use crate::keys::AuditorPublicKey;
use crate::operator::{self, Operator, PoolTerms, Setup, StudySource};
use crate::types::{Days, HandlerId, NanoEpsilon, SystemClock};

/// How studies take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Approval {
    /// Once every handler has signed: FILE.sig beside each study, from `hushtag policy sign`.
    Signatures,
    /// Without the handlers' signatures.
    None,
}

#[derive(Args)]
pub(super) struct Init {
    /// The folder: empty or absent
    dir: PathBuf,
    /// A study file; several may be given
    #[arg(long, required = true, value_name = "FILE")]
    study: Vec<PathBuf>,
    /// The budget of all people of the sandbox, for ever
    #[arg(long)]
    epsilon: NanoEpsilon,
    /// The delta at which a zCDP budget is shown
    #[arg(long, default_value = "1e-12", conflicts_with = "pure")]
    delta: Delta,
    /// Count in pure differential privacy (discrete Laplace noise)
    #[arg(long)]
    pure: bool,
    /// After how long a renewal may be signed, such as 90d
    #[arg(long, value_parser = Days::parse)]
    window: Option<Days>,
    /// A handler and the key with which it signs, from `hushtag key new`; pinned for ever
    #[arg(long = "handler", value_name = "ID=VKEY", value_parser = handler)]
    handlers: Vec<(HandlerId, String)>,
    /// A file outside the folder for the newest checkpoint: finds a folder that was put back or copied
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// The auditor's public key, from `hushtag key new --for auditor`: every epoch's joined figures are sealed to it
    #[arg(long, value_name = "PUBKEY")]
    auditor: Option<AuditorPublicKey>,
    /// How studies take effect
    #[arg(long, value_enum, default_value_t = Approval::Signatures)]
    approval: Approval,
}

fn handler(text: &str) -> Result<(HandlerId, String), String> {
    let (id, vkey) = text.split_once('=').ok_or("write ID=VKEY")?;
    Ok((HandlerId::new(id).map_err(|error| error.to_string())?, vkey.to_owned()))
}

/// Reads a text file that people wrote.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::failed(format!("{shown}: cannot be read: {error}"), "check the path"))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::failed(format!("{shown}: not UTF-8"), "save the file as UTF-8"))
}

impl Init {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let load = |path: &PathBuf| StudySource::load_signed(path);
        let studies = self.study.iter().map(load).collect::<Result<_, _>>()?;
        let approval = match self.approval {
            Approval::Signatures => operator::Approval::Signatures,
            Approval::None => operator::Approval::None,
        };
        let delta = (!self.pure).then_some(self.delta);
        let pool = PoolTerms { epsilon: self.epsilon, delta, window: self.window };
        let Self { handlers, anchor, auditor, .. } = self;
        let setup = Setup { studies, pool, handlers, approval, anchor, auditor };
        let operator = Operator::init(&self.dir, setup, keys(context)?, Box::new(SystemClock))?;
        let status = operator.status()?;
        context.output.note(
            "note: whoever runs this sandbox holds its keys and could read the cubes; it protects people against recipients,\n\
             the other party and holders of files outside keys/.",
        );
        if self.approval == Approval::None {
            context.output.note("note: studies take effect without signatures (--approval none).");
        }
        for note in operator.price_notes(None)? {
            context.output.note(&format!("note: {note}"));
        }
        context.output.either(
            || crate::report::status_json(&status),
            || {
                format!(
                    "sandbox {} in {}\nlog key {}\n{}",
                    status.sandbox,
                    self.dir.display(),
                    status.vkey,
                    crate::report::budget_text(&status)
                )
            },
        )
    }
}
