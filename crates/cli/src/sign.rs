//! `hushtag policy sign`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::exit::refuse;
use super::key::named_key;
use super::lang::text;
use super::{Context, Failure};
use hushtag::audit::{Note, RenewalText, amount, approval_text};
use hushtag::keys::SigningKey;
use hushtag::operator::{NamedKey, StudySource};
use hushtag::policy::{Decision, Reason, Regime, Study, decide};
use hushtag::storage::{Folder, Storage};
use hushtag::types::{Clock, SystemClock};

#[derive(Args)]
pub(super) struct Sign {
    /// The study file; the signatures lie beside it, in FILE.sig
    #[arg(long, value_name = "FILE", required_unless_present = "renewal")]
    study: Option<PathBuf>,
    /// The text of a renewal, from `hushtag budget DIR renew --draft`
    #[arg(long, value_name = "FILE", conflicts_with = "study")]
    renewal: Option<PathBuf>,
    /// The handler's key, from `hushtag key new`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The name in the signature's line [default: the key file's name without its ending]
    #[arg(long)]
    name: Option<String>,
}

impl Sign {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let signer = |name| named_key(SigningKey::read_file(&self.key)?, name, &self.key);
        match (&self.study, &self.renewal) {
            (Some(study), _) => sign_study(study, || signer(self.name.clone()), context),
            (None, Some(renewal)) => sign_renewal(renewal, &signer(self.name.clone())?, context),
            (None, None) => Err(Failure::usage(text!("sign.nothing"), text!("sign.nothing_fix"))),
        }
    }
}

fn sign_study(
    file: &Path,
    signer: impl FnOnce() -> Result<NamedKey, Failure>,
    context: &Context,
) -> Result<(), Failure> {
    let source = StudySource::load(file)?;
    let (study, regime) = source.parse()?;
    let reasons = denied(&study, &regime);
    if !reasons.is_empty() {
        return Err(refuse(&context.output, &reasons));
    }
    let signer = signer()?;
    let text = approval_text(&study, &regime)
        .map_err(|fault| Failure::of_error(fault, text!("policy.regime_fix")))?;
    let place = StudySource::signatures_beside(file);
    let signed = add(&place, &text, &signer)?;
    context.output.either(
        || {
            json!({
                "file": place.display().to_string(), "study": study.id, "hash": study.hash,
                "regime": regime.id(), "regime_hash": regime.hash(),
                "name": signer.name, "added": signed.1, "signatures": signed.0.lines(),
            })
        },
        || {
            let (law, law_hash) = (regime.id(), regime.hash());
            let signature = signature_text(&place, &signer, &signed);
            text!("sign.study", study = study.id, hash = study.hash, law, law_hash, signature)
        },
    )
}

fn sign_renewal(file: &Path, signer: &NamedKey, context: &Context) -> Result<(), Failure> {
    let shown = file.display();
    let failed = |why: String| Failure::of_place(shown.to_string(), why, text!("sign.draft_fix"));
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let renewal = RenewalText::parse(&text).map_err(|error| failed(error.to_string()))?;
    let place = StudySource::signatures_beside(file);
    let signed = add(&place, &text, signer)?;
    context.output.either(
        || {
            json!({
                "file": place.display().to_string(), "sandbox": renewal.sandbox, "renewal": renewal.number,
                "limit": amount(renewal.limit), "name": signer.name, "added": signed.1, "signatures": signed.0.lines(),
            })
        },
        || format!("{text}{}", signature_text(&place, signer, &signed)),
    )
}

/// Whether the signature was added, and how many there are.
fn signature_text(place: &Path, signer: &NamedKey, (note, added): &(Note, bool)) -> String {
    let (name, file, count) = (&signer.name, place.display(), note.lines());
    match added {
        true => text!("sign.added", name, file, count),
        false => text!("sign.before", name, file, count),
    }
}

/// Why the study is not permitted today, for any of its recipients: such a study is not to be signed.
fn denied(study: &Study, regime: &Regime) -> Vec<Reason> {
    let now = SystemClock.now();
    let reasons = study.recipients.iter().flat_map(|one| match decide(study, regime, one, now) {
        Decision::Deny(reasons) => reasons,
        Decision::Permit(_) => Vec::new(),
    });
    let mut all: Vec<Reason> = Vec::new();
    for reason in reasons {
        if !all.contains(&reason) {
            all.push(reason);
        }
    }
    all
}

/// Adds the signature to the file, which is replaced as a whole; true if it is new.
fn add(place: &Path, text: &str, signer: &NamedKey) -> Result<(Note, bool), Failure> {
    let shown = place.display();
    let failed = |why: String| {
        Failure::failed(text!("sign.failed", file = shown, why), text!("sign.failed_fix", file = shown))
    };
    let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = parent.canonicalize().map_err(|error| failed(error.to_string()))?;
    let folder = Folder::open(&folder)?;
    let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let old = match folder.read(&name)? {
        Some(bytes) => Some(Note::parse(&bytes).map_err(|error| failed(error.to_string()))?),
        None => None,
    };
    let note = match old.clone() {
        None => Note::sign(text, signer),
        Some(old) if old.text() == text => old.signed_by(signer),
        Some(old) if same_subject(old.text(), text) => {
            return Err(failed(text!("sign.stale")));
        }
        Some(_) => return Err(failed(text!("sign.of_other"))),
    };
    let note = note.map_err(|error| failed(error.to_string()))?;
    let added = old.as_ref() != Some(&note);
    if added {
        folder.write(&name, note.to_string().as_bytes())?;
    }
    Ok((note, added))
}

/// Whether two texts that handlers sign are of one study or sandbox: the first two lines.
fn same_subject(one: &str, other: &str) -> bool {
    one.lines().take(2).eq(other.lines().take(2))
}
