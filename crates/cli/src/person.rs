//! `hushtag person`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::audit::write_new;
use super::consent::person::Person;
use super::consent::status::{account_json, account_line};
use super::sandbox::open;
use super::{Context, Failure};
use hushtag::operator::{PersonEpoch, PersonView};

/// What the view cannot know.
const LIMITS: &str = "this is what the register says today: consents handed in as files, her age, and ids that a links table \
                      joins are not known here, nor whether anybody holds data on her";

#[derive(Args)]
pub(super) struct PersonCommand {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Person,
    /// Write what anyone who has the log's key can check: how she stood at each seal; the file must be absent
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
}

impl PersonCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let operator = open(&self.dir, context)?;
        let (ids, id) = self.person.named(&operator.consents())?;
        let view = operator.person((&ids, &id))?;
        if let Some(out) = &self.proof {
            let text = operator.prove_person(&view)?.to_text();
            write_new(out, &text.map_err(|error| Failure::failed(error.to_string(), "report this bug"))?)?;
            let (out, vkey) = (out.display(), operator.status()?.vkey);
            context.output.note(&format!(
                "{out} holds her id; check it with\n  hushtag audit verify {out} --key {vkey}"
            ));
        }
        context.output.note(&format!("note: {LIMITS}."));
        context.output.either(|| view_json(&view), || view_text(&view))
    }
}

fn view_json(view: &PersonView) -> Value {
    let epochs = view.epochs.iter().map(|epoch| {
        let releases =
            epoch.releases.iter().map(|(entry, question)| json!({ "entry": entry, "question": question }));
        json!({
            "epoch": epoch.epoch,
            "as_of": epoch.as_of.to_string(),
            "study": epoch.study,
            "recipient": epoch.recipient,
            "inside": epoch.inside,
            "sealed": epoch.sealed,
            "seal": epoch.seal,
            "triggers": epoch.accounts.iter().map(account_json).collect::<Vec<_>>(),
            "releases": releases.collect::<Vec<_>>(),
            "retired": epoch.retired,
        })
    });
    let events = view.events.iter().map(|event| Value::Object(event.statements()));
    json!({
        "entry": view.entry,
        "salt": view.salt,
        "events": events.collect::<Vec<_>>(),
        "erased": view.erased.map(|at| at.to_string()),
        "epochs": epochs.collect::<Vec<_>>(),
        "limits": LIMITS,
    })
}

fn view_text(view: &PersonView) -> String {
    let mut text =
        format!("{} event(s) of hers are recorded; this look is log entry {}", view.events.len(), view.entry);
    if let Some(at) = view.erased {
        text.push_str(&format!("\nerased at {at}: what was said by then gives no consent"));
    }
    for epoch in &view.epochs {
        let PersonEpoch { epoch: id, as_of, study, recipient, inside, sealed, seal, .. } = epoch;
        let stands = word(*inside);
        text.push_str(&format!(
            "\nepoch {id} as of {as_of}, study {study}, for {recipient}: {stands} by their consents"
        ));
        if let Some(sealed) = sealed {
            text.push_str(&format!("\n  sealed as {} (log entry {seal})", word(*sealed)));
        }
        epoch.accounts.iter().for_each(|account| text.push_str(&account_line(account)));
        for (entry, question) in &epoch.releases {
            text.push_str(&format!("\n  answered (log entry {entry}): {question}"));
        }
        if let Some(entry) = epoch.retired {
            text.push_str(&format!("\n  retired: log entry {entry}"));
        }
    }
    text
}

const fn word(inside: bool) -> &'static str {
    if inside { "in" } else { "out" }
}
