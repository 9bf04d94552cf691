//! Queries, forecasts, reads and their problems.

use serde_json::{Value, json};

use crate::support::{World, shared};

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn get(world: &World, path: &str, token: Option<&str>) -> (u16, String, Value) {
    let mut request = agent().get(format!("http://{}{path}", world.http));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    read(request.call().unwrap())
}

fn post(world: &World, path: &str, token: Option<&str>, body: &[u8]) -> (u16, String, Value) {
    let mut request = agent().post(format!("http://{}{path}", world.http));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    read(request.send(body).unwrap())
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> (u16, String, Value) {
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    assert_eq!(response.headers().get("x-content-type-options").unwrap(), "nosniff");
    let text = response.body_mut().read_to_string().unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (response.status().as_u16(), kind.unwrap_or_default(), value)
}

fn query(sql: &str) -> Vec<u8> {
    json!({ "sql": sql }).to_string().into_bytes()
}

#[test]
fn a_query_is_charged_once_and_its_forecast_never() {
    let _alone = crate::support::alone();
    let world = shared();
    let token = Some(world.analyst.as_str());
    let body = query("SELECT order_freq, COUNT(*) AS people FROM tags GROUP BY order_freq WITH (error = 61)");
    let (status, _, forecast) = post(world, "/v1/forecasts", token, &body);
    assert_eq!((status, &forecast["stored"], &forecast["epoch"]), (200, &json!(false), &json!("demo")));
    let (status, _, first) = post(world, "/v1/queries", token, &body);
    assert_eq!((status, &first["stored"]), (200, &json!(false)), "{first}");
    assert_eq!(first["rows"].as_array().unwrap().len(), 4);
    assert_eq!(first["privacy"]["nano_rho"], forecast["privacy"]["nano_rho"]);
    let (_, _, again) = post(world, "/v1/queries", token, &body);
    assert_eq!((&again["stored"], &again["rows"]), (&json!(true), &first["rows"]));
    let (_, _, forecast) = post(world, "/v1/forecasts", token, &body);
    assert_eq!(forecast["stored"], json!(true));
}

#[test]
fn no_path_of_the_sandbox_opens_without_a_token_of_its_role() {
    let _alone = crate::support::alone();
    let world = shared();
    let body = query("SELECT COUNT(*) FROM tags WITH (error = 77)");
    let spent = world.spent();
    for (path, role) in [
        ("/v1/vocabulary", "analyst"),
        ("/v1/budget", "analyst"),
        ("/v1/epochs", "analyst"),
        ("/v1/metrics/forecast", "analyst"),
        ("/log/checkpoint", "auditor"),
        ("/log/key", "auditor"),
        ("/log/tile/entries/000.p/1", "auditor"),
        ("/metrics", "monitor"),
    ] {
        for token in [None, Some("hushtag_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), Some("x")] {
            let (status, kind, problem) = get(world, path, token);
            assert_eq!((status, kind.as_str()), (401, "application/problem+json"), "{path}");
            assert_eq!(problem["type"], "urn:hushtag:problem:token");
        }
        for (held, token) in
            [("analyst", &world.analyst), ("auditor", &world.auditor), ("monitor", &world.monitor)]
        {
            let (status, ..) = get(world, path, Some(token));
            assert_eq!(status == 403, held != role, "{path} as {held}: {status}");
        }
    }
    for path in ["/v1/queries", "/v1/forecasts", "/v1/metrics"] {
        assert_eq!(post(world, path, None, &body).0, 401, "{path}");
        assert_eq!(post(world, path, Some(&world.auditor), &body).0, 403, "{path}");
        assert_eq!(post(world, path, Some(&world.monitor), &body).0, 403, "{path}");
    }
    assert_eq!(world.spent(), spent);
}

#[test]
fn problems_have_their_place_and_what_to_write_instead() {
    let _alone = crate::support::alone();
    let world = shared();
    let token = Some(world.analyst.as_str());
    let ask = |sql: &str| post(world, "/v1/queries", token, &query(sql));
    let (status, kind, problem) = ask("SELECT regoin, COUNT(*)\nFROM tags GROUP BY regoin");
    assert_eq!((status, kind.as_str()), (422, "application/problem+json"));
    assert_eq!((&problem["line"], &problem["column"]), (&json!(1), &json!(8)), "{problem}");
    assert!(problem["hint"].as_str().unwrap().contains("`region`"), "{problem}");
    assert_eq!(ask("SELECT * FROM tags").0, 422);
    let (status, _, problem) = post(
        world,
        "/v1/queries",
        token,
        &json!({ "sql": "SELECT COUNT(*) FROM tags", "epoch": "none" }).to_string().into_bytes(),
    );
    assert_eq!((status, &problem["type"]), (404, &json!("urn:hushtag:problem:unknown")));
    for body in [&b"{"[..], b"[]", b"{}", b"\xff\xfe", b"{\"sql\": 1}", b"{\"sql\": \"\", \"sq\": 1}"] {
        let (status, kind, _) = post(world, "/v1/queries", token, body);
        assert_eq!((status, kind.as_str()), (400, "application/problem+json"), "{body:?}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(post(world, "/v1/queries", token, deep.as_bytes()).0, 400);
    assert_eq!(post(world, "/v1/queries", token, &vec![b' '; 300_000]).0, 413);
    let deep =
        format!("SELECT COUNT(*) FROM tags WHERE {}region = 'a'{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(ask(&deep).0, 422);
    assert_eq!(get(world, "/v1/nothing", token).0, 404);
    assert_eq!(get(world, "/v1/queries", token).0, 405);
}

#[test]
fn a_budget_that_does_not_hold_a_query_refuses_with_its_rule() {
    let _alone = crate::support::alone();
    let world = shared();
    let (status, _, problem) = post(
        world,
        "/v1/queries",
        Some(&world.analyst),
        &query("SELECT COUNT(*) FROM tags WITH (epsilon = 900)"),
    );
    assert_eq!((status, &problem["type"]), (403, &json!("urn:hushtag:problem:budget")), "{problem}");
    assert_eq!(problem["reasons"][0]["rule"], json!("BUDGET"));
    assert!(!problem["reasons"][0]["fix"].as_str().unwrap().is_empty());
}

#[test]
fn reads_are_free() {
    let _alone = crate::support::alone();
    let world = shared();
    let token = Some(world.analyst.as_str());
    let (status, _, vocabulary) = get(world, "/v1/vocabulary", token);
    assert_eq!((status, vocabulary["tags"].as_array().unwrap().len()), (200, 7));
    let (_, _, budget) = get(world, "/v1/budget", token);
    let amount = |name: &str| budget[0][name].as_str().unwrap().parse::<u128>().unwrap();
    assert_eq!(amount("limit") - amount("spent"), amount("left"));
    let (_, _, epochs) = get(world, "/v1/epochs", token);
    assert_eq!((&epochs[0]["id"], &epochs[0]["answers"]), (&json!("demo"), &json!(true)));
    assert_eq!(get(world, "/healthz", None).0, 200);
    assert_eq!(get(world, "/readyz", None).0, 200);
    let (status, kind, text) = get(world, "/metrics", Some(&world.monitor));
    assert_eq!((status, kind.starts_with("application/openmetrics-text")), (200, true));
    let text = text.as_str().unwrap();
    assert!(
        text.contains("hushtag_budget_left_ratio{scope=\"pool\"}") && text.ends_with("# EOF\n"),
        "{text}"
    );
}
