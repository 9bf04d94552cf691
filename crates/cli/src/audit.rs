//! `hushtag audit`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use super::bundle::{bundle, log_keys};
use super::documents::GivenDocument;
use super::key::log_key;
use super::lang::{list, text, time};
use super::open_input::OpenInput;
use super::progress::{Counted, shown};
use super::sandbox::{anchoring, keys, open};
use super::target::is_outside_sandboxes;
use super::{Context, Failure};
use hushtag::audit::{
    Cosigned, Entry, KeyChange, Kind, Verified, VerifierKey, WitnessKey, amount, check_witnesses,
};
use hushtag::engine::Progress;
use hushtag::keys::RootKey;
use hushtag::operator::{
    Anchoring, Keys, RegisterCheck, Verification, VerifyTerms, show_log, verify_sandbox,
};
use hushtag::storage::{AnchorFile, Folder};

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Verify the log and, where the root key is at hand, the ledger against it; or the bundle of one answer, or a person's proof
    #[command(
        after_help = "Examples:\n  hushtag audit verify box --key hushtag/...+...+... --anchor /mnt/other/box.anchor\n  hushtag audit verify answer.json --key hushtag/...+...+..."
    )]
    Verify {
        /// The sandbox, or a file that `audit prove` or `person --proof` wrote
        #[arg(value_name = "DIR|BUNDLE")]
        place: PathBuf,
        /// The key of the log, kept outside the folder [default: the one that sandbox.toml names]
        #[arg(long, value_name = "VKEY", value_parser = log_key)]
        key: Option<VerifierKey>,
        /// The anchor [default: the one that sandbox.toml names]
        #[arg(long, value_name = "FILE", conflicts_with = "without_anchor")]
        anchor: Option<PathBuf>,
        /// Verify without the anchor that the sandbox was made with: a folder that was put back as a whole is not found
        #[arg(long)]
        without_anchor: bool,
        /// A sandbox, or a copy of its `log` in a folder: checks a file also with a key of the log from before or after the one that
        /// signed it, and that its checkpoint is one of this log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Verify the log of a folder and nothing else: of a copy that has no other files, such as one downloaded from a service
        #[arg(long, requires = "key", conflicts_with_all = ["anchor", "without_anchor", "log"])]
        log_alone: bool,
        /// The key of a witness that must have cosigned the checkpoint of a folder; several may be given
        #[arg(long = "witness", value_name = "VKEY")]
        witnesses: Vec<WitnessKey>,
    },
    /// Compare documents, notice texts and consent screens with the digests that the signed studies give
    #[command(
        after_help = "Examples:\n  hushtag audit documents box --document PIA-2026-014=assessment.pdf --document notice=notice.html\n  hushtag audit documents study.toml\n\nA file that differs is exit code 5; what has no digest is listed as such."
    )]
    Documents {
        /// The sandbox, or a study file
        #[arg(value_name = "DIR|STUDY")]
        place: PathBuf,
        /// A file and the document that it should be: its id, its key under [documents], `notice`, or the name of a screen
        #[arg(long = "document", value_name = "ID=FILE")]
        documents: Vec<GivenDocument>,
    },
    /// List the entries of the log
    #[command(after_help = "Example:\n  hushtag audit show box --kind ask --last 20")]
    Show {
        /// The sandbox
        dir: PathBuf,
        /// Only entries of this kind
        #[arg(long, value_parser = kind)]
        kind: Option<Kind>,
        /// Only so many, the newest
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// Write a bundle with which anyone who has the log's key can check one answer
    #[command(after_help = "Example:\n  hushtag audit prove box --answer 17 --out answer.json")]
    Prove {
        /// The sandbox
        dir: PathBuf,
        /// The index of its entry: `log entry` of an answer, or see `audit show`
        #[arg(long, value_name = "INDEX")]
        answer: u64,
        /// The file, which must be absent
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Prove that this very file was one of those that an epoch was sealed from, or that it was not; logged
    #[command(
        after_help = "Examples:\n  hushtag audit open-input consents.csv --sandbox box --epoch 2026-q3\n  hushtag audit open-input consents.csv --sandbox copy --epoch 2026-q3 --key auditor.key"
    )]
    OpenInput(OpenInput),
}

