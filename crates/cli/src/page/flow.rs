//! What flows from whom to whom for what: a diagram and the same as a table.

use maud::{Markup, html};

use super::facts::Facts;
use super::parties;
use super::parts::{self, name, verdict};
use super::texts::fill;
use crate::chart::{Caption, Flow, Source, Target};
use hushtag::policy::{Category, Decision, Recipient, Regime, Study, decide};

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.flow;
    let content = html! {
        p { (t.lead) }
        @for (place, (study, regime)) in facts.studies.iter().enumerate() {
            h3 { (name(study.id.as_str())) }
            (parties::of_study(facts, study, regime))
            (diagram(facts, place, study, regime))
            (handed_in(facts, study, regime))
            (recipients(facts, study, regime))
        }
    };
    parts::section("flow", &t.heading, &content)
}

/// Whether a recipient is permitted now: from the same decision as every question.
pub(super) fn is_permitted(facts: &Facts<'_>, study: &Study, regime: &Regime, recipient: &Recipient) -> bool {
    matches!(decide(study, regime, recipient, facts.now), Decision::Permit(_))
}

/// A category with a word on its sensitivity.
pub(super) fn in_words(facts: &Facts<'_>, category: &Category) -> String {
    if category.sensitive {
        fill(&facts.t.page.sensitive, &[("category", &category.title)])
    } else {
        category.title.clone()
    }
}

fn diagram(facts: &Facts<'_>, place: usize, study: &Study, regime: &Regime) -> Markup {
    let t = &facts.t.flow;
    let sources = study.handlers.iter().map(|handler| {
        let handed = study.datasets.iter().filter(|dataset| dataset.handler == handler.id);
        let lines = handed.map(|dataset| {
            let category = regime.category(study, &dataset.category, facts.lang);
            format!("{}: {}", dataset.name, in_words(facts, &category))
        });
        let links = study.links.iter().filter(|links| links.handler == handler.id);
        let links = links.map(|links| {
            format!(
                "{}: {}",
                links.name,
                in_words(facts, &regime.category(study, &links.category, facts.lang))
            )
        });
        Source { name: handler.id.to_string(), lines: lines.chain(links).collect() }
    });
    let sources: Vec<Source> = sources.collect();
    let purpose = regime.purpose_title(&study.purpose, facts.lang);
    let targets = study.recipients.iter().map(|recipient| {
        let permitted = is_permitted(facts, study, regime, recipient);
        let verdict = if permitted { &t.permitted } else { &t.refused };
        let lines = vec![recipient.legal_id.clone(), purpose.to_owned()];
        Target { name: recipient.id.to_string(), lines, permitted, verdict: verdict.clone() }
    });
    let targets: Vec<Target> = targets.collect();
    let list = |names: Vec<String>| names.join(&facts.t.page.and);
    let described = fill(
        &t.diagram_says,
        &[
            (
                "sources",
                &list(
                    sources
                        .iter()
                        .map(|source| format!("{} ({})", source.name, source.lines.join("; ")))
                        .collect(),
                ),
            ),
            (
                "targets",
                &list(targets.iter().map(|target| format!("{} ({})", target.name, target.verdict)).collect()),
            ),
            ("purpose", &purpose),
        ],
    );
    let (id, title) = (format!("flow-{place}"), fill(&t.diagram, &[("study", &study.id)]));
    let steps = [&t.step_pseudonym, &t.step_consent, &t.step_tag, &t.step_count, &t.step_noise];
    let flow = Flow {
        caption: Caption { id: &id, title: &title, description: &described },
        sources: &sources,
        sandbox: &t.sandbox,
        steps: steps.map(String::as_str).to_vec(),
        targets: &targets,
    };
    parts::figure(&title, &flow.draw())
}

fn handed_in(facts: &Facts<'_>, study: &Study, regime: &Regime) -> Markup {
    let t = &facts.t.flow;
    let row = |dataset: &str, handler: &str, category: &str, columns: Vec<String>| {
        let category = regime.category(study, category, facts.lang);
        vec![
            name(dataset),
            name(handler),
            name(&in_words(facts, &category)),
            html! { @for (place, column) in columns.iter().enumerate() { @if place > 0 { (facts.t.page.and) } (parts::code(column)) } },
        ]
    };
    let datasets = study.datasets.iter().map(|dataset| {
        let mut columns = vec![dataset.owner.clone()];
        if let hushtag::policy::Shape::Relation { target, .. } = &dataset.shape {
            columns.push(target.column.clone());
        }
        columns.extend(dataset.fields.iter().map(|field| field.column.clone()));
        row(dataset.name.as_str(), dataset.handler.as_str(), &dataset.category, columns)
    });
    let links = study.links.iter().map(|links| {
        let columns = links.columns.iter().map(|column| column.column.clone()).collect();
        row(links.name.as_str(), links.handler.as_str(), &links.category, columns)
    });
    let rows: Vec<Vec<Markup>> = datasets.chain(links).collect();
    let head = [t.dataset.as_str(), &t.handler, &t.category, &t.read_columns];
    parts::table(&t.table, &facts.t.page.scroll, &head, &rows)
}

fn recipients(facts: &Facts<'_>, study: &Study, regime: &Regime) -> Markup {
    let t = &facts.t.flow;
    let rows: Vec<Vec<Markup>> = study
        .recipients
        .iter()
        .map(|recipient| {
            let permitted = is_permitted(facts, study, regime, recipient);
            vec![
                name(recipient.id.as_str()),
                name(&recipient.country),
                name(regime.purpose_title(&study.purpose, facts.lang)),
                verdict(permitted, if permitted { &t.permitted } else { &t.refused }),
            ]
        })
        .collect();
    let head = [t.recipient.as_str(), &t.country, &t.purpose, &facts.t.decisions.heading];
    parts::table(&t.recipient, &facts.t.page.scroll, &head, &rows)
}
