//! The log as static files, as any client of C2SP tlog-tiles reads them: checkpoint, tiles of hashes, bundles of entries. Read-only.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::body::Octets;
use super::caller::admit;
use super::{Problem, Shared};
use crate::tokens::Role;

/// The newest signed checkpoint, as a note.
#[utoipa::path(get, path = "/log/checkpoint", security((), ("token" = [])), responses(
    (status = 200, description = "the checkpoint", body = String, content_type = "text/plain"),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn checkpoint(
    State(service): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    file(service, headers, "checkpoint".into(), "text/plain; charset=utf-8", false).await
}

/// The key with which the log is verified, as a note verifier key.
#[utoipa::path(get, path = "/log/key", security((), ("token" = [])), responses(
    (status = 200, description = "the key; compare it with one that you have from elsewhere", body = String, content_type = "text/plain"),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn key(State(service): State<Shared>, headers: HeaderMap) -> Result<String, Problem> {
    admit(&service, &headers, Role::Auditor, is_public(&service))?;
    Ok(service.read(|service| Ok(service.sandbox.log_key()?)).await?)
}

/// A tile of hashes, `0/000`, or a bundle of entries, `entries/000`, full or partial (`.p/7`).
#[utoipa::path(get, path = "/log/tile/{path}", params(("path" = String, Path, description = "as C2SP tlog-tiles names tiles")),
    security((), ("token" = [])), responses(
    (status = 200, description = "the tile", body = inline(Octets), content_type = "application/octet-stream"),
    (status = 401, description = "no token in force", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "another role", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "the log has no such tile", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn tile(
    State(service): State<Shared>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    if !is_tile(&path) {
        return Err(absent());
    }
    // A full tile never changes.
    let full = !path.contains(".p/");
    file(service, headers, format!("tile/{path}"), "application/octet-stream", full).await
}

async fn file(
    service: Shared,
    headers: HeaderMap,
    path: String,
    kind: &'static str,
    immutable: bool,
) -> Result<Response, Problem> {
    admit(&service, &headers, Role::Auditor, is_public(&service))?;
    let bytes = service.read(move |service| Ok(service.sandbox.log_file(&path)?)).await?;
    let mut response = bytes.ok_or_else(absent)?.into_response();
    let all = response.headers_mut();
    all.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if immutable {
        let for_ever = HeaderValue::from_static("private, max-age=31536000, immutable");
        all.insert(header::CACHE_CONTROL, for_ever);
    }
    Ok(response)
}

fn is_public(service: &Shared) -> bool {
    service.settings.http.as_ref().is_some_and(|door| door.public_log)
}

fn absent() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "tile",
        "No such tile",
        "the checkpoint says how many entries there are",
    )
}

/// Whether a path is that of a tile: a level or `entries`, groups of three digits of which all but the last begin with `x`, and perhaps
/// the width of a partial one. Nothing else of the sandbox has such a name.
fn is_tile(path: &str) -> bool {
    let (whole, width) = path.split_once(".p/").map_or((path, None), |(whole, width)| (whole, Some(width)));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let Some((content, index)) = whole.split_once('/') else { return false };
    let Some((last, groups)) =
        index.split('/').collect::<Vec<_>>().split_last().map(|(l, g)| (*l, g.to_vec()))
    else {
        return false;
    };
    let three = |text: &str| text.len() == 3 && digits(text, 3);
    (content == "entries" || digits(content, 2))
        && groups.len() <= 6
        && groups.iter().all(|group| group.strip_prefix('x').is_some_and(three))
        && three(last)
        && width.is_none_or(|width| digits(width, 3))
}

#[cfg(test)]
mod tests {
    use super::is_tile;

    #[test]
    fn only_names_of_tiles_are_paths() {
        for tile in ["0/000", "63/x001/234", "entries/000", "entries/x001/x234/067.p/8", "1/000.p/255"] {
            assert!(is_tile(tile), "{tile}");
        }
        let others = [
            "",
            "0",
            "0/",
            "0/00",
            "0/0000",
            "entries",
            "../keys/root.key",
            "0/../../keys",
            "0/x00/000",
            "0/000/000",
            "0/000.p/",
            "0/000.p/../..",
            "100/000",
            "0/000.p/1/2",
            "0//000",
            "entries/%2e%2e",
            "0/٠٠٠",
            "keys/000",
        ];
        for other in others {
            assert!(!is_tile(other), "{other}");
        }
    }
}