fn kind(word: &str) -> Result<Kind, String> {
    word.parse().map_err(|_| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        text!("audit.kinds", known = list(known))
    })
}

impl AuditCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Verify { place, key: Some(key), log_alone: true, witnesses, .. } if !place.is_file() => {
                log_alone(&place, &key, &witnesses, context)
            }
            Self::Verify { log_alone: true, .. } => {
                Err(Failure::usage(text!("audit.alone_file"), text!("audit.alone_file_fix")))
            }
            Self::Verify { place, anchor, without_anchor, .. }
                if place.is_file() && (anchor.is_some() || without_anchor) =>
            {
                Err(Failure::usage(
                    text!("audit.file_without_anchor"),
                    text!("audit.file_without_anchor_fix"),
                ))
            }
            Self::Verify { place, key, witnesses, log, .. } if place.is_file() => {
                if !witnesses.is_empty() {
                    let fix = text!("audit.file_without_witness_fix");
                    return Err(Failure::usage(text!("audit.file_without_witness"), fix));
                }
                bundle(&place, key.as_ref(), log.as_deref(), context)
            }
            Self::Verify { log: Some(_), .. } => {
                Err(Failure::usage(text!("audit.log_of_folder"), text!("audit.log_of_folder_fix")))
            }
            Self::Verify { place, key, anchor, without_anchor, witnesses, .. } => {
                let anchor = anchor.as_deref().map(AnchorFile::new).transpose()?;
                let anchor = anchoring(anchor.as_ref(), without_anchor);
                folder(&place, key.as_ref(), anchor, &witnesses, context)
            }
            Self::Documents { place, documents } => super::documents::run(&place, &documents, context),
            Self::Show { dir, kind, last } => show(&dir, kind, last, context),
            Self::OpenInput(command) => command.run(context),
            Self::Prove { dir, answer, out } => prove(&dir, answer, &out, context),
        }
    }
}

fn folder(
    dir: &Path,
    key: Option<&VerifierKey>,
    anchor: Anchoring<'_>,
    witnesses: &[WitnessKey],
    context: &Context,
) -> Result<(), Failure> {
    let folder = Folder::open(dir)?;
    let keys = match keys(context)? {
        // Without the root key the log alone is verified.
        Keys::InFolder if !RootKey::is_in_folder(&folder)? => None,
        keys => Some(keys),
    };
    let progress = Arc::new(Progress::default());
    let terms = VerifyTerms::new()
        .with_vkey(key)
        .with_keys(keys)
        .with_anchor(anchor)
        .with_progress(&progress)
        .beside_a_writer();
    let verify = || verify_sandbox(&folder, terms);
    let verified = shown(&context.output, &progress, Counted::Entries, verify)?;
    let cosigned = cosigned(&folder, &verified.signed_by, witnesses)?;
    if key.is_none() {
        context.output.note(&text!("audit.key_of_folder"));
    }
    context.output.either(|| folder_json(&verified, &cosigned), || folder_text(&verified, &cosigned))
}

/// Verifies the log in `dir/log` with a key that it had, and reads no other file.
fn log_alone(
    dir: &Path,
    key: &VerifierKey,
    witnesses: &[WitnessKey],
    context: &Context,
) -> Result<(), Failure> {
    let folder = Folder::open(dir)?;
    let log = log_keys(dir, key)?;
    let signed_by = log.signed_by().unwrap_or(key);
    let cosigned = cosigned(&folder, signed_by, witnesses)?;
    let Verified { checkpoint, kinds, charged_units, other_signatures, .. } = log.verified();
    context.output.either(
        || {
            json!({
                "verified": true,
                "key": key,
                "signed_by": signed_by,
                "entries": checkpoint.size,
                "kinds": kinds_json(kinds),
                "charged_units": amount(*charged_units),
                "other_signatures": other_signatures,
                "witnesses": witnesses_json(&cosigned),
            })
        },
        || {
            let (entries, kinds, witnesses) = (checkpoint.size, kinds_text(kinds), witnesses_text(&cosigned));
            text!("audit.verified_alone", entries, kinds, witnesses, signed_by, vkey = key)
        },
    )
}

