//! `hushtag init`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::interactive::{Given, StudyDraft, study};
use super::key::auditor_key;
use super::lang::text;
use super::sandbox::keys;
use super::target::is_sandbox;
use super::{Context, Failure};
use hushtag::dp::Delta;
use hushtag::keys::AuditorPublicKey;
use hushtag::operator::{self, Operator, PoolTerms, Setup, StudySource};
use hushtag::types::{Days, HandlerId, NanoEpsilon, SystemClock};

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
    #[arg(long, required_unless_present = "interactive", value_name = "FILE")]
    study: Vec<PathBuf>,
    /// Write a study by asking: DIR's neighbour ID.toml, then the sandbox
    #[arg(long, conflicts_with = "study")]
    interactive: bool,
    /// The budget of all people of the sandbox, for ever
    #[arg(long, required_unless_present = "interactive")]
    epsilon: Option<NanoEpsilon>,
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
    #[arg(long, value_name = "PUBKEY", value_parser = auditor_key)]
    auditor: Option<AuditorPublicKey>,
    /// How studies take effect [default: signatures]
    #[arg(long, value_enum)]
    approval: Option<Approval>,
    /// Where the folder is a sandbox already, note it and succeed, instead of exit code 6; nothing of it is compared or changed
    #[arg(long, conflicts_with = "interactive")]
    if_absent: bool,
}

fn handler(text: &str) -> Result<(HandlerId, String), String> {
    let (id, vkey) = text.split_once('=').ok_or_else(|| text!("init.handler"))?;
    Ok((HandlerId::new(id).map_err(|error| error.to_string())?, vkey.to_owned()))
}

/// Reads a text file that people wrote.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::failed(text!("file.unreadable", file = shown, error), text!("fix.path")))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::failed(text!("file.utf8", file = shown), text!("file.utf8_fix")))
}

impl From<Approval> for operator::Approval {
    fn from(approval: Approval) -> Self {
        match approval {
            Approval::Signatures => Self::Signatures,
            Approval::None => Self::None,
        }
    }
}

impl Init {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        if is_sandbox(&self.dir) {
            let message = text!("init.exists", folder = self.dir.display());
            if self.if_absent {
                let dir = self.dir.display().to_string();
                return context
                    .output
                    .either(|| serde_json::json!({ "exists": true, "sandbox": dir }), || message.clone());
            }
            return Err(Failure::exists(message, text!("init.exists_fix")));
        }
        let approval = self.approval.map(operator::Approval::from);
        if !self.interactive {
            let epsilon = self.epsilon.unwrap_or(NanoEpsilon::ZERO);
            return self.make(epsilon, approval.unwrap_or_default(), context);
        }
        let given = Given { epsilon: self.epsilon, approval };
        let StudyDraft { study, epsilon, approval, data } = study(&self.dir, &given, context)?;
        // If we stop here, the study is there as a whole, and `init --study` goes on.
        let shown = study.display().to_string();
        if approval == operator::Approval::Signatures {
            let next = unsigned(&self.dir, &shown, epsilon);
            return context.output.either(
                || serde_json::json!({ "study": shown, "sandbox": null, "epsilon": epsilon.to_string() }),
                || text!("init.unsigned", study = shown, next),
            );
        }
        let dir = self.dir.display().to_string();
        Self { study: vec![study], ..self }.make(epsilon, approval, context)?;
        context.output.note(&text!("init.next", dir, data));
        Ok(())
    }

    /// Makes the sandbox.
    fn make(
        self,
        epsilon: NanoEpsilon,
        approval: operator::Approval,
        context: &Context,
    ) -> Result<(), Failure> {
        let load = |path: &PathBuf| StudySource::load_signed(path);
        let studies = self.study.iter().map(load).collect::<Result<_, _>>()?;
        let delta = (!self.pure).then_some(self.delta);
        let pool = PoolTerms::new(epsilon).with_window(self.window);
        let pool = match delta {
            Some(delta) => pool.with_delta(delta),
            None => pool,
        };
        let Self { handlers, anchor, auditor, .. } = self;
        let setup =
            Setup::new(studies, pool).with_handlers(handlers).with_approval(approval).with_anchor(anchor);
        let setup = match auditor {
            Some(auditor) => setup.with_auditor(auditor),
            None => setup,
        };
        let operator = Operator::init(&self.dir, setup, keys(context)?, Box::new(SystemClock))?;
        let status = operator.status()?;
        context.output.note(&text!("init.trust"));
        if approval == operator::Approval::None {
            context.output.note(&text!("init.no_approval"));
        }
        if self.window.is_none() {
            context.output.note(&text!("init.no_window"));
        }
        for note in operator.price_notes(None)? {
            context.output.note(&text!("note.price", note));
        }
        context.output.either(
            || status.to_json(),
            || {
                let budget = crate::render::budget_text(&status);
                let (sandbox, vkey) = (&status.sandbox, &status.vkey);
                text!("init.made", sandbox, dir = self.dir.display(), vkey, budget)
            },
        )
    }
}

/// What is left to do where every handler has to sign.
fn unsigned(dir: &Path, study: &str, epsilon: NanoEpsilon) -> String {
    text!("init.next_signed", dir = dir.display(), study, epsilon)
}
