//! `hushtag person`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::consent::person::Person;
use super::consent::status::{account_json, account_line};
use super::sandbox::open;
use super::{Context, Failure};
use crate::operator::{PersonEpoch, PersonView};

/// What the view cannot know.
const LIMITS: &str = "this is what the register says today: consents handed in as files, her age, and ids that a links table \
                      joins are not known here, nor whether anybody holds data on her";

#[derive(Args)]
pub(super) struct PersonCommand {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Person,
}

impl PersonCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let operator = open(&self.dir, context)?;
        let (ids, id) = self.person.read(&operator.consents())?;
        let view = operator.person((&ids, &id))?;
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
        "epochs": epochs.collect::<Vec<_>>(),
        "limits": LIMITS,
    })
}

fn view_text(view: &PersonView) -> String {
    let mut text =
        format!("{} event(s) of hers are recorded; this look is log entry {}", view.events.len(), view.entry);
    for epoch in &view.epochs {
        let PersonEpoch { epoch: id, as_of, study, recipient, inside, .. } = epoch;
        let stands = if *inside { "in" } else { "out" };
        text.push_str(&format!(
            "\nepoch {id} as of {as_of}, study {study}, for {recipient}: {stands} by her consents"
        ));
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
