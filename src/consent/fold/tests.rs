use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::consent::Account;
use crate::consent::{Admits, Ages, Check, ConsentKind, Moment, Requirement, account};
use crate::types::Days;

const AS_OF: &str = "2026-10-01T00:00:00Z";

fn requirement(trigger: &str) -> Requirement {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    Requirement {
        trigger: trigger.into(),
        purpose: "measurement".into(),
        recipients: words(&["LEGAL-C"]),
        categories: words(&["social-relation", "payment-record"]),
        methods: words(&[]),
        notice: "N-1".into(),
        notice_versions: 3..=3,
        retention: Days::parse("90d").unwrap(),
        handlers: words(&["platform", "LEGAL-A"]),
        known_triggers: words(&["SC23", "SC29"]),
        known_purposes: words(&["measurement", "ads"]),
        known_categories: words(&["social-relation", "payment-record", "income"]),
        own_categories: words(&["social-relation", "payment-record"]),
        recipient_names: words(&[]),
        other_recipients: words(&["LEGAL-B"]),
        kinds: [ConsentKind::Separate, ConsentKind::Written].into(),
        checks: Check::ALL.into(),
        cool_down: None,
    }
}

fn clean() -> Row<'static> {
    Row {
        handler: Some("platform"),
        event: Some("given"),
        kind: Some("separate"),
        trigger: Some("SC23"),
        purpose: Some("measurement"),
        recipient: Some("LEGAL-C"),
        categories: Some("payment-record|social-relation"),
        notice: Some("N-1"),
        notice_version: Some("3"),
        shown_at: Some("2026-09-01T08:00:00+08:00"),
        at: Some("2026-09-01T00:00:10Z"),
        giver: Some("self"),
        own_step: Some("true"),
        pre_ticked: Some("false"),
        bundle_size: Some("1"),
        service_gate: Some("false"),
        ..Row::default()
    }
}

fn demand(requirements: Vec<Requirement>) -> Demand {
    Demand { requirements, ages: Ages::DeclaredAdults }
}

