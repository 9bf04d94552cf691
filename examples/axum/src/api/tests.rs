use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use hushtag::{Approval, Keys, PoolTerms, Setup, StudySource};
use hushtag::{Clock, NanoEpsilon, RecipientId, SystemClock};
use hushtag_population::{Population, PopulationConfig};
use tower::ServiceExt;

use super::*;

fn hash(token: &str) -> TokenHash {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    let digits: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    TokenHash::from_hex(&digits).unwrap()
}

fn service(folder: &std::path::Path) -> Arc<Service> {
    let now = SystemClock.now().seconds();
    let as_of = Timestamp::from_seconds(now - now.rem_euclid(86_400));
    let people = PopulationConfig { people: 300, as_of: as_of.seconds(), ..PopulationConfig::default() };
    let input = folder.join("input");
    Population::new(people).unwrap().write_parquet(&input).unwrap();
    let study = include_str!("../../../../policies/demo/study.toml")
        .replace("2026-09-01", "2020-01-01")
        .replace("2027-09-01", "2100-01-01");
    let setup = Setup::new(
        vec![StudySource::new("study.toml", study)],
        PoolTerms::new(NanoEpsilon::parse("4").unwrap()).with_delta("1e-12".parse().unwrap()),
    )
    .with_approval(Approval::None);
    let operator = Operator::init(&folder.join("box"), setup, Keys::InFolder, Box::new(SystemClock)).unwrap();
    let analyst = operator.analyst(&RecipientId::new("brand-insights").unwrap(), None).unwrap();
    let service = Service {
        operator,
        analyst,
        input,
        analyst_token: hash("analyst"),
        operator_token: hash("operator"),
    };
    Arc::new(service)
}

async fn send(service: &Arc<Service>, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
    let request = Request::builder()
        .uri(path)
        .method(if body.is_some() { "POST" } else { "GET" })
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body.map_or(Body::empty(), |body| Body::from(body.to_string())))
        .unwrap();
    let reply = router(Arc::clone(service)).oneshot(request).await.unwrap();
    let status = reply.status().as_u16();
    let bytes = reply.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn analysts_ask_and_operators_seal_each_with_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let now = SystemClock.now().seconds();
    let as_of = Timestamp::from_seconds(now - now.rem_euclid(86_400)).to_string();
    let epoch = |datasets: [&str; 3]| json!({ "epoch": "e1", "as_of": as_of, "datasets": datasets });
    let all = epoch(["follows", "payments", "members"]);
    assert_eq!(send(&service, "/seal", "analyst", Some(all.clone())).await.0, 401);
    let outside = epoch(["../follows", "payments", "members"]);
    assert_eq!(send(&service, "/seal", "operator", Some(outside)).await.0, 400);
    let (status, reply) = send(&service, "/seal", "operator", Some(all)).await;
    assert_eq!(status, 200, "{reply}");

    let question = |text: &str| Some(json!({ "question": text }));
    let count = "SELECT COUNT(*) FROM tags";
    for token in ["", "operator", "stranger"] {
        assert_eq!(send(&service, "/ask", token, question(count)).await.0, 401);
    }
    let (status, forecast) = send(&service, "/forecast", "analyst", question(count)).await;
    assert_eq!(status, 200, "{forecast}");
    let (status, answer) = send(&service, "/ask", "analyst", question(count)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["rows"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(send(&service, "/ask", "analyst", question("SELECT phone FROM people")).await.0, 422);
    assert_eq!(send(&service, "/budget", "analyst", None).await.0, 401);
    let (status, budget) = send(&service, "/budget", "operator", None).await;
    assert_eq!(status, 200, "{budget}");
    let (_, api) = send(&service, "/openapi.json", "", None).await;
    let paths = ["/ask", "/forecast", "/budget", "/seal"];
    assert!(paths.iter().all(|path| api["paths"][path].is_object()), "{api}");
}
