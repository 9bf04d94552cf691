//! The auditor's page: one HTML file that needs no network and no script. Every text is escaped where it is put in.

mod budget;
mod consents;
mod decisions;
mod evidence;
mod facts;
mod figures;
mod flow;
mod guide;
mod metrics;
mod older;
mod parties;
mod parts;
mod pipia;
mod refusals;
mod releases;
mod statutes;
mod stop;
mod summary;
mod tags;
mod texts;
mod verify;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart;
use crate::target::MADE_BY;
use facts::Facts;
use guide::Guide;
use hushtag::operator::{Given, OperatorError, Reader, Verification};
use hushtag::policy::Lang;
use hushtag::release::JoinDiagnostics;
use hushtag::types::EpochId;
pub(crate) use older::Annexes;
use texts::fill;

/// The style of the page, after the variables that it shares with the charts.
const STYLE: &str = include_str!("page.css");

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PageError {
    /// The sandbox cannot be read.
    #[error("the sandbox cannot be read")]
    Operator(#[from] OperatorError),
    /// A file beside the page cannot be written.
    #[error("a file beside the page cannot be written: {0}")]
    Annex(#[from] std::io::Error),
    /// A file of texts inside the crate is broken.
    #[error("a bug: the texts of the page do not parse")]
    Texts(#[source] toml::de::Error),
}

/// What the page is made of.
pub(crate) struct Report<'a> {
    /// The sandbox, read beside its writer.
    pub(crate) reader: &'a Reader,
    /// What was verified of the budget ledger and the audit log.
    pub(crate) verified: &'a Verification,
    /// The name of the folder in the commands of the page.
    pub(crate) place: &'a str,
    /// The language.
    pub(crate) lang: Lang,
    /// Whether a draft of the impact assessment is added.
    pub(crate) pipia: bool,
    /// What the auditor's key opened, by epoch, for the internal edition; `None` for the public one.
    pub(crate) figures: Option<&'a [(EpochId, Vec<JoinDiagnostics>)]>,
}

/// The auditor's page as one HTML document.
///
/// The newest answers and charges stand on it, and the others in the files of `annexes`, which it names with their digests.
///
/// # Errors
/// [`PageError`]
///
/// # Privacy
/// Reads released answers, public costs, study and regime texts and log entries: nothing that did not leave before. With
/// `figures` it holds exact facts about people besides, is marked on every page, and is for the auditor alone.
pub(crate) fn report_page(report: &Report<'_>, annexes: &mut Annexes) -> Result<String, PageError> {
    let facts = Facts::read(report, annexes)?;
    let guide = Guide::of(report.lang).map_err(PageError::Texts)?;
    let mut sections = vec![
        summary::section(&facts),
        flow::section(&facts),
        decisions::section(&facts),
        consents::section(&facts),
        stop::section(&facts),
        tags::section(&facts),
        budget::section(&facts),
        releases::section(&facts),
    ];
    sections.extend(metrics::section(&facts));
    sections.extend([
        refusals::section(&facts)?,
        refusals::hygiene(&facts),
        evidence::section(&facts),
        guide.section(&facts),
        verify::section(&facts),
    ]);
    sections.extend(figures::section(&facts));
    if report.pipia {
        sections.push(pipia::section(&facts));
    }
    Ok(document(&facts, &contents(&facts, &guide, report.pipia), &sections).into_string())
}

/// A page of older answers in full.
fn numbered_page(facts: &Facts<'_>, number: usize, answers: &[Given]) -> String {
    let heading = fill(&facts.t.releases.older_heading, &[("n", &number)]);
    let section = releases::of(facts, &heading, answers);
    document(facts, &[("releases", &heading)], &[section]).into_string()
}

/// Ids and headings of the sections, in their order.
fn contents<'a>(facts: &'a Facts<'_>, guide: &'a Guide, pipia: bool) -> Vec<(&'static str, &'a str)> {
    let t = &facts.t;
    let mut all = vec![
        ("summary", t.summary.heading.as_str()),
        ("flow", &t.flow.heading),
        ("decisions", &t.decisions.heading),
        ("consents", &t.consents.heading),
        ("stop", &t.stop.heading),
        ("tags", &t.tags.heading),
        ("budget", &t.budget.heading),
        ("releases", &t.releases.heading),
    ];
    if !facts.metrics.is_empty() {
        all.push(("metrics", &t.metrics.heading));
    }
    all.extend([
        ("refusals", t.refusals.heading.as_str()),
        ("hygiene", &t.hygiene.heading),
        ("evidence", &t.evidence.heading),
        ("guide", &guide.heading),
        ("verify", &t.verify.heading),
    ]);
    if facts.figures.is_some() {
        all.push(("figures", &t.figures.heading));
    }
    if pipia {
        all.push(("pipia", &t.pipia.heading));
    }
    all
}

fn document(facts: &Facts<'_>, contents: &[(&str, &str)], sections: &[Markup]) -> Markup {
    let t = &facts.t.page;
    let tongue = match facts.lang {
        Lang::En => "en",
        Lang::Zh => "zh-CN",
    };
    let sandbox = &facts.status.sandbox;
    html! {
        (PreEscaped(MADE_BY)) "\n"
        (DOCTYPE)
        html lang=(tongue) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
                meta name="color-scheme" content="light dark";
                title { (t.title) " \u{2013} " (sandbox) }
                style { (PreEscaped(chart::THEME)) (PreEscaped(chart::STYLE)) (PreEscaped(STYLE)) }
                (figures::printed_mark(facts))
            }
            body {
                a class="skip" href="#content" { (t.skip) }
                (figures::mark(facts))
                header {
                    p class="kind" { @if facts.figures.is_some() { (facts.t.figures.edition) } @else { (t.edition) } }
                    h1 { (t.title) }
                    p class="sandbox" { (parts::code(sandbox)) }
                    p class="made" { (t.made_at) " " (parts::time(facts, facts.now)) " \u{00b7} " (t.version) " " (env!("CARGO_PKG_VERSION")) }
                }
                nav aria-label=(t.contents) {
                    ol { @for (id, heading) in contents { li { a href=(format!("#{id}")) { (heading) } } } }
                }
                main id="content" tabindex="-1" { @for section in sections { (section) } }
                footer { p { @if facts.figures.is_some() { (facts.t.figures.mark) } @else { (t.footer) } } }
            }
        }
    }
}
