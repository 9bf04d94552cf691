//! Scenarios as JUnit XML, which build servers read. There is no one specification: the elements and attributes are those of Jenkins
//! and of the Ant task that the format comes from. Written with the templates of the page: a library for it would bring a writer of
//! XML, UUIDs and a calendar for three elements.

use maud::{Markup, PreEscaped, html};

use hushtag::policy::Ran;

/// What became of scenarios: a suite for each file, a failure with its message for each scenario that found something else than it
/// expects.
///
/// # Privacy
/// None: the people of scenarios are made up.
#[must_use]
pub(crate) fn junit(ran: &[Ran]) -> String {
    let suites: Vec<Markup> = ran.chunk_by(|one, next| place(one).0 == place(next).0).map(suite).collect();
    let all = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        testsuites name="hushtag policy test" tests=(ran.len()) failures=(failures(ran)) {
            @for suite in &suites { (suite) }
        }
    };
    all.into_string()
}

fn failures(ran: &[Ran]) -> usize {
    ran.iter().filter(|ran| ran.differs.is_some()).count()
}

/// The file and the line of a scenario, from `file:line:column`.
fn place(ran: &Ran) -> (&str, &str) {
    let (before, _) = ran.place.rsplit_once(':').unwrap_or((&ran.place, ""));
    before.rsplit_once(':').unwrap_or((before, "1"))
}

fn suite(ran: &[Ran]) -> Markup {
    let file = ran.first().map_or("", |first| place(first).0);
    html! {
        "\n" testsuite name=(text(file)) tests=(ran.len()) failures=(failures(ran)) errors="0" skipped="0" {
            @for one in ran {
                "\n" testcase name=(text(&format!("{} {}", one.id, one.title))) classname=(text(file)) file=(text(file)) line=(place(one).1) {
                    @if let Some(differs) = &one.differs {
                        failure type="expectation" message=(text(differs)) { (text(&one.place)) ": " (text(differs)) }
                    }
                }
            }
        }
    }
}

/// The characters of a text that XML 1.0 can hold (section 2.2); a replacement mark for each other one.
fn text(text: &str) -> String {
    let holds = |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    text.chars().map(|letter| if holds(letter) { letter } else { '\u{fffd}' }).collect()
}
