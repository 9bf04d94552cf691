//! Promise: a request for blind tokens that comes over HTTP is evaluated, counted, limited and refused as `hushtag token evaluate` does it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushtag_serve::command::{Started, start_evaluation};
use hushtag_serve::evaluation::Evaluation;
use hushtag_serve::sandbox::{Clock, SystemClock};
use hushtag_serve::settings::{
    Bounded, Evaluated, EvaluationDoor, EvaluationLimits, EvaluationSettings, ServeFile,
};
use hushtag_serve::tokens::{Role, TokenStore};
use serde_json::Value;

use crate::blind_request::{exchanged, points, repeated, shorter, signed};
use crate::program::{PROGRAM, run};
use crate::support::{HUSHTAG, runtime};

const STUDY: &str = include_str!("../../../../policies/demo/study.toml");
const REPLY_MAGIC: &[u8] = b"hushtag-blind-reply-1\n";

/// Two platforms; the second one evaluates over HTTP.
struct Platforms {
    place: tempfile::TempDir,
    evaluation: Arc<Evaluation>,
    http: SocketAddr,
    requester: String,
    monitor: String,
    _started: Started,
}

/// What an answer of the door is.
struct Answered {
    status: u16,
    kind: String,
    body: Vec<u8>,
}

/// Runs `hushtag --format json` in a folder.
fn hushtag(place: &Path, arguments: &[&str]) -> (i32, Value) {
    let all = [&["--format", "json"], arguments].concat();
    let output = Command::new(&*HUSHTAG).args(all).current_dir(place).output().unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), value)
}

fn done(place: &Path, arguments: &[&str]) -> Value {
    let (code, value) = hushtag(place, arguments);
    assert_eq!(code, 0, "{arguments:?}: {value}");
    value
}

/// Keys, and a study that pins them, as `study.toml`.
fn keys_and_study(place: &Path, max_ids: u32) {
    let mut study = STUDY.to_owned();
    for (handler, key) in [("social-platform", "a.key"), ("payment-platform", "b.key")] {
        let made = done(place, &["key", "new", "--out", key, "--for", "blind-token"]);
        let public = made["token_key"].as_str().unwrap_or_else(|| panic!("{made}"));
        let line = format!("[[handlers]]\nid = \"{handler}\"\n");
        study = study.replace(&line, &format!("{line}token_key = \"{public}\"\n"));
    }
    let tokens = format!("{study}\n[tokens]\nmax_ids = {max_ids}\npadding = 16\n");
    std::fs::write(place.join("study.toml"), tokens).unwrap();
}

fn settings(place: &Path, limits: EvaluationLimits) -> EvaluationSettings {
    EvaluationSettings {
        state: place.join("serve"),
        evaluation: Evaluated {
            study: place.join("study.toml"),
            key: place.join("b.key"),
            book: place.join("b.evaluations"),
        },
        http: EvaluationDoor { listen: "127.0.0.1:0".parse().unwrap() },
        tls: None,
        limits,
    }
}

fn platforms(max_ids: u32) -> Platforms {
    let place = tempfile::tempdir().unwrap();
    keys_and_study(place.path(), max_ids);
    let limits = EvaluationLimits { client_seconds: Bounded::of(1), ..EvaluationLimits::default() };
    let settings = settings(place.path(), limits);
    let tokens = TokenStore::open(&settings.state).unwrap();
    let token = |role| tokens.add(role, (None, None), 1, SystemClock.now()).unwrap().0.reveal().to_string();
    let (requester, monitor) = (token(Role::Requester), token(Role::Monitor));
    let evaluation = Arc::new(Evaluation::open(settings).unwrap());
    let started = runtime().block_on(start_evaluation(Arc::clone(&evaluation), false)).unwrap();
    let http = started.http.unwrap();
    Platforms { place, evaluation, http, requester, monitor, _started: started }
}

/// The file of a request of platform A for the ids of so many people.
fn request(place: &Path, name: &str, people: std::ops::Range<u32>) -> Vec<u8> {
    request_of(place, name, people, "a.key", "members", ["user,region", "east"])
}

