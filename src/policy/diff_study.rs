//! Two studies compared: what the second asks of the same people and of the same recipients.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Opinion, with_opinion};
use super::diff::{Comparison, Difference, above};
use super::outcome::{RuleOutcome, RuleResult};
use super::papers::{Paper, PaperKind};
use super::regime::{Lang, Regime};
use super::study::{Covers, Dataset, Handler, Recipient, Role, Study};
use crate::consent::{ConsentTable, Requirement};
use crate::types::{Days, MaxAge, Timestamp};

impl Study {
    /// Compares two studies on a day: for every recipient whether the use is permitted, for every trigger which consents count,
    /// and what may be asked at which price.
    ///
    /// # Privacy
    /// None: studies are public texts.
    #[must_use]
    pub fn compare(first: (&Self, &Regime), second: (&Self, &Regime), now: Timestamp) -> Comparison {
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
        factors.extend(declared(first.0, second.0));
        factors.extend(terms(first.0, second.0));
        Comparison::of(factors)
    }
}

type Side<'a> = (&'a Study, &'a Regime, &'a Recipient);

fn flows(first: Side<'_>, second: Side<'_>, now: Timestamp) -> Vec<Difference> {
    let opine =
        |side: Side<'_>, read: &mut dyn FnMut(&Opinion<'_>)| with_opinion(side.0, side.1, side.2, now, read);
    let mut opinions = [const { (Vec::new(), Vec::new(), Vec::new()) }; 2];
    for (side, own) in [first, second].into_iter().zip(&mut opinions) {
        opine(side, &mut |opinion| {
            *own = (opinion.reasons(Lang::En), opinion.demand().requirements, opinion.rules(Lang::En));
        });
    }
    let [a, b] = opinions;
    let id = &first.2.id;
    let denied = |reasons: &[super::Reason], others: &[super::Reason]| {
        let reason = reasons.first().filter(|_| others.is_empty())?;
        Some(format!("{}: {}", reason.rule, reason.because))
    };
    let mut all =
        vec![Difference::new(format!("{id}: the use is permitted"), denied(&b.0, &a.0), denied(&a.0, &b.0))];
    let role = |recipient: &Recipient| recipient.role.map_or("not declared", Role::as_str);
    all.push(words(&format!("{id}: role"), role(first.2), role(second.2)));
    all.extend(results(id.as_str(), &a.2, &b.2));
    let triggers = |list: &[Requirement]| list.iter().map(|r| r.trigger.clone()).collect::<BTreeSet<_>>();
    for trigger in triggers(&a.1).union(&triggers(&b.1)) {
        let own =
            |list: &[Requirement]| list.iter().find(|requirement| requirement.trigger == *trigger).cloned();
        all.extend(match (own(&a.1), own(&b.1)) {
            (Some(own), Some(other)) => requirement(&format!("{id}: {trigger}"), &own, &other),
            (own, other) => {
                let without = |_: Requirement| format!("a person without {trigger}");
                vec![Difference::new(
                    format!("{id}: {trigger} is demanded"),
                    other.map(without),
                    own.map(without),
                )]
            }
        });
    }
    all
}

/// The result of every rule.
fn results(id: &str, first: &[RuleOutcome], second: &[RuleOutcome]) -> Vec<Difference> {
    let of = |all: &[RuleOutcome]| -> BTreeMap<String, RuleResult> {
        all.iter().map(|own| (own.rule.clone(), own.result)).collect()
    };
    let (own, other) = (of(first), of(second));
    let rules: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
    let result = |all: &BTreeMap<String, RuleResult>, rule: &String| {
        all.get(rule).map_or("no rule of the regime", |result| result.as_str())
    };
    rules
        .into_iter()
        .map(|rule| words(&format!("{id}: result of {rule}"), result(&own, rule), result(&other, rule)))
        .collect()
}

/// What the handlers declare besides: papers, figures, and how many rows one owner may have.
fn declared(first: &Study, second: &Study) -> Vec<Difference> {
    let papers = |study: &Study| -> BTreeMap<String, String> {
        let described = |paper: Paper| {
            let on = |day: Option<Timestamp>| day.map_or("never".to_owned(), |day| day.to_string());
            let digest = paper.sha256.map_or("none".to_owned(), |digest| digest.to_string());
            let covers = study.documents.get(&paper.key).filter(|_| paper.kind == PaperKind::Document);
            let covers = covers.map_or(String::new(), |document| covered(&document.covers));
            let key = match paper.kind {
                PaperKind::Document => format!("document {}", paper.key),
                PaperKind::Notice => "text of the notice".to_owned(),
                PaperKind::Screen => format!("screen {}", paper.key),
            };
            let (approved, expires) = (on(paper.approved), on(paper.expires));
            let id = paper.id;
            (key, format!("{id}, approved {approved}, expires {expires}, SHA-256 {digest}{covers}"))
        };
        study.papers().into_iter().map(described).collect()
    };
    let figures = |study: &Study| -> BTreeMap<String, String> {
        study.figures.iter().map(|(key, number)| (format!("figure {key}"), number.to_string())).collect()
    };
    let each = |own: &BTreeMap<String, String>, other: &BTreeMap<String, String>| -> Vec<Difference> {
        let keys: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
        let of = |all: &BTreeMap<String, String>, key: &String| {
            all.get(key).map_or("not declared", String::as_str).to_owned()
        };
        let compared = |key: &String| words(key, &of(own, key), &of(other, key));
        keys.into_iter().map(compared).collect()
    };
    let mut all = each(&papers(first), &papers(second));
    all.extend(each(&figures(first), &figures(second)));
    all.extend(each(&tokens(first), &tokens(second)));
    let both = first.datasets.iter().filter_map(|own| Some((own, second.dataset(&own.name)?)));
    all.extend(both.map(|(own, other)| {
        let factor = format!("most rows of one owner in {}", own.name);
        // The more rows an owner may have, the more is let through.
        let least = |dataset: &Dataset| u32::MAX - dataset.max_rows_per_owner;
        above(&factor, least(own), least(other), |left| format!("{} rows of one owner", u32::MAX - left))
    }));
    all
}

