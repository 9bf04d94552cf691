//! `hushtag audit`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use super::documents::GivenDocument;
use super::init::read_text;
use super::progress::shown;
use super::sandbox::{keys, open};
use super::{Context, Failure};
use crate::audit::{
    Bundle, BundleError, Checkpoint, Cosigned, Entry, KeyChange, Kind, PersonProof, Stood, VerifierKey,
    WitnessKey, check_witnesses, head_text,
};
use crate::engine::Progress;
use crate::keys::RootKey;
use crate::operator::{Keys, Verification, show_log, verify_log_shown};
use crate::storage::{AnchorFile, Folder};
use crate::types::HandlerId;

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
        #[arg(long, value_name = "VKEY")]
        key: Option<VerifierKey>,
        /// The anchor [default: the one that sandbox.toml names]
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
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
        /// A file and the document that it is said to be: its id, its key under [documents], `notice`, or the name of a screen
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
}

fn kind(word: &str) -> Result<Kind, String> {
    word.parse().map_err(|_| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("the kinds are {}", known.join(", "))
    })
}

impl AuditCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Verify { place, key, anchor: _, witnesses } if place.is_file() => {
                if !witnesses.is_empty() {
                    return Err(Failure::usage(
                        "a bundle is checked without witnesses",
                        "give --witness for the folder of a sandbox",
                    ));
                }
                bundle(&place, key.as_ref(), context)
            }
            Self::Verify { place, key, anchor, witnesses } => {
                folder(&place, key.as_ref(), anchor.as_deref(), &witnesses, context)
            }
            Self::Documents { place, documents } => super::documents::run(&place, &documents, context),
            Self::Show { dir, kind, last } => show(&dir, kind, last, context),
            Self::Prove { dir, answer, out } => prove(&dir, answer, &out, context),
        }
    }
}

fn folder(
    dir: &Path,
    key: Option<&VerifierKey>,
    anchor: Option<&Path>,
    witnesses: &[WitnessKey],
    context: &Context,
) -> Result<(), Failure> {
    let folder = Folder::open(dir)?;
    let keys = match keys(context)? {
        // Without the root key the log alone is verified.
        Keys::InFolder if !RootKey::is_in_folder(&folder)? => None,
        keys => Some(keys),
    };
    let place = anchor.map(AnchorFile::new).transpose()?;
    let progress = Arc::new(Progress::default());
    let verify = || verify_log_shown(&folder, key, keys, place.as_ref(), &progress);
    let verified = shown(&context.output, &progress, "entries", verify)?;
    let cosigned = cosigned(&folder, &verified, witnesses)?;
    if key.is_none() {
        context.output.note("note: the key came from the folder itself; give --key with one kept elsewhere");
    }
    context.output.either(|| folder_json(&verified, &cosigned), || folder_text(&verified, &cosigned))
}

/// The cosignatures of the witnesses that were named; one that is missing or wrong is damage.
fn cosigned(
    folder: &Folder,
    verified: &Verification,
    witnesses: &[WitnessKey],
) -> Result<Vec<Cosigned>, Failure> {
    check_witnesses(folder, &verified.signed_by, witnesses).map_err(|fault| {
        let next = "ask the witness for its line over this checkpoint and append it, or look for the other history that it saw";
        Failure::damaged(&fault.place, &fault.why, next)
    })
}

fn folder_json(verified: &Verification, cosigned: &[Cosigned]) -> Value {
    let kinds: serde_json::Map<_, _> =
        verified.log.kinds.iter().map(|(kind, count)| (kind.to_string(), json!(count))).collect();
    json!({
        "verified": true,
        "key": verified.vkey,
        "signed_by": verified.signed_by.to_string(),
        "rotations": verified.rotations,
        "root_changes": verified.root_changes,
        "entries": verified.log.checkpoint.size,
        "kinds": kinds,
        "charged_units": crate::audit::amount(verified.log.charged_units),
        "studies": verified.studies,
        "approvals": verified.approvals,
        "renewals": verified.renewals,
        "cubes": verified.cubes,
        "retired": verified.retired,
        "ledger_charges": verified.charges,
        "anchored_entries": verified.anchored,
        "other_signatures": verified.log.other_signatures,
        "witnesses": cosigned
            .iter()
            .map(|seen| json!({ "name": seen.witness, "at": seen.at.seconds() }))
            .collect::<Vec<_>>(),
    })
}

