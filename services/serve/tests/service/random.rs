//! Random messages, bodies, statements and tokens: every one is answered or ends its own connection; none is a failure of the service, and
//! none that has no token costs anything.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hushtag_serve::sandbox::demo::RECIPIENT;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::faults::{logged_in, message, startup};
use crate::program::{Home, PROGRAM, run_logged};
use crate::support::{World, WorldTerms, world};

/// How many cases; `HUSHTAG_CASES` says another number.
fn runner() -> TestRunner {
    let cases = std::env::var("HUSHTAG_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(96);
    TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() })
}

/// Panics of threads that serve, but for those at messages that are shorter than they say: there `pgwire` reads beyond their end, the
/// bytes do not let it, and the connection is closed.
fn panics() -> Arc<AtomicUsize> {
    static PANICS: OnceLock<Arc<AtomicUsize>> = OnceLock::new();
    Arc::clone(PANICS.get_or_init(|| {
        let panics: Arc<AtomicUsize> = Arc::default();
        let (counted, other) = (Arc::clone(&panics), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            let at_end = panic.location().is_some_and(|at| at.file().contains("/bytes-"));
            if !at_end && std::thread::current().name().is_some_and(|name| name.starts_with("tokio")) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            other(panic);
        }));
        panics
    }))
}

fn small() -> World {
    world(WorldTerms { people: 200, epsilon: 900, ..WorldTerms::default() })
}

/// Sends all, says that nothing more comes, and reads to the end.
fn exchange(mut stream: TcpStream, bytes: &[u8]) -> Result<Vec<u8>, TestCaseError> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => Ok(answer),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(answer),
        Err(error) => Err(TestCaseError::fail(format!("the connection stays open: {error}"))),
    }
}

/// Messages of the server: kinds and bodies.
fn messages(mut bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, TestCaseError> {
    let mut all = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        let length = rest.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize);
        let whole = length.filter(|length| *length >= 4 && *length <= rest.len());
        let Some(length) = whole else {
            return Err(TestCaseError::fail(format!("no message: {:?}", String::from_utf8_lossy(bytes))));
        };
        all.push((*kind, rest[4..length].to_vec()));
        bytes = &rest[length..];
    }
    Ok(all)
}

/// No error says that the service itself failed.
fn are_clean(answer: &[u8]) -> Result<(), TestCaseError> {
    for (kind, body) in messages(answer)? {
        let text = String::from_utf8_lossy(&body).into_owned();
        prop_assert!(kind != b'E' || !(text.contains("CXX") || text.contains("C58000")), "{}", text);
    }
    Ok(())
}

fn raw() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        "[ -~]{0,30}\0".prop_map(String::into_bytes),
        Just(vec![0, 0, 0, 0, 0, 0])
    ]
}

/// A message as a client sends it, with a length that is right or not.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(b"PBEDCSHQFdcfXp\x00\xff".to_vec());
    (kind, raw(), prop_oneof![9 => Just(None), 1 => any::<u32>().prop_map(Some)]).prop_map(
        |(kind, body, length)| {
            let mut whole = message(kind, &body);
            if let Some(length) = length {
                whole.splice(1..5, length.to_be_bytes());
            }
            whole
        },
    )
}

