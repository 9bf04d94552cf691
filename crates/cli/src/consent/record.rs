//! `hushtag consent record` and `withdraw`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::note_unswept;
use super::person::{Person, failure, namespace, read};
use super::receipt::{absent, receipt_note, save};
use crate::lang::{list, text, time};
use crate::sandbox::open;
use crate::{Context, Failure};
use hushtag::consent::{Act, KnownWords, Shortfall, not_separate};
use hushtag::operator::Consents;
use hushtag::register::Event;
use hushtag::types::{Clock as _, SystemClock, Timestamp, Zone};

/// What a document holds itself, so that an option would be ignored.
const DOCUMENT_COLUMNS: [&str; 21] = [
    "id_file",
    "ids",
    "event",
    "at",
    "trigger",
    "purpose",
    "recipient",
    "handler",
    "kind",
    "categories",
    "methods",
    "notice",
    "notice_version",
    "shown_at",
    "valid_to",
    "giver",
    "own_step",
    "pre_ticked",
    "bundle_size",
    "service_gate",
    "service_necessary",
];

#[derive(Args)]
pub(crate) struct Record {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Option<Person>,
    /// The whole event as one JSON document (ISO/IEC TS 27560 with DPV terms, as `consent export` writes), or - for stdin
    #[arg(long, value_name = "FILE|-", conflicts_with_all = DOCUMENT_COLUMNS, required_unless_present = "id_file")]
    file: Option<PathBuf>,
    #[command(flatten)]
    columns: Box<EventColumns>,
    /// Write a signed receipt for the person into this new file
    #[arg(long, value_name = "OUT")]
    receipt: Option<PathBuf>,
}

/// The columns of an event besides whose it is.
#[derive(Args)]
struct EventColumns {
    /// What happened [default: given]
    #[arg(long, value_name = "given|refused|withdrawn|revoked|objected|restricted|hold|deceased|lifted")]
    event: Option<String>,
    /// When it happened [default: now]
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
    /// Which consent, such as SC23 (provision to a recipient) or SC29 (sensitive data)
    #[arg(long)]
    trigger: Option<String>,
    /// For what
    #[arg(long)]
    purpose: Option<String>,
    /// To whom: a legal id, or the id that a study gives the recipient
    #[arg(long, value_name = "ID")]
    recipient: Option<String>,
    /// Who collected it
    #[arg(long)]
    handler: Option<String>,
    /// Of which kind it is
    #[arg(long, value_name = "ordinary|separate|written")]
    kind: Option<String>,
    /// The data categories that it lists, between bars
    #[arg(long, value_name = "A|B")]
    categories: Option<String>,
    /// The methods that it lists, between bars
    #[arg(long, value_name = "A|B")]
    methods: Option<String>,
    /// The id of the notice
    #[arg(long)]
    notice: Option<String>,
    /// Its version
    #[arg(long, value_name = "N")]
    notice_version: Option<String>,
    /// When the notice was shown
    #[arg(long, value_name = "WHEN")]
    shown_at: Option<String>,
    /// When the consent ends
    #[arg(long, value_name = "WHEN")]
    valid_to: Option<String>,
    /// Who gave it
    #[arg(long, value_name = "self|guardian")]
    giver: Option<String>,
    /// Whether it was a step of its own
    #[arg(long, value_name = "true|false")]
    own_step: Option<String>,
    /// Whether its box was ticked beforehand
    #[arg(long, value_name = "true|false")]
    pre_ticked: Option<String>,
    /// How many consents one act gave
    #[arg(long, value_name = "N")]
    bundle_size: Option<String>,
    /// Whether a service was refused without it
    #[arg(long, value_name = "true|false")]
    service_gate: Option<String>,
    /// Whether that service needs it
    #[arg(long, value_name = "true|false")]
    service_necessary: Option<String>,
    /// The zone of times that are written without one, such as Asia/Shanghai
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse)]
    timezone: Option<Zone>,
}