fn folder_text(verified: &Verification, cosigned: &[Cosigned]) -> String {
    let kinds: Vec<String> =
        verified.log.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let ledger = verified.charges.map_or_else(
        || "the ledger was not read: no root key".to_owned(),
        |charges| format!("{charges} charges of the ledger agree with it, heads and units included"),
    );
    let anchor = match (verified.anchored, verified.anchor_wanted) {
        (Some(size), _) => format!("the anchor's {size} entries are the first ones of the log"),
        (None, true) => "the anchor is not here and was not read: give --anchor, or a folder that was put back is not found".to_owned(),
        (None, false) => "there is no anchor: both books put back together would not be found".to_owned(),
    };
    let approvals = verified.approvals.map_or_else(
        || "studies need no signatures in this sandbox".to_owned(),
        |count| format!("{count} signature(s) of handlers over them are by the keys that the log pins"),
    );
    let renewals = match verified.renewals {
        0 => String::new(),
        count => {
            format!("{count} renewal(s) of the pool, each after its window and signed by every handler\n")
        }
    };
    let retired = match verified.retired {
        0 => String::new(),
        count => format!("{count} epoch(s) retired: no key of theirs is there\n"),
    };
    let signer = &verified.signed_by;
    let rotations = match verified.rotations {
        0 => String::new(),
        1 => format!("key rotated once, signed by both keys; checkpoint signed by {signer}\n"),
        n => format!("key rotated {n} times, each time signed by both keys; checkpoint signed by {signer}\n"),
    };
    let roots = match verified.root_changes {
        0 => String::new(),
        1 => "root key changed once\n".to_owned(),
        n => format!("root key changed {n} times\n"),
    };
    let witnesses: String = cosigned
        .iter()
        .map(|seen| format!("\nthe witness {} cosigned the checkpoint at {}", seen.witness, seen.at))
        .collect();
    format!(
        "verified: signature, tree and {} entries ({})\n{} study text(s), their regimes and {} cube file(s) have the hash that the log names\n{retired}{approvals}\n{renewals}{ledger}\n{anchor}{witnesses}\n{rotations}{roots}key {}",
        verified.log.checkpoint.size,
        kinds.join(", "),
        verified.studies,
        verified.cubes,
        verified.vkey
    )
}

fn bundle(path: &Path, key: Option<&VerifierKey>, context: &Context) -> Result<(), Failure> {
    let key = key.ok_or_else(|| {
        Failure::usage(
            "a bundle is checked with the key of its log",
            "give --key VKEY, from `hushtag init` or `status`",
        )
    })?;
    let next = "ask whoever made the file for another one; this one proves nothing";
    let damaged = |error: BundleError| Failure::damaged(&path.display(), &error, next);
    let text = read_text(path)?;
    if PersonProof::claims(&text) {
        let proof = PersonProof::parse(&text).map_err(damaged)?;
        let (head, stood) = proof.verify(key).map_err(damaged)?;
        return person(&proof, &head, &stood, key, context);
    }
    let opened = Bundle::parse(&text).and_then(|bundle| bundle.verify(key)).map_err(damaged)?;
    context.output.either(
        || {
            json!({
                "verified": true,
                "index": opened.index,
                "head": head_text(&opened.head),
                "entry": opened.entry.body,
                "at": opened.entry.at.to_string(),
                "answer": opened.answer,
                "signed_by": opened.signed_by,
            })
        },
        || {
            let text = |field: &str| opened.answer.get(field).and_then(Value::as_str).unwrap_or_default();
            let signed = match &opened.signed_by {
                None => "the study needed no signatures, by the first entry of the log".to_owned(),
                Some(handlers) => {
                    let handlers: Vec<&str> = handlers.iter().map(HandlerId::as_str).collect();
                    format!("the study is signed by {}", handlers.join(", "))
                }
            };
            format!(
                "verified: the log of {} has this answer as entry {} of {}, given at {}\nquestion {}\nrecipient {}, epoch {}, study {} ({})\nits noisy numbers, its noise and its charge are those to which the log committed\n{signed}",
                key.name(),
                opened.index,
                opened.head.size,
                opened.entry.at,
                text("question"),
                text("recipient"),
                text("epoch"),
                text("study"),
                text("policy"),
            )
        },
    )
}