fn request_of(
    place: &Path,
    name: &str,
    people: std::ops::Range<u32>,
    key: &str,
    dataset: &str,
    [head, more]: [&str; 2],
) -> Vec<u8> {
    let row = |person| format!("{},{more}\n", 13_800_000_000_u64 + u64::from(person));
    let rows: String = people.map(row).collect();
    std::fs::write(place.join(format!("{name}.csv")), format!("{head}\n{rows}")).unwrap();
    let [table, out, state] = ["csv", "request", "state"].map(|end| format!("{name}.{end}"));
    let all = ["token", "request", "--study", "study.toml", "--dataset", dataset, &table, "--key", key];
    done(place, &[&all[..], &["--out", &out, "--state", &state]].concat());
    std::fs::read(place.join(out)).unwrap()
}

/// `token evaluate` of the file of a request, with a book.
fn by_command(place: &Path, name: &str, book: &str, out: &str) -> (i32, Value) {
    let request = format!("{name}.request");
    let all = ["token", "evaluate", &request, "--study", "study.toml", "--key", "b.key", "--book", book];
    hushtag(place, &[&all[..], &["--out", out]].concat())
}

fn book(place: &Path, book: &str) -> Value {
    done(place, &["token", "book", book, "--key", "b.key"])
}

fn post(http: SocketAddr, token: Option<&str>, body: &[u8]) -> Answered {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.post(format!("http://{http}/v1/token-evaluations"));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = request.send(body).unwrap();
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    let (status, kind) = (response.status().as_u16(), header("content-type").unwrap_or_default());
    Answered { status, kind, body: response.body_mut().read_to_vec().unwrap() }
}

impl Platforms {
    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn post(&self, body: &[u8]) -> Answered {
        post(self.http, Some(&self.requester), body)
    }

    fn reply(&self, body: &[u8]) -> Vec<u8> {
        let answered = self.post(body);
        let text = String::from_utf8_lossy(&answered.body).into_owned();
        assert_eq!((answered.status, answered.kind.as_str()), (200, "application/octet-stream"), "{text}");
        answered.body
    }

    fn refused(&self, body: &[u8], status: u16, kind: &str, says: &str) {
        let answered = self.post(body);
        answered.is_problem(status, kind, says);
    }

    /// Names of what the service keeps of requests and replies.
    fn kept(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.path("serve/evaluation")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "lock").collect()
    }
}

impl Answered {
    fn is_problem(&self, status: u16, kind: &str, says: &str) {
        let text = String::from_utf8_lossy(&self.body);
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{text}"));
        let found = (self.status, self.kind.as_str(), problem["type"].as_str().unwrap());
        let wanted = format!("urn:hushtag:problem:{kind}");
        assert_eq!(found, (status, "application/problem+json", wanted.as_str()), "{text}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{detail}");
        assert!(!text.contains("1380000") && !text.contains("serve/"), "{text}");
    }
}

#[test]
fn a_reply_over_http_is_the_file_of_the_command_and_makes_the_tokens() {
    let world = platforms(1_000);
    let place = world.place.path();
    let body = request(place, "a", 0..40);
    let reply = world.reply(&body);
    let (code, _) = by_command(place, "a", "other.evaluations", "a.reply");
    assert_eq!(code, 0);
    assert!(std::fs::read(world.path("a.reply")).unwrap() == reply, "byte for byte");
    assert_eq!(book(place, "b.evaluations")["ids"], 48);
    let sessions = |name| book(place, name)["sessions"][0]["session"].clone();
    assert_eq!(sessions("b.evaluations"), sessions("other.evaluations"));
    assert!(world.kept().is_empty(), "{:?}", world.kept());

    std::fs::write(world.path("http.reply"), &reply).unwrap();
    let all =
        ["tokenize", "--study", "study.toml", "--dataset", "members", "a.csv", "a.parquet", "--key", "a.key"];
    let treated = done(place, &[&all[..], &["--state", "a.state", "--reply", "http.reply"]].concat());
    assert_eq!(treated["key_id"].as_str().unwrap().len(), 16);
}

