//! Promise: the auditor's page says what the books say, in both languages, to everybody, and nothing else: it is whole,
//! loads nothing, escapes every text, and is made only from books that hold.

use crate::command;
use std::collections::{BTreeMap, BTreeSet};

use crate::command::{Case, consent, id, stderr, stdout};
use crate::page::{Element, Page, squeezed};

pub(crate) const TIERS: &str = "SELECT spend_tier, COUNT(*) AS people, SUM(spend) AS fen FROM tags GROUP BY spend_tier WITH (error = 20)";

/// A sandbox with three answers and a refusal.
fn asked(case: &Case) {
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    for question in [
        TIERS,
        "SELECT region, lapsed, COUNT(*) FROM tags GROUP BY region, lapsed WITH (error = 60)",
        "SELECT MEDIAN(spend) FROM tags WHERE region <> 'other' WITH (error = 90)",
    ] {
        let answer = case.ask(question);
        assert!(answer.status.success(), "{}", stderr(&answer));
    }
    assert_eq!(case.ask("SELECT COUNT(*) FROM tags WITH (error = 1)").status.code(), Some(3));
}

pub(crate) fn report(case: &Case, more: &[&str]) -> String {
    let arguments = [&["report", "box", "--out", "report.html"], more].concat();
    let made = case.run(&arguments);
    assert!(made.status.success(), "{}", stderr(&made));
    std::fs::read_to_string(case.path("report.html")).unwrap()
}

/// Attributes by which a browser loads something or runs it.
fn loads(element: &Element) -> Option<&str> {
    let loading = [
        "src",
        "href",
        "xlink:href",
        "srcset",
        "action",
        "formaction",
        "poster",
        "data",
        "background",
        "ping",
    ];
    let found = element.attributes.iter().find(|(name, value)| {
        (loading.contains(&name.as_str()) && !value.starts_with('#'))
            || name.starts_with("on")
            || (value.contains("url(") && !value.starts_with("url(#"))
    });
    found.map(|(name, _)| name.as_str())
}

pub(crate) fn is_whole(page: &Page) {
    assert_eq!(page.mistakes, [] as [&str; 0]);
    let ids: Vec<&str> = page.elements.iter().filter_map(|element| element.attribute("id")).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), known.len(), "an id stands for one element");
    for element in &page.elements {
        assert_eq!(loads(element), None, "{element:?}");
        for name in ["aria-labelledby", "aria-describedby"] {
            let named = element.attribute(name).unwrap_or_default();
            assert!(named.split_whitespace().all(|id| known.contains(id)), "{element:?}");
        }
        let inside = element.attribute("href").and_then(|href| href.strip_prefix('#'));
        assert!(inside.is_none_or(|id| known.contains(id)), "{element:?}");
    }
    for forbidden in ["script", "iframe", "object", "embed", "link", "img", "form", "base"] {
        assert!(page.all(forbidden).is_empty(), "{forbidden}");
    }
    for style in page.all("style") {
        assert!(!style.text.contains("@import") && !style.text.contains("url("));
    }
}

