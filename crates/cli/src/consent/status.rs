//! `hushtag consent status`: what decides for one person.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::person::Person;
use crate::lang::{list, text, time, word};
use crate::sandbox::open;
use crate::{Context, Failure};
use hushtag::consent::{Account, Act, KnownWords, Named};
use hushtag::operator::{Act as Access, Role};
use hushtag::register::Event;
use hushtag::types::{AsOf, Clock as _, RecipientId, StudyId, SystemClock, Timestamp};

#[derive(Args)]
pub(crate) struct StatusOf {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Person,
    /// Events count as of this instant; a bare date means the end of that day in the study's time zone [default: now]
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse)]
    as_of: Option<AsOf>,
    /// Judge by what a study demands for this recipient
    #[arg(long)]
    recipient: Option<RecipientId>,
    /// Which study, if several name the recipient
    #[arg(long, requires = "recipient")]
    study: Option<StudyId>,
}

impl StatusOf {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let operator = open(&self.dir, context)?;
        let consents = operator.consents();
        let (ids, id) = self.person.named(&consents)?;
        let as_of = self.as_of.map_or_else(|| Ok(SystemClock.now()), |as_of| operator.instant(as_of))?;
        let events = consents.events_of((&ids, &id))?;
        let erased = consents.tombstone_of((&ids, &id))?.and_then(|tombstone| tombstone.erased_at());
        let accounts = match &self.recipient {
            Some(recipient) => Some(consents.standing(&events, recipient, self.study.as_ref(), as_of)?),
            None => None,
        };
        operator.log_access(Access::ConsentStatus, Role::Operator)?;
        let (latest, known) = (latest(&events, as_of), consents.known_words());
        context.output.either(
            || {
                json!({
                    "as_of": as_of.to_string(),
                    "events": events.len(),
                    "erased": erased.map(|at| at.to_string()),
                    "latest": latest.iter().map(|event| as_json(event, &known)).collect::<Vec<_>>(),
                    "triggers": accounts.as_ref().map(|all| all.iter().map(account_json).collect::<Vec<_>>()),
                })
            },
            || {
                let mut text = text!("consent.status", as_of = time(as_of), events = events.len());
                if let Some(at) = erased {
                    text.push_str(&text!("consent.status_erased", at = time(at)));
                }
                latest.iter().for_each(|event| text.push_str(&line(event, &known)));
                if let Some(accounts) = &accounts {
                    accounts.iter().for_each(|account| text.push_str(&account_line(account)));
                    text.push_str(&text!("consent.status_age"));
                }
                text
            },
        )
    }
}

/// The scope of an event: trigger, purpose and recipient, of which any may be left open.
type Scope<'a> = [Option<&'a str>; 3];

/// For every scope the latest event not after `as_of`, at equal time one that gives nothing; those whose time cannot be read
/// count whenever they were.
fn latest(events: &[Event], as_of: Timestamp) -> Vec<&Event> {
    let mut latest: BTreeMap<Scope<'_>, &Event> = BTreeMap::new();
    let weight = |event: &Event| (event.at().is_none(), event.at(), act(event) != Some(Act::Given));
    for event in events.iter().filter(|event| event.at().is_none_or(|at| at <= as_of)) {
        let scope = ["trigger", "purpose", "recipient"].map(|column| event.cell(column));
        let kept = latest.entry(scope).or_insert(event);
        if weight(event) >= weight(kept) {
            *kept = event;
        }
    }
    latest.into_values().collect()
}

fn act(event: &Event) -> Option<Act> {
    event.cell("event").and_then(Act::read)
}

/// What of an event is unclear, by column and reason.
fn unclear(event: &Event, known: &KnownWords) -> BTreeSet<(&'static str, &'static str)> {
    let row = event.row();
    let found = known.lists().unclear(&row);
    row.times().faults(found.gives).chain(found.faults).collect()
}

/// The columns of an event, with what of it is unclear.
fn as_json(event: &Event, known: &KnownWords) -> Value {
    let (mut all, unclear) = (event.statements(), unclear(event, known));
    if !unclear.is_empty() {
        let unclear: Map<String, Value> =
            unclear.into_iter().map(|(column, reason)| (column.to_owned(), json!(reason))).collect();
        all.insert("unclear".into(), Value::Object(unclear));
    }
    Value::Object(all)
}

fn line(event: &Event, known: &KnownWords) -> String {
    let cell =
        |column: &str, absent: &str| event.cell(column).map_or_else(|| word("absent", absent), str::to_owned);
    let mut text = text!(
        "consent.status_line",
        trigger = cell("trigger", "any"),
        purpose = cell("purpose", "any"),
        recipient = cell("recipient", "any"),
        event = cell("event", "no_event"),
        at = event.at().map_or_else(|| cell("at", "no_time"), time),
    );
    for (column, reason) in unclear(event, known) {
        let counts = match (act(event), column) {
            (Some(Act::Given), _) => text!("unclear.no_consent"),
            (_, "event" | "at") => text!("unclear.every_use"),
            (Some(Act::Lifted), _) => text!("unclear.no_lift"),
            _ => text!("unclear.every_meaning", column),
        };
        text.push_str(&text!("unclear.cell", column, reason = word("fault", reason), effect = counts));
    }
    let recipient = event.cell("recipient");
    if act(event) != Some(Act::Given) && known.read("recipient", recipient) == Named::Unknown {
        let could = known.recipients.keys().any(|ours| known.could_mean("recipient", recipient, ours));
        let effect = match could {
            true => text!("unclear.every_meaning", column = "recipient"),
            false => text!("unclear.recipient_alone"),
        };
        text.push_str(&text!("unclear.recipient", effect));
    }
    text
}

/// Age is not known here: reasons that it gives are those of the seal.
fn reasons(account: &Account) -> Vec<&'static str> {
    use hushtag::consent::ConsentStatus::{AgeNotAdmitted, AgeUnknown};
    let failing = account.failing.iter().filter(|status| !matches!(status, AgeUnknown | AgeNotAdmitted));
    failing.map(|status| status.as_str()).collect()
}

pub(crate) fn account_json(account: &Account) -> Value {
    let reasons = reasons(account);
    json!({ "trigger": account.trigger, "live": reasons.is_empty(), "failing": reasons })
}

pub(crate) fn account_line(account: &Account) -> String {
    match reasons(account).as_slice() {
        [] => text!("consent.live", trigger = account.trigger),
        reasons => {
            let reasons = list(reasons.iter().map(|reason| word("status", reason)));
            text!("consent.not_live", trigger = account.trigger, reasons)
        }
    }
}
