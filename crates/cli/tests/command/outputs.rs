//! Promise: every output of `--format json` has a schema in `docs/outputs.schema.json` that it meets, and that no output with another
//! shape meets; the book lists them all.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::command::{Case, stderr, stdout};

const SCHEMAS: &str = include_str!("../../../../docs/outputs.schema.json");
const PAGE: &str = include_str!("../../../../docs/src/outputs.md");

/// Definitions that are parts of outputs.
const PARTS: [&str; 15] = [
    "amount",
    "count",
    "decimal",
    "epoch_to_ask",
    "event",
    "fault",
    "file",
    "finding",
    "hash",
    "line",
    "number",
    "privacy",
    "reason",
    "spent",
    "time",
];

/// Outputs that no command here prints: the first asks at a terminal, the second comes after a window of a day at least.
const NOT_RUN: [&str; 2] = ["init-unsigned", "renewal"];

struct Schemas {
    all: Value,
    met: BTreeSet<String>,
}

impl Schemas {
    fn new() -> Self {
        Self { all: serde_json::from_str(SCHEMAS).unwrap(), met: BTreeSet::new() }
    }

    fn names(&self) -> BTreeSet<String> {
        let all = self.all["$defs"].as_object().unwrap().keys();
        all.filter(|name| !PARTS.contains(&name.as_str())).cloned().collect()
    }

    fn of(&self, name: &str) -> Validator {
        let mut schema = self.all.clone();
        schema["$ref"] = json!(format!("#/$defs/{name}"));
        jsonschema::validator_for(&schema).unwrap()
    }

    /// The output meets its schema, and no output in which a key has another name does.
    fn check(&mut self, name: &str, output: &Value) {
        let schema = self.of(name);
        let errors: Vec<String> =
            schema.iter_errors(output).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}\n{output:#}");
        if let Some(map) = output.as_object() {
            for key in map.keys() {
                let mut other = map.clone();
                let value = other.remove(key).unwrap();
                other.insert(format!("{key}_renamed"), value);
                assert!(!schema.is_valid(&Value::Object(other)), "{name}: `{key}` may have another name");
                let mut other = map.clone();
                other.insert(key.clone(), json!({ "of": "another type" }));
                let is_open =
                    matches!(self.all["$defs"][name]["properties"][key]["type"].as_str(), Some("object"));
                assert!(
                    is_open || !schema.is_valid(&Value::Object(other)),
                    "{name}: `{key}` may have another type"
                );
            }
        }
        self.met.insert(name.to_owned());
    }
}