/// The keys of blind tokens, and how many ids they are made of.
fn tokens(study: &Study) -> BTreeMap<String, String> {
    let key = |handler: &Handler| {
        let key = handler.token_key.as_ref()?;
        Some((format!("token key of {}", handler.id), key.to_string()))
    };
    let ids = study.tokens.map(|terms| {
        let said = format!("at most {}, padded to {}", terms.max_ids, terms.padding);
        ("ids of blind tokens".to_owned(), said)
    });
    study.handlers.iter().filter_map(key).chain(ids).collect()
}

/// What a document covers, in words.
fn covered(covers: &Covers) -> String {
    let lists = [
        ("purposes", &covers.purposes),
        ("categories", &covers.categories),
        ("recipients", &covers.recipients),
        ("sub-processors", &covers.sub_processors),
    ];
    let listed = lists.into_iter().filter(|(_, words)| !words.is_empty());
    let described = listed.map(|(what, words)| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        format!(", covers {what} {}", words.join(" "))
    });
    described.collect()
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
        (cap(study) > cap(other)).then(|| "a larger total cost of queries".to_owned())
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
        from.difference(to).next().map(|word| format!("a query about {word}"))
    };
    vec![
        Difference::new("fields read", read(&own_fields, &other_fields), read(&other_fields, &own_fields)),
        Difference::new("vocabulary", asked(&own, &other), asked(&other, &own)),
        Difference::new("the study's cap", spent(first, second), spent(second, first)),
        Difference::new("smallest cell shown", shown(first, second), shown(second, first)),
        Difference::new("oldest epoch that answers", stale(first, second), stale(second, first)),
        consent_tables(first, second),
        register_terms(
            first,
            second,
            |table| table.retention,
            "how long the register keeps events",
            "an event kept for",
        ),
        register_terms(
            first,
            second,
            |table| table.answer_within,
            "when requests are answered",
            "an answer after",
        ),
    ]
}

/// How the handlers' consent tables are read: another reading may let in other people, whichever it is.
fn consent_tables(first: &Study, second: &Study) -> Difference {
    let stated = |study: &Study| -> BTreeSet<String> {
        let all = study.consents.statements.stated();
        let described = all.iter().map(|stated| match stated.of {
            None => format!("a consent with {} = {} as stated by the handler", stated.column, stated.words),
            Some((of, word)) => {
                format!("a consent of the {of} {word} with {} = {}", stated.column, stated.words)
            }
        });
        described.collect()
    };
    // The terms of the register say nothing of how a table is read.
    let reading =
        |study: &Study| ConsentTable { retention: None, answer_within: None, ..study.consents.clone() };
    let read = |from: &Study, to: &Study| {
        let other = || stated(from).difference(&stated(to)).next().cloned();
        let any = || "a consent as the other study reads its table".to_owned();
        (reading(from) != reading(to)).then(|| other().unwrap_or_else(any))
    };
    Difference::new("how consent tables are read", read(first, second), read(second, first))
}

/// A term of the consent register: none is one without an end, and the longer one lets more through.
fn register_terms(
    first: &Study,
    second: &Study,
    term: impl Fn(&ConsentTable) -> Option<Days>,
    factor: &str,
    example: &str,
) -> Difference {
    let days = |study: &Study| term(&study.consents).map_or(u32::MAX, Days::days);
    let longer = |study: &Study, other: &Study| {
        let longest = || term(&study.consents).map_or("any time".to_owned(), |days| days.to_string());
        (days(study) > days(other)).then(|| format!("{example} {}", longest()))
    };
    Difference::new(factor, longer(first, second), longer(second, first))
}

/// Words that are the same or have nothing in common.
fn words(factor: &str, first: &str, second: &str) -> Difference {
    let differ = first != second;
    Difference::new(factor, differ.then(|| first.to_owned()), differ.then(|| second.to_owned()))
}
