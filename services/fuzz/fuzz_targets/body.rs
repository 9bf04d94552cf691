//! Any body at one of the paths that take one: it is answered, or is a problem of the client, never one of the service.
#![no_main]

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use hushtag_serve::http::router;
use hushtag_serve_fuzz::WORLD;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use tower::ServiceExt;

const PATHS: [&str; 3] = ["/v1/queries", "/v1/forecasts", "/v1/metrics"];

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else { return };
    let path = PATHS[usize::from(*first) % PATHS.len()];
    let (status, answer) = WORLD.runtime.block_on(async {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", WORLD.token))
            .body(Body::from(body.to_vec()))
            .expect("a request");
        let response = router(Arc::clone(&WORLD.service)).oneshot(request).await.expect("infallible");
        let status = response.status();
        (status, to_bytes(response.into_body(), usize::MAX).await.expect("a body"))
    });
    let answer = String::from_utf8(answer.to_vec()).expect("UTF-8");
    let is_problem = status.is_client_error() && answer.contains("urn:hushtag:problem:");
    assert!(status.is_success() || is_problem, "{path}: {status} {answer}");
});
