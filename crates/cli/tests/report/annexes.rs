//! What a page has no room for: files beside it, which it names with their digests.

use std::collections::BTreeSet;

use crate::command::{Case, stderr};
use crate::page::Page;
use crate::report::{is_whole, report};

const ALL_CELLS: &str = "SELECT spend_tier, order_freq, lapsed, following, region, COUNT(*) FROM tags \
     GROUP BY spend_tier, order_freq, lapsed, following, region";

/// The log entries of the answers that a page has in full.
fn in_full(page: &str) -> BTreeSet<String> {
    let places = page.split("id=\"answer-").skip(1);
    places.map(|place| place.split('"').next().unwrap().to_owned()).collect()
}

/// Promise: a page stays small; what it has no room for was read and checked as well, and is in files that it names with their digests.
#[test]
fn what_a_page_has_no_room_for_is_in_files_that_it_names() {
    let case = Case::new(200);
    assert!(case.init("4000").status.success() && case.seal("e1").status.success());
    for error in 60..66 {
        let answer = case.ask(&format!("{ALL_CELLS} WITH (error = {error})"));
        assert!(answer.status.success(), "{}", stderr(&answer));
    }
    let page = report(&case, &[]);
    let shown = in_full(&page);
    assert!(
        page.len() < 5_000_000 && !shown.is_empty() && shown.len() < 6,
        "{} bytes, {shown:?}",
        page.len()
    );
    let annex = std::fs::read(case.path("report.answers.csv")).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &annex);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(
        page.contains(&digest) && page.contains("report.answers.csv"),
        "the page names the file and its digest"
    );
    let text = String::from_utf8(annex).unwrap();
    let older: BTreeSet<String> =
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
    assert!(older.is_disjoint(&shown) && older.len() + shown.len() == 6, "{older:?} and {shown:?}");
    assert!(
        older.iter().all(|old| shown.iter().all(|new| old.parse::<u64>().unwrap() < new.parse().unwrap()))
    );
    // All of them in full, in numbered pages.
    let page = report(&case, &["--all"]);
    let mut all = in_full(&page);
    for number in 1.. {
        let Ok(more) = std::fs::read_to_string(case.path(&format!("report.{number}.html"))) else { break };
        is_whole(&Page::read(&more));
        let more = in_full(&more);
        assert!(more.is_disjoint(&all), "{more:?} twice");
        all.extend(more);
    }
    assert_eq!(all.len(), 6);
    // A file that hushtag did not make is left alone.
    std::fs::write(case.path("report.answers.csv"), "mine").unwrap();
    let refused = case.run(&["report", "box", "--out", "report.html"]);
    assert!(
        !refused.status.success() && stderr(&refused).contains("report.answers.csv"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(std::fs::read_to_string(case.path("report.answers.csv")).unwrap(), "mine");
}
