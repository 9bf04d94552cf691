use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::consent::{
    AgeFact, Ages, Check, ConsentKind, Demand, KnownWords, Requirement, account, account_with,
};

const NOW: &str = "2026-10-01T00:00:00Z";

fn words(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn demand(cool_down: Option<Days>) -> Demand {
    let requirement = Requirement {
        trigger: "SC23".into(),
        purpose: "measurement".into(),
        recipients: words(&["LEGAL-C"]),
        categories: words(&["a"]),
        methods: words(&[]),
        notice: "N-1".into(),
        notice_versions: 3..=3,
        retention: Days::parse("400d").unwrap(),
        handlers: words(&["platform"]),
        known_triggers: words(&["SC23", "SC29"]),
        known_purposes: words(&["measurement", "ads"]),
        known_categories: words(&["a", "b"]),
        own_categories: words(&["a"]),
        recipient_names: words(&["brand"]),
        other_recipients: words(&["LEGAL-B"]),
        kinds: [ConsentKind::Separate].into(),
        checks: [Check::OwnStep].into(),
        cool_down,
    };
    Demand { requirements: vec![requirement], ages: Ages::DeclaredAdults }
}

fn known() -> KnownWords {
    KnownWords {
        triggers: words(&["SC23", "SC29"]),
        purposes: words(&["measurement", "ads"]),
        categories: words(&["a", "b"]),
        recipients: [("LEGAL-C".to_owned(), words(&["brand"])), ("LEGAL-B".to_owned(), words(&[]))].into(),
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn given(at: &'static str) -> Row<'static> {
    Row {
        event: Some("given"),
        at: Some(at),
        trigger: Some("SC23"),
        purpose: Some("measurement"),
        recipient: Some("LEGAL-C"),
        handler: Some("platform"),
        kind: Some("separate"),
        categories: Some("a"),
        notice: Some("N-1"),
        notice_version: Some("3"),
        giver: Some("self"),
        own_step: Some("true"),
        ..Row::default()
    }
}

fn covered(rows: &[Row<'_>], tombstone: Option<&Tombstone>, as_of: &str) -> bool {
    let accounts = account_with(&demand(None), rows, tombstone, at(as_of), AgeFact::UNKNOWN);
    accounts.iter().all(|account| account.failing.is_empty())
}

/// Promise: what was given before an erasure is used in no later seal, also with an earlier as-of; what is given afterwards counts.
#[test]
fn an_erasure_ends_what_was_given_before_it_and_nothing_that_is_given_later() {
    let erased = Tombstone::of_erasure(at("2026-09-10T12:00:00Z"), []);
    let old = [given("2026-09-01T00:00:00Z")];
    assert!(covered(&old, None, NOW));
    for as_of in [NOW, "2026-09-10T12:00:00Z", "2026-09-05T00:00:00Z"] {
        assert!(!covered(&old, Some(&erased), as_of), "{as_of}");
    }
    assert!(!covered(&[given("2026-09-10T12:00:00Z")], Some(&erased), NOW));
    let again = [given("2026-09-01T00:00:00Z"), given("2026-09-10T12:00:01Z")];
    assert!(covered(&again, Some(&erased), NOW));
    assert!(!covered(&again, Some(&erased), "2026-09-10T12:00:00Z"));
}

/// Promise: death and blocks outlive an erasure; withdrawals and refusals before it are part of it.
#[test]
fn blocks_and_death_outlive_an_erasure() {
    let erased_at = at("2026-09-10T12:00:00Z");
    let again = [given("2026-09-11T00:00:00Z")];
    for (event, wanted) in [
        ("withdrawn", true),
        ("refused", true),
        ("revoked", true),
        ("paused", true),
        ("objected", false),
        ("restricted", false),
        ("hold", false),
        ("deceased", false),
    ] {
        let before = Row { event: Some(event), at: Some("2026-09-01T00:00:00Z"), ..Row::default() };
        let erased = Tombstone::of_erasure(erased_at, [before]);
        assert_eq!(covered(&again, Some(&erased), NOW), wanted, "{event}");
        // Erased again, nothing of it is lost.
        let twice = erased.and(Tombstone::of_erasure(erased_at, []));
        assert_eq!(covered(&again, Some(&twice), NOW), wanted, "{event}");
    }
    let ended = ["hold", "lifted"].map(|event| Row {
        event: Some(event),
        at: Some("2026-09-01T00:00:00Z"),
        ..Row::default()
    });
    let [hold, lifted] = ended;
    let lifted = Row { at: Some("2026-09-02T00:00:00Z"), ..lifted };
    assert!(covered(&again, Some(&Tombstone::of_erasure(erased_at, [hold, lifted])), NOW));
}

/// Promise: no text is kept, and a block or a death counts after an erasure whatever its cells hold.
#[test]
fn a_block_with_a_text_in_place_of_a_word_or_without_a_time_outlives_an_erasure() {
    let text = "x".repeat(LONGEST + 1);
    let long = Some(text.as_str());
    let again = [given("2026-09-11T00:00:00Z")];
    let then = Some("2020-09-01T00:00:00Z");
    for event in ["objected", "restricted", "hold", "deceased"] {
        let plain = Row { event: Some(event), at: then, ..Row::default() };
        for row in [
            Row { at: None, ..plain },
            Row { at: Some(" "), ..plain },
            Row { at: Some("x"), ..plain },
            Row { at: long, ..plain },
            Row { trigger: long, ..plain },
            Row { purpose: long, ..plain },
            Row { recipient: long, ..plain },
            Row { categories: long, ..plain },
        ] {
            let left = Tombstone::of_erasure(at("2026-09-10T12:00:00Z"), [row]);
            assert!(!covered(&again, Some(&left), NOW), "{event}");
            let cells = left.rows().flat_map(|row| [row.at, row.trigger, row.purpose, row.recipient]);
            assert!(cells.flatten().all(|cell| cell.len() <= LONGEST), "{event}");
        }
    }
    // Left blank, an end of a block would end more than it named.
    let hold = Row { event: Some("hold"), at: then, ..Row::default() };
    let lifted = Row { event: Some("lifted"), at: Some("2020-09-02T00:00:00Z"), purpose: long, ..hold };
    assert!(!covered(&again, Some(&Tombstone::of_erasure(at("2026-09-10T12:00:00Z"), [hold, lifted])), NOW));
    // Retention keeps the whole event.
    let (removed, left) = expired(&[Row { purpose: long, ..hold }]);
    assert!(removed == [false] && left == Tombstone::default());
}

fn expired(rows: &[Row<'_>]) -> (Vec<bool>, Tombstone) {
    let lists = known().lists();
    let expiry =
        Expiry { before: at("2026-01-01T00:00:00Z"), validity: Days::parse("400d").unwrap(), lists: &lists };
    expiry.removed(rows)
}

#[test]
fn a_consent_that_still_decides_stays_however_old_it_is() {
    let lasting = Row { valid_to: Some("2030-01-01T00:00:00Z"), ..given("2020-01-01T00:00:00Z") };
    assert_eq!(expired(&[lasting]).0, [false]);
    // One that ended goes, and keeps an older one, wherever that is, from counting again.
    let ended = Row { valid_to: Some("2025-01-01T00:00:00Z"), ..given("2021-01-01T00:00:00Z") };
    let (removed, left) = expired(&[ended]);
    assert_eq!(removed, [true]);
    assert!(covered(&[lasting], None, NOW) && !covered(&[lasting], Some(&left), NOW));
    // What cannot be read puts the person out for good, so it stays.
    for unclear in [Row { kind: Some("x"), ..ended }, Row { recipient: Some("LEGAL-D"), ..ended }] {
        assert_eq!(expired(&[unclear]).0, [false]);
    }
    let young = Row { valid_to: Some("2026-03-01T00:00:00Z"), ..given("2026-02-01T00:00:00Z") };
    assert_eq!(expired(&[young]).0, [false]);
}

#[test]
fn what_is_left_of_a_day_does_not_end_another_consent_of_that_day() {
    let ended = Row { valid_to: Some("2025-03-01T00:00:00Z"), ..given("2025-06-01[UTC]") };
    let live = Row { valid_to: Some("2026-09-30T00:00:00Z"), ..given("2025-06-01T00:00:20Z") };
    let (removed, left) = expired(&[ended, live]);
    assert_eq!(removed, [false, false]);
    assert!(left == Tombstone::default());
    // Alone it goes, as any that ended.
    assert_eq!(expired(&[ended]).0, [true]);
}

fn cell(list: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    proptest::sample::select(list).prop_map(|text| (!text.is_empty()).then_some(text))
}

/// Event, time, trigger, purpose, recipient, categories, kind and end of a row.
type Cells = [Option<&'static str>; 8];

fn cells() -> impl Strategy<Value = Cells> {
    const TIMES: [&str; 7] = [
        "2025-01-01T00:00:00Z",
        "2025-06-01T00:00:00Z",
        "2025-06-01[UTC]",
        "2025-06-01T00:00:20Z",
        "2025-11-30T00:00:00Z",
        "2026-03-01T00:00:00Z",
        "x",
    ];
    const EVENTS: [&str; 12] = [
        "given",
        "given",
        "given",
        "given",
        "granted",
        "withdrawn",
        "refused",
        "hold",
        "objected",
        "lifted",
        "deceased",
        "paused",
    ];
    let what = (cell(&EVENTS), cell(&TIMES), cell(&["SC23", "SC23", "SC23", "SC29", "", "SC99"]));
    let which = (
        cell(&["measurement", "measurement", "measurement", "ads", "", "news"]),
        cell(&["LEGAL-C", "LEGAL-C", "LEGAL-C", "brand", "LEGAL-B", "", "LEGAL-D"]),
        cell(&["a", "a", "a|b", "b", ""]),
    );
    let how = (
        cell(&["separate", "separate", "separate", "ordinary", "x"]),
        cell(&["2025-03-01T00:00:00Z", "2026-09-30T00:00:00Z", "2030-01-01T00:00:00Z", "", "x"]),
    );
    (what, which, how).prop_map(|((event, at, trigger), (purpose, recipient, categories), (kind, end))| {
        [event, at, trigger, purpose, recipient, categories, kind, end]
    })
}

fn row([event, at, trigger, purpose, recipient, categories, kind, valid_to]: &Cells) -> Row<'static> {
    let (event, at, trigger, purpose) = (*event, *at, *trigger, *purpose);
    let (recipient, categories, kind, valid_to) = (*recipient, *categories, *kind, *valid_to);
    Row { event, at, trigger, purpose, recipient, categories, kind, valid_to, ..given("") }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Promise: removing what is old puts no one in, as of any day and with any further events, and changes no one's status as of a
    /// day within the retention.
    #[test]
    fn removing_what_is_old_puts_no_person_in(
        rows in proptest::collection::vec(cells(), 0..6),
        files in proptest::collection::vec(cells(), 0..3),
        cool_down in proptest::option::of(1..300u32),
    ) {
        let [rows, files] = [rows, files].map(|all| all.iter().map(row).collect::<Vec<_>>());
        let demand = demand(cool_down.and_then(Days::new));
        let (removed, left) = expired(&rows);
        let stays: Vec<Row<'_>> =
            rows.iter().zip(&removed).filter(|(_, gone)| !**gone).map(|(row, _)| *row).collect();
        let failing = |rows: &[Row<'_>], tombstone: Option<&Tombstone>, as_of: &str| {
            account_with(&demand, rows, tombstone, at(as_of), AgeFact::UNKNOWN)
                .iter()
                .any(|account| !account.failing.is_empty())
        };
        for (as_of, later) in [
            ("2025-02-01T00:00:00Z", false),
            ("2025-06-01T12:00:00Z", false),
            ("2026-01-01T00:00:00Z", true),
            ("2026-02-01T00:00:00Z", true),
            (NOW, true),
            ("2026-12-01T00:00:00Z", true),
        ] {
            let before = account(&demand, &rows, at(as_of), AgeFact::UNKNOWN)
                .iter()
                .any(|account| !account.failing.is_empty());
            let after = failing(&stays, Some(&left), as_of);
            prop_assert!(after || !before, "in as of {}", as_of);
            prop_assert!(!later || after == before, "as of {}", as_of);
            let whole = |rows: &[Row<'static>]| [rows, &files].concat();
            let before = failing(&whole(&rows), None, as_of);
            let after = failing(&whole(&stays), Some(&left), as_of);
            prop_assert!(after || !before, "in with files as of {}", as_of);
        }
    }
}
