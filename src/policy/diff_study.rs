//! Two studies compared: what the second asks of the same people and of the same recipients.

use std::collections::BTreeSet;

use super::decide::{Opinion, with_opinion};
use super::diff::{Comparison, Difference};
use super::regime::{Lang, Regime};
use super::study::{Recipient, Study};
use crate::consent::Requirement;
use crate::types::{MaxAge, Timestamp};

/// Compares two studies on a day: for every recipient whether the use is permitted, for every trigger which consents count,
/// and what may be asked at which price.
///
/// # Privacy
/// None: studies are public texts.
#[must_use]
pub fn diff_studies(first: (&Study, &Regime), second: (&Study, &Regime), now: Timestamp) -> Comparison {
    let recipients =
        |study: &Study| study.recipients.iter().map(|r| r.id.to_string()).collect::<BTreeSet<_>>();
    let mut factors = vec![words("regime", first.1.hash(), second.1.hash())];
    for id in recipients(first.0).union(&recipients(second.0)) {
        let own =
            |study: &'_ Study| study.recipients.iter().position(|recipient| recipient.id.as_str() == id);
        let of = |(study, position): (&'_ Study, Option<usize>)| {
            position.and_then(|at| study.recipients.get(at)).cloned()
        };
        let (a, b) = (of((first.0, own(first.0))), of((second.0, own(second.0))));
        let (Some(a), Some(b)) = (&a, &b) else {
            let named = |side: &str| format!("{id} is a recipient of the {side} study alone");
            let lost = a.as_ref().map(|_| named("first"));
            factors.push(Difference::new(
                format!("recipient {id}"),
                lost,
                b.as_ref().map(|_| named("second")),
            ));
            continue;
        };
        factors.extend(flows((first.0, first.1, a), (second.0, second.1, b), now));
    }
    factors.extend(terms(first.0, second.0));
    Comparison::of(factors)
}

type Side<'a> = (&'a Study, &'a Regime, &'a Recipient);

fn flows(first: Side<'_>, second: Side<'_>, now: Timestamp) -> Vec<Difference> {
    let opine =
        |side: Side<'_>, read: &mut dyn FnMut(&Opinion<'_>)| with_opinion(side.0, side.1, side.2, now, read);
    let (mut a, mut b) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    opine(first, &mut |opinion| a = (opinion.reasons(Lang::En), opinion.demand().requirements));
    opine(second, &mut |opinion| b = (opinion.reasons(Lang::En), opinion.demand().requirements));
    let id = &first.2.id;
    let denied = |reasons: &[super::Reason], others: &[super::Reason]| {
        let reason = reasons.first().filter(|_| others.is_empty())?;
        Some(format!("{}: {}", reason.rule, reason.because))
    };
    let mut all =
        vec![Difference::new(format!("{id}: the use is permitted"), denied(&b.0, &a.0), denied(&a.0, &b.0))];
    let triggers = |list: &[Requirement]| list.iter().map(|r| r.trigger.clone()).collect::<BTreeSet<_>>();
    for trigger in triggers(&a.1).union(&triggers(&b.1)) {
        let own =
            |list: &[Requirement]| list.iter().find(|requirement| requirement.trigger == *trigger).cloned();
        all.extend(match (own(&a.1), own(&b.1)) {
            (Some(own), Some(other)) => requirement(&format!("{id}: {trigger}"), &own, &other),
            (own, other) => {
                let nobody = |_: Requirement| format!("a person without {trigger}");
                vec![Difference::new(
                    format!("{id}: {trigger} is demanded"),
                    other.map(nobody),
                    own.map(nobody),
                )]
            }
        });
    }
    all
}

/// The consents that one trigger takes: sets that a consent has to list, and sets of which it has to name one.
fn requirement(place: &str, first: &Requirement, second: &Requirement) -> Vec<Difference> {
    let listed = |what: &str, a: &BTreeSet<String>, b: &BTreeSet<String>| {
        let lacks = |from: &BTreeSet<String>, to: &BTreeSet<String>| {
            to.difference(from).next().map(|word| format!("a consent that does not list {word}"))
        };
        Difference::new(format!("{place}: {what} listed"), lacks(a, b), lacks(b, a))
    };
    let named = |what: &str, a: &BTreeSet<String>, b: &BTreeSet<String>| {
        let names = |from: &BTreeSet<String>, to: &BTreeSet<String>| {
            from.difference(to).next().map(|word| format!("a consent that names {word}"))
        };
        Difference::new(format!("{place}: {what} named"), names(a, b), names(b, a))
    };
    let (own, other) = (first.notice_versions.clone(), second.notice_versions.clone());
    let under = |version: u32| format!("a consent under version {version} of the notice");
    let only = |from: &std::ops::RangeInclusive<u32>, to: &std::ops::RangeInclusive<u32>| {
        [*from.start(), *from.end()].into_iter().find(|version| !to.contains(version)).map(under)
    };
    let lasts = |from: &Requirement, to: &Requirement| {
        (from.retention > to.retention).then(|| format!("a consent without an end, {} old", to.retention))
    };
    vec![
        words(&format!("{place}: purpose"), &first.purpose, &second.purpose),
        words(&format!("{place}: notice"), &first.notice, &second.notice),
        Difference::new(format!("{place}: notice versions"), only(&own, &other), only(&other, &own)),
        listed("categories", &first.categories, &second.categories),
        listed("methods", &first.methods, &second.methods),
        named("recipients", &first.recipients, &second.recipients),
        named("handlers", &first.handlers, &second.handlers),
        Difference::new(format!("{place}: retention"), lasts(first, second), lasts(second, first)),
    ]
}

