//! The consent rule once more: slow, over all events of a person at once, written from the description of the table and
//! sharing no code with the fold; and the promise that the fold keeps to it.

use hushtag::consent::{AgeFact, Ages, Check, ConsentKind, Covered, Demand, Fold, Requirement};
use hushtag::types::Timestamp;

use super::events::{AS_OF, Event};

const GIVEN: &[&str] = &["given"];
const DENIED: &[&str] = &["refused", "withdrawn", "revoked"];
const BLOCKED: &[&str] = &["objected", "restricted", "hold"];
const LIFTED: &[&str] = &["lifted"];
const DECEASED: &[&str] = &["deceased"];
const YES: &[&str] = &["true", "t", "yes", "y", "on", "1"];
const NO: &[&str] = &["false", "f", "no", "n", "off", "0"];
const DAY: i64 = 86_400;

/// What is known of a person's age, as their record spells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Born {
    Unknown,
    Year(i64),
    Band(&'static str),
}

/// The rule: something is demanded, they are of an age that is admitted, and for each demand their consent is live.
pub(crate) fn is_in(events: &[&Event], born: Born, demand: &Demand, as_of: Timestamp) -> bool {
    let wanted = &demand.requirements;
    let Some(child) = admitted(born, demand.ages, as_of) else { return false };
    let guardian_until = match (born, demand.ages) {
        // A guardian's consent counts from then on if it was given in a year in which they were at most so old.
        (Born::Year(year), Ages::Read { child_below, .. }) => year + i64::from(child_below),
        _ => i64::MIN,
    };
    let givers = Givers { child, guardian_until };
    !wanted.is_empty() && wanted.iter().all(|required| is_live(events, required, &givers, as_of))
}

/// Who may consent for a person: whether they are a child, and the last year of which a guardian's consent goes on.
struct Givers {
    child: bool,
    guardian_until: i64,
}

fn year(seconds: i64) -> Option<i64> {
    Timestamp::from_seconds(seconds).to_string().split('-').next()?.parse().ok()
}

/// Whether they are a child, if they are of an age that is admitted.
fn admitted(born: Born, ages: Ages, as_of: Timestamp) -> Option<bool> {
    let Ages::Read { child_below, adult_from, admits } = ages else { return Some(false) };
    let now = year(as_of.seconds())?;
    let words =
        [format!("<{child_below}"), format!("{child_below}-{}", adult_from - 1), format!("{adult_from}+")];
    let [child, minor] = match born {
        Born::Unknown => return None,
        Born::Year(year) if year > now || year < now - 130 => return None,
        Born::Year(year) => [child_below, adult_from].map(|limit| now - year <= i64::from(limit)),
        Born::Band(word) => match words.iter().position(|known| known == word)? {
            0 => [true, true],
            1 => [false, true],
            _ => [false, false],
        },
    };
    let fine = if child { admits.children } else { !minor || admits.minors };
    fine.then_some(child)
}

fn is_live(events: &[&Event], demand: &Requirement, givers: &Givers, as_of: Timestamp) -> bool {
    let about: Vec<&Event> = events.iter().copied().filter(|event| could_name(event, demand)).collect();
    let observed = |event: &&Event| event.at().is_none_or(|at| at <= as_of.seconds());
    if about.iter().any(|event| !says_when_and_what(event)) {
        return false;
    }
    let about: Vec<&Event> = about.into_iter().filter(observed).collect();
    if about.iter().any(|event| !is_readable(event, demand)) {
        return false;
    }
    let latest = |words| about.iter().filter(|event| event.is(words)).filter_map(|event| event.at()).max();
    let blocks = about.iter().filter(|event| event.is(BLOCKED));
    if latest(DECEASED).is_some() || blocks.into_iter().any(|block| !is_lifted(block, &about, demand)) {
        return false;
    }
    // At equal time the negative wins, a flawed consent being one.
    let Some(given) = latest(GIVEN).filter(|given| latest(DENIED) < Some(*given)) else { return false };
    let pressed =
        |refused: i64| demand.cool_down.is_some_and(|days| given < refused + i64::from(days.days()) * DAY);
    if latest(&["refused"]).is_some_and(pressed) {
        return false;
    }
    let mut deciding = about.iter().filter(|event| event.is(GIVEN) && event.at() == Some(given));
    deciding.all(|event| is_clean(event, demand, as_of) && by_the_right_person(event, givers))
}