fn is_accessible(page: &Page, lang: &str) {
    assert_eq!(page.all("html")[0].attribute("lang"), Some(lang));
    for landmark in ["header", "nav", "main", "footer", "h1", "title"] {
        assert_eq!(
            page.elements.iter().filter(|e| e.name == landmark && !e.around.contains(&"svg".into())).count(),
            1,
            "{landmark}"
        );
    }
    let first = page.elements.iter().find(|element| element.name == "a").unwrap();
    assert_eq!((first.attribute("class"), first.attribute("href")), (Some("skip"), Some("#content")));
    let mut level = 0;
    for heading in
        page.elements.iter().filter(|e| e.name.len() == 2 && e.name.starts_with('h') && e.name != "hr")
    {
        let own: u32 = heading.name.trim_start_matches('h').parse().unwrap();
        assert!(own <= level + 1, "{heading:?} after level {level}");
        assert!(!heading.text.trim().is_empty());
        level = own;
    }
    for table in page.all("table") {
        assert_eq!(
            table.around.last().map(String::as_str),
            Some("div"),
            "a table scrolls in a region of its own"
        );
    }
    let regions = page.elements.iter().filter(|element| element.attribute("role") == Some("region"));
    for region in regions {
        assert_eq!(region.attribute("tabindex"), Some("0"));
        assert!(!region.attribute("aria-label").unwrap_or_default().is_empty(), "{region:?}");
    }
    assert_eq!(page.all("table").len(), page.all("caption").len());
    assert!(page.all("th").iter().all(|th| th.attribute("scope").is_some()));
    for chart in page.all("svg") {
        assert_eq!(chart.attribute("role"), Some("img"));
        let shown = chart.attribute("aria-labelledby").unwrap();
        assert!(shown.split(' ').all(|id| page.with_id(id).text.len() > 5), "{shown}");
    }
}

#[test]
fn the_page_is_whole_loads_nothing_and_is_for_everybody_in_both_languages() {
    let case = Case::new(400);
    asked(&case);
    let mut counts = BTreeSet::new();
    for (option, lang) in [("en", "en"), ("zh", "zh-CN")] {
        let text = report(&case, &["--lang", option, "--pipia"]);
        let page = Page::read(&text);
        is_whole(&page);
        is_accessible(&page, lang);
        assert_eq!(page.all("svg").len(), 2 + 2, "flow, budget and two answers with groups");
        assert!(!page.text().contains('{'), "a place that nothing filled");
        counts.insert((page.all("table").len(), page.all("section").len(), page.all("tr").len()));
        assert!(!report(&case, &["--lang", option]).contains("id=\"pipia\""));
    }
    assert_eq!(counts.len(), 1, "both languages show the same: {counts:?}");
}

