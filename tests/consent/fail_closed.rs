//! Promise 1: no consent, no trace. Whatever is wrong with a consent, under whatever trigger of the regime, the person is out;
//! and the same consent without the flaw is in, or the table would say nothing.

use std::collections::BTreeSet;

use hushtag::consent::{AgeFact, Ages, Check, ConsentKind, Demand, Fold, Requirement, Row};
use hushtag::types::{Days, Timestamp};

const REGIME: &str = include_str!("../../policies/cn-pipl/regime.toml");
const TRIGGERS: [&str; 7] = ["SC23", "SC25", "SC26", "SC29", "SC39", "SCPAY32", "SCPAY33"];
const AS_OF: &str = "2026-10-01T00:00:00Z";
const SECOND_BEFORE: &str = "2026-09-30T23:59:59Z";
const SECOND_AFTER: &str = "2026-10-01T00:00:01Z";

fn words(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// The triggers of the regime that demand a separate consent.
fn triggers() -> BTreeSet<String> {
    let regime: toml::Table = REGIME.parse().unwrap();
    let all = regime["triggers"].as_table().unwrap().iter();
    all.filter(|(_, trigger)| trigger["quality"].as_str() == Some("separate"))
        .map(|(name, _)| name.clone())
        .collect()
}

fn requirement(trigger: &str) -> Requirement {
    Requirement {
        trigger: trigger.into(),
        purpose: "measurement".into(),
        recipients: words(&["LEGAL-C"]),
        categories: words(&["social-relation", "payment-record"]),
        methods: words(&["aggregate"]),
        notice: "N-1".into(),
        notice_versions: 3..=3,
        retention: Days::parse("90d").unwrap(),
        handlers: words(&["platform"]),
        known_triggers: triggers(),
        known_purposes: words(&["measurement", "ads"]),
        known_categories: words(&["social-relation", "payment-record", "income"]),
        own_categories: words(&["social-relation", "payment-record"]),
        recipient_names: words(&[]),
        other_recipients: words(&["LEGAL-B"]),
        kinds: [ConsentKind::Separate, ConsentKind::Written].into(),
        checks: Check::ALL.into(),
        cool_down: Days::parse("30d").ok(),
    }
}

fn clean(trigger: &str) -> Row<'_> {
    Row {
        handler: Some("platform"),
        event: Some("given"),
        kind: Some("separate"),
        trigger: Some(trigger),
        purpose: Some("measurement"),
        recipient: Some("LEGAL-C"),
        categories: Some("social-relation|payment-record"),
        methods: Some("aggregate"),
        notice: Some("N-1"),
        notice_version: Some("3"),
        shown_at: Some("2026-09-01T00:00:00Z"),
        at: Some("2026-09-01T00:00:10Z"),
        giver: Some("self"),
        own_step: Some("true"),
        pre_ticked: Some("false"),
        bundle_size: Some("1"),
        service_gate: Some("false"),
        ..Row::default()
    }
}

/// Rows of a consent that is flawed in one way.
type Flaw = for<'a> fn(Row<'a>) -> Vec<Row<'a>>;

const FLAWS: [(&str, Flaw); 12] = [
    ("absent", |_| Vec::new()),
    ("expired", |clean| vec![Row { valid_to: Some(AS_OF), ..clean }]),
    ("unparsable", |clean| vec![Row { at: Some("1 September"), ..clean }]),
    ("an unknown word", |clean| vec![Row { event: Some("agreed"), ..clean }]),
    ("wrong recipient", |clean| vec![Row { recipient: Some("our partners"), ..clean }]),
    ("wrong purpose", |clean| vec![Row { purpose: Some("advertising"), ..clean }]),
    ("future", |clean| vec![Row { at: Some(SECOND_AFTER), ..clean }]),
    ("withdrawn one second ago", |clean| vec![clean, after(clean, "withdrawn", SECOND_BEFORE)]),
    ("bundled", |clean| vec![Row { bundle_size: Some("3"), ..clean }]),
    ("pre-ticked", |clean| vec![Row { pre_ticked: Some("true"), ..clean }]),
    ("wrong notice", |clean| vec![Row { notice_version: Some("2"), ..clean }]),
    ("refused after given", |clean| vec![clean, after(clean, "refused", "2026-09-02T00:00:00Z")]),
];

