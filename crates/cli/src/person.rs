//! `hushtag person`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::audit::write_new;
use super::bundle::included;
use super::consent::person::Person;
use super::consent::status::{account_json, account_line};
use super::lang::{text, time};
use super::sandbox::open;
use super::{Context, Failure};
use hushtag::operator::{PersonEpoch, PersonView};

#[derive(Args)]
pub(super) struct PersonCommand {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Person,
    /// Write what anyone who has the log's key can check: whether they were included at each seal; the file must be absent
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
            write_new(out, &text.map_err(|error| Failure::of_error(error, text!("error.bug_fix")))?)?;
            context.output.note(&text!("person.proof", out = out.display(), vkey = operator.status()?.vkey));
        }
        context.output.note(&text!("person.note", limits = text!("person.limits")));
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
        "limits": text!("person.limits"),
    })
}

fn view_text(view: &PersonView) -> String {
    let mut text = text!("person.view", events = view.events.len(), entry = view.entry);
    if let Some(at) = view.erased {
        text.push_str(&text!("person.erased", at = time(at)));
    }
    for epoch in &view.epochs {
        let PersonEpoch { epoch: id, as_of, study, recipient, inside, sealed, seal, .. } = epoch;
        let (as_of, inside) = (time(*as_of), included(*inside));
        text.push_str(&text!("person.epoch", id, as_of, study, recipient, inside));
        if let Some(sealed) = sealed {
            text.push_str(&text!("person.sealed", inside = included(*sealed), seal));
        }
        epoch.accounts.iter().for_each(|account| text.push_str(&account_line(account)));
        for (entry, query) in &epoch.releases {
            text.push_str(&text!("person.answered", entry, query));
        }
        if let Some(entry) = epoch.retired {
            text.push_str(&text!("person.retired", entry));
        }
    }
    text
}
