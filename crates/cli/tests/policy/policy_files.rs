//! Promise 7: policies cannot drift. What ships passes its own check and its own scenarios; every row of the decision
//! matrix is one; schemas say what the parsers take.

use crate::page;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::folder::{Folder, Ran, STUDY, run_in};
use hushtag::policy::SchemaOf;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn policy(arguments: &[&str]) -> Ran {
    run_in(root(), &[&["policy"], arguments].concat())
}

/// Promise: whatever two studies declare differently is a factor of its own in their comparison, named by what it is.
#[test]
fn each_declaration_that_differs_is_a_factor() {
    use hushtag::policy::{Regime, Relation, Study};
    let regime = Regime::built_in("cn-pipl").unwrap();
    let now = hushtag::types::Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
    let differing = |first: &str, second: &str| -> Vec<(String, Relation)> {
        let parsed = |text: &str| Study::parse("study.toml", text).unwrap_or_else(|error| panic!("{error}"));
        let (first, second) = (parsed(first), parsed(second));
        let all = Study::compare((&first, &regime), (&second, &regime), now).factors.into_iter();
        all.filter(|one| one.relation != Relation::Equivalent).map(|one| (one.factor, one.relation)).collect()
    };
    let changed = |old: &str, new: &str| {
        let text = STUDY.replacen(old, new, 1);
        assert_ne!(text, STUDY, "{old}");
        text
    };
    let consents = |terms: &str| format!("{STUDY}\n[consents]\n{terms}\n");
    let digest = format!("PIA-2026-014\", sha256 = \"{}\"", "0".repeat(64));
    let whole = consents("");
    for (first, second, factor, relation) in [
        (
            STUDY,
            changed("role = \"handler\"", "role = \"joint\""),
            "brand-insights: role",
            Relation::Incomparable,
        ),
        (STUDY, changed("PIA-2026-014\"", &digest), "document pipia", Relation::Incomparable),
        (STUDY, changed("people = 600_000", "people = 600_001"), "figure people", Relation::Incomparable),
        (STUDY, changed("people = 600_000", ""), "figure people", Relation::Incomparable),
        (STUDY, changed("people = 600_000", ""), "brand-insights: result of R52", Relation::Incomparable),
        (
            STUDY,
            changed("owner = \"payer\"", "owner = \"payer\"\nmax_rows_per_owner = 7"),
            "most rows of one owner in payments",
            Relation::Less,
        ),
        (&whole, consents("retention = \"3y\""), "how long the register keeps events", Relation::Less),
        (&whole, consents("answer_within = \"15d\""), "when requests are answered", Relation::Less),
    ] {
        let found = differing(first, &second);
        assert!(found.contains(&(factor.to_owned(), relation)), "{factor}: {found:?}");
        assert!(!found.iter().any(|(factor, _)| factor == "how consent tables are read"), "{found:?}");
        assert_eq!(differing(&second, &second), []);
    }
}

