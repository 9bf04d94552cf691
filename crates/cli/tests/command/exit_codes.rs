//! Promise: scripts can rely on exit codes, on what goes to stdout, and on an error that says what to do next.

use crate::command;
use crate::command::{Case, stderr, stdout};
use serde_json::Value;

fn json(output: &std::process::Output) -> Value {
    serde_json::from_str(&stdout(output))
        .unwrap_or_else(|_| panic!("not JSON: {}{}", stdout(output), stderr(output)))
}

#[test]
fn a_whole_use_through_the_command() {
    let case = Case::new(120);
    assert_eq!(case.run(&["policy", "check", "study.toml"]).status.code(), Some(0));
    assert_eq!(case.init("4").status.code(), Some(0));
    // Nothing is sealed yet.
    assert_eq!(case.ask("SELECT COUNT(*) FROM tags").status.code(), Some(2));
    let sealed = case.seal("e1");
    assert_eq!(sealed.status.code(), Some(0), "{}", stderr(&sealed));
    let status = json(&case.run(&["status", "box", "--format", "json"]));
    assert_eq!(status["epochs"][0]["id"], "e1");
    assert_eq!(status["epochs"][0]["as_of"], "2026-10-02T00:00:00Z");
    assert_eq!(status["recipients"][0]["id"], "brand-insights");

    let question = "SELECT region, COUNT(*) AS people FROM tags GROUP BY region WITH (error = 60)";
    let forecast = json(&case.run(&[
        "ask",
        "box",
        "--recipient",
        "brand-insights",
        "--forecast",
        "--format",
        "json",
        question,
    ]));
    assert_eq!(forecast["forecast"], true);
    assert_eq!(forecast["budget"]["spent_nano_rho"], 0);
    let answer = json(&case.ask(question));
    assert_eq!(answer["privacy"]["nano_rho"], forecast["privacy"]["nano_rho"], "the forecast is the charge");
    assert_eq!(answer["budget"]["spent_nano_rho"], forecast["privacy"]["nano_rho"]);
    assert_eq!(answer["rows"].as_array().unwrap().len(), 5, "every label, `other` included");
    assert_eq!(answer["stored"], false);
    assert_eq!(answer["audit"]["anchor"], "none");

    let again = json(&case.ask(&question.to_lowercase().replace("region", "REGION")));
    assert_eq!(again["stored"], true);
    assert_eq!(again["rows"], answer["rows"], "the stored answer, not new noise");
    assert_eq!(again["budget"], answer["budget"]);
    assert_eq!(again["audit"]["index"], answer["audit"]["index"]);

    let sorted = json(&case.ask(
        "SELECT region AS home, COUNT(*) AS people FROM tags GROUP BY region HAVING people >= 0 \
         ORDER BY home DESC LIMIT 2 WITH (error = 60)",
    ));
    assert_eq!(sorted["stored"], true, "how rows are shown is no other question");
    let homes = sorted["rows"].as_array().unwrap().iter().map(|row| row["group"]["home"].as_str().unwrap());
    let kept = answer["rows"].as_array().unwrap().iter().filter(|row| row["suppressed"] == false);
    let regions: Vec<&str> = kept.map(|row| row["group"]["region"].as_str().unwrap()).collect();
    assert_eq!(homes.collect::<Vec<_>>(), regions.into_iter().rev().take(2).collect::<Vec<_>>());

    let csv = case.run(&["ask", "box", "--recipient", "brand-insights", "--format", "csv", question]);
    assert_eq!(
        stdout(&csv).lines().next(),
        Some("region,people,people_low,people_high,people_unbiased,people_error_percent,suppressed")
    );
    let verified = json(&case.run(&["audit", "verify", "box", "--format", "json"]));
    assert_eq!(verified["ledger_charges"], 1);
    assert_eq!(verified["charged_units"], answer["privacy"]["nano_rho"]);
}

