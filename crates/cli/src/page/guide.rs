//! The topics of the compliance audit guide and the filings beside it: which evidence belongs to each, and how it was found.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::facts::Facts;
use super::parts;
use super::statutes::in_opinion;
use super::texts::fill;
use hushtag::policy::Lang;

/// The texts of the section in one language, from a file of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Guide {
    pub(super) heading: String,
    lead: String,
    table: String,
    topic: String,
    mark: String,
    tool: String,
    human: String,
    evidence: String,
    /// How a statement was found, in words.
    marks: BTreeMap<String, String>,
    /// What a study does not declare of the papers of a point.
    not_declared: String,
    no_digest: String,
    points: BTreeMap<String, Point>,
}

/// A topic of the guide, or a filing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    title: String,
    ground: String,
    mark: String,
    evidence: Vec<String>,
    /// The papers that the point is about, by their keys in a study: what is not declared of them is named.
    #[serde(default)]
    papers: Vec<String>,
    tool: String,
    human: String,
}

impl Guide {
    pub(super) fn of(lang: Lang) -> Result<Self, toml::de::Error> {
        toml::from_str(match lang {
            Lang::En => include_str!("lang/guide.en.toml"),
            Lang::Zh => include_str!("lang/guide.zh.toml"),
        })
    }

    pub(super) fn section(&self, facts: &Facts<'_>) -> Markup {
        // Topics come before filings.
        let (filings, topics): (Vec<_>, Vec<_>) = self.points.iter().partition(|(id, _)| id.starts_with('F'));
        let rows: Vec<Vec<Markup>> = topics
            .into_iter()
            .chain(filings)
            .map(|(id, point)| {
                let mark = self.marks.get(&point.mark).unwrap_or(&point.mark);
                vec![
                    html! { strong { (id) } },
                    html! { (point.title) br; small { (in_opinion(facts, &point.ground)) } },
                    html! { (mark) },
                    html! { (point.evidence.join(&facts.t.page.and)) },
                    html! { (parts::marked(&point.tool)) (self.undeclared(facts, point)) },
                    parts::marked(&point.human),
                ]
            })
            .collect();
        let head = [
            facts.t.evidence.item.as_str(),
            &self.topic,
            &self.mark,
            &self.evidence,
            &self.tool,
            &self.human,
        ];
        let content = html! {
            p { (self.lead) }
            (parts::table(&self.table, &facts.t.page.scroll, &head, &rows))
        };
        parts::section("guide", &self.heading, &content)
    }

    /// Of each study in force the papers of a point that it does not declare, or not by digest: nothing proves those.
    fn undeclared(&self, facts: &Facts<'_>, point: &Point) -> Markup {
        let mut all = Vec::new();
        for (study, regime) in &facts.studies {
            let papers = study.papers();
            for key in &point.papers {
                let found = papers.iter().find(|paper| paper.key == *key);
                let pattern = match found {
                    None => &self.not_declared,
                    Some(paper) if paper.sha256.is_none() => &self.no_digest,
                    Some(_) => continue,
                };
                let title = found.map_or_else(
                    || regime.document_title(key, facts.lang).to_owned(),
                    |paper| regime.paper_title(paper, facts.lang),
                );
                all.push(fill(pattern, &[("study", &study.id), ("paper", &title)]));
            }
        }
        html! { @for text in &all { br; strong { (parts::marked(text)) } } }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Both languages and the book hold the same points, with marks that are known; each of E01 to E23 belongs to some.
    #[test]
    fn every_item_of_evidence_belongs_to_a_point_and_the_book_holds_them_all() {
        let book = include_str!("../../../../docs/src/audit-guide.md");
        let [english, chinese] = [Lang::En, Lang::Zh].map(|lang| Guide::of(lang).unwrap());
        let ids = |guide: &Guide| guide.points.keys().cloned().collect::<Vec<_>>();
        assert_eq!(ids(&english), ids(&chinese));
        let evidence: BTreeSet<&str> =
            english.points.values().flat_map(|point| point.evidence.iter().map(String::as_str)).collect();
        let all: Vec<String> = (1..=23).map(|number| format!("E{number:02}")).collect();
        assert_eq!(evidence, all.iter().map(String::as_str).collect());
        for (id, point) in &english.points {
            let other = &chinese.points[id];
            assert_eq!((&point.mark, &point.evidence), (&other.mark, &other.evidence), "{id}");
            assert!(
                english.marks.contains_key(&point.mark) && chinese.marks.contains_key(&point.mark),
                "{id}"
            );
            assert_eq!(point.papers, other.papers, "{id}");
            let Point { title, ground, mark, evidence, tool, human, .. } = point;
            let evidence = evidence.join(", ");
            let row = format!("| {id} | {title} ({ground}) | {mark} | {evidence} | {tool} | {human} |");
            assert!(book.contains(&row), "{row}");
        }
    }
}