#[test]
fn every_shipped_scenario_passes() {
    let ran = policy(&["test", "policies", "--format", "json"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stdout());
    let (passed, failed) = (ran.json()["passed"].as_u64().unwrap(), ran.json()["failed"].as_u64().unwrap());
    assert!(passed >= 100 && failed == 0, "{passed} passed, {failed} failed");
    let last = policy(&["test", "policies"]).stdout();
    assert_eq!(last.lines().last(), Some(format!("{passed} passed, 0 failed").as_str()));
    // 45 or more of the reference's list, and one for each trap of the prior art.
    let ids: BTreeSet<String> = ran.json()["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scenario| scenario["id"].as_str().unwrap().to_owned())
        .collect();
    let is_listed = |id: &&String| {
        id.strip_prefix('T').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let listed = ids.iter().filter(is_listed).count();
    let traps: BTreeSet<char> =
        ids.iter().filter_map(|id| id.strip_prefix("TRAP-")?.chars().next()).collect();
    assert!(listed >= 45, "only {listed} scenarios of the list");
    assert_eq!(traps.into_iter().collect::<String>(), "abcdefgh");
}

#[test]
fn a_scenario_that_differs_is_found_with_its_place() {
    let case = Folder::with_study();
    let scenario = |body: &str| {
        format!(
            "study = \"study.toml\"\nas_of = \"2026-11-01\"\n[[scenarios]]\nid = \"S1\"\ntitle = \"one\"\n{body}\n"
        )
    };
    for (body, says) in [
        ("expect = \"deny\"", "expected deny, found permit"),
        ("expect = \"out\"\nrules = [\"R15\"]", "expected out, found in"),
        (
            "set = { \"study.purpose\" = \"sale\" }\nexpect = \"permit\"",
            "expected permit, found deny by R-NDSR12, R-SPLIT, R10, R55",
        ),
        (
            "set = { \"study.purpose\" = \"sale\" }\nexpect = \"deny\"\nrules = [\"R11\"]",
            "the regime has no rule `R11`",
        ),
        ("unset = [\"documents.pia\"]\nexpect = \"deny\"", "there is no `documents.pia` to remove"),
        ("alter = { SC23 = { own_stp = true } }\nexpect = \"out\"", "did you mean `own_step`"),
    ] {
        case.write("scenarios.toml", &scenario(body));
        let ran = case.run(&["policy", "test", "scenarios.toml"]);
        let said = ran.stdout();
        assert_eq!(ran.code(), Some(4), "{body}: {}", ran.stderr());
        assert!(said.contains("scenarios.toml:3:1: S1 one: "), "{said}");
        assert!(said.contains(says) && said.ends_with("0 passed, 1 failed\n"), "{said}");
    }
}

#[test]
fn what_ships_has_no_findings() {
    let checked = policy(&["check", "policies", "--as-of", "2026-11-20", "--format", "json"]);
    assert_eq!(checked.code(), Some(0), "{}", checked.stdout());
    let report = checked.json();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["level"] == "note"), "{findings:#?}");
    assert!(report["files"].as_u64().unwrap() >= 8);
}

/// Promise: what a cluster does not do of a study is named before a seal, in the words in which a seal refuses it.
#[test]
fn a_check_names_what_a_cluster_does_not_do() {
    let check = |study: &str, more: &[&str]| {
        policy(&[&["check", study, "--as-of", "2026-11-20", "--format", "json"], more].concat())
    };
    let of_cluster = |ran: &Ran| {
        let findings = ran.json()["findings"].as_array().unwrap().clone();
        findings.into_iter().filter(|finding| finding["rule"] == "CLUSTER").collect::<Vec<_>>()
    };
    let ships = check("policies/demo/study.toml", &["--cluster"]);
    assert_eq!((ships.code(), of_cluster(&ships).len()), (Some(0), 0), "{}", ships.stdout());
    let linked = "tests/policy/every-word.toml";
    assert!(of_cluster(&check(linked, &[])).is_empty());
    let checked = check(linked, &["--cluster"]);
    let [finding] = &of_cluster(&checked)[..] else { panic!("{}", checked.stdout()) };
    assert!(finding["message"].as_str().unwrap().contains("links of table `cards`"), "{finding}");
    assert_eq!((checked.code(), &finding["level"]), (Some(4), &Value::from("error")), "{finding}");
}

#[test]
fn junit_has_a_case_for_each_scenario_and_a_failure_for_each_that_differs() {
    let case = Folder::with_study();
    let scenario = |id: &str, title: &str, expect: &str| {
        format!("[[scenarios]]\nid = \"{id}\"\ntitle = \"{title}\"\nexpect = \"{expect}\"\n")
    };
    let head = "study = \"study.toml\"\nas_of = \"2026-11-01\"\n";
    let held = scenario("S1", "a < b & \\\"c\\\" \\u0001", "permit");
    case.write("one.toml", &format!("{head}{held}{}", scenario("S2", "two", "deny")));
    case.write("two.toml", &format!("{head}{}", scenario("S3", "three", "out")));
    let ran = case.run(&["policy", "test", "one.toml", "two.toml", "--format", "junit"]);
    assert_eq!(ran.code(), Some(4));
    let text = ran.stdout();
    let xml = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let page = page::Page::read(xml);
    assert_eq!(page.mistakes, [] as [&str; 0], "{text}");
    let all = page.all("testsuites")[0];
    assert_eq!((all.attribute("tests"), all.attribute("failures")), (Some("3"), Some("2")));
    let suites: Vec<_> = page
        .all("testsuite")
        .iter()
        .map(|suite| ["name", "tests", "failures"].map(|name| suite.attribute(name).unwrap().to_owned()))
        .collect();
    assert_eq!(suites, [["one.toml", "2", "1"], ["two.toml", "1", "1"]]);
    let cases = page.all("testcase");
    let named = |place: usize, name: &str| cases[place].attribute(name).unwrap();
    assert_eq!(named(0, "name"), "S1 a < b & \"c\" \u{fffd}", "what XML cannot hold is replaced");
    assert_eq!((named(1, "name"), named(1, "file"), named(1, "line")), ("S2 two", "one.toml", "7"));
    let failures: Vec<&str> =
        page.all("failure").iter().map(|one| one.attribute("message").unwrap()).collect();
    assert_eq!(failures, ["expected deny, found permit", "expected out, found in"]);
    assert_eq!(cases[0].text, "", "a scenario that holds has no failure");
    let passed = policy(&["test", "policies/demo", "--format", "junit"]);
    assert!(passed.code() == Some(0) && passed.stdout().contains(" failures=\"0\""));
    let elsewhere = case.run(&["policy", "check", "one.toml", "--format", "junit"]);
    assert_eq!(elsewhere.code(), Some(2));
}

#[test]
fn sarif_is_what_its_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("sarif-2.1.0.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let case = Folder::with_study();
    case.write("a b.toml", &STUDY.replace("pipia =", "pipa ="));
    case.write("broken.toml", &STUDY.replace("max_reach", "max_raech"));
    let checked = case.run(&["policy", "check", "a b.toml", "broken.toml", "--format", "sarif"]);
    assert_eq!(checked.code(), Some(4));
    let log = checked.json();
    let errors: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(
        results.iter().any(|result| result["ruleId"] == "R55" && result["level"] == "error"),
        "{results:#?}"
    );
    let places = |result: &&Value| result["locations"][0]["physicalLocation"]["region"]["startLine"].is_u64();
    assert!(results.iter().any(|result| places(&result) && result["ruleId"] == "SYNTAX"), "{results:#?}");
    // Every finding has a line, and a location that is found from the root or from anywhere.
    let run = &log["runs"][0];
    let root = run["originalUriBaseIds"]["%SRCROOT%"]["uri"].as_str().unwrap();
    assert!(root.starts_with("file:///") && root.ends_with('/'), "{root}");
    for result in results {
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1, "{result}");
        assert_eq!(place["artifactLocation"]["uriBaseId"], "%SRCROOT%", "{result}");
    }
    let missing = results.iter().find(|result| result["ruleId"] == "R55").unwrap();
    let line = missing["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap();
    let text = STUDY.lines().nth(usize::try_from(line).unwrap() - 1).unwrap();
    assert!(text.contains("brand-insights"), "the refused recipient: line {line}: {text}");
    assert!(log.to_string().contains("a%20b.toml"));
    // Every rule explains itself.
    for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
        assert!(rule["help"]["text"].as_str().unwrap().len() > 20, "{rule}");
        assert!(rule["helpUri"].as_str().unwrap().starts_with("urn:hushtag:rule:"), "{rule}");
    }
    let absolute = case.path("a b.toml").display().to_string();
    let checked = case.run(&["policy", "check", &absolute, "--format", "sarif"]).json();
    let location = &checked["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(location["uri"], format!("file://{}", absolute.replace(' ', "%20")));
    assert_eq!(location.get("uriBaseId"), None);
    // A log that is not SARIF is recognised.
    let mut wrong = log.clone();
    wrong["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator.is_valid(&wrong));
}

fn toml_as_json(path: &Path) -> Value {
    let table: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut value = serde_json::to_value(table).unwrap();
    plain_dates(&mut value);
    value
}

/// TOML's dates come through serde as a table of one private key.
fn plain_dates(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let date = map
                .iter()
                .next()
                .filter(|(key, _)| key.starts_with("$__toml_private"))
                .map(|(_, date)| date.clone());
            match date {
                Some(date) => *value = date,
                None => map.values_mut().for_each(plain_dates),
            }
        }
        Value::Array(list) => list.iter_mut().for_each(plain_dates),
        _ => {}
    }
}