#[test]
fn what_the_page_says_is_what_the_books_and_the_decision_say() {
    let case = Case::new(400);
    asked(&case);
    let page = Page::read(&report(&case, &["--pipia"]));
    let text = page.text();
    // Every line of the opinion that decides, in its order.
    let opinion = case.run(&["policy", "explain", "--study", "study.toml", "--recipient", "brand-insights"]);
    let decision = squeezed(&page.with_id("decisions").text);
    let mut rest = decision.as_str();
    for line in stdout(&opinion).lines().filter(|line| !line.trim().is_empty()) {
        // The result of a rule stands in brackets there and in a mark here.
        let marked = line.trim().strip_prefix('[').and_then(|rest| rest.split_once("] "));
        let line = marked.map_or(line.to_owned(), |(result, text)| format!("{result} {text}"));
        let line = squeezed(&line.replace('`', ""));
        let (_, after) = rest.split_once(&line).unwrap_or_else(|| panic!("`{line}` is not next in {rest}"));
        rest = after;
    }
    // Every number of an answer, with its interval; suppressed groups as such.
    let answer: serde_json::Value = serde_json::from_str(&stdout(&case.ask(TIERS))).unwrap();
    assert_eq!(answer["stored"], true);
    let released = squeezed(&page.with_id("answer-2").text);
    let grouped = |value: &serde_json::Value| {
        let digits = value.as_i64().unwrap();
        let (sign, mut digits, mut text) = (if digits < 0 { "-" } else { "" }, digits.abs(), String::new());
        while digits >= 1000 {
            text = format!(",{:03}{text}", digits % 1000);
            digits /= 1000;
        }
        format!("{sign}{digits}{text}")
    };
    let mut suppressed = 0;
    for row in answer["rows"].as_array().unwrap() {
        let label = row["group"]["spend_tier"].as_str().unwrap();
        if row["suppressed"] == true {
            suppressed += 1;
            assert!(released.contains(&format!("{label}few people, not shown")), "{released}");
            continue;
        }
        let [people, fen] = ["people", "fen"].map(|column| {
            let [estimate, low, high] = ["estimate", "low", "high"].map(|end| grouped(&row[column][end]));
            format!("{estimate} ({low} \u{2013} {high})")
        });
        assert!(released.contains(&format!("{label}{people}")), "{label}{people} in {released}");
        assert!(released.contains(&fen), "{fen} in {released}");
    }
    assert!(suppressed > 0, "four of the five groups are empty");
    // Budget, verification and evidence.
    let budget: serde_json::Value =
        serde_json::from_str(&stdout(&case.run(&["budget", "box", "--format", "json"]))).unwrap();
    let spent = format!("({} nano_rho)", grouped(&budget["spent_nano_rho"]));
    assert!(squeezed(&page.with_id("budget").text).contains(&spent), "{spent}");
    let verified: serde_json::Value =
        serde_json::from_str(&stdout(&case.run(&["audit", "verify", "box", "--format", "json"]))).unwrap();
    let verification = squeezed(&page.with_id("verify").text);
    let key = verified["key"].as_str().unwrap();
    assert!(verification.contains(&format!("hushtag audit verify box --key {key}")));
    assert!(verification.contains("3 charge(s) of the budget ledger agree with the log"));
    assert!(verification.contains(&format!("the tree over {} entries", verified["entries"])));
    let evidence = page.with_id("evidence");
    for number in 1..=23 {
        assert!(evidence.text.contains(&format!("E{number:02}")), "E{number:02}");
    }
    let guide = page.with_id("guide");
    for item in
        (1..=23).map(|number| format!("E{number:02}")).chain(["P01", "P17", "F01", "F09"].map(str::to_owned))
    {
        assert!(guide.text.contains(&item), "{item}");
    }
    // What no study declares is said beside what the sandbox proves, and of a document that is there its digest.
    let undeclared =
        ["joint handlers not declared", "digest of the contract with the recipient not declared"];
    assert!(undeclared.iter().all(|said| squeezed(&guide.text).contains(said)), "{}", guide.text);
    // A document without a digest is listed as such.
    assert!(page.with_id("pipia").text.contains("none: a file cannot be compared"));
    assert!(evidence.text.contains("3 answer(s) and 1 refusal(s)"));
    assert!(
        squeezed(&page.with_id("refusals").text)
            .contains("BUDGETthe cost must fit what pool, study and recipient have leftaskbrand-insights1")
    );
    assert!(text.contains("No study in force reserves a share of its budget for figures on consent"));
    assert!(
        text.contains(
            "one person affects it for at most 6 other people and for themselves, because their list in follows is truncated to 6"
        )
    );
    // The draft names every blank, and each of them is a place in it.
    let annex = page.with_id("pipia");
    assert!(
        annex.text.starts_with("Annex") && annex.text.contains("DRAFT. This is not an impact assessment.")
    );
    let blanks = page.elements.iter().filter(|element| element.attribute("class") == Some("blank")).count();
    let listed = page
        .all("a")
        .iter()
        .filter(|a| a.attribute("href").is_some_and(|href| href.starts_with("#blank-")))
        .count();
    assert!(blanks >= 9 && blanks == listed, "{blanks} {listed}");
}

