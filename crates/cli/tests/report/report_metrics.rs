//! Promise: the auditor's page shows every named metric whose numbers were released, as `metrics` shows it, with formula and
//! meaning, and no other; a demo leaves such a page. It names parties, terms and documents, and on whose clocks instants are.
#![expect(clippy::string_slice, reason = "a test fails by panicking")]

use crate::command::{Case, stderr, stdout};
use crate::page::{Page, squeezed};
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
    let shown = case.run(&["metrics", "box", "--recipient", "brand-insights", "--format", "json"]);
    let shown: Value = serde_json::from_str(&stdout(&shown)).unwrap();
    let metrics = shown["metrics"].as_array().unwrap();
    for lang in ["en", "zh"] {
        let page = page(&case, lang);
        assert!(page.contains("href=\"#metrics\""), "the contents name the section");
        let mut rows = rows(&page).into_iter();
        for metric in metrics {
            for shown in metric["rows"].as_array().unwrap() {
                let row = rows.next().unwrap();
                assert!(row.contains(metric["name"].as_str().unwrap()), "{row}");
                assert!(row.contains(metric["means"].as_str().unwrap()), "{row}");
                for end in ["estimate", "low", "high"] {
                    let Some(value) = shown["value"][end].as_f64() else { continue };
                    let digits = if value.abs() >= 1000.0 {
                        0
                    } else if value.abs() >= 10.0 {
                        2
                    } else {
                        4
                    };
                    // A share lies between 0 and 1 and a mean inside its clamp: the value before that stands beside it.
                    let most = if metric["unit"] == "share of people" { 1.0 } else { 100.0 };
                    let is_limited = end != "estimate" && !(0.0..=most).contains(&value);
                    let written = grouped(&format!("{value:.digits$}"));
                    assert!(is_limited || row.contains(&written), "{value}: {row}");
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
    let ran = case.run(&["demo", "--study", "social-commerce", "--dir", "shown", "--people", "2000"]);
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert!(stdout(&ran).contains("shown/report.html"));
    let page = std::fs::read_to_string(case.path("shown/report.html")).unwrap();
    assert!(rows(&page).len() >= 70, "{} rows", rows(&page).len());
    assert!(page.contains("service_fission"), "the first of the metrics");
}

#[test]
fn the_page_names_parties_terms_documents_and_the_number_of_each_noise() {
    let case = Case::new(400);
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    for question in [
        "SELECT spend_tier, COUNT(*), SUM(spend) FROM tags GROUP BY spend_tier WITH (error = 20)",
        "SELECT COUNT(*) FROM tags WITH (error = 60)",
        "SELECT MEDIAN(spend) FROM tags WHERE region <> 'other' WITH (error = 90)",
    ] {
        let answer = case.ask(question);
        assert!(answer.status.success(), "{}", stderr(&answer));
    }
    let page = Page::read(&page(&case, "en"));
    let flow = squeezed(&page.with_id("flow").text);
    for party in [
        "social-platformhandler (platform)LEGAL-ID-ASocial Platform (made up)privacy@social-platform.example",
        "payment-platformhandler (payment-institution)LEGAL-ID-BPayment Platform (made up)privacy@payment-platform.example",
        "brand-insightsrecipient (handler)LEGAL-ID-CBrand Insights (made up)privacy@brand-insights.example",
        "An epoch answers for 72 hours after its seal.",
        "N-2026-04, version 3",
        "PIA-2026-014",
        "2100-01-01",
    ] {
        assert!(flow.contains(party), "{party} in {flow}");
    }
    let text = page.text();
    assert!(
        text.contains("under the consent events that the handlers handed in")
            && !text.contains("consent of every person")
    );
    let noise = squeezed(&page.with_id("answer-2").text);
    assert!(
        noise.contains("people: discrete Gaussian (") && noise.contains("sum_spend: discrete Gaussian ("),
        "{noise}"
    );
    let quantile = squeezed(&page.with_id("answer-4").text);
    assert!(
        quantile
            .contains("histogram_spend_to_0 to histogram_spend_to_500000 (13 columns): discrete Gaussian"),
        "{quantile}"
    );
    // What can be computed from released numbers stands beside them.
    for computed in ["median_spend", "p25_spend", "p75_spend", "p90_spend"] {
        assert!(quantile.contains(computed), "{computed}: {quantile}");
    }
    assert!(noise.contains("avg_spend"), "{noise}");
    // Chinese: the clocks of Beijing with their offset, and no instant in UTC but inside canonical questions.
    let chinese = Page::read(&self::page(&case, "zh"));
    let text = chinese.text();
    assert!(text.contains(" +08:00") && !text.contains(" UTC"), "{text}");
    let shown = chinese.all("time").into_iter().filter(|time| time.attribute("datetime").is_some());
    for time in shown {
        let utc = time.attribute("datetime").unwrap();
        let (date, clock) = utc.trim_end_matches('Z').split_once('T').unwrap();
        let hour: u32 = clock[..2].parse().unwrap();
        let beijing = format!(" {:02}{} +08:00", (hour + 8) % 24, &clock[2..]);
        assert!(
            time.text.ends_with(&beijing) && (hour >= 16 || time.text.starts_with(date)),
            "{utc} {}",
            time.text
        );
    }
    assert!(text.contains("依据的是各处理者提交的同意事件"));
    for forbidden in ["她", "可信区间", "两本账", "账簿"] {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
}