/// The cosignatures of the witnesses that were named; one that is missing or wrong is damage.
fn cosigned(
    folder: &Folder,
    signed_by: &VerifierKey,
    witnesses: &[WitnessKey],
) -> Result<Vec<Cosigned>, Failure> {
    check_witnesses(folder, signed_by, witnesses)
        .map_err(|fault| Failure::damaged(&fault.place, &fault.kind, text!("audit.witness_fix")))
}

fn folder_json(verified: &Verification, cosigned: &[Cosigned]) -> Value {
    json!({
        "verified": true,
        "key": verified.vkey,
        "signed_by": verified.signed_by.to_string(),
        "rotations": verified.rotations,
        "root_changes": verified.root_changes,
        "entries": verified.log.checkpoint.size,
        "kinds": kinds_json(&verified.log.kinds),
        "charged_units": amount(verified.log.charged_units),
        "studies": verified.studies,
        "approvals": verified.approvals,
        "renewals": verified.renewals,
        "cubes": verified.cubes,
        "retired": verified.retired,
        "ledger_charges": verified.charges,
        "anchor": anchor_word(verified),
        "anchored_entries": verified.anchored,
        "anchor_path_bound": verified.anchor_bound,
        "consent_register": match verified.register {
            RegisterCheck::Absent => "absent",
            RegisterCheck::NoKey => "not-checked",
            _ => "holds",
        },
        "signing_key": verified.signing_key,
        "unfinished": verified.unfinished,
        "other_signatures": verified.log.other_signatures,
        "witnesses": witnesses_json(cosigned),
    })
}