#[test]
fn every_text_is_escaped() {
    let attack = "</title><script>alert(1)</script>'\\\"><img src=x onerror=alert(2)>\u{202e}\u{5d0}&lt;";
    let case = Case::new(60);
    let mut study = command::study();
    for (old, new) in [
        ("name = \"Brand Insights (made up)\"", format!("name = \"{attack}\"")),
        ("legal_id = \"LEGAL-ID-C\"", "legal_id = \"<b>LEGAL</b>\"".to_owned()),
        ("id = \"PIA-2026-014\"", "id = \"<script>PIA</script>\"".to_owned()),
        ("\"east\", \"south\"", "\"<script>east</script>\", \"south\"".to_owned()),
    ] {
        assert!(study.contains(old), "{old}");
        study = study.replace(old, &new);
    }
    case.write("study.toml", &study);
    assert!(case.init("4").status.success());
    let consents = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    case.write("consents.csv", &consents.replace("LEGAL-ID-C", "<b>LEGAL</b>"));
    let sealed = case.seal("e1");
    assert!(sealed.status.success(), "{}", stderr(&sealed));
    let question = "SELECT region, COUNT(*) FROM tags GROUP BY region WITH (error = 60)";
    let asked = case.run(&["ask", "box", "--recipient", "brand-insights", "--plot", "a.svg", question]);
    assert!(asked.status.success(), "{}", stderr(&asked));
    std::fs::rename(case.path("box"), case.path("bo'x <i>&")).unwrap();
    let made = case.run(&["report", "bo'x <i>&", "--out", "report.html", "--pipia"]);
    assert!(made.status.success(), "{}", stderr(&made));
    let page = Page::read(&std::fs::read_to_string(case.path("report.html")).unwrap());
    is_whole(&page);
    assert!(page.all("i").is_empty() && page.all("b").is_empty());
    let text = &page.all("body")[0].text;
    for written in [
        "</title><script>alert(1)</script>'\"><img src=x onerror=alert(2)>\u{202e}\u{5d0}&lt;",
        "<b>LEGAL</b>",
        "<script>PIA</script>",
        "<script>east</script>",
        "'bo'\\''x <i>&'",
    ] {
        assert!(text.contains(written), "{written}");
    }
    let plot = Page::read(&std::fs::read_to_string(case.path("a.svg")).unwrap());
    assert_eq!(plot.mistakes, [] as [&str; 0]);
    assert!(plot.all("script").is_empty() && plot.all("svg")[0].text.contains("<script>east</script>"));
    // What turns the direction of letters stays inside the name that holds it.
    let turning =
        page.elements.iter().filter(|element| element.name == "bdi" && element.text.contains('\u{202e}'));
    assert!(turning.count() > 0);
}

#[test]
fn nothing_of_a_person_no_key_and_no_exact_figure_is_on_the_page() {
    let case = Case::new(300);
    for number in 0..9 {
        let person = format!("canaryperson{number}");
        case.append("consents.csv", &format!("{}\n{}\n", consent(&person, "SC23"), consent(&person, "SC29")));
        case.append("payments.csv", &format!("{person},987654321987,2026-09-01T00:00:00Z,canarymerchant\n"));
        case.append("members.csv", &format!("{person},canaryregion\n"));
    }
    asked(&case);
    // 300 people pay 10,000 fen and their number, the others are held to the clamp.
    let exact: u64 = (0..300_u64).map(|person| 10_000 + person).sum::<u64>() + 9 * 500_000;
    let root = std::fs::read_to_string(case.path("box/keys/root.key")).unwrap();
    let mut marks = vec![root.trim().to_owned(), exact.to_string(), "7,544,850".to_owned(), id(7)];
    assert_eq!(exact, 7_544_850);
    marks.extend(["canaryperson", "canarymerchant", "canaryregion", "987654321987"].map(str::to_owned));
    let plot = case.run(&["ask", "box", "--recipient", "brand-insights", "--plot", "a.svg", TIERS]);
    assert!(plot.status.success());
    let plot = std::fs::read_to_string(case.path("a.svg")).unwrap();
    for lang in ["en", "zh"] {
        let page = report(&case, &["--lang", lang, "--pipia"]);
        assert!(page.contains("spend_tier"));
        for mark in &marks {
            assert!(!page.contains(mark.as_str()) && !plot.contains(mark.as_str()), "{mark}");
        }
    }
}