#[test]
fn one_book_counts_what_comes_over_http_and_by_the_command_and_each_request_once() {
    let world = platforms(96);
    let place = world.place.path();
    let first = request(place, "first", 0..40);
    let reply = world.reply(&first);
    assert!(world.reply(&first) == reply, "again, byte for byte");
    let (_, again) = by_command(place, "first", "b.evaluations", "first.reply");
    assert_eq!((&again["counted_before"], &again["ids"]), (&true.into(), &48.into()));
    assert!(std::fs::read(world.path("first.reply")).unwrap() == reply);

    let second = request(place, "second", 0..30);
    assert_eq!(by_command(place, "second", "b.evaluations", "second.reply").0, 0);
    assert!(world.reply(&second) == std::fs::read(world.path("second.reply")).unwrap());
    assert_eq!(book(place, "b.evaluations")["ids"], 80);

    let third = request(place, "third", 0..20);
    world.refused(&third, 403, "limit", "32 ids in this request after 80 in all sessions before it");
    assert_eq!(by_command(place, "third", "b.evaluations", "third.reply").0, 3);
    let last = request(place, "last", 0..1);
    world.reply(&last);
    assert!(world.reply(&first) == reply, "what was counted is still given");
    let totals = book(place, "b.evaluations");
    assert_eq!((&totals["ids"], totals["sessions"].as_array().unwrap().len()), (&96.into(), 3));
}

/// Two requests at a time, each within the limit and over it together: one is counted, whichever comes first.
#[test]
fn requests_at_the_same_time_are_not_over_the_limit_together() {
    let world = platforms(64);
    let place = world.place.path();
    let bodies = [request(place, "one", 0..40), request(place, "other", 20..60)];
    let status = std::thread::scope(|scope| {
        let world = &world;
        // Turned away on a slow machine while the other one is under way, a client sends its request again.
        let send = |body| std::iter::repeat_with(|| world.post(body).status).find(|status| *status != 503);
        let sent = bodies.each_ref().map(|body| scope.spawn(move || send(body).unwrap()));
        sent.map(|one| one.join().unwrap())
    });
    assert!(matches!(status, [200, 403] | [403, 200]), "{status:?}");
    assert_eq!(book(place, "b.evaluations")["ids"], 48);
}

#[test]
fn what_is_no_request_is_refused_by_name_and_counts_nothing() {
    let world = platforms(1_000);
    let place = world.place.path();
    let whole = request(place, "a", 0..20);
    let at = points(&whole);
    let refused = |body: &[u8], says| world.refused(body, 422, "evaluation", says);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut body = whole.clone();
        change(&mut body);
        body
    };
    refused(b"", "request: is not a request for blind tokens");
    refused(b"{\"sql\": 1}", "request: is not a request for blind tokens");
    refused(REPLY_MAGIC, "is not a request for blind tokens");
    refused(&whole[..30], "cut off");
    for length in [at.start, at.start + 40, whole.len() - 1] {
        refused(&whole[..length], "cut off, or something follows");
    }
    refused(&[&whole[..], b"\0"].concat(), "something follows");
    refused(&with(&|body| body[24..28].fill(0xff)), "has a header that is none");
    refused(&with(&|body| *body.last_mut().unwrap() ^= 1), "the signature is not that of `social-platform`");
    // Points: the identity, none, one that is not canonical.
    refused(&with(&|body| body[at.start + 64..at.start + 96].fill(0)), "point 3 is not the encoding");
    refused(&with(&|body| body[at.start..at.start + 32].fill(0xff)), "point 1 is not the encoding");
    refused(&with(&|body| body[at.end - 1] |= 0x80), "point 32 is not the encoding");
    let key = std::fs::read_to_string(world.path("a.key")).unwrap();
    refused(&repeated(&key, whole.clone()), "holds a point twice");
    let says = "31 points of namespace `phone` are no multiple of the study's padding, 16";
    refused(&shorter(&key, whole.clone()), says);
    let unknown = signed(&key, whole.clone(), |body| {
        body.splice(at.start - 13..at.start - 8, *b"phonf");
    });
    refused(&unknown, "declares no namespace `phonf`");
    // Its own request, and one under another study.
    let own = request_of(
        place,
        "own",
        0..3,
        "b.key",
        "payments",
        ["payer,amount,at,merchant", "1,2026-08-01T10:00:00+08:00,m"],
    );
    refused(&own, "is not from `social-platform` to `payment-platform`");
    let study = std::fs::read_to_string(world.path("study.toml")).unwrap();
    std::fs::write(world.path("study.toml"), study.replace("max_ids = 1000", "max_ids = 1001")).unwrap();
    refused(&request(place, "later", 0..3), "belongs to another study, or to this one before it was changed");
    std::fs::write(world.path("study.toml"), study).unwrap();

    assert!(!world.path("b.evaluations").exists(), "nothing was counted");
    assert!(world.kept().is_empty(), "{:?}", world.kept());
    world.reply(&whole);
    // Another request under a session that was evaluated.
    let other = exchanged(&key, whole.clone());
    world.refused(&other, 409, "session", "another request of the same session was evaluated before");
    assert_eq!(book(place, "b.evaluations")["ids"], 32);
}

