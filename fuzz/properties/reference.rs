//! The consent rule once more: slow, over all events of a person at once, written from the description of the table and
//! sharing no code with the fold; and the promise that the fold keeps to it.

use std::collections::BTreeMap;

use hushtag::consent::{Coverage, Fold, Requirement, Row};
use hushtag::types::{Days, Timestamp};

/// The date as of which the properties fold.
pub(crate) const AS_OF: &str = "2026-10-01T00:00:00Z";

/// One row of a consent table: whose, and its cells by column. An empty cell is an absent one.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) person: u32,
    pub(crate) cells: BTreeMap<String, String>,
}

impl Event {
    fn cell(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn row(&self) -> Row<'_> {
        Row {
            handler: self.cell("handler"),
            event: self.cell("event"),
            kind: self.cell("kind"),
            trigger: self.cell("trigger"),
            purpose: self.cell("purpose"),
            recipient: self.cell("recipient"),
            categories: self.cell("categories"),
            methods: self.cell("methods"),
            notice: self.cell("notice"),
            notice_version: self.cell("notice_version"),
            shown_at: self.cell("shown_at"),
            at: self.cell("at"),
            valid_to: self.cell("valid_to"),
            giver: self.cell("giver"),
            own_step: self.cell("own_step"),
            pre_ticked: self.cell("pre_ticked"),
            bundle_size: self.cell("bundle_size"),
            service_gate: self.cell("service_gate"),
            service_necessary: self.cell("service_necessary"),
        }
    }

    /// An instant in seconds; `Some(None)` is a cell that cannot be read.
    fn instant(&self, column: &str) -> Option<Option<i64>> {
        self.cell(column).map(|text| Timestamp::parse(text).ok().map(Timestamp::seconds))
    }

    fn at(&self) -> Option<i64> {
        self.instant("at").flatten()
    }

    fn is(&self, words: &[&str]) -> bool {
        self.cell("event").is_some_and(|event| words.contains(&event))
    }
}

const GIVEN: &[&str] = &["given"];
const DENIED: &[&str] = &["refused", "withdrawn", "revoked"];
const BLOCKED: &[&str] = &["objected", "restricted", "hold"];
const LIFTED: &[&str] = &["lifted"];
const DECEASED: &[&str] = &["deceased"];

/// The rule: something is demanded, and for each demand her consent is live.
pub(crate) fn is_in(events: &[&Event], demands: &[Requirement], as_of: Timestamp) -> bool {
    !demands.is_empty() && demands.iter().all(|demand| is_live(events, demand, as_of))
}

fn is_live(events: &[&Event], demand: &Requirement, as_of: Timestamp) -> bool {
    let about: Vec<&Event> = events.iter().copied().filter(|event| could_name(event, demand)).collect();
    let heard = |event: &&Event| event.at().is_none_or(|at| at <= as_of.seconds());
    if about.iter().any(|event| !says_when_and_what(event)) {
        return false;
    }
    let about: Vec<&Event> = about.into_iter().filter(heard).collect();
    if about.iter().any(|event| !is_readable(event, demand)) {
        return false;
    }
    let latest = |words| about.iter().filter(|event| event.is(words)).filter_map(|event| event.at()).max();
    if latest(DECEASED).is_some() || latest(BLOCKED).is_some_and(|block| latest(LIFTED) <= Some(block)) {
        return false;
    }
    // At equal time the negative wins, a flawed consent being one.
    let Some(given) = latest(GIVEN).filter(|given| latest(DENIED) < Some(*given)) else { return false };
    let mut deciding = about.iter().filter(|event| event.is(GIVEN) && event.at() == Some(given));
    deciding.all(|event| is_clean(event, demand, as_of))
}

/// What a row leaves out, or names by a word that nobody knows, may mean any demand; a death means all of them.
fn could_name(event: &Event, demand: &Requirement) -> bool {
    let unknown = |trigger: &str| !demand.known_triggers.contains(trigger);
    if event.is(DECEASED) {
        return true;
    }
    let spelled = |cell: &str, name: &str| cell.trim().eq_ignore_ascii_case(name.trim());
    event.cell("trigger").is_none_or(|trigger| trigger == demand.trigger || unknown(trigger))
        && event.cell("purpose").is_none_or(|purpose| spelled(purpose, &demand.purpose))
        && event.cell("recipient").is_none_or(|recipient| spelled(recipient, &demand.recipient))
}

fn says_when_and_what(event: &Event) -> bool {
    event.at().is_some() && [GIVEN, DENIED, BLOCKED, LIFTED, DECEASED].iter().any(|words| event.is(words))
}