/// A sandbox whose study pays for counts of people by consent, with an auditor: 400 people of whom 120 withdrew.
fn audited() -> Case {
    let case = Case::new(400);
    case.write("study.toml", &command::study().replacen("[release]", "[release]\nconsent_error = 40", 1));
    let key = stdout(&case.run(&["key", "new", "--out", "auditor.key", "--for", "auditor"]));
    let fixed = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none", "--auditor"];
    assert!(case.run(&[&fixed[..], &[key.trim()]].concat()).status.success());
    for person in 0..120 {
        let row = |trigger| consent(&id(person), trigger).replace("given", "withdrawn");
        case.append("consents.csv", &format!("{}\n{}\n", row("SC23"), row("SC29")));
    }
    assert!(case.seal("e1").status.success());
    case
}

#[test]
fn consent_coverage_is_what_the_seal_released() {
    let case = audited();
    let page = Page::read(&report(&case, &[]));
    is_whole(&page);
    let section = page.with_id("consents");
    assert!(!section.text.contains("No study in force reserves"));
    let shown = stdout(&case.run(&["audit", "show", "box", "--kind", "ask"]));
    assert!(shown.contains("CONSENTS SEALED AT"), "{shown}");
    let answer = squeezed(&page.with_id("answer-1").text);
    assert!(answer.contains("CONSENTS SEALED AT") && answer.contains("(95 % interval)"));
    // Its numbers are near 280 and 120, which no interval of 40 leaves, and never those.
    let bars = page.with_id("consents-1-desc").text.clone();
    for (what, exact) in [("in: all demanded consents live ", 280_i64), ("withdrawn ", 120)] {
        let (_, number) = bars.split_once(what).unwrap_or_else(|| panic!("{bars}"));
        let number: i64 = number.split(' ').next().unwrap().parse().unwrap();
        assert!((number - exact).abs() < 160, "{bars}");
    }
    // Of twenty-two reasons that no one has, some are below the minimum.
    assert!(bars.contains(" few people, not shown"), "{bars}");
    let chinese = Page::read(&report(&case, &["--lang", "zh"]));
    let words = &chinese.with_id("consents").text;
    assert!(!words.contains("withdrawn") && !words.contains("age-unknown"), "{words}");
}