/// Why a person with these rows is out; empty when the person is covered. The fold and the account must agree.
fn failing_for(demand: &Demand, rows: &[Row<'_>], born: AgeFact) -> Vec<&'static str> {
    let as_of = Timestamp::parse(AS_OF).unwrap();
    let accounts = account(demand, rows, as_of, born);
    let mut all: Vec<ConsentStatus> = accounts.into_iter().flat_map(|account| account.failing).collect();
    all.sort();
    all.dedup();
    let mut fold = Fold::new(demand.clone(), as_of);
    rows.iter().for_each(|row| fold.observe(0, row));
    let covered = fold.finish(1, &[born]);
    let first = all.first().copied().unwrap_or(ConsentStatus::Live);
    let of_unknown_age = account(demand, rows, as_of, AgeFact::UNKNOWN);
    let is_out = |account: &Account| account.failing.iter().any(|why| !why.is_about_age());
    let mut fold = Fold::new(demand.clone(), as_of);
    rows.iter().for_each(|row| fold.observe(1, row));
    let inside = !of_unknown_age.is_empty() && !of_unknown_age.iter().any(is_out);
    assert_eq!(fold.inside_whatever_age(3), [false, inside, false]);
    assert_eq!(covered.contains(0), first == ConsentStatus::Live);
    // A person without an event is not counted.
    assert_eq!(covered.reasons[first as usize], u64::from(!rows.is_empty()));
    all.into_iter().map(ConsentStatus::as_str).collect()
}

fn failing(rows: &[Row<'_>]) -> Vec<&'static str> {
    failing_for(&demand(vec![requirement("SC23")]), rows, AgeFact::UNKNOWN)
}

fn covered(rows: &[Row<'_>]) -> bool {
    failing(rows).is_empty()
}

#[test]
fn a_clean_consent_is_in_and_every_flaw_is_out() {
    assert!(covered(&[clean()]));
    assert!(!covered(&[]));
    type Flaw = fn(&mut Row<'static>);
    let flaws: [(&str, &str, Flaw); 30] = [
        ("no event", "unreadable", |r| r.event = None),
        ("unknown event", "unreadable", |r| r.event = Some("agreed")),
        ("no time", "unreadable", |r| r.at = None),
        ("local time", "unreadable", |r| r.at = Some("2026-09-01T00:00:10")),
        ("future", "absent", |r| r.at = Some("2026-10-01T00:00:01Z")),
        ("expired", "expired", |r| r.valid_to = Some(AS_OF)),
        ("retention over", "expired", |r| {
            r.at = Some("2026-07-03T00:00:00Z");
            r.shown_at = r.at;
        }),
        ("unreadable end", "unreadable", |r| r.valid_to = Some("never")),
        ("ordinary", "kind", |r| r.kind = Some("ordinary")),
        ("no kind", "kind", |r| r.kind = None),
        ("other trigger", "absent", |r| r.trigger = Some("SC29")),
        ("unknown trigger", "unreadable", |r| r.trigger = Some("SC99")),
        ("no trigger", "unreadable", |r| r.trigger = None),
        ("other purpose", "other-purpose", |r| r.purpose = Some("ads")),
        ("other recipient", "other-recipient", |r| r.recipient = Some("brand-insights")),
        ("fewer categories", "categories", |r| r.categories = Some("social-relation")),
        ("other notice", "notice", |r| r.notice = Some("N-2")),
        ("old notice", "notice", |r| r.notice_version = Some("2")),
        ("shown after", "shown-late", |r| r.shown_at = Some("2026-09-01T00:00:11Z")),
        ("not shown", "shown-late", |r| r.shown_at = None),
        ("guardian", "giver", |r| r.giver = Some("guardian")),
        ("not own step", "own-step", |r| r.own_step = Some("false")),
        ("pre-ticked", "pre-ticked", |r| r.pre_ticked = Some("true")),
        ("bundled", "bundled", |r| r.bundle_size = Some("3")),
        ("no bundle size", "bundled", |r| r.bundle_size = None),
        ("gated", "gated", |r| r.service_gate = Some("true")),
        ("before 1970-01-02", "unreadable", |r| r.at = Some("1970-01-01T23:59:59Z")),
        ("after 2106", "unreadable", |r| r.at = Some("2106-02-07T06:28:16Z")),
        ("shown when a null is", "unreadable", |r| r.shown_at = Some("1970-01-01T00:00:00Z")),
        ("unknown handler", "handler", |r| r.handler = Some("someone")),
    ];
    for (name, reason, flaw) in flaws {
        let mut row = clean();
        flaw(&mut row);
        assert_eq!(failing(&[row]), [reason], "{name}");
    }
}

#[test]
fn the_latest_word_decides_to_the_second() {
    let at = |event, at| Row { event: Some(event), at: Some(at), ..clean() };
    assert!(!covered(&[clean(), at("withdrawn", "2026-10-01T00:00:00Z")]));
    assert!(covered(&[clean(), at("withdrawn", "2026-10-01T00:00:01Z")]));
    assert!(!covered(&[clean(), at("refused", "2026-09-01T00:00:10Z")]), "at equal time the negative wins");
    assert!(covered(&[at("withdrawn", "2026-08-01T00:00:00Z"), clean()]));
    let unscoped = Row { event: Some("hold"), at: Some("2026-08-01T00:00:00Z"), ..Row::default() };
    assert!(!covered(&[clean(), unscoped]));
    assert!(covered(&[
        clean(),
        unscoped,
        Row { event: Some("lifted"), at: Some("2026-08-02T00:00:00Z"), ..unscoped }
    ]));
    let deceased = Row { event: Some("deceased"), ..unscoped };
    assert!(!covered(&[
        clean(),
        deceased,
        Row { event: Some("lifted"), at: Some("2026-08-02T00:00:00Z"), ..unscoped }
    ]));
    let sloppy = |purpose, recipient| Row { purpose, recipient, ..at("withdrawn", "2026-09-02T00:00:00Z") };
    assert!(
        !covered(&[clean(), sloppy(Some(" Measurement"), Some("legal-c "))]),
        "a sloppy withdrawal counts"
    );
    assert!(covered(&[clean(), sloppy(Some("ads"), Some("LEGAL-C"))]), "one for another purpose does not");
    let elsewhere =
        Row { purpose: Some("ads"), recipient: Some("LEGAL-D"), trigger: Some("SC39"), ..deceased };
    assert!(!covered(&[clean(), elsewhere]), "a death is no matter of purpose");
    assert!(!covered(&[clean(), Row { at: Some("?"), ..clean() }]), "an unreadable row puts the person out");
}

/// One function decides what a word means: a consent in other spellings is one, and one with a word that could be another is none.
#[test]
fn a_consent_in_any_spelling_is_one_and_with_an_unclear_word_none() {
    let spelled = Row {
        event: Some("Opt In"),
        kind: Some("SEPARATE"),
        trigger: Some("sc23 "),
        purpose: Some("Measurement\u{200b}"),
        recipient: Some("legal_c"),
        categories: Some("Payment_Record; SOCIAL relation,income"),
        notice: Some("n-1"),
        notice_version: Some(" 3"),
        handler: Some("Platform"),
        valid_to: Some(" "),
        giver: Some("Self"),
        own_step: Some("True"),
        pre_ticked: Some("n"),
        bundle_size: Some("\u{ff11}"),
        service_gate: Some("off"),
        ..clean()
    };
    assert_eq!(failing(&[spelled]), [""; 0]);
    let named = Requirement { recipient_names: ["brand".to_owned()].into(), ..requirement("SC23") };
    let by_name = Row { recipient: Some("Brand"), ..clean() };
    assert_eq!(failing_for(&demand(vec![named]), &[by_name], AgeFact::UNKNOWN), [""; 0]);
    for odd in [
        "",
        "\u{3000}",
        "*",
        "all",
        "measurement|ads",
        "mesurement",
        "SC23|SC29",
        "LEGAL-D",
        "LEGAL-C;LEGAL-B",
    ] {
        for odd in [
            Row { trigger: Some(odd), ..clean() },
            Row { purpose: Some(odd), ..clean() },
            Row { recipient: Some(odd), ..clean() },
        ] {
            assert!(!covered(&[odd]), "an unclear word gives no consent");
        }
    }
    for odd in ["", " ", "*", "all", "payment-record", "payment-record|social"] {
        assert_eq!(failing(&[Row { categories: Some(odd), ..clean() }]), ["categories"], "{odd:?}");
    }
}

#[test]
fn a_negative_event_counts_against_every_category_that_it_could_mean() {
    let event = |event, categories| Row {
        event: Some(event),
        at: Some("2026-09-20T00:00:00Z"),
        categories: Some(categories),
        ..clean()
    };
    for act in ["withdrawn", "refused", "revoked", "objected", "restricted", "hold"] {
        for counts in
            ["", " ", "*", "all", "unheard", "income|unheard", "Payment_Record", "income;social-relation"]
        {
            assert!(!covered(&[clean(), event(act, counts)]), "{act} {counts:?}");
        }
        for other in ["income", " INCOME ", "income|income"] {
            assert!(covered(&[clean(), event(act, other)]), "{act} {other:?}");
        }
    }
    for counts in ["income", "Payment_Record"] {
        assert_eq!(failing(&[clean(), event("agreed", counts)]), ["unreadable"], "{counts}");
    }
    let elsewhere = Row {
        purpose: Some("ads"),
        recipient: Some("LEGAL-B"),
        trigger: Some("SC29"),
        ..event("Deceased", "income")
    };
    assert_eq!(failing(&[clean(), elsewhere]), ["deceased"], "death is no matter of purpose");
}

/// Of a day without a time, what speaks against a use counts from its start and until its end, and a consent once it is over.
#[test]
fn a_day_without_a_time_is_read_as_what_exposes_least() {
    let zone = crate::types::Zone::parse("Asia/Shanghai").unwrap();
    let outcome = |as_of: &str, rows: &[(&str, &str, &str)]| {
        let required = Requirement { cool_down: Days::parse("30d").ok(), ..requirement("SC23") };
        let mut fold = Fold::new(demand(vec![required]), Timestamp::parse(as_of).unwrap());
        for (event, at, valid_to) in rows {
            let moment = |cell: &str| Moment::read(Some(cell), Some(&zone));
            let at = moment(at);
            let times = Times { at, shown_at: at.start(), valid_to: moment(valid_to) };
            let reading = fold.read(&Row { event: Some(event), ..clean() });
            fold.observe_reading(0, &reading, &times);
        }
        fold.finish(1, &[AgeFact::UNKNOWN]).contains(0)
    };
    let (noon, midnight) = ("2026-10-01T12:00:00+08:00", "2026-10-02T00:00:00+08:00");
    let given = ("given", "2026-09-01", "");
    assert!(outcome(noon, &[given]));
    assert!(!outcome(noon, &[("given", "2026-10-01", "")]), "a consent of today counts tomorrow");
    assert!(outcome(midnight, &[("given", "2026-10-01", "")]));
    assert!(!outcome(noon, &[given, ("withdrawn", "2026-10-01", "")]), "a withdrawal of today counts today");
    assert!(outcome("2026-09-30T23:59:59+08:00", &[given, ("withdrawn", "2026-10-01", "")]));
    // Within one day the negative event is the later one, whichever of the two has a time.
    for (yes, no) in [
        ("2026-09-20", "2026-09-20"),
        ("2026-09-20 23:59:59", "2026-09-20"),
        ("2026-09-20", "2026-09-20 00:00:00"),
    ] {
        for act in ["withdrawn", "hold", "objected"] {
            assert!(!outcome(noon, &[("given", yes, ""), (act, no, "")]), "{act} {yes} {no}");
        }
    }
    assert!(outcome(noon, &[("withdrawn", "2026-09-20", ""), ("given", "2026-09-21", "")]));
    // The cool-down runs from the end of the day of a refusal to the start of that of a consent.
    assert!(outcome(noon, &[("refused", "2026-08-01", ""), ("given", "2026-09-01", "")]));
    assert!(!outcome(noon, &[("refused", "2026-08-02", ""), ("given", "2026-09-01", "")]));
    // A hold goes on through the day of its end, and a consent ends as its last day begins.
    let hold = ("hold", "2026-09-01", "");
    assert!(!outcome(noon, &[given, hold, ("lifted", "2026-10-01", "")]));
    assert!(outcome(midnight, &[given, hold, ("lifted", "2026-10-01", "")]));
    assert!(!outcome(noon, &[("given", "2026-09-01", "2026-10-01")]));
    assert!(outcome(noon, &[("given", "2026-09-01", "2026-10-02")]));
    assert!(outcome(noon, &[("given", "2026-09-01", "9999-12-31")]));
    assert!(!outcome(noon, &[given, ("withdrawn", "2026-13-01", "")]), "no day, no time");
}

#[test]
fn every_requirement_must_be_live_and_none_means_no_one() {
    let as_of = Timestamp::parse(AS_OF).unwrap();
    let mut both = Fold::new(demand(vec![requirement("SC23"), requirement("SC29")]), as_of);
    both.observe(0, &clean());
    both.observe(1, &clean());
    both.observe(1, &Row { trigger: Some("SC29"), ..clean() });
    let covered = both.finish(3, &[]);
    assert_eq!([0, 1, 2].map(|person| covered.contains(person)), [false, true, false]);
    let mut none = Fold::new(demand(vec![]), as_of);
    none.observe(0, &clean());
    assert!(!none.finish(1, &[]).contains(0));
}

#[test]
fn a_lift_ends_what_it_names_in_full_or_naming_nothing_what_leaves_something_out() {
    let hold = Row { event: Some("hold"), at: Some("2026-08-01T00:00:00Z"), ..Row::default() };
    let named =
        |row| Row { trigger: Some("SC23"), purpose: Some("measurement"), recipient: Some("LEGAL-C"), ..row };
    let later = |row| Row { event: Some("lifted"), at: Some("2026-08-02T00:00:00Z"), ..row };
    let half = Row { purpose: Some("measurement"), ..hold };
    for (block, lift, free) in [
        (hold, later(hold), true),
        (half, later(hold), true),
        (named(hold), later(named(hold)), true),
        (named(hold), later(hold), false),
        (hold, later(named(hold)), false),
        (half, later(half), false),
        (named(hold), Row { recipient: Some("legal_c"), ..later(named(hold)) }, true),
        (named(hold), Row { recipient: Some("LEGAL-D"), ..later(named(hold)) }, false),
        (hold, Row { purpose: Some(" "), ..later(hold) }, true),
        (hold, Row { categories: Some("payment-record"), ..later(hold) }, false),
        (named(hold), Row { categories: Some("payment-record"), ..later(named(hold)) }, false),
        (named(hold), Row { categories: Some("Payment_Record;social-relation"), ..later(named(hold)) }, true),
        (Row { recipient: Some("legal-c"), ..named(hold) }, later(named(hold)), true),
        (hold, Row { at: hold.at, ..later(hold) }, false),
    ] {
        assert_eq!(covered(&[clean(), block, lift]), free);
        assert_eq!(covered(&[lift, clean(), block]), free);
    }
    assert!(!covered(&[clean(), hold, named(hold), later(hold)]), "the named block is still there");
    let two = Requirement {
        recipients: ["LEGAL-B".into(), "LEGAL-C".into()].into(),
        other_recipients: [].into(),
        ..requirement("SC23")
    };
    let other = |row| Row { recipient: Some("LEGAL-B"), ..named(row) };
    for (block, lift, free) in [
        (named(hold), later(other(hold)), false),
        (other(hold), later(named(hold)), false),
        (named(hold), later(named(hold)), true),
        (other(hold), later(other(hold)), true),
    ] {
        let rows = [clean(), block, lift];
        assert_eq!(failing_for(&demand(vec![two.clone()]), &rows, AgeFact::UNKNOWN).is_empty(), free);
    }
}

#[test]
fn a_consent_soon_after_a_refusal_was_pressed_for() {
    let required = Requirement { cool_down: Some(Days::parse("30d").unwrap()), ..requirement("SC23") };
    let demand = demand(vec![required]);
    let at = |event, at| Row { event: Some(event), at: Some(at), ..clean() };
    let edge = at("refused", "2026-08-02T00:00:10Z");
    let inside = at("refused", "2026-08-02T00:00:11Z");
    let between = at("withdrawn", "2026-08-20T00:00:00Z");
    let failing = |rows: &[Row<'_>]| failing_for(&demand, rows, AgeFact::UNKNOWN);
    assert!(failing(&[clean(), edge, between]).is_empty());
    assert_eq!(failing(&[inside, clean()]), ["asked-too-soon"]);
    assert_eq!(failing(&[clean(), between, inside]), ["asked-too-soon"], "a withdrawal does not forgive");
    assert_eq!(failing(&[clean(), at("refused", "2026-09-02T00:00:00Z")]), ["refused"]);
}

#[test]
fn ages_decide_who_consents_and_who_is_out() {
    let ages = |children, minors| Ages::Read {
        child_below: 14,
        adult_from: 18,
        admits: Admits { children, minors },
    };
    let demand = |ages| Demand { requirements: vec![requirement("SC23")], ages };
    let (all, adults) = (demand(ages(true, true)), demand(ages(false, false)));
    let guardian = Row { giver: Some("guardian"), ..clean() };
    let year = AgeFact::from_birth_year;
    let earlier = Row {
        at: Some("2025-12-31T23:59:59Z"),
        shown_at: Some("2025-12-01T00:00:00Z"),
        valid_to: Some("2027-01-01T00:00:00Z"),
        ..guardian
    };
    for (demand, born, row, wanted) in [
        (&adults, AgeFact::UNKNOWN, clean(), &["age-unknown"][..]),
        (&adults, year(2007), clean(), &[]),
        (&adults, year(2008), clean(), &["age-not-admitted"]),
        (&adults, year(2007), guardian, &["giver"]),
        (&adults, AgeFact::from_band("18+"), clean(), &[]),
        (&adults, AgeFact::from_band("14-17"), clean(), &["age-not-admitted"]),
        (&all, year(2012), clean(), &["giver"]),
        (&all, year(2012), guardian, &[]),
        (&all, year(2011), clean(), &[]),
        (&all, year(2011), guardian, &["giver"]),
        // Thirteen at most counted until the end of 2025: the guardian's consent of then goes on.
        (&all, year(2011), earlier, &[]),
        (&all, year(2011), Row { at: Some("2026-01-01T00:00:00Z"), ..earlier }, &["giver"]),
        (&all, AgeFact::from_band("14-17"), earlier, &["giver"]),
        (&all, AgeFact::from_band("<14"), guardian, &[]),
    ] {
        assert_eq!(failing_for(demand, &[row], born), wanted);
    }
}

#[test]
fn all_reasons_are_named_and_equal_times_share_their_flaws() {
    let two = [Row { own_step: None, ..clean() }, Row { bundle_size: Some("2"), handler: None, ..clean() }];
    assert_eq!(failing(&two), ["own-step", "bundled", "handler"]);
    assert_eq!(failing(&[]), ["absent"]);
    let other = Row { purpose: Some("ads"), recipient: Some("our partners"), ..clean() };
    assert_eq!(failing(&[other]), ["other-purpose"]);
    assert_eq!(failing(&[Row { recipient: Some("our partners"), ..clean() }]), ["other-recipient"]);
    assert_eq!(failing(&[other, Row { event: Some("refused"), ..clean() }]), ["refused"]);
    assert_eq!(failing(&[Row { at: Some("2027-01-01T00:00:00Z"), ..other }]), ["absent"], "not yet");
}

#[test]
fn a_quality_of_consent_asks_for_no_more_than_its_checks() {
    let bare = Row {
        kind: Some("ordinary"),
        notice: None,
        notice_version: None,
        shown_at: None,
        own_step: None,
        pre_ticked: None,
        bundle_size: None,
        service_gate: None,
        ..clean()
    };
    let ordinary =
        Requirement { kinds: [ConsentKind::Ordinary].into(), checks: [].into(), ..requirement("SC23") };
    assert!(failing_for(&demand(vec![ordinary.clone()]), &[bare], AgeFact::UNKNOWN).is_empty());
    for (check, reason) in
        Check::ALL.into_iter().zip(["own-step", "pre-ticked", "bundled", "gated", "notice", "shown-late"])
    {
        let asking = Requirement { checks: [check].into(), ..ordinary.clone() };
        assert_eq!(failing_for(&demand(vec![asking]), &[bare], AgeFact::UNKNOWN), [reason]);
    }
    let range = Requirement { notice_versions: 2..=4, ..requirement("SC23") };
    for (version, counts) in [("1", false), ("2", true), ("4", true), ("5", false)] {
        let row = Row { notice_version: Some(version), ..clean() };
        assert_eq!(failing_for(&demand(vec![range.clone()]), &[row], AgeFact::UNKNOWN).is_empty(), counts);
    }
}

proptest! {
    #[test]
    fn the_order_of_events_does_not_matter(
        order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle(),
        picks in prop::collection::vec((0..8usize, 0..4usize), 6),
    ) {
        let times = ["2026-08-01T00:00:00Z", "2026-09-01T00:00:10Z", "2026-09-02T00:00:00Z", "2026-10-02T00:00:00Z"];
        let events = ["given", "given", "withdrawn", "refused", "hold", "lifted", "deceased", "objected"];
        let rows: Vec<Row<'_>> = picks.iter().enumerate().map(|(i, (event, at))| Row {
            event: Some(events[*event]),
            at: Some(times[*at]),
            shown_at: Some("2026-07-20T00:00:00Z"),
            bundle_size: Some(if i % 3 == 0 { "2" } else { "1" }),
            ..clean()
        }).collect();
        let shuffled: Vec<Row<'_>> = order.iter().map(|i| rows[*i]).collect();
        prop_assert_eq!(covered(&rows), covered(&shuffled));
    }
}

/// Somebody's events, added to those of others: exactly one of the counts by status grows, by one.
#[test]
fn one_persons_events_move_one_count_by_one() {
    let kinds = [
        clean(),
        Row { event: Some("withdrawn"), ..clean() },
        Row { at: Some("unreadable"), ..clean() },
        Row { recipient: Some("LEGAL-D"), ..clean() },
        Row { pre_ticked: Some("true"), ..clean() },
    ];
    let counts = |events: &[(u32, usize)]| {
        let as_of = Timestamp::parse(AS_OF).unwrap();
        let mut fold = Fold::new(demand(vec![requirement("SC23"), requirement("SC29")]), as_of);
        events.iter().for_each(|(person, kind)| fold.observe(*person, &kinds[*kind]));
        // Links name three people without events.
        fold.finish(8, &[]).statuses().map(|(_, count)| count).collect::<Vec<_>>()
    };
    let others = [(0, 0), (1, 1), (4, 2)];
    let before = counts(&others);
    assert_eq!(before.iter().sum::<u64>(), 3, "people without events are not counted");
    for own in [&[0][..], &[1], &[2], &[3], &[4], &[0, 1], &[1, 0, 4], &[2, 3, 0]] {
        let events: Vec<_> = others.into_iter().chain(own.iter().map(|kind| (2, *kind))).collect();
        let moved = counts(&events).iter().zip(&before).map(|(after, before)| after - before).sum::<u64>();
        assert_eq!(moved, 1, "{own:?}");
    }
}

/// Promise: the memory of a fold depends on how many people are known, not on whom events name.
#[test]
fn room_does_not_depend_on_whom_events_name() {
    let as_of = Timestamp::parse(AS_OF).unwrap();
    let bytes = |person: u32| {
        let mut fold = Fold::new(demand(vec![requirement("SC23"), requirement("SC29")]), as_of);
        fold.cover(1_000);
        fold.observe(person, &clean());
        fold.bytes()
    };
    assert_eq!(bytes(0), bytes(999));
    assert!(bytes(0) < bytes(5_000), "a person beyond those known takes more");
}
