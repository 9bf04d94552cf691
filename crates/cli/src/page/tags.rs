//! Tags and measures: labels, how far one person reaches into them, and how sensitive they are.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::facts::Facts;
use super::flow::in_words;
use super::parts::{self, count, name};
use super::texts::fill;
use crate::render::table::{shown, titled};
use hushtag::policy::{Category, Regime, Study};
use hushtag::tags::Reach;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.tags;
    let content = html! {
        p { (t.lead) }
        @for (study, regime) in &facts.studies {
            h3 { (name(study.id.as_str())) }
            (tags(facts, study, regime))
            (measures(facts, study, regime))
        }
    };
    parts::section("tags", &t.heading, &content)
}

/// Whose data moves it, and why, in words.
pub(super) fn because(facts: &Facts<'_>, reach: &Reach) -> String {
    let t = &facts.t.tags;
    if reach.through.is_empty() {
        return t.reach_own.clone();
    }
    let lists = reach.through.iter();
    let lists =
        lists.map(|(relation, cut)| fill(&t.reach_list, &[("relation", relation), ("cut", &count(*cut))]));
    let lists = lists.collect::<Vec<_>>().join(&facts.t.page.and);
    fill(&t.reach_others, &[("others", &count(reach.people.saturating_sub(1))), ("lists", &lists)])
}

fn reads(facts: &Facts<'_>, categories: &BTreeSet<Category>) -> String {
    categories.iter().map(|category| in_words(facts, category)).collect::<Vec<_>>().join(&facts.t.page.and)
}

fn tags(facts: &Facts<'_>, study: &Study, regime: &Regime) -> Markup {
    let t = &facts.t.tags;
    let catalogue = &study.catalogue;
    let rows = catalogue.tags().iter().enumerate().map(|(place, tag)| {
        let reach = catalogue.reach([&place], []);
        let labels = tag.labels().iter().map(ToString::to_string).collect::<Vec<_>>().join(&facts.t.page.and);
        vec![
            parts::code(tag.name()),
            name(&labels),
            html! { (count(reach.people)) },
            name(&because(facts, &reach)),
            name(&reads(facts, &regime.categories_of_tag(study, tag, facts.lang))),
        ]
    });
    let head = [t.tag.as_str(), &t.labels, &t.reach, &t.because, &t.reads];
    parts::table(&t.table, &facts.t.page.scroll, &head, &rows.collect::<Vec<_>>())
}

fn measures(facts: &Facts<'_>, study: &Study, regime: &Regime) -> Markup {
    let t = &facts.t.tags;
    let catalogue = &study.catalogue;
    let rows = catalogue.summable().map(|(place, measure)| {
        let (reach, range) = (catalogue.reach([], [&place]), measure.range());
        let unit = measure.unit.as_ref();
        let ends = [range.low(), range.high()].map(|end| shown(i128::from(end).into(), unit));
        vec![
            parts::code(measure.name.as_deref().unwrap_or_default()),
            html! { (titled(&ends.join(" \u{2013} "), unit)) },
            html! { (count(reach.people)) },
            name(&because(facts, &reach)),
            name(&reads(facts, &regime.categories_of_measure(study, measure, facts.lang))),
        ]
    });
    let head = [t.measure.as_str(), &t.clamp, &t.reach, &t.because, &t.reads];
    parts::table(&t.measures, &facts.t.page.scroll, &head, &rows.collect::<Vec<_>>())
}