#[test]
fn the_internal_edition_needs_the_key_is_marked_and_logged() {
    let case = audited();
    let public = report(&case, &[]);
    assert!(!public.contains("INTERNAL") && !public.contains("id=\"figures\""));
    let text = report(&case, &["--key", "auditor.key", "--pipia"]);
    let page = Page::read(&text);
    is_whole(&page);
    is_accessible(&page, "en");
    let marks = page.elements.iter().filter(|element| element.attribute("class") == Some("mark")).count();
    assert!(
        marks == 1 && text.contains("@page { @top-center { content: \"INTERNAL: exact figures about people"),
        "{marks}"
    );
    assert!(page.with_id("evidence").text.contains("1 opening(s) of exact figures"));
    let opened = case.run(&["inspect", "box", "--epoch", "e1", "--key", "auditor.key", "--format", "json"]);
    let opened: serde_json::Value = serde_json::from_str(&stdout(&opened)).unwrap();
    assert!(page.with_id("figures").text.contains("must not tune public constants"));
    let figures = squeezed(&page.with_id("figures").text);
    let withdrawn = opened["recipients"][0]["consents"]["withdrawn"].as_u64().unwrap();
    assert_eq!(withdrawn, 120);
    assert!(
        figures.contains("withdrawn120") && figures.contains("in: all demanded consents live280"),
        "{figures}"
    );
    for (dataset, people) in opened["recipients"][0]["present"].as_object().unwrap() {
        assert!(figures.contains(&format!("{dataset}{people}")), "{dataset} {figures}");
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(case.path("report.html")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(case.run(&["key", "new", "--out", "other.key", "--for", "auditor"]).status.success());
    let refused = case.run(&["report", "box", "--out", "other.html", "--key", "other.key"]);
    assert_ne!(refused.status.code(), Some(0));
    assert!(!case.path("other.html").exists());
    let chinese = report(&case, &["--key", "auditor.key", "--lang", "zh"]);
    is_whole(&Page::read(&chinese));
    // Of a retired epoch the answers stay, and the figures are gone.
    assert!(case.run(&["retire", "box", "--epoch", "e1"]).status.success());
    let retired = Page::read(&report(&case, &["--key", "auditor.key"]));
    assert!(retired.with_id("figures").text.contains("No epoch has sealed figures."));
    assert!(retired.with_id("summary").text.contains("retired: key destroyed"));
    assert!(retired.with_id("answer-1").text.contains("CONSENTS SEALED AT"));
    for lang in [include_str!("../../src/page/lang/en.toml"), include_str!("../../src/page/lang/zh.toml")] {
        let mark = &texts(lang)[".figures.mark"];
        assert!(
            !mark.contains(['"', '\\', '<', '&', '\'']),
            "the mark stands in a rule of the style: {mark}"
        );
    }
}

#[test]
fn books_that_do_not_hold_give_no_page_and_other_files_are_left_alone() {
    let case = Case::new(60);
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    let run = |out: &str| case.run(&["report", "box", "--out", out]);
    case.write("mine.html", "<!DOCTYPE html><p>mine</p>");
    let refused = run("mine.html");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("exists already, and hushtag did not make it"), "{}", stderr(&refused));
    assert_eq!(std::fs::read_to_string(case.path("mine.html")).unwrap(), "<!DOCTYPE html><p>mine</p>");
    for nowhere in ["absent/report.html", "box", "."] {
        assert_eq!(run(nowhere).status.code(), Some(1), "{nowhere}");
    }
    // A plot that cannot be written costs nothing.
    let dear = ["ask", "box", "--recipient", "brand-insights", "--plot", "mine.html", TIERS];
    assert_eq!(case.run(&dear).status.code(), Some(1));
    assert!(stdout(&case.run(&["budget", "box", "--format", "json"])).contains("\"spent_nano_rho\":0"));
    // Its own page is made anew, as a whole.
    assert!(stderr(&run("report.html")).contains("report.html: written"));
    let first = std::fs::read_to_string(case.path("report.html")).unwrap();
    let again = case.run(&["report", "box", "--out", "report.html", "--lang", "zh", "--format", "json"]);
    assert!(stderr(&again).contains("report.html: replaced"));
    let said: serde_json::Value = serde_json::from_str(&stdout(&again)).unwrap();
    let second = std::fs::read_to_string(case.path("report.html")).unwrap();
    assert_eq!((said["verified"].as_bool(), said["bytes"].as_u64()), (Some(true), Some(second.len() as u64)));
    assert_ne!(first, second);
    // One byte of the log, which has an entry for each page.
    let tile = case.path("box/log/tile/entries/000.p/4");
    let mut bytes = std::fs::read(&tile).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    std::fs::write(&tile, bytes).unwrap();
    let damaged = run("report.html");
    assert_eq!(damaged.status.code(), Some(5), "{}", stderr(&damaged));
    assert_eq!(std::fs::read_to_string(case.path("report.html")).unwrap(), second);
}

#[test]
fn the_demo_leaves_a_page() {
    let case = Case::new(1);
    let demo = case.run(&["demo", "--dir", "demo", "--people", "300"]);
    assert!(demo.status.success(), "{}", stderr(&demo));
    let page = Page::read(&std::fs::read_to_string(case.path("demo/report.html")).unwrap());
    is_whole(&page);
    assert!(page.text().contains("5 charge(s) of the budget ledger agree with the log"));
}

/// Keys and texts of a language, flattened.
fn texts(text: &str) -> BTreeMap<String, String> {
    fn flatten(table: &toml::Table, path: &str, all: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            let path = format!("{path}.{key}");
            match value {
                toml::Value::Table(inner) => flatten(inner, &path, all),
                value => drop(all.insert(path, value.as_str().unwrap().to_owned())),
            }
        }
    }
    let mut all = BTreeMap::new();
    flatten(&text.parse().unwrap(), "", &mut all);
    all
}