#[test]
fn only_a_token_of_the_other_platform_opens_it() {
    let world = platforms(1_000);
    let body = request(world.place.path(), "a", 0..3);
    for token in [None, Some("x"), Some("hushtag_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
        post(world.http, token, &body).is_problem(401, "token", "Bearer");
    }
    post(world.http, Some(&world.monitor), &body).is_problem(403, "role", "`requester`");
    assert!(!world.path("b.evaluations").exists(), "nothing was counted");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let get =
        |path: &str| agent.get(format!("http://{}{path}", world.http)).call().unwrap().status().as_u16();
    let found =
        ["/healthz", "/openapi.json", "/v1/token-evaluations", "/v1/queries", "/log/checkpoint"].map(get);
    assert_eq!(found, [200, 200, 405, 404, 404], "nothing of a sandbox is here");
    // A token that was revoked.
    let tokens = TokenStore::open(&world.path("serve")).unwrap();
    tokens.list().unwrap().iter().for_each(|record| drop(tokens.revoke(&record.id).unwrap()));
    world.post(&body).is_problem(401, "token", "Bearer");
}

/// More bytes than `max_ids` allows are not received, whether the client says so beforehand or not.
#[test]
fn a_body_is_limited_by_the_ids_of_the_study_and_has_to_come() {
    let world = platforms(1_000);
    let place = world.place.path();
    let large = vec![7; usize::try_from(world.evaluation.longest()).unwrap() + 1];
    world.post(&large).is_problem(413, "size", "a body has at most");
    let head = format!(
        "POST /v1/token-evaluations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n",
        world.requester
    );
    let talk = |more: &[u8], shut: bool| {
        let mut stream = TcpStream::connect(world.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let sent = stream.write_all(&[head.as_bytes(), more].concat());
        if shut {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        (sent.is_ok(), String::from_utf8_lossy(&answer).into_owned())
    };
    let chunk = [format!("{:x}\r\n", large.len()).as_bytes(), &large[..], &b"\r\n0\r\n\r\n"[..]].concat();
    let (sent, answer) = talk(&[&b"Transfer-Encoding: chunked\r\n\r\n"[..], &chunk].concat(), false);
    assert!(!sent || answer.contains(" 413 "), "{answer}");
    // A body that is cut, and one that does not come.
    let (_, answer) = talk(b"Content-Length: 1000\r\n\r\nhushtag-blind-request-1\n", true);
    assert!(answer.is_empty() || answer.contains(" 400 "), "{answer}");
    let started = Instant::now();
    let (_, answer) = talk(b"Content-Length: 1000\r\n\r\nhushtag-blind-request-1\n", false);
    assert!(answer.contains(" 408 "), "{answer}");
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(!world.path("b.evaluations").exists(), "nothing was counted");
    let body = request(place, "a", 0..3);
    assert!(world.reply(&body).starts_with(REPLY_MAGIC), "it goes on");
}

#[test]
fn a_second_request_waits_for_its_turn_and_is_turned_away_after_a_while() {
    let world = platforms(1_000);
    let body = request(world.place.path(), "a", 0..3);
    let turn = runtime().block_on(world.evaluation.turn()).unwrap();
    world.refused(&body, 503, "busy", "another request is evaluated");
    drop(turn);
    world.reply(&body);
}

/// The evaluation of a client that left goes on; its reply is kept until it was fetched.
#[test]
fn a_client_that_leaves_gets_the_reply_when_it_comes_back() {
    let world = platforms(1_000);
    let place = world.place.path();
    let body = request(place, "a", 0..3);
    let head = format!(
        "POST /v1/token-evaluations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        world.requester,
        body.len()
    );
    let mut stream = TcpStream::connect(world.http).unwrap();
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let started = Instant::now();
    while !world.path("b.evaluations").exists() {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(stream);
    let reply = loop {
        let answered = world.post(&body);
        if answered.status == 200 {
            break answered.body;
        }
        answered.is_problem(503, "busy", "another request");
    };
    assert_eq!(by_command(place, "a", "other.evaluations", "a.reply").0, 0);
    assert!(std::fs::read(world.path("a.reply")).unwrap() == reply);
    assert_eq!(book(place, "b.evaluations")["ids"], 16);
    assert!(world.kept().is_empty(), "{:?}", world.kept());
}

/// The program, killed while it receives, counts and evaluates: the request is counted at most once, and its reply is the same.
#[test]
fn killed_at_any_moment_it_counts_a_request_once_and_gives_the_same_reply() {
    let place = tempfile::tempdir().unwrap();
    keys_and_study(place.path(), 1_000);
    let tokens = TokenStore::open(&place.path().join("serve")).unwrap();
    let token = tokens.add(Role::Requester, (None, None), 1, SystemClock.now()).unwrap().0.reveal();
    let config = place.path().join("serve.toml");
    let text = "state = \"serve\"\n[evaluation]\nstudy = \"study.toml\"\nkey = \"b.key\"\nbook = \"b.evaluations\"\n[http]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(&config, text).unwrap();
    let body = request(place.path(), "a", 0..200);
    assert_eq!(by_command(place.path(), "a", "other.evaluations", "a.reply").0, 0);
    let reply = std::fs::read(place.path().join("a.reply")).unwrap();
    for wait in [0, 5, 20, 50, 100, 200, 400] {
        let (mut program, port) = run(Command::new(PROGRAM), &config);
        let head = format!(
            "POST /v1/token-evaluations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            *token,
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        program.kill();
    }
    let (mut program, port) = run(Command::new(PROGRAM), &config);
    let kept = std::fs::read_dir(place.path().join("serve/evaluation")).unwrap().count();
    assert_eq!(kept, 1, "the lock: what a killed service left is removed");
    let answered = post(format!("127.0.0.1:{port}").parse().unwrap(), Some(&token), &body);
    assert!(answered.status == 200 && answered.body == reply, "{}", String::from_utf8_lossy(&answered.body));
    let totals = book(place.path(), "b.evaluations");
    assert_eq!((&totals["ids"], totals["sessions"].as_array().unwrap().len()), (&208.into(), 1));
    assert!(program.stop().success(), "SIGTERM is a stop in peace");
}

#[test]
fn what_cannot_serve_is_refused_at_the_start() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    keys_and_study(place, 1_000);
    let opened = || Evaluation::open(settings(place, EvaluationLimits::default()));
    let error = || opened().err().unwrap().to_string();
    let first = opened().unwrap();
    assert!(error().contains("in use"), "one service has the folder");
    drop(first);
    std::fs::write(place.join("b.evaluations"), "hushtag-evaluations-1\n").unwrap();
    assert!(error().contains("b.evaluations: is no evaluation book"));
    std::fs::remove_file(place.join("b.evaluations")).unwrap();
    std::fs::rename(place.join("b.key"), place.join("kept.key")).unwrap();
    done(place, &["key", "new", "--out", "b.key", "--for", "blind-token"]);
    assert!(error().contains("pins no `token_key` of this key"));
    std::fs::write(place.join("study.toml"), STUDY).unwrap();
    assert!(error().contains("the study pins no `token_key`"));
}

/// A token opens what its service has: `requester` a platform's, all others a sandbox's.
#[test]
fn tokens_are_made_for_the_service_that_they_open() {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let door = "state = \"serve\"\n[http]\nlisten = \"127.0.0.1:0\"\n";
    let of_sandbox = write("sandbox.toml", &format!("sandbox = \"box\"\n{door}"));
    let evaluation = "[evaluation]\nstudy = \"study.toml\"\nkey = \"b.key\"\nbook = \"b.evaluations\"\n";
    let of_platform = write("platform.toml", &format!("{door}{evaluation}"));
    let new = |config: &Path, role: &str| {
        let program = env!("CARGO_BIN_EXE_hushtag-serve");
        let all = ["token", "new", "--role", role, "--config"];
        let output = Command::new(program).args(all).arg(config).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(new(&of_platform, "requester").0);
    let (made, said) = new(&of_platform, "monitor");
    assert!(!made && said.contains("tokens of role `monitor` open nothing here"), "{said}");
    let (made, said) = new(&of_sandbox, "requester");
    assert!(!made && said.contains("`requester`"), "{said}");
    assert!(matches!(ServeFile::read(&of_platform), Ok(ServeFile::Evaluation(_))));
}
