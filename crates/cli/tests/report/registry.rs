//! Promise: `report --registry` writes a record that the schema of the public registry of deployments of differential privacy takes,
//! from studies and books alone: no number in it depends on people.

use crate::command::{Case, stderr, stdout, study};
use serde_json::{Map, Value, json};
use yaml_rust2::{Yaml, YamlLoader};

/// What the registry requires, and the closed lists of words that it has for what we write.
fn schema() -> Value {
    let texts = |names: &[&str]| -> Map<String, Value> {
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string", "minLength": 1 }))).collect()
    };
    let object = |properties: Map<String, Value>, required: &[&str]| json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required });
    let with = |mut all: Map<String, Value>, more: Value| {
        all.extend(more.as_object().unwrap().clone());
        all
    };
    let required = [
        "name",
        "data_curators",
        "description",
        "intended_use",
        "data_product_type",
        "data_product_region",
        "publication_date",
    ];
    let basic = with(
        texts(&["name", "intended_use", "data_product_region", "description"]),
        json!({
            "data_curators": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            "data_product_type": { "enum": ["Summary statistics", "Machine learning model", "Dataset", "Synthetic data", "Interactive API", "SQL queries"] },
            "publication_date": { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
        }),
    );
    let variant = with(
        texts(&["data_domain", "unprotected_quantities"]),
        json!({ "variant_name": { "enum": ["Pure DP", "Approximate DP", "Zero-concentrated DP", "Renyi DP", "Custom"] } }),
    );
    let parameters = object(
        json!({ "epsilon": { "type": "number" }, "delta": { "type": "number" }, "rho": { "type": "number" } })
            .as_object()
            .unwrap()
            .clone(),
        &["epsilon"],
    );
    let loss = with(
        texts(&["privacy_unit", "privacy_unit_details", "privacy_parameters_details"]),
        json!({ "privacy_parameters": parameters }),
    );
    let model = with(
        texts(&[
            "model_name_details",
            "actors",
            "release_type_details",
            "data_source_type_details",
            "access_type_details",
        ]),
        json!({
            "model_name": { "enum": ["Local", "Central", "Shuffle", "Federated", "Varies"] },
            "release_type": { "enum": ["One release", "Many releases"] },
            "data_source_type": { "enum": ["Static", "Dynamic"] },
            "access_type": { "enum": ["Interactive", "Non-interactive"] },
        }),
    );
    let deployment = json!({
        "basic": object(basic, &required),
        "dp_variant": object(variant, &["variant_name"]),
        "privacy_loss": object(loss, &["privacy_unit", "privacy_parameters"]),
        "deployment_model": object(model, &["model_name", "actors", "release_type", "data_source_type", "access_type"]),
        "accounting": object(texts(&["post_processing", "composition"]), &["post_processing", "composition"]),
        "implementation": object(
            texts(&["preprocessing_and_hyperparameter_tuning", "mechanisms", "justification"]),
            &["mechanisms"],
        ),
    });
    let deployment = deployment.as_object().unwrap().clone();
    let rooms: Vec<String> = deployment.keys().cloned().collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let whole = json!({
        "url_slug": { "type": "string", "pattern": "^[a-z0-9-]+$" },
        "status": { "enum": ["Draft"] },
        "tier": { "enum": [1, 2, 3] },
        "deployment": object(deployment, &rooms),
    });
    object(whole.as_object().unwrap().clone(), &["url_slug", "status", "tier", "deployment"])
}

/// What an independent parser reads.
fn read(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(number) => json!(number.parse::<f64>().unwrap()),
        Yaml::Integer(number) => json!(number),
        Yaml::String(text) => json!(text),
        Yaml::Array(all) => all.iter().map(read).collect(),
        Yaml::Hash(all) => Value::Object(
            all.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), read(value))).collect(),
        ),
        // The schema has no null.
        _ => Value::Null,
    }
}

fn record(case: &Case) -> (String, Value) {
    let made = case.run(&["report", "box", "--registry", "record.yaml", "--format", "json"]);
    assert!(made.status.success(), "{}", stderr(&made));
    let result: Value = serde_json::from_str(&stdout(&made)).unwrap();
    assert!(result["log_entry"].as_u64() > Some(0), "{result}");
    assert_eq!((&result["registry"], &result["verified"]), (&json!("record.yaml"), &json!(true)));
    let text = std::fs::read_to_string(case.path("record.yaml")).unwrap();
    let documents = YamlLoader::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1);
    let value = read(documents.first().unwrap());
    let schema = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<String> =
        schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    (text, value)
}

