//! A draft of the impact assessment that PIPL art. 55 asks for, with the three contents of art. 56, filled as far as the
//! study and the books go. Every blank is numbered and listed: a human completes it.

use maud::{Markup, html};

use super::budget::amount;
use super::facts::Facts;
use super::flow::{in_words, is_permitted};
use super::parties;
use super::parts::{self, name, verdict};
use super::statutes::in_opinion;
use super::tags::because;
use super::texts::fill;
use hushtag::policy::{Explanation, Regime, Study, with_opinion};

/// What a human has to complete, in the order in which it comes.
#[derive(Default)]
struct Blanks {
    all: Vec<String>,
}

impl Blanks {
    /// A blank in the text.
    fn leave(&mut self, facts: &Facts<'_>, what: &str) -> Markup {
        self.all.push(what.to_owned());
        let number = self.all.len();
        html! { span class="blank" id=(format!("blank-{number}")) { "[" (fill(&facts.t.pipia.blank, &[("n", &number)])) ": " (name(what)) "]" } }
    }
}

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.pipia;
    let mut blanks = Blanks::default();
    let head = head(facts, &mut blanks);
    let studies: Vec<Markup> =
        facts.studies.iter().map(|(study, regime)| assessed(facts, study, regime, &mut blanks)).collect();
    let conclusion = blanks.leave(facts, &t.conclusion_blank);
    let content = html! {
        p class="draft" { strong { (t.draft) } }
        p { (t.lead) }
        (head)
        @for study in &studies { (study) }
        h3 { (t.not_covered) }
        p { (t.not_covered_says) }
        h3 { (t.conclusion) }
        p { (conclusion) }
        h3 { (t.blanks) }
        ol {
            @for (place, blank) in (1..).zip(&blanks.all) {
                li { a href=(format!("#blank-{place}")) { (name(blank)) } }
            }
        }
        p { (t.keep) }
    };
    parts::section("pipia", &t.heading, &content)
}

fn head(facts: &Facts<'_>, blanks: &mut Blanks) -> Markup {
    let t = &facts.t.pipia;
    parts::facts(&[
        (&t.person, blanks.leave(facts, &t.person)),
        (&t.date, blanks.leave(facts, &t.date)),
        (&t.signature, blanks.leave(facts, &t.signature)),
    ])
}

fn assessed(facts: &Facts<'_>, study: &Study, regime: &Regime, blanks: &mut Blanks) -> Markup {
    let t = &facts.t.pipia;
    let one = lawful(facts, study, regime, blanks);
    let two = risks(facts, study, blanks);
    let three = measures(facts, study, blanks);
    html! {
        h3 { (t.study) " " (name(study.id.as_str())) " \u{2013} " (t.one) }
        p { (t.one_lead) }
        (one)
        h3 { (t.two) }
        p { (t.two_lead) }
        (two)
        h3 { (t.three) }
        p { (t.three_lead) }
        (three)
    }
}

/// The first content of art. 56: whether purpose and method are lawful, legitimate and necessary.
fn lawful(facts: &Facts<'_>, study: &Study, regime: &Regime, blanks: &mut Blanks) -> Markup {
    let t = &facts.t.pipia;
    let used: Option<Explanation> = study.recipients.first().map(|recipient| {
        with_opinion(study, regime, recipient, facts.now, |opinion| opinion.explain(facts.lang))
    });
    let used = used.and_then(|explained| explained.sections.into_iter().next());
    let verdicts = html! {
        @for recipient in &study.recipients {
            @let permitted = is_permitted(facts, study, regime, recipient);
            div { (name(recipient.id.as_str())) ": " (verdict(permitted, if permitted { &t.legality_yes } else { &t.legality_no })) }
        }
    };
    let necessity = study.tables().map(|table| {
        let what = fill(&t.necessity_blank, &[("dataset", table)]);
        html! { div { (blanks.leave(facts, &what)) } }
    });
    let necessity: Vec<Markup> = necessity.collect();
    html! {
        @if let Some(used) = &used {
            ul class="opinion" { @for line in &used.under { li { (parts::marked(&in_opinion(facts, &line.text))) } } }
        }
        (parts::facts(&[
            (&t.data, data(facts, study, regime)),
            (&t.legality, verdicts),
            (&t.necessity, html! { @for blank in &necessity { (blank) } }),
        ]))
        (parties::documents(facts, study, regime))
    }
}

fn data(facts: &Facts<'_>, study: &Study, regime: &Regime) -> Markup {
    html! {
        @for dataset in &study.datasets {
            div {
                (name(dataset.name.as_str())) " (" (name(dataset.handler.as_str())) "): "
                (name(&in_words(facts, &regime.category(study, &dataset.category, facts.lang))))
            }
        }
    }
}

/// The second content: what it means for people, and how large the risk is.
fn risks(facts: &Facts<'_>, study: &Study, blanks: &mut Blanks) -> Markup {
    let t = &facts.t.pipia;
    let catalogue = &study.catalogue;
    let tags: Vec<usize> = (0..catalogue.tags().len()).collect();
    let reach = catalogue.reach(&tags, []);
    let rows = [
        (&t.bound, html! { (t.bound_says) " " (amount(facts, facts.status.pool.limit)) }),
        (&facts.t.tags.reach, html! { (t.reach_says) " " (name(&because(facts, &reach))) }),
        (&t.leak, html! { (t.leak_says) }),
        (&t.wrong, html! { (t.wrong_says) }),
        (&t.context, blanks.leave(facts, &t.context_blank)),
    ];
    let rows: Vec<Vec<Markup>> =
        rows.into_iter().map(|(risk, known)| vec![html! { (risk) }, known]).collect();
    html! {
        (parts::table(&t.two, &facts.t.page.scroll, &[&t.risk, &t.known], &rows))
        p { (blanks.leave(facts, &t.impact_blank)) }
    }
}

/// The third content: whether the measures are lawful, effective and fit the risk.
fn measures(facts: &Facts<'_>, study: &Study, blanks: &mut Blanks) -> Markup {
    let t = &facts.t.pipia;
    let end = fill(&t.end_says, &[("retention", &study.retention)]);
    let minimum = fill(&t.minimum_says, &[("n", &study.release.min_people)]);
    let rows = [
        (&t.consent_measure, &t.consent_says),
        (&t.minimum_measure, &minimum),
        (&t.noise_measure, &t.noise_says),
        (&t.budget_measure, &t.budget_says),
        (&t.proof_measure, &t.proof_says),
        (&t.end_measure, &end),
    ];
    let rows: Vec<Vec<Markup>> =
        rows.into_iter().map(|(measure, how)| vec![html! { (measure) }, html! { (how) }]).collect();
    html! {
        (parts::table(&t.three, &facts.t.page.scroll, &[&t.measure, &t.how], &rows))
        p { (blanks.leave(facts, &t.fit_blank)) }
    }
}
