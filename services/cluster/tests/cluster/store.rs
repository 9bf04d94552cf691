//! An object store of a test: a folder behind the requests of S3 that a seal makes, for who signs with the right key's name.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The name of the key that the store knows.
pub(crate) const KEY: &str = "TESTKEY";
/// Keys in one page of a listing.
const PAGE: usize = 3;

/// A store with one bucket, `data`.
pub(crate) struct Store {
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
    _threads: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Shared {
    folder: PathBuf,
    /// Bytes that were handed out.
    sent: AtomicUsize,
    /// Whether objects have another version when they are read as a whole.
    changes: AtomicBool,
    /// The keys of objects that were read as a whole.
    whole: Mutex<Vec<String>>,
}

impl Store {
    /// Serves what is below a folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let shared = Arc::new(Shared { folder: folder.to_owned(), ..Shared::default() });
        let threads = tokio::runtime::Runtime::new().unwrap();
        let listener = threads.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        threads.spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, shared, _threads: threads }
    }

    /// All objects get another version before they are read as a whole.
    pub(crate) fn change_after_listing(&self) {
        self.shared.changes.store(true, Ordering::SeqCst);
    }

    pub(crate) fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// The keys of objects that were read as a whole.
    pub(crate) fn read_whole(&self) -> Vec<String> {
        self.shared.whole.lock().unwrap().clone()
    }

    /// The environment of who may read it.
    pub(crate) fn environment(&self, key: &str) -> Vec<(String, String)> {
        [
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", "a-very-secret-key"),
            ("AWS_REGION", "cn-north-1"),
            ("AWS_ENDPOINT_URL_S3", &self.endpoint),
            ("AWS_ALLOW_HTTP", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<HashMap<String, String>>,
    request: Request,
) -> Response {
    let headers = request.headers();
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signed.starts_with(&format!("AWS4-HMAC-SHA256 Credential={KEY}/")) {
        return (StatusCode::FORBIDDEN, "<Error><Code>InvalidAccessKeyId</Code></Error>").into_response();
    }
    let path = percent_decoded(request.uri().path());
    let path = path.trim_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    match (bucket, key) {
        ("data", "") => list(&shared, &query),
        ("data", key) => object(&shared, key, request.method(), headers),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let code = (byte == b'%').then(|| [rest.next().unwrap(), rest.next().unwrap()]);
        bytes.push(
            code.map_or(byte, |hex| u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()),
        );
    }
    String::from_utf8(bytes).unwrap()
}

/// Keys with their sizes; folders that are empty are objects that end with a slash, as consoles make them.
fn keys(folder: &Path, prefix: &str, all: &mut Vec<(String, u64)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let key = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            all.push((format!("{key}/"), 0));
            keys(&entry.path(), &format!("{key}/"), all);
        } else {
            all.push((key, entry.metadata().unwrap().len()));
        }
    }
}

fn list(shared: &Shared, query: &HashMap<String, String>) -> Response {
    let prefix = query.get("prefix").map_or("", String::as_str);
    let mut all = Vec::new();
    keys(&shared.folder, "", &mut all);
    all.retain(|(key, _)| key.starts_with(prefix));
    let from: usize = query.get("continuation-token").map_or(0, |token| token.parse().unwrap());
    let contents: String = all
        .iter()
        .skip(from)
        .take(PAGE)
        .map(|(key, size)| {
            format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>2026-11-01T00:00:00.000Z</LastModified><ETag>\"v1\"</ETag></Contents>"
            )
        })
        .collect();
    let next = from + PAGE;
    let more = next < all.len();
    let next =
        if more { format!("<NextContinuationToken>{next}</NextContinuationToken>") } else { String::new() };
    format!("<?xml version=\"1.0\"?><ListBucketResult>{contents}{next}</ListBucketResult>").into_response()
}

fn object(shared: &Shared, key: &str, method: &Method, headers: &HeaderMap) -> Response {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let path = shared.folder.join(key);
    if !path.is_file() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let bytes = fs::read(path).unwrap();
    let range = text("range").map(|range| {
        let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        from.parse::<usize>().unwrap()..(to.parse::<usize>().unwrap() + 1).min(bytes.len())
    });
    let is_whole = method == Method::GET && range.is_none();
    let version = if is_whole && shared.changes.load(Ordering::SeqCst) { "\"v2\"" } else { "\"v1\"" };
    if text("if-match").is_some_and(|wanted| wanted != version) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    if is_whole {
        shared.whole.lock().unwrap().push(key.to_owned());
    }
    let total = bytes.len();
    let common = Response::builder()
        .header(header::ETAG, version)
        .header(header::LAST_MODIFIED, "Sun, 01 Nov 2026 00:00:00 GMT");
    if method == Method::HEAD {
        return common.header(header::CONTENT_LENGTH, total).body(Body::empty()).unwrap();
    }
    let part = range.clone().unwrap_or(0..total);
    let sent = bytes[part.clone()].to_vec();
    shared.sent.fetch_add(sent.len(), Ordering::SeqCst);
    let common = match range {
        None => common,
        Some(part) => common
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {}-{}/{total}", part.start, part.end - 1)),
    };
    common.body(Body::from(sent)).unwrap()
}