#[test]
fn a_record_of_the_registry_is_written_from_studies_and_books_alone() {
    let records = [60, 120].map(|people| {
        let case = Case::new(people);
        assert!(case.init("4").status.success());
        let (_, before) = record(&case);
        assert_eq!(before["deployment"]["deployment_model"]["data_source_type"], "Static");
        assert!(case.seal("e1").status.success() && case.seal("e2").status.success());
        let question = "SELECT region, COUNT(*) FROM tags GROUP BY region WITH (error = 60)";
        assert!(case.ask(question).status.success());
        record(&case)
    });
    let [(text, value), (other, _)] = &records;
    assert_eq!(text, other, "the same acts over other people");
    let deployment = &value["deployment"];
    assert_eq!(deployment["dp_variant"]["variant_name"], "Zero-concentrated DP");
    assert_eq!(deployment["deployment_model"]["data_source_type"], "Dynamic");
    let parameters = &deployment["privacy_loss"]["privacy_parameters"];
    assert_eq!(parameters["delta"], json!(1e-12));
    let (epsilon, rho) = (parameters["epsilon"].as_f64().unwrap(), parameters["rho"].as_f64().unwrap());
    assert!(epsilon <= 4.0 && epsilon > 3.999_99 && (rho - 0.153_741).abs() < 1e-6, "{parameters}");
    let details = deployment["privacy_loss"]["privacy_unit_details"].as_str().unwrap();
    assert!(details.contains("adding or removing") && details.contains("follows to "), "{details}");
    assert_eq!(deployment["basic"]["data_curators"].as_array().unwrap().len(), 2);
}

#[test]
fn names_that_look_like_yaml_stay_text_and_a_pure_pool_has_no_delta() {
    let case = Case::new(60);
    let name = r#"name = "x: \"y\" # - [z] \\ 研究\u2028 {a: b}""#;
    let study = study();
    let (before, after) = study.split_once("[[recipients]]").unwrap();
    let after: Vec<&str> =
        after.lines().map(|line| if line.starts_with("name = ") { name } else { line }).collect();
    case.write("study.toml", &format!("{before}[[recipients]]{}", after.join("\n")));
    let init = ["init", "box", "--study", "study.toml", "--epsilon", "2", "--pure", "--approval", "none"];
    let made = case.run(&init);
    assert!(made.status.success(), "{}", stderr(&made));
    let (_, value) = record(&case);
    let about = value["deployment"]["basic"]["description"].as_str().unwrap();
    assert!(about.ends_with("Answers go to: x: \"y\" # - [z] \\ 研究\u{2028} {a: b}."), "{about}");
    assert_eq!(value["deployment"]["privacy_loss"]["privacy_parameters"], json!({ "epsilon": 2 }));
    assert_eq!(value["deployment"]["dp_variant"]["variant_name"], "Pure DP");
    // A file of someone else is left alone, and the page may be written beside.
    case.write("mine.yaml", "mine: true\n");
    let refused = case.run(&["report", "box", "--registry", "mine.yaml"]);
    assert_eq!(refused.status.code(), Some(1));
    let both = case.run(&["report", "box", "--registry", "record.yaml", "--out", "page.html"]);
    assert!(both.status.success() && case.path("page.html").exists(), "{}", stderr(&both));
    assert_eq!(case.run(&["report", "box"]).status.code(), Some(2), "nothing to write");
    let one_file = ["report", "box", "--registry", "record.yaml", "--out", "record.yaml"];
    assert_eq!(case.run(&one_file).status.code(), Some(2), "one would overwrite the other");
    for (record, page) in [("./new", "new"), ("new", "other/../new"), ("other/new", "link/new")] {
        std::fs::create_dir_all(case.path("other")).unwrap();
        let _ = std::os::unix::fs::symlink(case.path("other"), case.path("link"));
        let refused = case.run(&["report", "box", "--registry", record, "--out", page]);
        assert_eq!(refused.status.code(), Some(2), "{record} is {page}: {}", stderr(&refused));
    }
    // A page is no record, and a record is no page: neither is replaced by the other.
    let before = ["page.html", "record.yaml"].map(|name| std::fs::read(case.path(name)).unwrap());
    for wrong in [["--registry", "page.html"], ["--out", "record.yaml"]] {
        let refused = case.run(&[&["report", "box"], &wrong[..]].concat());
        assert_eq!(refused.status.code(), Some(1), "{wrong:?}: {}", stderr(&refused));
    }
    assert!(["page.html", "record.yaml"].map(|name| std::fs::read(case.path(name)).unwrap()) == before);
}