#[test]
fn refusals_are_answers_and_cost_nothing() {
    let case = Case::new(60);
    case.init("0.5");
    case.seal("e1");
    let refused = case.ask("SELECT COUNT(*) FROM tags WITH (error = 2)");
    assert_eq!(refused.status.code(), Some(3));
    let refusal = json(&refused);
    assert_eq!(refusal["refused"], true);
    assert_eq!(refusal["reasons"][0]["rule"], "BUDGET");
    let budget = json(&case.run(&["budget", "box", "--format", "json"]));
    assert_eq!(budget["spent_nano_rho"], 0);
    let kinds = json(&case.run(&["audit", "verify", "box", "--format", "json"]))["kinds"].clone();
    assert_eq!(kinds["refuse"], 1, "a refusal is an entry");
    // What is said to fit does, and nothing finer would.
    let fix = refusal["reasons"][0]["fix"].as_str().unwrap();
    let error: u64 = fix.split_once("(error = ").unwrap().1.split_once(')').unwrap().0.parse().unwrap();
    assert!(error > 2, "{fix}");
    let with = |error: u64| case.ask(&format!("SELECT COUNT(*) FROM tags WITH (error = {error})"));
    assert_eq!(with(error - 1).status.code(), Some(3), "{fix}");
    assert_eq!(with(error).status.code(), Some(0), "{fix}");
    // Nothing is left now, and no error helps any more.
    let spent = json(&case.ask("SELECT SUM(spend), COUNT(*) FROM tags GROUP BY audience_spend"));
    let fix = spent["reasons"][0]["fix"].as_str().unwrap();
    assert!(fix.contains("(error = ") == fix.contains("error(spend) = "), "{fix}");

    // A study that policy denies: no purpose of sale.
    case.write("sale.toml", &command::study().replace("campaign-measurement", "sale"));
    let check = case.run(&["policy", "check", "sale.toml", "--format", "json"]);
    assert_eq!(check.status.code(), Some(4));
    assert_eq!(json(&check)["findings"][0]["rule"], "R10");
    let init = case.run(&["init", "sold", "--study", "sale.toml", "--epsilon", "1", "--approval", "none"]);
    assert_eq!(init.status.code(), Some(0), "policy decides when data flows");
    let seal = case.seal_in("sold", "e1", "json");
    assert_eq!(seal.status.code(), Some(3), "{}", stderr(&seal));
    assert_eq!(json(&seal)["reasons"][0]["article"], "PIPL 10");
}

#[test]
fn usage_input_and_damage_have_their_codes_and_say_what_next() {
    let case = Case::new(40);
    let expect = |output: std::process::Output, code: i32, said: &str| {
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(said), "`{said}` is not in: {text}");
        assert!(command::has_no_result(&output), "an error is no result");
    };
    expect(case.run(&["frobnicate"]), 2, "unrecognized subcommand");
    expect(case.run(&["status", "nowhere"]), 1, "fix:");
    case.write("broken.toml", &command::study().replace("max_reach = 6", "max_raech = 6"));
    let broken = case.run(&["init", "b", "--study", "broken.toml", "--epsilon", "1", "--approval", "none"]);
    expect(broken, 1, "did you mean `max_reach`?");
    assert!(!case.path("b").exists(), "the folder is as before");
    expect(case.run(&["init", "b", "--study", "study.toml", "--epsilon", "1"]), 1, "--approval none");
    assert!(!case.path("b").exists(), "the folder is as before");
    case.init("4");
    expect(case.init("4"), 6, "fix:");
    let good = std::fs::read_to_string(case.path("payments.csv")).unwrap();
    case.append("payments.csv", "13800000001,-5,2026-09-01T00:00:00Z,m1\n,5,2026-09-01T00:00:00Z,m1\n");
    expect(case.seal("e1"), 1, "row 41, column `amount`: below zero; row 42, column `payer`: no owner");
    assert!(!case.path("box/epochs/e1").exists() && !case.path("box/epochs/e1.new").exists());
    case.write("payments.csv", &good);
    expect(case.seal("Q3"), 2, "is not a name");
    case.seal("e1");
    expect(case.seal("e1"), 6, "already sealed");
    expect(case.ask("SELECT person FROM tags"), 2, "fix:");
    expect(case.ask("SELECT COUNT(*) FROM tags WHERE regoin = 'east'"), 2, "region");
    let stranger = case.run(&["ask", "box", "--recipient", "stranger", "SELECT COUNT(*) FROM tags"]);
    expect(stranger, 2, "unknown recipient `stranger`");
    let epoch = case.run(&[
        "ask",
        "box",
        "--recipient",
        "brand-insights",
        "--epoch",
        "e9",
        "SELECT COUNT(*) FROM tags",
    ]);
    expect(epoch, 2, "unknown epoch `e9`");
}