/// Runs a command with `--format json` and checks what it prints; gives it.
fn run(case: &Case, schemas: &mut Schemas, name: &str, arguments: &[&str], code: i32) -> Value {
    let output = case.run(&[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    schemas.check(name, &value);
    value
}

const FILES: [&str; 8] = [
    "--data",
    "follows=follows.csv",
    "--data",
    "payments=payments.csv",
    "--data",
    "members=members.csv",
    "--consents",
    "consents.csv",
];

#[test]
fn every_output_meets_its_schema_and_no_other() {
    let case = Case::new(40);
    let mut all = Schemas::new();
    case.write("id.txt", &format!("{}\n", crate::command::id(3)));
    sandbox(&case, &mut all);
    answers(&case, &mut all);
    consents(&case, &mut all);
    evidence(&case, &mut all);
    policies(&case, &mut all);
    blind_tokens(&mut all);
    ends(&case, &mut all);
    let names = all.names();
    let missing: Vec<&String> =
        names.iter().filter(|name| !all.met.contains(*name) && !NOT_RUN.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "no command here prints {missing:?}");
    for name in &names {
        assert!(PAGE.contains(&format!("| `{name}` |")), "docs/src/outputs.md does not list `{name}`");
    }
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    for (name, _) in rows.filter(|(name, _)| name.parse::<u8>().is_err()) {
        assert!(names.contains(name), "docs/src/outputs.md lists `{name}`, which has no schema");
    }
}

fn sandbox(case: &Case, all: &mut Schemas) {
    run(case, all, "key-sign", &["key", "new", "--out", "p.key"], 0);
    run(case, all, "key-sign", &["key", "show", "p.key"], 0);
    run(case, all, "key-token", &["key", "new", "--out", "t.key", "--for", "token"], 0);
    let auditor = run(case, all, "key-auditor", &["key", "new", "--out", "a.key", "--for", "auditor"], 0);
    let public = auditor["public"].as_str().unwrap();
    let init = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none"];
    run(case, all, "status", &[&init[..], &["--auditor", public, "--anchor", "anchor"]].concat(), 0);
    run(case, all, "init-exists", &[&init[..], &["--if-absent"]].concat(), 0);
    run(case, all, "error", &init, 6);
    run(case, all, "error", &["status", "nowhere"], 1);
    register(case, all);
    run(
        case,
        all,
        "seal-check",
        &[&["seal", "box", "--check", "--as-of", "2026-10-01"][..], &FILES].concat(),
        0,
    );
    let seal = [&["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01"][..], &FILES].concat();
    run(case, all, "seal", &[&seal[..], &["--count-duplicates"]].concat(), 0);
    run(case, all, "seal-exists", &[&seal[..], &["--if-absent"]].concat(), 0);
    run(case, all, "status", &["status", "box"], 0);
    run(case, all, "adopt", &["adopt", "box", "--study", "study.toml"], 0);
    let tokens = |more: &[&str]| {
        let fixed = [
            "tokenize",
            "--study",
            "study.toml",
            "--dataset",
            "payments",
            "payments.csv",
            "o.parquet",
            "--key",
            "t.key",
        ];
        [&fixed[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let tokenize = |all: &mut Schemas, name: &str, more: &[&str], code: i32| {
        let arguments = tokens(more);
        run(case, all, name, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), code)
    };
    tokenize(all, "tokenize", &[], 0);
    let there = std::fs::read(case.path("o.parquet")).unwrap();
    assert_eq!(tokenize(all, "error", &[], 6)["error"]["kind"], "exists");
    tokenize(all, "tokenize-exists", &["--if-absent"], 0);
    assert!(std::fs::read(case.path("o.parquet")).unwrap() == there, "what is there stays");
}

fn blind_tokens(all: &mut Schemas) {
    let case = Case::new(20);
    let mut study = std::fs::read_to_string(case.path("study.toml")).unwrap();
    for (handler, key) in [("social-platform", "a.key"), ("payment-platform", "b.key")] {
        let made =
            run(&case, all, "key-blind-token", &["key", "new", "--out", key, "--for", "blind-token"], 0);
        let line = format!("[[handlers]]\nid = \"{handler}\"\n");
        study = study.replace(&line, &format!("{line}token_key = {}\n", made["token_key"]));
    }
    case.write("study.toml", &format!("{study}\n[tokens]\nmax_ids = 100\npadding = 10\n"));
    let study = ["--study", "study.toml"];
    let request = ["token", "request", "--dataset", "members", "members.csv", "--key", "a.key", "--out", "q"];
    run(&case, all, "token-request", &[&request[..], &["--state", "s"], &study].concat(), 0);
    let evaluate = ["token", "evaluate", "q", "--key", "b.key", "--book", "e", "--out", "r"];
    run(&case, all, "token-evaluate", &[&evaluate[..], &study].concat(), 0);
    run(&case, all, "token-book", &[&["token", "book", "e", "--key", "b.key"][..], &study].concat(), 0);
    run(&case, all, "token-book", &["token", "book", "e", "--key", "b.key"], 0);
    let tokenize = ["tokenize", "--dataset", "members", "members.csv", "m.parquet", "--key", "a.key"];
    run(&case, all, "tokenize", &[&tokenize[..], &["--state", "s", "--reply", "r"], &study].concat(), 0);
}

/// Consent events, before an epoch is sealed with them.
fn register(case: &Case, all: &mut Schemas) {
    let of = |words: &[&'static str]| [&["consent"][..], words].concat();
    let record = [
        "record",
        "box",
        "--id-file",
        "id.txt",
        "--kind",
        "separate",
        "--trigger",
        "SC23",
        "--receipt",
        "r1",
    ];
    let scope =
        ["--purpose", "campaign-measurement", "--recipient", "LEGAL-ID-C", "--handler", "social-platform"];
    run(case, all, "consent-record", &of(&[&record[..], &scope[..]].concat()), 0);
    run(case, all, "consent-withdraw", &of(&["withdraw", "box", "--id-file", "id.txt"]), 0);
    run(case, all, "consent-import", &of(&["import", "box", "consents.csv"]), 0);
}

fn answers(case: &Case, all: &mut Schemas) {
    let ask = |more: &[&'static str]| [&["ask", "box", "--recipient", "brand-insights"][..], more].concat();
    let wide = "SELECT COUNT(*) AS people, spend_tier, SUM(spend), AVG(spend), MEDIAN(spend) FROM tags GROUP BY spend_tier WITH (error = 40)";
    let answer = run(case, all, "answer", &ask(&[wide]), 0);
    let order = json!([{ "number": "people" }, { "tag": "spend_tier" }, { "number": "sum_spend" }, { "number": "avg_spend" }, { "number": "median_spend" }]);
    assert_eq!(answer["columns"], order, "the order of the select list");
    run(case, all, "answer", &ask(&["SELECT COUNT(*) FROM tags"]), 0);
    run(case, all, "forecast", &ask(&["--forecast", wide]), 0);
    run(case, all, "error", &ask(&["SELECT nothing FROM tags"]), 2);
    run(case, all, "refusal", &ask(&["SELECT COUNT(*) FROM tags WITH (epsilon = 900)"]), 3);
    run(case, all, "metrics", &["metrics", "box", "--recipient", "brand-insights"], 0);
    run(case, all, "metrics-forecast", &["metrics", "box", "--recipient", "brand-insights", "--forecast"], 0);
    run(case, all, "budget", &["budget", "box"], 0);
    run(case, all, "vocabulary", &["vocabulary", "box", "--recipient", "brand-insights"], 0);
}

fn consents(case: &Case, all: &mut Schemas) {
    let of = |words: &[&'static str]| [&["consent"][..], words].concat();
    run(case, all, "consent-status", &of(&["status", "box", "--id-file", "id.txt"]), 0);
    run(
        case,
        all,
        "consent-status",
        &of(&["status", "box", "--id-file", "id.txt", "--recipient", "brand-insights"]),
        0,
    );
    run(case, all, "consent-export", &of(&["export", "box", "--out", "all.jsonl"]), 0);
    run(
        case,
        all,
        "consent-request",
        &of(&["request", "open", "box", "--kind", "erasure", "--id-file", "id.txt"]),
        0,
    );
    run(
        case,
        all,
        "consent-request",
        &of(&["request", "close", "box", "--number", "1", "--refuse", "no"]),
        0,
    );
    run(case, all, "consent-requests", &of(&["request", "list", "box"]), 0);
    run(case, all, "consent-check", &of(&["check", "consents.csv", "--study", "study.toml"]), 0);
    run(case, all, "person", &["person", "box", "--id-file", "id.txt", "--proof", "proof.json"], 0);
    run(case, all, "consent-erase", &of(&["erase", "box", "--id-file", "id.txt", "--receipt", "r2"]), 0);
}

fn evidence(case: &Case, all: &mut Schemas) {
    let status: Value =
        serde_json::from_str(&stdout(&case.run(&["status", "box", "--format", "json"]))).unwrap();
    let key = status["vkey"].as_str().unwrap();
    run(case, all, "receipt", &["consent", "verify-receipt", "r1", "--key", key], 0);
    run(case, all, "receipt", &["consent", "verify-receipt", "r2", "--key", key, "--log", "box"], 0);
    run(case, all, "inspect", &["inspect", "box", "--epoch", "e1", "--key", "a.key"], 0);
    let asked = case.run(&[
        "ask",
        "box",
        "--recipient",
        "brand-insights",
        "SELECT COUNT(*) FROM tags",
        "--format",
        "json",
    ]);
    let answer: Value = serde_json::from_str(&stdout(&asked)).unwrap();
    let index = answer["audit"]["index"].to_string();
    run(case, all, "audit-prove", &["audit", "prove", "box", "--answer", &index, "--out", "bundle.json"], 0);
    run(case, all, "audit-verify", &["audit", "verify", "box"], 0);
    run(case, all, "audit-log", &["audit", "verify", "box", "--log-alone", "--key", key], 0);
    run(case, all, "audit-bundle", &["audit", "verify", "bundle.json", "--key", key], 0);
    run(case, all, "audit-person", &["audit", "verify", "proof.json", "--key", key], 0);
    run(case, all, "audit-show", &["audit", "show", "box"], 0);
    run(case, all, "audit-documents", &["audit", "documents", "box"], 0);
    run(
        case,
        all,
        "audit-open-input",
        &["audit", "open-input", "consents.csv", "--sandbox", "box", "--epoch", "e1"],
        0,
    );
    run(
        case,
        all,
        "audit-open-input",
        &["audit", "open-input", "study.toml", "--sandbox", "box", "--epoch", "e1"],
        4,
    );
    run(case, all, "report", &["report", "box", "--out", "page.html"], 0);
    run(case, all, "report-registry", &["report", "box", "--registry", "record.yaml"], 0);
}

fn policies(case: &Case, all: &mut Schemas) {
    let study = std::fs::read_to_string(case.path("study.toml")).unwrap();
    case.write("other.toml", &study.replace("max_reach = 6", "max_reach = 5"));
    case.write("signed.toml", &study);
    case.write("broken.toml", "[study]\nid = 7\n");
    run(case, all, "policy-check", &["policy", "check", "study.toml"], 0);
    run(case, all, "policy-check", &["policy", "check", "broken.toml"], 4);
    let use_of = ["--recipient", "brand-insights"];
    let as_of = ["policy", "explain", "--study", "study.toml", "--as-of", "2026-11-01"];
    run(case, all, "policy-explain", &[&as_of[..], &use_of].concat(), 0);
    let sealed = ["policy", "explain", "--sandbox", "box", "--epoch", "e1"];
    run(case, all, "policy-explain", &[&sealed[..], &use_of].concat(), 0);
    run(case, all, "policy-diff", &["policy", "diff", "study.toml", "study.toml"], 0);
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/demo");
    run(case, all, "policy-test", &["policy", "test", policies], 0);
    run(case, all, "policy-sign", &["policy", "sign", "--study", "signed.toml", "--key", "p.key"], 0);
    run(case, all, "policy-new", &["policy", "new", "new.toml"], 0);
}

fn ends(case: &Case, all: &mut Schemas) {
    run(case, all, "key-rotate", &["key", "rotate", "box"], 0);
    run(case, all, "key-rotate-root", &["key", "rotate-root", "box"], 0);
    run(case, all, "retire", &["retire", "box", "--epoch", "e1"], 0);
    run(case, all, "person", &["person", "box", "--id-file", "id.txt"], 0);
    run(case, all, "completions", &["completions", "bash"], 0);
    run(case, all, "man", &["man", "--out", "man"], 0);
    let init =
        ["init", "box2", "--study", "study.toml", "--epsilon", "4", "--approval", "none", "--window", "1d"];
    run(case, all, "status", &init, 0);
    run(
        case,
        all,
        "renewal-draft",
        &["budget", "box2", "renew", "--draft", "renewal.txt", "--reason", "why"],
        0,
    );
    run(case, all, "renewal-sign", &["policy", "sign", "--renewal", "renewal.txt", "--key", "p.key"], 0);
}