/// A denial and a block need no more than a trigger that is known or absent; a consent names all that it is about, in
/// words, numbers and instants that can be read.
fn is_readable(event: &Event, demand: &Requirement) -> bool {
    if event.cell("trigger").is_some_and(|word| !demand.known_triggers.contains(word)) {
        return false;
    }
    if !event.is(GIVEN) {
        return true;
    }
    let one_of = |column, words: &[&str]| event.cell(column).is_none_or(|word| words.contains(&word));
    let exact =
        [("trigger", &demand.trigger), ("purpose", &demand.purpose), ("recipient", &demand.recipient)];
    exact.iter().all(|(column, name)| event.cell(column) == Some(name.as_str()))
        && ["own_step", "pre_ticked", "service_gate", "service_necessary"]
            .iter()
            .all(|column| one_of(column, &["true", "1", "false", "0"]))
        && ["bundle_size", "notice_version"]
            .iter()
            .all(|column| event.cell(column).is_none_or(|text| text.parse::<u32>().is_ok()))
        && ["shown_at", "valid_to"].iter().all(|column| event.instant(column) != Some(None))
        && one_of("kind", &["ordinary", "separate", "written"])
        && one_of("giver", &["self", "guardian"])
}

/// One affirmative act of her own, informed, for one thing, and not over yet.
fn is_clean(event: &Event, demand: &Requirement, as_of: Timestamp) -> bool {
    let yes = |column| matches!(event.cell(column), Some("true" | "1"));
    let no = |column| matches!(event.cell(column), Some("false" | "0"));
    let number = |column| event.cell(column).and_then(|text| text.parse::<u32>().ok());
    let names = |column: &str, word: &String| {
        event.cell(column).is_some_and(|list| list.split('|').any(|item| item.trim() == word))
    };
    let Some(at) = event.at() else { return false };
    let end = event.instant("valid_to").unwrap_or(Some(at + i64::from(demand.retention.days()) * 86_400));
    let separate = matches!(event.cell("kind"), Some("separate" | "written"))
        && yes("own_step")
        && no("pre_ticked")
        && number("bundle_size") == Some(1);
    let free = no("service_gate") || (yes("service_gate") && yes("service_necessary"));
    let informed = event.cell("notice") == Some(&demand.notice)
        && number("notice_version") == Some(demand.notice_version)
        && event.instant("shown_at").flatten().is_some_and(|shown| shown <= at);
    let specific = demand.categories.iter().all(|word| names("categories", word))
        && demand.methods.iter().all(|word| names("methods", word))
        && event.cell("handler").is_some_and(|handler| demand.handlers.contains(handler));
    let lasting = end.is_some_and(|end| end > as_of.seconds());
    separate && free && informed && specific && lasting && event.cell("giver") == Some("self")
}

/// What the properties demand: a consent for all categories, and one for the sensitive categories with a method.
pub(crate) fn demands() -> Option<Vec<Requirement>> {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    let all = Requirement {
        trigger: "SC23".into(),
        purpose: "measurement".into(),
        recipient: "LEGAL-C".into(),
        categories: words(&["profile", "payment-record"]),
        methods: words(&[]),
        notice: "N-1".into(),
        notice_version: 3,
        retention: Days::parse("90d").ok()?,
        handlers: words(&["platform", "LEGAL-A"]),
        known_triggers: words(&["SC23", "SC25", "SC29"]),
    };
    let sensitive = Requirement {
        trigger: "SC29".into(),
        categories: words(&["payment-record"]),
        methods: words(&["aggregate"]),
        ..all.clone()
    };
    Some(vec![all, sensitive])
}

fn folded<'a>(
    events: impl Iterator<Item = &'a Event>,
    demands: &[Requirement],
    as_of: Timestamp,
    people: u32,
) -> Coverage {
    let mut fold = Fold::new(demands.to_vec(), as_of);
    events.for_each(|event| fold.hear(event.person, &event.row()));
    fold.finish(people as usize)
}

/// The promise: the fold lets in exactly those whom the rule lets in, whatever the order of events and however often
/// each is heard. Returns how many are in.
pub(crate) fn fold_keeps_the_rule(events: &[Event], demands: &[Requirement], people: u32) -> usize {
    let Ok(as_of) = Timestamp::parse(AS_OF) else { return 0 };
    let coverage = folded(events.iter(), demands, as_of, people);
    let mut inside = 0;
    for person in 0..people {
        let own: Vec<&Event> = events.iter().filter(|event| event.person == person).collect();
        let rule = is_in(&own, demands, as_of);
        let fold = coverage.contains(person);
        assert!(rule || !fold, "the fold lets in a person whom the rule keeps out: {own:#?}");
        assert!(fold || !rule, "the fold keeps out a person whom the rule lets in: {own:#?}");
        inside += usize::from(fold);
    }
    assert!(!coverage.contains(people), "nobody beyond the folded numbers is in");
    let backwards = folded(events.iter().rev(), demands, as_of, people);
    let middle = events.len() / 2;
    let turned = events.iter().skip(middle).chain(events);
    let turned_and_twice = folded(turned, demands, as_of, people);
    for person in 0..people {
        let first = coverage.contains(person);
        assert_eq!(first, backwards.contains(person), "the order of events decides: {events:#?}");
        assert_eq!(first, turned_and_twice.contains(person), "hearing an event twice decides: {events:#?}");
    }
    inside
}