fn is_chinese(letter: char) -> bool {
    ('\u{3000}'..='\u{9fff}').contains(&letter) || ('\u{ff00}'..='\u{ffef}').contains(&letter)
}

/// The places that a text leaves to be filled.
fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
}

#[test]
fn both_languages_say_everything() {
    let english = texts(include_str!("../../src/page/lang/en.toml"));
    let chinese = texts(include_str!("../../src/page/lang/zh.toml"));
    let keys = |texts: &BTreeMap<String, String>| texts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&english), keys(&chinese));
    assert!(english.len() > 250);
    for (key, text) in &english {
        let other = &chinese[key];
        assert_eq!(places(text), places(other), "{key}");
        assert!(!text.chars().any(is_chinese), "{key}: {text}");
        let same = key.ends_with(".ground") || key.ends_with(".state");
        assert!(same || other.chars().any(is_chinese), "{key}: {other}");
    }
}

#[test]
fn letters_stand_out_from_their_paper_in_both_themes() {
    let case = Case::new(20);
    assert!(case.init("4").status.success());
    let page = Page::read(&report(&case, &[]));
    let style = &page.all("style")[0].text;
    let (light, rest) = style.split_once("prefers-color-scheme: dark").unwrap();
    let dark = rest.split("}").next().unwrap();
    let print = style.split_once("@media print").unwrap().1;
    for theme in [light, dark, print] {
        let colours: BTreeMap<&str, f64> = theme
            .split(';')
            .filter_map(|line| line.rsplit_once("--")?.1.split_once(": #"))
            .map(|(name, hex)| (name, luminance(hex.trim())))
            .collect();
        assert!(colours.len() >= 11, "{colours:?}");
        let contrast = |a: &str, b: &str| {
            let (a, b) = (colours[a], colours[b]);
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        // WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for what is drawn (1.4.11).
        for paper in ["paper", "soft"] {
            for letters in ["ink", "muted", "accent", "good", "bad", "warn"] {
                let found = contrast(letters, paper);
                assert!(found >= 4.5, "{letters} on {paper}: {found:.2}");
            }
            assert!(contrast("bar", paper) >= 3.0, "bar on {paper}: {:.2}", contrast("bar", paper));
        }
        assert!(contrast("mark", "bar") >= 3.0, "{:.2}", contrast("mark", "bar"));
    }
}

/// The relative luminance of a colour (WCAG 2.2, definitions).
fn luminance(hex: &str) -> f64 {
    let whole = u32::from_str_radix(hex, 16).unwrap();
    let part = |shift: u32| {
        let value = f64::from(whole >> shift & 0xff) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
}

/// Promise: no command leaves a file inside a sandbox, where `audit verify` would take it for damage.
#[test]
fn no_output_is_written_into_a_sandbox() {
    let case = Case::new(5);
    case.init("4");
    assert!(case.seal("e1").status.success());
    let recipient = ["--recipient", "brand-insights", "SELECT COUNT(*) FROM tags"];
    let plot = [&["ask", "box", "--plot", "box/epochs/p.svg"], &recipient[..]].concat();
    let commands: [&[&str]; 5] = [
        &["report", "box", "--out", "box/page.html"],
        &["report", "box", "--registry", "box/log/record.yaml"],
        &["consent", "export", "box", "--out", "box/all.csv"],
        &["key", "new", "--out", "box/keys/new.key"],
        &plot,
    ];
    for command in commands {
        let refused = case.run(command);
        assert_eq!(refused.status.code(), Some(2), "{command:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains("is inside the folder of a sandbox"), "{}", stderr(&refused));
    }
    let verified = case.run(&["audit", "verify", "box"]);
    assert!(verified.status.success(), "{}", stderr(&verified));
}