/// The one spelling of a word of ASCII letters.
fn plain(word: &str) -> String {
    word.trim().to_ascii_lowercase().replace(['_', ' '], "-")
}

fn spelled(cell: &str, name: &str) -> bool {
    plain(cell) == plain(name)
}

fn says(event: &Event, column: &str, words: &[&str]) -> bool {
    event.cell(column).is_some_and(|cell| words.iter().any(|word| spelled(cell, word)))
}

fn lists(event: &Event, column: &str, word: &str) -> bool {
    event.cell(column).is_some_and(|list| list.split(['|', ';', ',']).any(|item| spelled(item, word)))
}

/// Some later end names the same three things, or neither end nor block does: the end nothing at all, the block not all.
fn is_lifted(block: &Event, about: &[&Event], demand: &Requirement) -> bool {
    const THREE: [&str; 3] = ["trigger", "purpose", "recipient"];
    let named = |event: &Event| THREE.iter().filter(|column| event.cell(column).is_some()).count();
    let same = |column: &str, lift: &Event| {
        let (block, lift) = (block.cell(column), lift.cell(column));
        block.zip(lift).is_some_and(|(block, lift)| spelled(block, lift))
    };
    // An end of fewer categories than the demand is about ends nothing.
    let whole = |lift: &Event| {
        lift.cell("categories").is_none()
            || demand.categories.iter().all(|word| lists(lift, "categories", word))
    };
    let ends = |lift: &&&Event| match (named(block), named(lift)) {
        (3, 3) => THREE.iter().all(|column| same(column, lift)),
        (3, _) => false,
        (_, named) => named == 0,
    };
    about
        .iter()
        .filter(|event| event.is(LIFTED))
        .filter(ends)
        .any(|lift| whole(lift) && lift.at() > block.at())
}

/// What a row leaves out, or names by a word that no one knows, may mean any demand; a death means all of them.
fn could_name(event: &Event, demand: &Requirement) -> bool {
    let unknown = |trigger: &str| !demand.known_triggers.iter().any(|known| spelled(trigger, known));
    if event.is(DECEASED) {
        return true;
    }
    let recipient = |cell: &str| demand.recipients.iter().any(|name| spelled(cell, name));
    // What speaks against a use, and names known categories alone of which the study reads none, is about another.
    let negative = event.is(DENIED) || event.is(BLOCKED);
    let category = |item: &str| {
        let known = demand.known_categories.iter().any(|known| spelled(item, known));
        !known || demand.own_categories.iter().any(|own| spelled(item, own))
    };
    if negative && event.cell("categories").is_some_and(|list| !list.split(['|', ';', ',']).any(category)) {
        return false;
    }
    event.cell("trigger").is_none_or(|trigger| spelled(trigger, &demand.trigger) || unknown(trigger))
        && event.cell("purpose").is_none_or(|purpose| spelled(purpose, &demand.purpose))
        && event.cell("recipient").is_none_or(recipient)
}

fn says_when_and_what(event: &Event) -> bool {
    event.at().is_some() && [GIVEN, DENIED, BLOCKED, LIFTED, DECEASED].iter().any(|words| event.is(words))
}

/// A denial and a block need no more than a trigger that is known or absent; a consent names all that it is about, in
/// words, numbers and instants that can be read.
fn is_readable(event: &Event, demand: &Requirement) -> bool {
    let known = |word: &str| demand.known_triggers.iter().any(|known| spelled(word, known));
    if event.cell("trigger").is_some_and(|word| !known(word)) {
        return false;
    }
    if !event.is(GIVEN) {
        return true;
    }
    let one_of = |column, words: &[&str]| event.cell(column).is_none() || says(event, column, words);
    says(event, "trigger", &[&demand.trigger])
        && says(event, "purpose", &[&demand.purpose])
        && event
            .cell("recipient")
            .is_some_and(|cell| demand.recipients.iter().any(|name| spelled(cell, name)))
        && ["own_step", "pre_ticked", "service_gate", "service_necessary"]
            .iter()
            .all(|column| one_of(column, &[YES, NO].concat()))
        && ["bundle_size", "notice_version"]
            .iter()
            .all(|column| event.cell(column).is_none_or(|text| text.parse::<u32>().is_ok()))
        && event.event_instant("shown_at") != Some(None)
        && event.instant("valid_to") != Some(None)
        && one_of("kind", &["ordinary", "separate", "written"])
        && one_of("giver", &["self", "guardian"])
}