/// Words of statements in any order.
fn statement() -> impl Strategy<Value = String> {
    let words = [
        "SELECT",
        "FROM",
        "tags",
        "region",
        "lapsed",
        "spend",
        "COUNT(*)",
        "SUM(spend)",
        "AVG(orders)",
        "MEDIAN(spend)",
        "GROUP BY",
        "WHERE",
        "ORDER BY",
        "LIMIT 1",
        "HAVING",
        "region = 'east'",
        "AS n",
        "n",
        ",",
        "(",
        ")",
        "*",
        "'",
        "\"",
        "--",
        "/*",
        ";",
        "$1",
        "CASE WHEN",
        "THEN 1 END",
        "UNION ALL",
        "WITH t AS (",
        "WITH (error = 9000)",
        "t",
        "NULL",
        "::text",
        "||",
        "1",
        "-1",
        "9223372036854775808",
        "1e400",
        "vocabulary",
        "JOIN",
        "ON",
        "EXPLAIN",
        "SET a = 1",
        "SHOW",
        "BEGIN",
        "ROLLBACK",
        "information_schema.columns",
        "pg_catalog.pg_class",
        "é",
        "\u{202e}",
        "OVER ()",
        "DISTINCT",
    ];
    let word = prop::sample::select(words.to_vec());
    let whole = prop::sample::select(vec![
        "SELECT region, COUNT(*) AS n FROM tags GROUP BY region",
        "SELECT COUNT(*) AS n, SUM(spend) AS s FROM tags WHERE region = 'east'",
        "SELECT tag, label FROM vocabulary",
        "SELECT * FROM (SELECT lapsed AS t, COUNT(*) AS n FROM tags GROUP BY lapsed) t WHERE n > 1",
    ]);
    let mixed = vec(word.clone(), 1..14).prop_map(|words| words.join(" "));
    // A good statement with some words put in or taken out.
    let bent = (whole, vec((any::<prop::sample::Index>(), prop::option::of(word)), 1..4)).prop_map(
        |(whole, edits)| {
            let mut words: Vec<&str> = whole.split(' ').collect();
            for (place, word) in edits {
                let place = place.index(words.len());
                match word {
                    Some(word) => words.insert(place, word),
                    None if words.len() > 1 => drop(words.remove(place)),
                    None => {}
                }
            }
            words.join(" ")
        },
    );
    prop_oneof![1 => mixed, 2 => bent]
}

#[test]
fn whatever_comes_before_the_login_ends_its_connection_at_no_cost() {
    let (world, panics) = (small(), panics());
    let begin = prop_oneof![
        3 => Just(Vec::new()),
        3 => Just(startup(RECIPIENT)),
        2 => (startup_of(), any::<prop::sample::Index>()).prop_map(|(bytes, cut)| bytes[..cut.index(bytes.len())].to_vec()),
        2 => startup_of(),
    ];
    let password = "[ -~]{0,70}".prop_map(|text| message(b'p', format!("{text}\0").as_bytes()));
    let sent = (begin, vec(prop_oneof![any_message(), password], 0..4))
        .prop_map(|(begin, rest)| [begin, rest.concat()].concat());
    let done = runner().run(&sent, |sent| {
        let answer = exchange(TcpStream::connect(world.postgres).unwrap(), &sent)?;
        prop_assert!(
            !answer.windows(6).any(|six| six == [b'Z', 0, 0, 0, 5, b'I']),
            "it is let in: {:?}",
            sent
        );
        Ok(())
    });
    done.unwrap();
    assert_eq!((world.spent(), panics.load(Ordering::SeqCst)), (0, 0));
}

/// A startup message with other words.
fn startup_of() -> impl Strategy<Value = Vec<u8>> {
    vec("[a-z_\\-]{0,12}", 0..7).prop_map(|words| {
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for word in words.iter().map(String::as_str).chain([""]) {
            body.extend(word.as_bytes());
            body.push(0);
        }
        let length = u32::try_from(body.len() + 4).unwrap();
        [&length.to_be_bytes(), body.as_slice()].concat()
    })
}

