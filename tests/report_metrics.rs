//! Promise: the auditor's page tells every named metric whose numbers were released, as `metrics` told it, with formula and
//! meaning, and no other; a demo leaves such a page.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod command;

use command::{Case, stderr, stdout};
use serde_json::Value;

fn page(case: &Case, lang: &str) -> String {
    let made = case.run(&["report", "box", "--out", "report.html", "--lang", lang]);
    assert!(made.status.success(), "{}", stderr(&made));
    std::fs::read_to_string(case.path("report.html")).unwrap()
}

/// The rows of the tables of named metrics.
fn rows(page: &str) -> Vec<String> {
    let Some((_, section)) = page.split_once("<section id=\"metrics\"") else { return Vec::new() };
    let (section, _) = section.split_once("</section>").unwrap();
    let bodies = section.split("<tbody>").skip(1).map(|rest| rest.split("</tbody>").next().unwrap());
    bodies.flat_map(|body| body.split("<tr>").skip(1).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// A number with a separator every three digits before the point.
fn grouped(text: &str) -> String {
    let (whole, part) = text.split_once('.').map_or((text, String::new()), |(a, b)| (a, format!(".{b}")));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups: Vec<&str> = groups.iter().map(|group| std::str::from_utf8(group).unwrap()).collect();
    format!("{sign}{}{part}", groups.join(","))
}

#[test]
fn the_page_tells_the_metrics_whose_numbers_were_released() {
    let case = Case::new(400);
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    assert!(rows(&page(&case, "en")).is_empty() && !page(&case, "en").contains("#metrics"));
    // Half of the numbers of a ratio are no ratio.
    let forecast =
        case.run(&["metrics", "box", "--recipient", "brand-insights", "--forecast", "--format", "json"]);
    let forecast: Value = serde_json::from_str(&stdout(&forecast)).unwrap();
    let first = forecast["questions"][0]["question"].as_str().unwrap();
    assert!(case.ask(first).status.success(), "{first}");
    let half = rows(&page(&case, "en"));
    assert!(half.iter().all(|row| !row.contains(">conversion<")), "{half:?}");
    let told = case.run(&["metrics", "box", "--recipient", "brand-insights", "--format", "json"]);
    let told: Value = serde_json::from_str(&stdout(&told)).unwrap();
    let metrics = told["metrics"].as_array().unwrap();
    for lang in ["en", "zh"] {
        let page = page(&case, lang);
        assert!(page.contains("href=\"#metrics\""), "the contents name the section");
        let mut rows = rows(&page).into_iter();
        for metric in metrics {
            for told in metric["rows"].as_array().unwrap() {
                let row = rows.next().unwrap();
                assert!(row.contains(metric["name"].as_str().unwrap()), "{row}");
                assert!(row.contains(metric["means"].as_str().unwrap()), "{row}");
                for end in ["estimate", "low", "high"] {
                    let Some(value) = told["value"][end].as_f64() else { continue };
                    let digits = if value.abs() >= 1000.0 {
                        0
                    } else if value.abs() >= 10.0 {
                        2
                    } else {
                        4
                    };
                    let held =
                        if metric["unit"] == "share of people" { value.clamp(0.0, 1.0) } else { value };
                    assert!(row.contains(&grouped(&format!("{held:.digits$}"))), "{value}: {row}");
                }
            }
        }
        assert_eq!(rows.next(), None, "no other metrics");
        assert!(page.contains("(COUNT(*) WHERE spend_tier &lt;&gt; 'none') / COUNT(*)"), "the formula");
    }
}

#[test]
fn the_demo_of_social_commerce_leaves_a_page_with_its_metrics() {
    let case = Case::new(1);
    let ran = case.run(&["demo", "--study", "social-commerce", "--dir", "told", "--people", "2000"]);
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert!(stdout(&ran).contains("told/report.html"));
    let page = std::fs::read_to_string(case.path("told/report.html")).unwrap();
    assert!(rows(&page).len() >= 70, "{} rows", rows(&page).len());
    assert!(page.contains("service_fission"), "the first of the metrics");
}