/// One affirmative act, as free and informed as this quality of consent asks for, for one thing, and not over yet.
fn is_clean(event: &Event, demand: &Requirement, as_of: Timestamp) -> bool {
    let yes = |column| says(event, column, YES);
    let no = |column| says(event, column, NO);
    let number = |column| event.cell(column).and_then(|text| text.parse::<u32>().ok());
    let Some(at) = event.at() else { return false };
    let end = event.instant("valid_to").unwrap_or(Some(at + i64::from(demand.retention.days()) * DAY));
    let passes = |check: &Check| match check {
        Check::OwnStep => yes("own_step"),
        Check::NotPreTicked => no("pre_ticked"),
        Check::Single => number("bundle_size") == Some(1),
        Check::NotGated => no("service_gate") || (yes("service_gate") && yes("service_necessary")),
        Check::Notice => {
            let (oldest, newest) = (*demand.notice_versions.start(), *demand.notice_versions.end());
            let counts = |version: u32| oldest <= version && version <= newest;
            says(event, "notice", &[&demand.notice]) && number("notice_version").is_some_and(counts)
        }
        Check::ShownBefore => event.instant("shown_at").flatten().is_some_and(|shown| shown <= at),
    };
    let kind = |kind: &ConsentKind| {
        let word = match kind {
            ConsentKind::Ordinary => "ordinary",
            ConsentKind::Separate => "separate",
            ConsentKind::Written => "written",
        };
        says(event, "kind", &[word])
    };
    let specific = demand.categories.iter().all(|word| lists(event, "categories", word))
        && demand.methods.iter().all(|word| lists(event, "methods", word))
        && demand.handlers.iter().any(|handler| says(event, "handler", &[handler]));
    let lasting = end.is_some_and(|end| end > as_of.seconds());
    demand.kinds.iter().any(kind) && demand.checks.iter().all(passes) && specific && lasting
}

fn by_the_right_person(event: &Event, givers: &Givers) -> bool {
    match event.cell("giver").map(plain).as_deref() {
        Some("self") => !givers.child,
        Some("guardian") => {
            let then = event.at().and_then(year).is_some_and(|year| year <= givers.guardian_until);
            givers.child || then
        }
        _ => false,
    }
}

fn folded<'a>(
    events: impl Iterator<Item = &'a Event>,
    born: &[Born],
    demand: &Demand,
    as_of: Timestamp,
) -> Covered {
    let mut fold = Fold::new(demand.clone(), as_of);
    events.for_each(|event| fold.observe(event.person, &event.row()));
    let fact = |born: &Born| match *born {
        Born::Unknown => AgeFact::UNKNOWN,
        Born::Year(year) => AgeFact::from_birth_year(year),
        Born::Band(word) => AgeFact::from_band(word),
    };
    let facts: Vec<AgeFact> = born.iter().map(fact).collect();
    fold.finish(born.len(), &facts)
}

/// The promise: the fold lets in exactly those whom the rule lets in, whatever the order of events and however often
/// each is observed. Returns how many are in.
pub(crate) fn fold_keeps_the_rule(events: &[Event], born: &[Born], demand: &Demand) -> usize {
    let Ok(as_of) = Timestamp::parse(AS_OF) else { return 0 };
    let covered = folded(events.iter(), born, demand, as_of);
    let backwards = folded(events.iter().rev(), born, demand, as_of);
    let middle = events.len() / 2;
    let turned_and_twice = folded(events.iter().skip(middle).chain(events), born, demand, as_of);
    let mut inside = 0;
    for (person, born) in (0..).zip(born) {
        let own: Vec<&Event> = events.iter().filter(|event| event.person == person).collect();
        let rule = is_in(&own, *born, demand, as_of);
        let fold = covered.contains(person);
        assert!(rule || !fold, "the fold lets in whom the rule keeps out: {born:?} {demand:#?} {own:#?}");
        assert!(fold || !rule, "the fold keeps out whom the rule lets in: {born:?} {demand:#?} {own:#?}");
        assert_eq!(fold, backwards.contains(person), "the order of events decides: {own:#?}");
        assert_eq!(
            fold,
            turned_and_twice.contains(person),
            "an event that is observed twice decides: {own:#?}"
        );
        inside += usize::from(fold);
    }
    let beyond = u32::try_from(born.len()).unwrap_or(u32::MAX);
    assert!(!covered.contains(beyond), "no one beyond the folded numbers is in");
    inside
}