/// What may be asked, and at which price.
fn terms(first: &Study, second: &Study) -> Vec<Difference> {
    let cap = |study: &Study| study.cap.map_or(u128::MAX, |cap| cap.get());
    let spent = |study: &Study, other: &Study| {
        (cap(study) > cap(other)).then(|| "a dearer sum of questions".to_owned())
    };
    let few = |study: &Study| study.release.min_people;
    let shown = |study: &Study, other: &Study| {
        (few(study) < few(other)).then(|| format!("a cell of {} people", few(study)))
    };
    let oldest = |study: &Study| study.release.max_age.map_or(i64::MAX, MaxAge::seconds);
    let stale = |study: &Study, other: &Study| {
        let age = || study.release.max_age.map_or("of any age".to_owned(), |age| format!("{age} old"));
        (oldest(study) > oldest(other)).then(|| format!("an epoch {}", age()))
    };
    let vocabulary = |study: &Study| -> BTreeSet<String> {
        let catalogue = &study.catalogue;
        let labels = catalogue
            .tags()
            .iter()
            .flat_map(|tag| tag.labels().iter().map(|label| format!("{} = {label}", tag.name())));
        let measures = catalogue.summable().filter_map(|(_, measure)| measure.name.clone());
        labels
            .chain(measures)
            .chain(study.metrics.iter().map(|metric| format!("metric {}", metric.name)))
            .collect()
    };
    let fields = |study: &Study| -> BTreeSet<String> {
        let fields = study
            .datasets
            .iter()
            .flat_map(|dataset| dataset.fields.iter().map(move |field| (dataset, field)));
        fields
            .map(|(dataset, field)| format!("{}.{}{}", dataset.name, field.column, field.treatment))
            .collect()
    };
    let read = |from: &BTreeSet<String>, to: &BTreeSet<String>| {
        from.difference(to).next().map(|field| format!("the field {field}"))
    };
    let (own_fields, other_fields) = (fields(first), fields(second));
    let (own, other) = (vocabulary(first), vocabulary(second));
    let asked = |from: &BTreeSet<String>, to: &BTreeSet<String>| {
        from.difference(to).next().map(|word| format!("a question about {word}"))
    };
    vec![
        Difference::new("fields read", read(&own_fields, &other_fields), read(&other_fields, &own_fields)),
        Difference::new("vocabulary", asked(&own, &other), asked(&other, &own)),
        Difference::new("the study's cap", spent(first, second), spent(second, first)),
        Difference::new("smallest cell shown", shown(first, second), shown(second, first)),
        Difference::new("oldest epoch that answers", stale(first, second), stale(second, first)),
        consent_tables(first, second),
    ]
}

/// How the handlers' consent tables are read: another reading may let in other people, whichever it is.
fn consent_tables(first: &Study, second: &Study) -> Difference {
    let stated = |study: &Study| -> BTreeSet<String> {
        let all = study.consents.statements.stated();
        let said = all.iter().map(|stated| match stated.of {
            None => format!("a consent with {} = {} as stated by the handler", stated.column, stated.words),
            Some((of, word)) => {
                format!("a consent of the {of} {word} with {} = {}", stated.column, stated.words)
            }
        });
        said.collect()
    };
    let read = |from: &Study, to: &Study| {
        let other = || stated(from).difference(&stated(to)).next().cloned();
        let any = || "a consent as the other study reads its table".to_owned();
        (from.consents != to.consents).then(|| other().unwrap_or_else(any))
    };
    Difference::new("how consent tables are read", read(first, second), read(second, first))
}

/// Words that are the same or have nothing in common.
fn words(factor: &str, first: &str, second: &str) -> Difference {
    let differ = first != second;
    Difference::new(factor, differ.then(|| first.to_owned()), differ.then(|| second.to_owned()))
}