impl EventColumns {
    fn cell(&self, column: &str) -> Option<String> {
        match column {
            "event" => self.event.clone().or_else(|| Some("given".to_owned())),
            "at" => self.at.clone(),
            "trigger" => self.trigger.clone(),
            "purpose" => self.purpose.clone(),
            "recipient" => self.recipient.clone(),
            "handler" => self.handler.clone(),
            "kind" => self.kind.clone(),
            "categories" => self.categories.clone(),
            "methods" => self.methods.clone(),
            "notice" => self.notice.clone(),
            "notice_version" => self.notice_version.clone(),
            "shown_at" => self.shown_at.clone(),
            "valid_to" => self.valid_to.clone(),
            "giver" => self.giver.clone(),
            "own_step" => self.own_step.clone(),
            "pre_ticked" => self.pre_ticked.clone(),
            "bundle_size" => self.bundle_size.clone(),
            "service_gate" => self.service_gate.clone(),
            "service_necessary" => self.service_necessary.clone(),
            _ => None,
        }
    }
}

#[derive(Args)]
pub(crate) struct Withdraw {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Person,
    /// Only consents of this trigger
    #[arg(long)]
    trigger: Option<String>,
    /// Only consents for this purpose
    #[arg(long)]
    purpose: Option<String>,
    /// Only consents for this recipient: a legal id, or the id that a study gives it
    #[arg(long, value_name = "ID")]
    recipient: Option<String>,
    /// When they withdrew [default: now]
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
    /// The zone of a time that is written without one, such as Asia/Shanghai
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse)]
    timezone: Option<Zone>,
    /// Which handler took the withdrawal; it counts at all handlers
    #[arg(long)]
    handler: Option<String>,
    /// Write a signed receipt for the person into this new file
    #[arg(long, value_name = "OUT")]
    receipt: Option<PathBuf>,
}

impl Record {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        absent(self.receipt.as_deref())?;
        let operator = open(&self.dir, context)?;
        let consents = operator.consents();
        let event = self.event(&consents)?;
        let event = consents.checked(&event, self.columns.timezone.as_ref());
        let event = event.map_err(|fault| failure(&fault, self.file.as_deref()))?;
        let lacking = not_separate(&event.row());
        let (at, receipt) = write(&consents, &event, self.receipt.as_deref())?;
        note_unswept(&consents, context);
        let given = event.cell("event") == Some("given");
        context.output.either(
            || {
                json!({
                    "recorded": true,
                    "at": at.to_string(),
                    "event": as_json(&event),
                    "studies": consents.studies(),
                    "separate": given.then_some(lacking.is_empty()),
                    "shortfalls": lacking.iter().map(shortfall).collect::<Vec<_>>(),
                    "receipt": receipt,
                })
            },
            || {
                let event = recorded_words(&event, &consents);
                let mut text = text!("consent.recorded", at = time(at), event);
                if given && lacking.is_empty() {
                    text.push_str(&text!("consent.separate"));
                }
                if !lacking.is_empty() {
                    text.push_str(&text!("consent.not_separate"));
                }
                for Shortfall { column, article, because } in &lacking {
                    text.push_str(&text!("consent.shortfall", column, article, because));
                }
                text + &receipt_note(receipt.as_deref())
            },
        )
    }

    fn event(&self, consents: &Consents<'_>) -> Result<Event, Failure> {
        let now = SystemClock.now().to_string();
        if let Some(path) = &self.file {
            let failed = |error: &dyn std::fmt::Display| {
                Failure::of_place(path.display(), error, text!("consent.document_fix"))
            };
            let ids = namespace(consents);
            let event = Event::from_json(&read(path)?, ids.as_deref()).map_err(|error| failed(&error))?;
            let cell = |column: &str| match (column, event.cell(column)) {
                ("at", None) => Some(now.clone()),
                (_, cell) => cell.map(str::to_owned),
            };
            return Event::from_cells(cell).map_err(|error| failed(&error));
        }
        let person = self
            .person
            .as_ref()
            .ok_or_else(|| Failure::usage(text!("consent.whose"), text!("consent.record_fix")))?;
        let (ids, id) = person.read(consents)?;
        let event = Event::from_cells(|column| match column {
            "person" => Some(id.to_string()),
            "ids" => Some(ids.clone()),
            _ => self.columns.cell(column).or_else(|| Some(now.clone()).filter(|_| column == "at")),
        });
        event.map_err(|error| Failure::of_error(error, text!("consent.record_fix")))
    }
}

