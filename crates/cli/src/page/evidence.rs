//! The evidence list of an audit (PIPL art. 54 to 56, 69): what the sandbox proves, and what a human must attach.

use maud::{Markup, html};

use super::facts::Facts;
use super::parts;
use super::statutes::cited;
use super::texts::fill;
use hushtag::audit::Kind;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.evidence;
    let counts: Vec<(&str, String)> = [
        ("asks", Kind::Ask),
        ("refusals", Kind::Refuse),
        ("seals", Kind::Seal),
        ("adoptions", Kind::Adopt),
        ("persons", Kind::Person),
        ("retired", Kind::Retire),
        ("inspections", Kind::Inspect),
        ("accesses", Kind::Access),
    ]
    .map(|(place, kind)| (place, parts::count(facts.count(kind))))
    .into();
    let retention: Vec<String> =
        facts.studies.iter().map(|(study, _)| format!("{}: {}", study.id, study.retention)).collect();
    let retention = retention.join(&facts.t.page.and);
    let version = env!("CARGO_PKG_VERSION");
    let mut places: Vec<(&str, &dyn std::fmt::Display)> =
        vec![("retention", &retention), ("version", &version)];
    places.extend(counts.iter().map(|(place, count)| (*place, count as &dyn std::fmt::Display)));
    let rows: Vec<Vec<Markup>> = facts
        .t
        .evidence_items
        .iter()
        .map(|(item, text)| {
            vec![
                html! { strong { (item) } },
                html! { (text.title) br; small { (cited(facts, &text.ground)) } },
                parts::marked(&fill(&text.tool, &places)),
                parts::marked(&text.human),
            ]
        })
        .collect();
    let head = [t.item.as_str(), &t.content, &t.tool, &t.human];
    let content = html! {
        p { (t.lead) }
        (parts::table(&t.table, &facts.t.page.scroll, &head, &rows))
    };
    parts::section("evidence", &t.heading, &content)
}