#[test]
fn damage_is_five_and_names_its_place() {
    let case = Case::new(40);
    case.init("4");
    case.seal("e1");
    case.ask("SELECT COUNT(*) FROM tags");
    let flip = |name: &str| {
        let mut content = std::fs::read(case.path(name)).unwrap();
        // Of a cube file the first cube, which answers; of the others a byte in the middle.
        let place = if name.ends_with("cube") { 100 } else { content.len() / 2 };
        content[place] ^= 1;
        std::fs::write(case.path(name), content).unwrap();
    };
    for (name, said) in [
        ("box/epochs/e1/demo.brand-insights.cube", "demo.brand-insights.cube"),
        ("box/log/checkpoint", "checkpoint"),
        ("box/ledger.redb", "ledger"),
    ] {
        let good = std::fs::read(case.path(name)).unwrap();
        flip(name);
        let output = case.ask("SELECT COUNT(*) FROM tags WITH (error = 150)");
        let text = stderr(&output);
        // A flipped byte of the store's file may belong to no record.
        if name.ends_with("redb") && output.status.success() {
            continue;
        }
        assert_eq!(output.status.code(), Some(5), "{name}: {text}");
        assert!(text.contains(said), "{text}");
        if name.ends_with("cube") {
            assert_eq!(
                case.run(&["audit", "verify", "box"]).status.code(),
                Some(5),
                "the log knows its hash"
            );
        }
        std::fs::write(case.path(name), good).unwrap();
    }
    for name in ["box/keys/sign.key", "box/keys/epoch-e1.key", "box/ledger.redb", "box/log/checkpoint"] {
        let good = std::fs::read(case.path(name)).unwrap();
        std::fs::remove_file(case.path(name)).unwrap();
        assert_eq!(
            case.ask("SELECT COUNT(*) FROM tags WITH (error = 160)").status.code(),
            Some(5),
            "without {name}"
        );
        std::fs::write(case.path(name), good).unwrap();
        if name.starts_with("box/keys") {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(case.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    let bundle = Case::files(&case.path("box/log/tile/entries")).remove(0).0;
    let mut content = std::fs::read(&bundle).unwrap();
    content[20] ^= 1;
    std::fs::write(&bundle, content).unwrap();
    let verify = case.run(&["audit", "verify", "box"]);
    assert_eq!(verify.status.code(), Some(5));
    assert!(stderr(&verify).contains("entries"), "{}", stderr(&verify));
}

#[test]
fn the_command_prints_metrics_and_refuses_what_the_budget_refuses() {
    let case = Case::new(120);
    assert_eq!(case.init("4").status.code(), Some(0));
    let sealed = case.seal("e1");
    assert_eq!(sealed.status.code(), Some(0), "{}", stderr(&sealed));
    let metrics =
        |more: &[&str]| case.run(&[&["metrics", "box", "--recipient", "brand-insights"], more].concat());
    let forecast = metrics(&["--forecast", "--format", "json"]);
    let json = self::json(&forecast);
    let cost = json["cost"]["nano_rho"].as_u64().unwrap();
    assert!(cost > 0 && json["questions"].as_array().unwrap().len() == 4, "{json}");
    let answer = self::json(&metrics(&["--format", "json"]));
    assert_eq!(answer["charged"]["nano_rho"].as_u64().unwrap(), cost);
    assert_eq!(answer["metrics"][0]["name"], "conversion");
    let text = metrics(&[]);
    assert_eq!(text.status.code(), Some(0));
    assert!(stdout(&text).contains("conversion") && stdout(&text).contains("of which 4 were stored"));
    assert!(stdout(&metrics(&["--forecast"])).contains("nothing was charged"));
    assert_eq!(metrics(&["--format", "csv"]).status.code(), Some(2));
    assert_eq!(metrics(&["--study", "other"]).status.code(), Some(2));

    let poor = Case::new(120);
    assert_eq!(poor.init("0.01").status.code(), Some(0));
    assert_eq!(poor.seal("e1").status.code(), Some(0));
    let refused = poor.run(&["metrics", "box", "--recipient", "brand-insights"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(stdout(&refused).contains("refused") && stdout(&refused).contains("BUDGET"));
}

#[test]
fn evidence_is_shown_proven_and_checked_by_anyone_with_the_key() {
    let case = Case::new(120);
    let anchor = case.path("anchors");
    std::fs::create_dir(&anchor).unwrap();
    let made = case.run(&[
        "init",
        "box",
        "--study",
        "study.toml",
        "--epsilon",
        "4",
        "--approval",
        "none",
        "--anchor",
        "anchors/box",
        "--format",
        "json",
    ]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let key = json(&made)["vkey"].as_str().unwrap().to_owned();
    assert_eq!(json(&made)["anchor"], "file");
    assert_eq!(case.seal("e1").status.code(), Some(0));
    let answer = json(&case.ask("SELECT COUNT(*) FROM tags"));
    assert_eq!(answer["audit"]["anchor"], "file");

    let shown = json(&case.run(&["audit", "show", "box", "--format", "json"]));
    let kinds: Vec<&str> =
        shown.as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["init", "seal", "ask"]);
    let asked = case.run(&["audit", "show", "box", "--kind", "ask", "--last", "5"]);
    assert!(stdout(&asked).lines().count() == 1 && stdout(&asked).contains("SELECT COUNT(*) FROM tags"));
    assert_eq!(case.run(&["audit", "show", "box", "--kind", "answer"]).status.code(), Some(2));

    let prove =
        |index: &str, out: &str| case.run(&["audit", "prove", "box", "--answer", index, "--out", out]);
    assert_eq!(prove("2", "answer.json").status.code(), Some(0));
    assert_eq!(prove("2", "answer.json").status.code(), Some(1), "nothing is overwritten");
    assert_eq!(prove("1", "other.json").status.code(), Some(2), "a seal is no answer");
    assert!(!case.path("other.json").exists());
    let verify = |place: &str, more: &[&str]| case.run(&[&["audit", "verify", place], more].concat());
    assert_eq!(verify("answer.json", &[]).status.code(), Some(2), "a bundle needs the key");
    let checked = json(&verify("answer.json", &["--key", &key, "--format", "json"]));
    assert_eq!((&checked["verified"], &checked["index"]), (&true.into(), &2.into()));
    assert!(stdout(&verify("answer.json", &["--key", &key])).contains("query SELECT COUNT(*) FROM tags"));
    let text = std::fs::read_to_string(case.path("answer.json")).unwrap();
    case.write("answer.json", &text.replacen("brand-insights", "brand-outsight", 1));
    let forged = verify("answer.json", &["--key", &key]);
    assert_eq!(forged.status.code(), Some(5), "{}", stderr(&forged));
    assert!(stderr(&forged).contains("answer.json: ") && stderr(&forged).contains("fix: "));

    // What is not shown as (few) is in the bundle all the same: a courtesy, not a protection.
    let few = json(&case.ask("SELECT region, lapsed, COUNT(*) FROM tags GROUP BY region, lapsed"));
    let rows = few["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["suppressed"] == true), "{few}");
    assert_eq!(prove(&few["audit"]["index"].to_string(), "few.json").status.code(), Some(0));
    let bundle: Value =
        serde_json::from_str(&std::fs::read_to_string(case.path("few.json")).unwrap()).unwrap();
    let answer: Value = serde_json::from_str(bundle["answer"].as_str().unwrap()).unwrap();
    let values = answer["parts"][0]["values"].as_array();
    assert_eq!(values.map(Vec::len), Some(rows.len()));

    let whole = verify("box", &["--key", &key, "--anchor", "anchors/box"]);
    assert!(stdout(&whole).contains("the anchor's 7 entries"), "{}", stdout(&whole));
    // On another machine the anchor is not where it was: without it nothing is found of a folder that was put back.
    std::fs::rename(case.path("anchors/box"), case.path("anchors/elsewhere")).unwrap();
    let missing = verify("box", &["--key", &key]);
    assert_eq!(missing.status.code(), Some(5), "{}", stderr(&missing));
    assert!(stderr(&missing).contains("--without-anchor"), "{}", stderr(&missing));
    assert_eq!(verify("box", &["--anchor", "anchors/elsewhere"]).status.code(), Some(0));
    let without = verify("box", &["--without-anchor"]);
    assert!(without.status.success() && stdout(&without).contains("is not excluded"), "{}", stdout(&without));
    let without = json(&verify("box", &["--without-anchor", "--format", "json"]));
    assert_eq!((&without["anchor"], &without["anchored_entries"]), (&"not-read".into(), &Value::Null));
    // An auditor's copy without keys: the output says what was not checked.
    let keys = (case.path("box/keys"), case.path("keys-elsewhere"));
    std::fs::rename(&keys.0, &keys.1).unwrap();
    let copy = verify("box", &["--without-anchor"]);
    let said = stdout(&copy);
    for part in
        ["consent register: there is none", "keys: not opened: no root key", "the ledger was not read"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    std::fs::rename(&keys.1, &keys.0).unwrap();
    std::fs::rename(case.path("anchors/elsewhere"), case.path("anchors/box")).unwrap();
    case.write("anchors/box", "not a checkpoint");
    assert_eq!(verify("box", &["--key", &key]).status.code(), Some(5));
    assert_eq!(case.ask("SELECT COUNT(*) FROM tags").status.code(), Some(5));
}

/// What a default question costs is said before anybody asks it, an average by a tag that others move, too.
#[test]
fn prices_of_averages_and_medians_are_checked_as_those_of_counts() {
    let case = Case::new(1);
    let findings = |study: &str| -> Vec<Value> {
        case.write("dear.toml", study);
        let found = json(&case.run(&["policy", "check", "dear.toml", "--format", "json"]));
        let all = found["findings"].as_array().unwrap().iter();
        all.filter(|finding| finding["rule"] == "PRICE").cloned().collect()
    };
    let with = |defaults: &str| {
        let old = "default_error_of = { spend = 30_000_000, orders = 10_000, friends = 10_000 }";
        let study = command::study();
        assert!(study.contains(old));
        study.replace(old, defaults)
    };
    let said = |found: &[Value]| found[0]["message"].as_str().unwrap().to_owned();
    assert_eq!(findings(&command::study()), Vec::<Value>::new());
    let dear =
        findings(&with("default_error_of = { spend = 20_000_000, orders = 10_000, friends = 10_000 }"));
    assert_eq!((dear.len(), dear[0]["level"].as_str()), (1, Some("warning")), "{dear:?}");
    assert!(said(&dear).contains("50 % of the study's cap: `AVG(spend)` by `audience_spend` "), "{dear:?}");
    assert!(!said(&dear).contains("friends"), "{dear:?}");
    // A median pays for the people twice, by the error of counts alone.
    let median = findings(&with("").replace("default_error = 150", "default_error = 50"));
    assert_eq!(
        median
            .iter()
            .filter(|finding| finding["message"]
                .as_str()
                .unwrap()
                .contains("`MEDIAN(spend)` by `audience_spend` "))
            .count(),
        1,
        "{median:?}"
    );

    // `init` says the same of the pool, and that a pool without a window is the last one.
    case.write(
        "study.toml",
        &with("default_error_of = { spend = 10_000_000, orders = 10_000, friends = 10_000 }"),
    );
    let made = stderr(&case.init("4"));
    assert!(made.contains("more than 5 % of the pool: `AVG(spend)` by `audience_spend` "), "{made}");
    assert!(made.contains("can never be renewed"), "{made}");
    let files = ["--study", "study.toml", "--epsilon", "4", "--approval", "none", "--window", "90d"];
    let made = stderr(&case.run(&[&["init", "other"][..], &files].concat()));
    assert!(made.contains("--approval none") && !made.contains("can never be renewed"), "{made}");
}

/// Limits are stated where a number outside them is refused.
#[test]
fn limits_of_epsilons_and_errors_are_said() {
    let case = Case::new(1);
    for epsilon in ["0", "1000000000000", "1e13", "abc"] {
        let refused = case.init(epsilon);
        let said = stderr(&refused);
        assert_ne!(refused.status.code(), Some(0), "{epsilon}");
        assert!(said.contains("above 0 and below 10^12") || said.contains("at least 0.000000001"), "{said}");
    }
    assert_eq!(case.init("4").status.code(), Some(0));
    assert_eq!(case.seal("e1").status.code(), Some(0));
    for (setting, limit) in [
        ("epsilon = 0", "from 0.000000001 to 1000"),
        ("epsilon = 1000.1", "from 0.000000001 to 1000"),
        ("epsilon = 0.000000001", "at least a billionth of the pool's unit"),
        ("error = 0", "from 1 to 2^64 - 1"),
        ("error = 18446744073709551616", "from 1 to 2^64 - 1"),
        ("error = 18446744073709551615", "sigma and scale are at most 2^56"),
    ] {
        let refused = case.ask(&format!("SELECT COUNT(*) FROM tags WITH ({setting})"));
        assert_eq!(refused.status.code(), Some(2), "{setting}");
        assert!(stderr(&refused).contains(limit), "{setting}: {}", stderr(&refused));
    }
}