fn kinds_json(kinds: &BTreeMap<Kind, u64>) -> Value {
    kinds
        .iter()
        .map(|(kind, count)| (kind.to_string(), json!(count)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn kinds_text(kinds: &BTreeMap<Kind, u64>) -> String {
    list(kinds.iter().map(|(kind, count)| format!("{count} {kind}")))
}

fn witnesses_json(cosigned: &[Cosigned]) -> Value {
    cosigned.iter().map(|seen| json!({ "name": seen.witness, "at": seen.at.seconds() })).collect()
}

fn witnesses_text(cosigned: &[Cosigned]) -> String {
    let line = |seen: &Cosigned| text!("audit.witness", witness = seen.witness, at = time(seen.at));
    cosigned.iter().map(line).collect()
}

const fn anchor_word(verified: &Verification) -> &'static str {
    match (verified.anchored, verified.anchor_wanted) {
        (Some(_), _) => "holds",
        (None, true) => "not-read",
        (None, false) => "none",
    }
}

/// What was checked of the consent register, of the keys, and what a stopped act left; a line each.
fn rest_text(verified: &Verification) -> String {
    let register = match verified.register {
        RegisterCheck::Absent => text!("audit.register_absent"),
        RegisterCheck::NoKey => text!("audit.register_no_key"),
        _ => text!("audit.register_holds"),
    };
    let keys = match verified.signing_key {
        None => text!("audit.keys_no_root"),
        Some(true) => text!("audit.keys_all"),
        Some(false) => text!("audit.keys_without_signing"),
    };
    let unfinished = match verified.unfinished.as_slice() {
        [] => String::new(),
        files => text!("audit.unfinished", count = files.len(), files = list(files)),
    };
    format!("{register}\n{keys}{unfinished}")
}

fn folder_text(verified: &Verification, cosigned: &[Cosigned]) -> String {
    let ledger = verified
        .charges
        .map_or_else(|| text!("audit.ledger_no_root"), |charges| text!("audit.ledger", charges));
    let anchor = match (verified.anchored, verified.anchor_wanted) {
        (Some(size), _) => text!("audit.anchor_holds", size),
        (None, true) => text!("audit.anchor_not_read"),
        (None, false) => text!("audit.anchor_none"),
    };
    let anchor = match verified.anchor_bound {
        Some(false) => text!("audit.anchor_unbound", anchor),
        _ => anchor,
    };
    let approvals = verified
        .approvals
        .map_or_else(|| text!("audit.approvals_none"), |count| text!("audit.approvals", count));
    let renewals = match verified.renewals {
        0 => String::new(),
        count => text!("audit.renewals", count),
    };
    let retired = match verified.retired {
        0 => String::new(),
        count => text!("audit.retired", count),
    };
    let signer = &verified.signed_by;
    let rotations = match verified.rotations {
        0 => String::new(),
        1 => text!("audit.rotated_once", signer),
        count => text!("audit.rotated", count, signer),
    };
    let roots = match verified.root_changes {
        0 => String::new(),
        1 => text!("audit.root_changed_once"),
        count => text!("audit.root_changed", count),
    };
    text!(
        "audit.verified",
        entries = verified.log.checkpoint.size,
        kinds = kinds_text(&verified.log.kinds),
        studies = verified.studies,
        cubes = verified.cubes,
        retired,
        approvals,
        renewals,
        ledger,
        rest = rest_text(verified),
        anchor,
        witnesses = witnesses_text(cosigned),
        rotations,
        roots,
        vkey = verified.vkey,
    )
}

fn show(dir: &Path, kind: Option<Kind>, last: Option<usize>, context: &Context) -> Result<(), Failure> {
    let mut entries = show_log(dir)?;
    entries.retain(|(_, entry)| kind.is_none_or(|kind| entry.kind == kind));
    let first = entries.len().saturating_sub(last.unwrap_or(usize::MAX));
    let shown = entries.get(first..).unwrap_or_default();
    let object = |(index, entry): &(u64, Entry)| json!({ "index": index, "kind": entry.kind.as_str(), "at": entry.at.to_string(), "ledger_seq": entry.ledger_seq, "body": entry.body });
    context.output.either(
        || Value::Array(shown.iter().map(object).collect()),
        || shown.iter().map(line).collect::<Vec<_>>().join("\n"),
    )
}

/// One entry on one line: what names it, and what it cost.
fn line((index, entry): &(u64, Entry)) -> String {
    let mut text = format!("{index:>6}  {}  {:<7}", time(entry.at), entry.kind.as_str());
    for field in
        ["act", "role", "failed", "recipient", "study", "handler", "epoch", "units", "rules", "question"]
    {
        match entry.body.get(field) {
            Some(Value::String(value)) => text.push_str(&format!("  {value}")),
            Some(value) => text.push_str(&format!("  {value}")),
            None => {}
        }
    }
    match (entry.kind == Kind::Key).then(|| KeyChange::of(entry)) {
        Some(Ok(KeyChange::Log(rotation))) => {
            text.push_str(&text!("audit.entry_log_key", key = rotation.new))
        }
        Some(Ok(KeyChange::Root { number })) => text.push_str(&text!("audit.entry_root_key", number)),
        Some(Err(_)) => text.push_str(&text!("audit.entry_no_key_change")),
        None => {}
    }
    text
}

fn prove(dir: &Path, answer: u64, out: &Path, context: &Context) -> Result<(), Failure> {
    let operator = open(dir, context)?;
    let text = operator.prove(answer)?.to_text();
    let text = text.map_err(|error| Failure::of_error(error, text!("error.bug_fix")))?;
    write_new(out, &text)?;
    let vkey = operator.status()?.vkey;
    context.output.either(
        || json!({ "bundle": out.display().to_string(), "index": answer, "key": vkey }),
        || text!("audit.proved", out = out.display(), answer, vkey),
    )
}

/// Writes a file that must be absent.
pub(super) fn write_new(out: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;

    is_outside_sandboxes(out)?;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(out);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        Failure::failed(text!("file.unwritable", file = out.display(), error), text!("file.new_fix"))
    })
}