fn person(
    proof: &PersonProof,
    head: &Checkpoint,
    stood: &[Stood],
    key: &VerifierKey,
    context: &Context,
) -> Result<(), Failure> {
    let (ids, id) = proof.person();
    context.output.either(
        || {
            let places = stood.iter().map(|place| {
                json!({
                    "index": place.entry,
                    "epoch": place.epoch,
                    "as_of": place.as_of,
                    "study": place.study,
                    "recipient": place.recipient,
                    "inside": place.inside,
                })
            });
            json!({
                "verified": true,
                "head": head_text(head),
                "person": [ids, id],
                "places": places.collect::<Vec<_>>(),
            })
        },
        || {
            let mut text = format!(
                "verified: the log of {} ({} entries) commits to this about the person `{id}` ({ids}), by the register of then",
                key.name(),
                head.size
            );
            for place in stood {
                let stands = if place.inside { "in" } else { "out" };
                let Stood { entry, epoch, as_of, study, recipient, .. } = place;
                text.push_str(&format!(
                    "\nepoch {epoch} as of {as_of}, study {study}, for {recipient}: {stands} by her consents (log entry {entry})"
                ));
            }
            text
        },
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
    let mut text = format!("{index:>6}  {}  {:<7}", entry.at, entry.kind.as_str());
    for field in ["recipient", "study", "handler", "epoch", "units", "rules", "question"] {
        match entry.body.get(field) {
            Some(Value::String(value)) => text.push_str(&format!("  {value}")),
            Some(value) => text.push_str(&format!("  {value}")),
            None => {}
        }
    }
    match (entry.kind == Kind::Key).then(|| KeyChange::of(entry)) {
        Some(Ok(KeyChange::Log(rotation))) => {
            text.push_str(&format!("  the log is signed by {}", rotation.new))
        }
        Some(Ok(KeyChange::Root { number })) => {
            text.push_str(&format!("  root key changed, number {number}"))
        }
        Some(Err(_)) => text.push_str("  not as a change of a key is written: see `audit verify`"),
        None => {}
    }
    text
}

fn prove(dir: &Path, answer: u64, out: &Path, context: &Context) -> Result<(), Failure> {
    let operator = open(dir, context)?;
    let text = operator.prove(answer)?.to_text();
    let text = text.map_err(|error| Failure::failed(error.to_string(), "report this bug"))?;
    write_new(out, &text)?;
    let vkey = operator.status()?.vkey;
    context.output.either(
        || json!({ "bundle": out.display().to_string(), "index": answer, "key": vkey }),
        || {
            format!(
                "{}: the answer of log entry {answer}; check it with\n  hushtag audit verify {} --key {vkey}",
                out.display(),
                out.display()
            )
        },
    )
}

/// Writes a file that must be absent.
pub(super) fn write_new(out: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;

    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(out);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        Failure::failed(
            format!("{}: cannot be written: {error}", out.display()),
            "give the name of a new file",
        )
    })
}
