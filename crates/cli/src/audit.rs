//! `hushtag audit`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use super::bundle::bundle;
use super::documents::GivenDocument;
use super::open_input::OpenInput;
use super::progress::shown;
use super::sandbox::{anchoring, keys, open};
use super::target::is_outside_sandboxes;
use super::{Context, Failure};
use hushtag::audit::{Cosigned, Entry, KeyChange, Kind, VerifierKey, WitnessKey, check_witnesses};
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
        #[arg(long, value_name = "VKEY")]
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
    /// Prove that this very file was one of those that an epoch was sealed from, or that it was not; logged
    #[command(
        after_help = "Examples:\n  hushtag audit open-input consents.csv --sandbox box --epoch 2026-q3\n  hushtag audit open-input consents.csv --sandbox copy --epoch 2026-q3 --key auditor.key"
    )]
    OpenInput(OpenInput),
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
            Self::Verify { place, anchor, without_anchor, .. }
                if place.is_file() && (anchor.is_some() || without_anchor) =>
            {
                Err(Failure::usage(
                    "a bundle, a proof or a receipt is checked without an anchor",
                    "give --anchor or --without-anchor for the folder of a sandbox",
                ))
            }
            Self::Verify { place, key, witnesses, log, .. } if place.is_file() => {
                if !witnesses.is_empty() {
                    return Err(Failure::usage(
                        "a bundle is checked without witnesses",
                        "give --witness for the folder of a sandbox",
                    ));
                }
                bundle(&place, key.as_ref(), log.as_deref(), context)
            }
            Self::Verify { log: Some(_), .. } => {
                let fix = "leave it out: a folder is verified with its own log";
                Err(Failure::usage("--log is for a bundle, a proof or a receipt", fix))
            }
            Self::Verify { place, key, anchor, without_anchor, witnesses, log: None } => {
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
    let terms = VerifyTerms { vkey: key, keys, anchor, progress: Some(&progress), beside_a_writer: true };
    let verify = || verify_sandbox(&folder, terms);
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
        "charged_units": hushtag::audit::amount(verified.log.charged_units),
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
        "witnesses": cosigned
            .iter()
            .map(|seen| json!({ "name": seen.witness, "at": seen.at.seconds() }))
            .collect::<Vec<_>>(),
    })
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
        RegisterCheck::Absent => "consent register: there is none, and no seal commits to one",
        RegisterCheck::NoKey => "consent register: present, not checked: no key",
        _ => {
            "consent register: every row, the head and the set hash hold; it has lost nothing that an epoch was sealed from"
        }
    };
    let keys = match verified.signing_key {
        None => "keys: not opened: no root key",
        Some(true) => "keys: those of every epoch that is not retired and of the log are there and open",
        Some(false) => {
            "keys: those of every epoch that is not retired are there and open; the key that signs the log is not in the folder"
        }
    };
    let unfinished = match verified.unfinished.as_slice() {
        [] => String::new(),
        files => format!(
            "\nunfinished: {} file(s) of an act that was stopped or is under way, which the next open finishes or removes, or the next write of the same file replaces: {}",
            files.len(),
            files.join(", ")
        ),
    };
    format!("{register}\n{keys}{unfinished}")
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
        (None, true) => "the anchor was not read (--without-anchor): that the folder was put back as a whole is not excluded".to_owned(),
        (None, false) => "there is no anchor: both books put back together would not be found".to_owned(),
    };
    let anchor = match verified.anchor_bound {
        Some(false) => format!(
            "{anchor}; the log, which an earlier version began, does not name the path of the anchor: that sandbox.toml names the one of init was not checked"
        ),
        _ => anchor,
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
        "verified: signature, tree and {} entries ({})\n{} study text(s), their regimes and {} cube file(s) have the hash that the log names\n{retired}{approvals}\n{renewals}{ledger}\n{}\n{anchor}{witnesses}\n{rotations}{roots}key {}",
        verified.log.checkpoint.size,
        kinds.join(", "),
        verified.studies,
        verified.cubes,
        rest_text(verified),
        verified.vkey
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

    is_outside_sandboxes(out)?;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(out);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        Failure::failed(
            format!("{}: cannot be written: {error}", out.display()),
            "give the name of a new file",
        )
    })
}