fn policies(ending: &str) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("policies")).unwrap();
    let files = folders.filter_map(|folder| std::fs::read_dir(folder.unwrap().path()).ok()).flatten();
    files.map(|file| file.unwrap().path()).filter(|path| path.ends_with(ending)).collect()
}

#[test]
fn the_schemas_are_checked_in_and_hold_for_what_ships() {
    for kind in SchemaOf::ALL {
        let file = root().join(format!("policies/schema/{}.schema.json", kind.as_str()));
        let checked_in = std::fs::read_to_string(&file).unwrap();
        let printed = policy(&["schema", kind.as_str()]).stdout();
        assert_eq!(checked_in, printed, "run `hushtag policy schema --out policies/schema`");
    }
    for (kind, ending) in [
        (SchemaOf::Study, "study.toml"),
        (SchemaOf::Regime, "regime.toml"),
        (SchemaOf::Scenarios, "scenarios.toml"),
    ] {
        let validator = jsonschema::validator_for(&kind.schema()).unwrap();
        let files = policies(ending);
        assert!(!files.is_empty(), "no {ending}");
        for path in files {
            let mut value = toml_as_json(&path);
            let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
            value["surprise"] = 1.into();
            assert!(!validator.is_valid(&value), "an unknown key passes the schema of {ending}");
        }
    }
}

