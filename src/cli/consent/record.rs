//! `hushtag consent record` and `withdraw`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::person::{Person, namespace, read};
use crate::cli::sandbox::open;
use crate::cli::{Context, Failure};
use crate::consent::{Shortfall, not_separate};
use crate::operator::Consents;
use crate::register::Event;
use crate::types::{Clock as _, SystemClock, Timestamp};

#[derive(Args)]
pub(in crate::cli) struct Record {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Option<Person>,
    /// The whole event as one JSON document (ISO/IEC TS 27560 with DPV terms, as `consent export` writes), or - for stdin
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["id_file", "ids"], required_unless_present = "id_file")]
    file: Option<PathBuf>,
    #[command(flatten)]
    said: Box<Said>,
    /// Write a signed receipt for the person into this new file
    #[arg(long, value_name = "OUT")]
    receipt: Option<PathBuf>,
}

/// The columns of an event besides whose it is.
#[derive(Args)]
struct Said {
    /// What happened [default: given]
    #[arg(long, value_parser = ["given", "refused", "withdrawn", "revoked", "objected", "restricted", "hold", "deceased", "lifted"])]
    event: Option<String>,
    /// When it happened [default: now]
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    at: Option<String>,
    /// Which consent, such as SC23 (provision to a recipient) or SC29 (sensitive data)
    #[arg(long)]
    trigger: Option<String>,
    /// For what
    #[arg(long)]
    purpose: Option<String>,
    /// To whom: a legal id
    #[arg(long, value_name = "LEGAL-ID")]
    recipient: Option<String>,
    /// Who collected it
    #[arg(long)]
    handler: Option<String>,
    /// Of which kind it is
    #[arg(long, value_parser = ["ordinary", "separate", "written"])]
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
    #[arg(long)]
    notice_version: Option<u32>,
    /// When the notice was shown
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    shown_at: Option<String>,
    /// When the consent ends
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    valid_to: Option<String>,
    /// Who gave it
    #[arg(long, value_parser = ["self", "guardian"])]
    giver: Option<String>,
    /// Whether it was a step of its own
    #[arg(long)]
    own_step: Option<bool>,
    /// Whether its box was ticked beforehand
    #[arg(long)]
    pre_ticked: Option<bool>,
    /// How many consents stood behind one act
    #[arg(long)]
    bundle_size: Option<u32>,
    /// Whether a service was refused without it
    #[arg(long)]
    service_gate: Option<bool>,
    /// Whether that service needs it
    #[arg(long)]
    service_necessary: Option<bool>,
}

fn instant(text: &str) -> Result<String, String> {
    Timestamp::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

impl Said {
    fn cell(&self, column: &str) -> Option<String> {
        let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let number = |number: Option<u32>| number.map(|number| number.to_string());
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
            "notice_version" => number(self.notice_version),
            "shown_at" => self.shown_at.clone(),
            "valid_to" => self.valid_to.clone(),
            "giver" => self.giver.clone(),
            "own_step" => flag(self.own_step),
            "pre_ticked" => flag(self.pre_ticked),
            "bundle_size" => number(self.bundle_size),
            "service_gate" => flag(self.service_gate),
            "service_necessary" => flag(self.service_necessary),
            _ => None,
        }
    }
}

#[derive(Args)]
pub(in crate::cli) struct Withdraw {
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
    /// Only consents for this recipient: a legal id
    #[arg(long, value_name = "LEGAL-ID")]
    recipient: Option<String>,
    /// When she withdrew [default: now]
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    at: Option<String>,
    /// Who took the withdrawal; it counts at all handlers
    #[arg(long)]
    handler: Option<String>,
    /// Write a signed receipt for the person into this new file
    #[arg(long, value_name = "OUT")]
    receipt: Option<PathBuf>,
}

impl Record {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<(), Failure> {
        absent(self.receipt.as_deref())?;
        let operator = open(&self.dir, context)?;
        let consents = operator.consents();
        let event = self.event(&consents)?;
        check(&event, &consents)?;
        let lacking = not_separate(&event.row());
        let (at, receipt) = write(&consents, &event, self.receipt.as_deref())?;
        let given = event.cell("event") == Some("given");
        context.output.either(
            || {
                json!({
                    "recorded": true,
                    "at": at.to_string(),
                    "separate": given.then_some(lacking.is_empty()),
                    "shortfalls": lacking.iter().map(shortfall).collect::<Vec<_>>(),
                    "receipt": receipt,
                })
            },
            || {
                let mut text = format!("recorded at {at}: {}", event.cell("event").unwrap_or_default());
                if given && lacking.is_empty() {
                    text.push_str("\nit can be a separate consent; a study says what else it demands");
                }
                if !lacking.is_empty() {
                    text.push_str("\nit is not a separate consent, and is recorded as what it is:");
                }
                for Shortfall { column, article, because } in &lacking {
                    text.push_str(&format!("\n  {column} ({article}): {because}"));
                }
                text + &told(receipt.as_deref())
            },
        )
    }

