//! `hushtag consent request`: the book of requests.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::note_unswept;
use super::person::{MaybePerson, Person};
use super::receipt::{absent, receipt_note, save};
use crate::lang::{filled, text, time, word};
use crate::sandbox::open;
use crate::{Context, Failure};
use hushtag::operator::Consents;
use hushtag::register::{Request, RequestKind};
use hushtag::types::{Clock as _, SystemClock, Timestamp};

#[derive(Subcommand)]
pub(crate) enum RequestCommand {
    /// Enter a request of a person, with the day by which it must be answered
    #[command(
        after_help = "Examples:\n  hushtag consent request open box --kind access --id-file id.txt --receipt receipt.txt\n  hushtag consent request open box --kind erasure --kin --id-file id.txt"
    )]
    Open(Open),
    /// Close a request: it was fulfilled, or refused for a reason
    #[command(
        after_help = "Examples:\n  hushtag consent request close box --number 3 --done\n  hushtag consent request close box --number 4 --refuse 'the statutory term has not run out' --id-file id.txt --receipt receipt.txt"
    )]
    Close(Close),
    /// Show the book of requests, or those about one person
    #[command(
        after_help = "Examples:\n  hushtag consent request list box --open\n  hushtag consent request list box --id-file id.txt"
    )]
    List(List),
}

impl RequestCommand {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Open(command) => command.run(context),
            Self::Close(command) => command.run(context),
            Self::List(command) => command.run(context),
        }
    }
}

/// Reads the word of a kind of request, and lists all of them in the help.
fn kinds() -> impl TypedValueParser<Value = RequestKind> {
    let words = RequestKind::ALL.map(|kind| {
        PossibleValue::new(kind.as_str()).help(format!("{} ({})", kind.meaning(), kind.article()))
    });
    PossibleValuesParser::new(words)
        .try_map(|word| RequestKind::of(&word).ok_or_else(|| text!("request.no_kind")))
}

#[derive(Args)]
pub(crate) struct Open {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Person,
    /// What the person asks for
    #[arg(long, value_parser = kinds())]
    kind: RequestKind,
    /// A near relative asks, for a deceased person (PIPL 49)
    #[arg(long)]
    kin: bool,
    /// Write a signed receipt for the person into this new file
    #[arg(long, value_name = "OUT")]
    receipt: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Close {
    /// The sandbox
    dir: PathBuf,
    /// The number of the request
    #[arg(long, value_name = "N")]
    number: u64,
    /// It was fulfilled
    #[arg(long, required_unless_present = "refuse", conflicts_with = "refuse")]
    done: bool,
    /// It was refused, for this reason, which is given to the person (PIPL 50)
    #[arg(long, value_name = "REASON")]
    refuse: Option<String>,
    #[command(flatten)]
    person: MaybePerson,
    /// Write a signed receipt for the person, whose id must be given, into this new file
    #[arg(long, value_name = "OUT", requires = "id_file")]
    receipt: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct List {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: MaybePerson,
    /// Only those that are not closed
    #[arg(long)]
    open: bool,
}

impl Open {
    fn run(self, context: &Context) -> Result<(), Failure> {
        absent(self.receipt.as_deref())?;
        let operator = open(&self.dir, context)?;
        let consents = operator.consents();
        let (ids, id) = self.person.named(&consents)?;
        let request = consents.open_request(self.kind, self.kin, (&ids, &id))?;
        note_unswept(&consents, context);
        let receipt = receipt(&consents, &request, Some((&ids, &id)), self.receipt)?;
        shown(context, &request, receipt.as_deref())
    }
}

impl Close {
    fn run(self, context: &Context) -> Result<(), Failure> {
        absent(self.receipt.as_deref())?;
        let operator = open(&self.dir, context)?;
        let consents = operator.consents();
        let person = self.person.named(&consents)?;
        let person = person.as_ref().map(|(ids, id)| (ids.as_str(), id.as_str()));
        let request = consents.close_request(self.number, person, self.refuse.as_deref())?;
        note_unswept(&consents, context);
        let receipt = receipt(&consents, &request, person, self.receipt)?;
        shown(context, &request, receipt.as_deref())
    }
}

impl List {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let operator = open(&self.dir, context)?;
        let consents = operator.consents();
        let person = self.person.named(&consents)?;
        let person = person.as_ref().map(|(ids, id)| (ids.as_str(), id.as_str()));
        let mut all = consents.requests(person)?;
        all.retain(|request| !self.open || request.closed.is_none());
        let now = SystemClock.now();
        context.output.either(
            || json!({ "requests": all.iter().map(|request| as_json(request, now)).collect::<Vec<_>>() }),
            || match all.as_slice() {
                [] => text!("request.none"),
                all => all.iter().map(|request| text(request, now)).collect::<Vec<_>>().join("\n"),
            },
        )
    }
}

fn receipt(
    consents: &Consents<'_>,
    request: &Request,
    person: Option<(&str, &str)>,
    out: Option<PathBuf>,
) -> Result<Option<String>, Failure> {
    let (Some(path), Some(person)) = (out, person) else { return Ok(None) };
    let next = text!("request.receipt_fix");
    save(&path, &consents.request_receipt(request, person)?, next).map(Some)
}

fn shown(context: &Context, request: &Request, receipt: Option<&str>) -> Result<(), Failure> {
    let now = SystemClock.now();
    context.output.either(
        || {
            let mut all = as_json(request, now);
            if let Some(all) = all.as_object_mut() {
                all.insert("receipt".into(), json!(receipt));
                all.insert("effect".into(), json!(effect(request)));
            }
            all
        },
        || {
            let effect = effect(request).map_or_else(String::new, |effect| format!("\n{effect}"));
            text(request, now) + &effect + &receipt_note(receipt)
        },
    )
}

/// What an open request does not do by itself, where that could be expected.
fn effect(request: &Request) -> Option<String> {
    let effect = match request.closed.is_none().then_some(request.kind)? {
        RequestKind::Objection => "request.objection",
        RequestKind::Restriction => "request.restriction",
        RequestKind::Erasure => "request.erasure",
        _ => return None,
    };
    Some(filled(effect, &[]))
}

fn state(request: &Request, now: Timestamp) -> &'static str {
    match &request.closed {
        None if request.due < now => "overdue",
        None => "open",
        Some((_, None)) => "fulfilled",
        Some((_, Some(_))) => "refused",
    }
}

fn as_json(request: &Request, now: Timestamp) -> Value {
    let reason = request.closed.as_ref().and_then(|(_, reason)| reason.as_deref());
    json!({
        "number": request.number,
        "kind": request.kind.as_str(),
        "article": request.kind.article(),
        "by_kin": request.by_kin,
        "opened_at": request.opened_at.to_string(),
        "due": request.due.to_string(),
        "state": state(request, now),
        "closed_at": request.closed.as_ref().map(|(at, _)| at.to_string()),
        "reason": reason,
    })
}

fn text(request: &Request, now: Timestamp) -> String {
    let state = match &request.closed {
        None => word("request_state", state(request, now)),
        Some((at, None)) => text!("request.fulfilled", at = time(*at)),
        Some((at, Some(reason))) => text!("request.refused", at = time(*at), reason),
    };
    text!(
        "request.line",
        number = request.number,
        kind = word("request_kind", request.kind.as_str()),
        article = request.kind.article(),
        kin = if request.by_kin { text!("request.kin") } else { String::new() },
        opened = time(request.opened_at),
        due = time(request.due),
        state,
    )
}