#[test]
fn a_new_study_passes_its_check_and_makes_a_sandbox() {
    let case = Folder::with_study();
    assert_eq!(case.run(&["policy", "new", "mine.toml"]).code(), Some(0));
    assert_eq!(case.run(&["policy", "new", "mine.toml"]).code(), Some(1), "a file is never overwritten");
    let checked = case.run(&["policy", "check", "mine.toml", "--as-of", "2026-11-20"]);
    // What is left to declare is a note, not a fault.
    assert_eq!(checked.code(), Some(0), "{}", checked.stdout());
    assert!(
        checked.stdout().lines().all(|line| !line.contains(": error: ") && !line.contains(": warning: "))
    );
    let made = case.run(&["init", "box", "--study", "mine.toml", "--epsilon", "4", "--approval", "none"]);
    assert_eq!(made.code(), Some(0), "{}", made.stderr());
}

/// A regime may refuse a measure or a field; it never filters rows by who is in.
#[test]
fn a_regime_may_refuse_own_list_counts() {
    let folder = Folder::with_study();
    let law = std::fs::read_to_string(root().join("policies/cn-pipl/regime.toml")).unwrap();
    let demand = "[[demands]]\nrule = \"R23\"\nneeds = { own-list-counts = [\"no\"] }\n\n[[demands]]\n";
    folder.write("law.toml", &law.replacen("[[demands]]\n", demand, 1));
    folder.write("study.toml", &STUDY.replace("\"cn-pipl\"", "\"law.toml\""));
    let explain = |folder: &Folder| {
        let study = ["policy", "explain", "--study", "study.toml", "--recipient", "brand-insights"];
        folder.run(&[&study[..], &["--as-of", "2026-11-01"]].concat()).stdout()
    };
    assert!(explain(&folder).contains("[no] R23"), "{}", explain(&folder));
    // Without the measure that counts a person's own list the same study is permitted.
    let counted = STUDY.find("[measures.friends]").unwrap()..STUDY.find("[measures.fans]").unwrap();
    let tagged = STUDY.find("[tags.following]").unwrap()..STUDY.find("[tags.audience_size]").unwrap();
    let without = STUDY.replace(STUDY.get(tagged).unwrap(), "").replace(STUDY.get(counted).unwrap(), "");
    let without = without.replace(", \"following\"", "").replace(", friends = 10_000", "");
    folder.write("study.toml", &without.replace("\"cn-pipl\"", "\"law.toml\""));
    assert!(explain(&folder).contains("Yes, for people who consented"), "{}", explain(&folder));
}