/// A later word on the same matter.
fn after<'a>(row: Row<'a>, event: &'a str, at: &'a str) -> Row<'a> {
    let Row { trigger, purpose, recipient, .. } = row;
    Row { event: Some(event), at: Some(at), trigger, purpose, recipient, ..Row::default() }
}

fn covered(demand: &Demand, rows: &[Row<'_>]) -> bool {
    let mut fold = Fold::new(demand.clone(), Timestamp::parse(AS_OF).unwrap());
    rows.iter().for_each(|row| fold.observe(0, row));
    fold.finish(1, &[AgeFact::UNKNOWN]).contains(0)
}

fn alone(trigger: &str) -> Demand {
    Demand { requirements: vec![requirement(trigger)], ages: Ages::DeclaredAdults }
}

#[test]
fn whatever_is_wrong_under_whatever_trigger_is_out() {
    assert_eq!(triggers(), words(&TRIGGERS), "a trigger came or went: the table must have all of them");
    let all = Demand { requirements: TRIGGERS.map(requirement).into(), ages: Ages::DeclaredAdults };
    for trigger in TRIGGERS {
        assert!(covered(&alone(trigger), &[clean(trigger)]), "clean {trigger}");
        for (name, flaw) in FLAWS {
            assert!(!covered(&alone(trigger), &flaw(clean(trigger))), "{name} {trigger}");
            // One flaw is enough where all triggers are demanded together, and all others are clean.
            let others = TRIGGERS.into_iter().filter(|other| *other != trigger).map(clean);
            let rows: Vec<Row<'_>> = flaw(clean(trigger)).into_iter().chain(others).collect();
            assert!(!covered(&all, &rows), "{name} {trigger} among all");
        }
        for other in TRIGGERS.into_iter().filter(|other| *other != trigger) {
            assert!(!covered(&alone(trigger), &[clean(other)]), "{other} is no {trigger}");
        }
    }
    assert!(covered(&all, &TRIGGERS.map(clean)));
}

#[test]
fn time_decides_to_the_second() {
    for trigger in TRIGGERS {
        let demand = alone(trigger);
        let clean = clean(trigger);
        let at = |at| Row { at: Some(at), ..clean };
        assert!(covered(&demand, &[at(SECOND_BEFORE)]));
        assert!(covered(&demand, &[at(AS_OF)]), "what happens at as-of counts");
        assert!(!covered(&demand, &[at(SECOND_AFTER)]));
        assert!(!covered(&demand, &[clean, after(clean, "withdrawn", SECOND_BEFORE)]));
        assert!(!covered(&demand, &[clean, after(clean, "withdrawn", AS_OF)]));
        assert!(covered(&demand, &[clean, after(clean, "withdrawn", SECOND_AFTER)]));
        let until = |end| Row { valid_to: Some(end), ..clean };
        assert!(!covered(&demand, &[until(SECOND_BEFORE)]) && !covered(&demand, &[until(AS_OF)]));
        assert!(covered(&demand, &[until(SECOND_AFTER)]));
        // 90 days before as-of, and a second less.
        let since = |at| Row { at: Some(at), shown_at: Some("2026-07-01T00:00:00Z"), ..clean };
        assert!(!covered(&demand, &[since("2026-07-03T00:00:00Z")]));
        assert!(covered(&demand, &[since("2026-07-03T00:00:01Z")]));
        // 30 days after a refusal, and a second less.
        assert!(covered(&demand, &[after(clean, "refused", "2026-08-02T00:00:10Z"), clean]));
        assert!(!covered(&demand, &[after(clean, "refused", "2026-08-02T00:00:11Z"), clean]));
    }
}