impl Withdraw {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        absent(self.receipt.as_deref())?;
        let operator = open(&self.dir, context)?;
        let consents = operator.consents();
        let (ids, id) = self.person.read(&consents)?;
        let now = SystemClock.now().to_string();
        let event = Event::from_cells(|column| match column {
            "person" => Some(id.to_string()),
            "ids" => Some(ids.clone()),
            "event" => Some("withdrawn".to_owned()),
            "at" => self.at.clone().or_else(|| Some(now.clone())),
            "trigger" => self.trigger.clone(),
            "purpose" => self.purpose.clone(),
            "recipient" => self.recipient.clone(),
            "handler" => self.handler.clone(),
            _ => None,
        });
        let event = event.map_err(|error| Failure::of_error(error, text!("consent.withdraw_fix")))?;
        let event =
            consents.checked(&event, self.timezone.as_ref()).map_err(|fault| failure(&fault, None))?;
        let (before, known) = (consents.events_of((&ids, &id))?, consents.known_words());
        let ends = before.iter().filter(|given| covers(&event, given, &known)).count();
        let (at, receipt) = write(&consents, &event, self.receipt.as_deref())?;
        note_unswept(&consents, context);
        context.output.either(
            || {
                json!({
                    "recorded": true,
                    "at": at.to_string(),
                    "event": as_json(&event),
                    "studies": consents.studies(),
                    "grants": ends,
                    "receipt": receipt,
                })
            },
            || {
                let effect = match ends {
                    0 => text!("consent.ends_none"),
                    count => text!("consent.ends", count),
                };
                let event = recorded_words(&event, &consents);
                let recorded = text!("consent.recorded", at = time(at), event);
                format!("{recorded}\n{effect}{}", receipt_note(receipt.as_deref()))
            },
        )
    }
}

/// Whether a withdrawal ends this grant: it could mean it, and is no earlier.
fn covers(withdrawal: &Event, event: &Event, known: &KnownWords) -> bool {
    let given = event.cell("event").and_then(Act::read) == Some(Act::Given);
    let could_mean = |column: &str| {
        event.cell(column).is_none_or(|word| known.could_mean(column, withdrawal.cell(column), word))
    };
    given
        && SCOPE.into_iter().all(could_mean)
        && event.at().zip(withdrawal.at()).is_some_and(|(given, ended)| given <= ended)
}

/// What an event is about.
const SCOPE: [&str; 3] = ["trigger", "purpose", "recipient"];

/// What was recorded, but for whose it is: null where it is left open.
fn as_json(event: &Event) -> Value {
    let columns = ["event", "at", "ids"].into_iter().chain(SCOPE);
    columns.map(|column| (column.to_owned(), json!(event.cell(column)))).collect::<Map<_, _>>().into()
}

/// What was recorded, but for whose it is, and by which words it was checked.
fn recorded_words(event: &Event, consents: &Consents<'_>) -> String {
    let cell = |column: &str| event.cell(column).unwrap_or_default().to_owned();
    let known = consents.known_words();
    let scope = SCOPE.map(|column| match event.cell(column) {
        None => text!("consent.every", column),
        Some(word) => {
            let listed = known.listed(column).into_iter().find(|listed| {
                listed.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
            });
            text!("consent.scope", column, word = listed.unwrap_or_else(|| word.to_owned()))
        }
    });
    text!(
        "consent.event",
        event = cell("event"),
        at = cell("at"),
        ids = cell("ids"),
        scope = list(scope),
        studies = list(consents.studies()),
    )
}

fn shortfall(lack: &Shortfall) -> Value {
    json!({ "column": lack.column, "article": lack.article, "because": lack.because })
}

/// Records the event and writes its receipt.
fn write(
    consents: &Consents<'_>,
    event: &Event,
    receipt: Option<&Path>,
) -> Result<(Timestamp, Option<String>), Failure> {
    let at = consents.record(std::slice::from_ref(event))?;
    let Some(path) = receipt else { return Ok((at, None)) };
    // If we stop before it is written, recording the event again gives one and changes nothing.
    let next = text!("consent.recorded_receipt_fix");
    save(path, &consents.receipt(event, at)?, next).map(|shown| (at, Some(shown)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hushtag::consent::COLUMNS;

    /// Promise: no option beside a document is ignored.
    #[test]
    fn a_document_conflicts_with_every_option_of_an_event() {
        let options: Vec<&str> = COLUMNS.into_iter().filter(|column| *column != "person").collect();
        assert!(options.iter().all(|column| DOCUMENT_COLUMNS.contains(column)));
        assert_eq!(DOCUMENT_COLUMNS.len(), options.len() + 1, "and the file of the id");
    }
}