    fn event(&self, consents: &Consents<'_>) -> Result<Event, Failure> {
        let now = SystemClock.now().to_string();
        let next = "see `hushtag consent record --help`";
        if let Some(path) = &self.file {
            let failed = |error: &dyn std::fmt::Display| {
                Failure::failed(
                    format!("{}: {error}", path.display()),
                    "write the event as `consent export` does",
                )
            };
            let ids = namespace(consents)?;
            let event = Event::from_json(&read(path)?, ids.as_deref()).map_err(|error| failed(&error))?;
            let cell = |column: &str| match (column, event.cell(column)) {
                ("at", None) => Some(now.clone()),
                (_, cell) => cell.map(str::to_owned),
            };
            return Event::from_cells(cell).map_err(|error| failed(&error));
        }
        let person = self.person.as_ref().ok_or_else(|| Failure::usage("whose consent is it?", next))?;
        let (ids, id) = person.read(consents)?;
        let event = Event::from_cells(|column| match column {
            "person" => Some(id.to_string()),
            "ids" => Some(ids.clone()),
            _ => self.said.cell(column).or_else(|| Some(now.clone()).filter(|_| column == "at")),
        });
        event.map_err(|error| Failure::failed(error.to_string(), next))
    }
}

impl Withdraw {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<(), Failure> {
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
        let event = event
            .map_err(|error| Failure::failed(error.to_string(), "see `hushtag consent withdraw --help`"))?;
        check(&event, &consents)?;
        let before = consents.events_of((&ids, &id))?;
        let ends = before.iter().filter(|given| covers(&event, given)).count();
        let (at, receipt) = write(&consents, &event, self.receipt.as_deref())?;
        context.output.either(
            || json!({ "recorded": true, "at": at.to_string(), "grants": ends, "receipt": receipt }),
            || {
                let told_of = match ends {
                    0 => "the register has no consent of hers that it ends; it counts all the same, also for consents in files".to_owned(),
                    count => format!("it ends {count} recorded consent(s), and any that stands in a file"),
                };
                format!("recorded at {at}: withdrawn\n{told_of}{}", told(receipt.as_deref()))
            },
        )
    }
}

/// Whether a withdrawal ends this grant: it names the same, or leaves it open, and is no earlier.
fn covers(withdrawal: &Event, event: &Event) -> bool {
    let same = |column: &str| withdrawal.cell(column).is_none_or(|wanted| event.cell(column) == Some(wanted));
    event.cell("event") == Some("given")
        && ["trigger", "purpose", "recipient"].into_iter().all(same)
        && event.at().zip(withdrawal.at()).is_some_and(|(given, ended)| given <= ended)
}

/// Refuses what could only put the person out by a slip of the pen.
fn check(event: &Event, consents: &Consents<'_>) -> Result<(), Failure> {
    if !consents.namespaces().contains(event.person().0) {
        return Err(Failure::failed(
            "no study of the sandbox has ids of this namespace",
            "see the studies of the sandbox",
        ));
    }
    if let Some(column) = event.unreadable_column() {
        return Err(Failure::failed(
            format!("the cell of `{column}` is missing or cannot be read"),
            "write it as in a consent table; nothing was recorded",
        ));
    }
    let known = consents.known_words().triggers;
    match event.cell("trigger") {
        Some(trigger) if !known.is_empty() && !known.contains(trigger) => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            Err(Failure::failed(
                "the trigger is not one of the regime; nothing was recorded",
                format!("the triggers are {}", known.join(", ")),
            ))
        }
        _ => Ok(()),
    }
}

fn shortfall(lack: &Shortfall) -> Value {
    json!({ "column": lack.column, "article": lack.article, "because": lack.because })
}

fn told(receipt: Option<&str>) -> String {
    receipt.map_or_else(String::new, |place| format!("\nreceipt: {place}"))
}

/// A receipt that could not be written must be known before anything is recorded.
fn absent(receipt: Option<&Path>) -> Result<(), Failure> {
    match receipt {
        Some(path) if std::fs::symlink_metadata(path).is_ok() => Err(Failure::failed(
            format!("{}: is there already", path.display()),
            "give the name of a file that is not there yet; nothing was recorded",
        )),
        _ => Ok(()),
    }
}

/// Records the event and writes its receipt.
fn write(
    consents: &Consents<'_>,
    event: &Event,
    receipt: Option<&Path>,
) -> Result<(Timestamp, Option<String>), Failure> {
    let at = consents.record(std::slice::from_ref(event))?;
    let Some(path) = receipt else { return Ok((at, None)) };
    let text = consents.receipt(event, at)?;
    // If we stop here, the event is recorded and has no receipt: recording it again gives one and changes nothing.
    let written = std::fs::File::create_new(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    let shown = path.display().to_string();
    let failed = |error| {
        Failure::failed(format!("{shown}: {error}"), "the event is recorded; record it again for a receipt")
    };
    written.map_err(failed)?;
    Ok((at, Some(shown)))
}
