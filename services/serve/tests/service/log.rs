//! The log as static files.

use crate::support::shared;

fn get(path: &str) -> (u16, Vec<u8>) {
    let world = shared();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.get(format!("http://{}{path}", world.http));
    let mut response = request.header("Authorization", format!("Bearer {}", world.auditor)).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_vec().unwrap())
}

#[test]
fn the_files_are_those_of_the_sandbox() {
    let _alone = crate::support::alone();
    let world = shared();
    let (status, checkpoint) = get("/log/checkpoint");
    assert_eq!(status, 200);
    let text = String::from_utf8(checkpoint).unwrap();
    let size: u64 = text.lines().nth(1).unwrap().parse().unwrap();
    let (_, key) = get("/log/key");
    let name = String::from_utf8(key).unwrap();
    assert!(text.starts_with(name.split('+').next().unwrap()), "{name} {text}");
    // Another test may append meanwhile, and partial tiles go then: one of the sizes from here on is there.
    let found = (size..size + 20).any(|size| {
        let (status, bytes) = get(&format!("/log/tile/entries/000.p/{size}"));
        let at_rest = std::fs::read(world.folder.join(format!("log/tile/entries/000.p/{size}")));
        status == 200 && at_rest.is_ok_and(|file| file == bytes)
    });
    assert!(found, "{size}");
}

#[test]
fn nothing_else_of_the_sandbox_is_a_path() {
    let _alone = crate::support::alone();
    for path in [
        "/log/tile/../../keys/root.key",
        "/log/tile/..%2f..%2fkeys%2froot.key",
        "/log/tile/%2e%2e/%2e%2e/keys/root.key",
        "/log/tile/entries/../../../keys/root.key",
        "/log/tile/0/000.p/../../../keys/root.key",
        "/log/tile//keys/root.key",
        "/keys/root.key",
        "/sandbox.toml",
        "/log/tile/keys/000",
    ] {
        let (status, bytes) = get(path);
        assert!(status == 404 || status == 400, "{path}: {status}");
        assert!(bytes.starts_with(b"{") || bytes.is_empty(), "{path}");
    }
}