#[test]
fn messages_in_any_order_are_answered_or_end_their_connection() {
    let (world, panics) = (small(), panics());
    let done = runner()
        .run(&vec(any_message(), 1..8), |sent| are_clean(&exchange(logged_in(&world), &sent.concat())?));
    done.unwrap();
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

#[test]
fn statements_of_any_words_are_answered_or_refused_in_both_protocols() {
    let (world, panics) = (small(), panics());
    let done = runner().run(&statement(), |sql| {
        let text = [sql.as_bytes(), &[0]].concat();
        are_clean(&exchange(logged_in(&world), &[message(b'Q', &text), message(b'X', &[])].concat())?)?;
        let parse = message(b'P', &[&[0], text.as_slice(), &[0, 0]].concat());
        let bind = message(b'B', &[0, 0, 0, 0, 0, 0, 0, 0]);
        let rest =
            [message(b'D', b"P\0"), message(b'E', &[0, 0, 0, 0, 0]), message(b'S', &[]), message(b'X', &[])];
        are_clean(&exchange(logged_in(&world), &[parse, bind, rest.concat()].concat())?)
    });
    done.unwrap();
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

#[test]
fn bodies_of_any_kind_are_answered_or_are_problems_of_the_client() {
    let (world, panics) = (small(), panics());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let text = prop_oneof![2 => statement(), 1 => ".{0,40}".prop_map(|text| text)];
    let body = prop_oneof![
        3 => (text, prop::option::of("[a-z0-9./\\-]{0,12}")).prop_map(|(sql, epoch)| {
            serde_json::json!({ "sql": sql, "epoch": epoch }).to_string().into_bytes()
        }),
        1 => vec(any::<u8>(), 0..60),
        1 => "[\\[\\]{}\":,sql0-9 ]{0,60}".prop_map(String::into_bytes),
    ];
    let path = prop::sample::select(vec!["/v1/queries", "/v1/forecasts", "/v1/metrics"]);
    let done = runner().run(&(path, body), |(path, body)| {
        let request = agent.post(format!("http://{}{path}", world.http));
        let request = request.header("Authorization", format!("Bearer {}", world.analyst));
        let mut response = request.send(&body).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let status = response.status().as_u16();
        let answer = response.body_mut().read_to_string().unwrap_or_default();
        let is_problem = answer.contains("urn:hushtag:problem:");
        let is_fine = status == 200 || (400..500).contains(&status) && is_problem;
        prop_assert!(is_fine, "{} {}: {} {}", path, String::from_utf8_lossy(&body), status, answer);
        Ok(())
    });
    done.unwrap();
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

#[test]
fn no_other_token_opens_a_path() {
    let (world, panics) = (small(), panics());
    let good = world.analyst.clone();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let bent =
        (any::<prop::sample::Index>(), prop::char::range('!', '~')).prop_map(move |(place, letter)| {
            let place = place.index(good.len());
            let bent = good.chars().enumerate().map(|(at, own)| if at == place { letter } else { own });
            format!("Bearer {}", bent.collect::<String>())
        });
    let header =
        prop_oneof![2 => bent, 1 => "[ -~]{0,70}", 1 => "(Bearer|bearer|Basic) hushtag_[A-Za-z0-9_\\-]{43}"];
    let done = runner().run(&header, |header| {
        prop_assume!(!header.ends_with(&world.analyst));
        let request = agent.get(format!("http://{}/v1/budget", world.http)).header("Authorization", &header);
        let Ok(response) = request.call() else { return Ok(()) };
        let status = response.status().as_u16();
        prop_assert!(status == 401 || status == 400, "{:?}: {}", header, status);
        Ok(())
    });
    done.unwrap();
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

#[test]
fn a_broken_message_is_a_line_of_the_log_without_what_was_sent() {
    let home = Home::new(100, "[postgres]\nlisten = \"127.0.0.1:0\"\n");
    let (mut program, port, lines) = run_logged(Command::new(PROGRAM), &home.place.path().join("serve.toml"));
    for kind in *b"PBEDCSHQFdcfXp" {
        for body in [&b""[..], b"\0", b"canary-4711\0", b"canary-4711\0\0"] {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let _ = stream.write_all(&[startup(RECIPIENT), message(kind, body)].concat());
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    assert!(program.stop().success(), "it goes on until it is stopped");
    let lines: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(lines.iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("panicked")), "none was broken enough: {lines:?}");
    assert!(!lines.concat().contains("4711") && !lines.concat().contains("out of bounds"), "{lines:?}");
}
