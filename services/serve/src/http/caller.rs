//! Who calls: the bearer token of a request.

use axum::http::{HeaderMap, header};

use super::{Problem, Shared};
use crate::sandbox::Who;
use crate::tokens::{Caller, Role};

/// The token that a request carries.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Problem::unauthorised()) }
}

/// The holder of the token that a request carries.
pub(super) fn caller(service: &Shared, headers: &HeaderMap) -> Result<Caller, Problem> {
    service.caller(bearer(headers)?)?.ok_or_else(Problem::unauthorised)
}

/// The analyst whose token a request carries.
pub(super) fn analyst(service: &Shared, headers: &HeaderMap) -> Result<Who, Problem> {
    let caller = caller(service, headers)?;
    match caller.who {
        Some(who) if caller.role == Role::Analyst => Ok(who),
        _ => Err(Problem::role(Role::Analyst.as_str())),
    }
}

/// Lets holders of tokens of `role` in, or everybody if `public`.
pub(super) fn admit(service: &Shared, headers: &HeaderMap, role: Role, public: bool) -> Result<(), Problem> {
    if public || caller(service, headers)?.role == role { Ok(()) } else { Err(Problem::role(role.as_str())) }
}
