//! What blind tokens cost: both platforms' work on the ids of one, relative to three bare multiplications of a point an id, which are the
//! least that the protocol needs, measured in the same run on one thread; and the most memory, an id.
//!
//! `cargo bench --bench blind_token`; `HUSHTAG_BENCH_IDS` (1000000) is the number of ids, `HUSHTAG_BENCH_THREADS` (1) that of threads.
//! Without `--bench` it does nothing, so that `cargo test` stays quick.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::collections::BTreeSet;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use hushtag::blind_token::{CheckedRequest, EvaluationBook, FilePlace, Parties, Request, Work, unblind};
use hushtag::keys::BlindTokenKey;
use hushtag::policy::Study;
use hushtag::storage::Folder;
use hushtag::types::{Secret, Timestamp};

const STUDY: &str = include_str!("../policies/demo/study.toml");

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let (ids, threads) = (setting("HUSHTAG_BENCH_IDS", 1_000_000)?, setting("HUSHTAG_BENCH_THREADS", 1)?);
    let [a, b] = [1, 2].map(|byte| BlindTokenKey::from_seed(Secret::new([byte; 32])));
    let (a, b) = (a?, b?);
    let study = study(&a, &b)?;
    let place = tempfile::tempdir()?;
    let folder = Folder::open(place.path())?;
    let at = |name: &'static str| FilePlace { storage: &folder, name };
    let work = Work { threads: usize::try_from(threads)?, progress: &|_| () };

    let bare = bare(ids.min(20_000)) * u32::try_from(ids.div_ceil(ids.min(20_000)))?;
    let text = |number: u64| format!("138{number:09}");
    let steps = ["request", "evaluate", "unblind"];
    let mut took = [Duration::ZERO; 3];
    let mut memory = [0; 3];

    let (start, before) = (Instant::now(), peak());
    let mut request =
        Request::new(Parties::new(&study, &a)?, &a, at("state"), BTreeSet::from(["phone"]), work)?;
    for number in 0..ids {
        request.add("phone", text(number).as_bytes())?;
    }
    request.finish(at("request"))?;
    (took[0], memory[0]) = (start.elapsed(), peak() - before);

    let (start, before) = (Instant::now(), peak());
    let checked = CheckedRequest::read(Parties::new(&study, &b)?, at("request"), work)?;
    let counting = EvaluationBook::new(at("book"), &b).count(checked, Timestamp::from_seconds(0))?;
    counting.counted.evaluate(&b, at("reply"), work)?;
    (took[1], memory[1]) = (start.elapsed(), peak() - before);

    let (start, before) = (Instant::now(), peak());
    let tokens = unblind(Parties::new(&study, &a)?, &a, at("state"), at("reply"), work)?;
    (took[2], memory[2]) = (start.elapsed(), peak() - before);
    let phones = tokens.namespace("phone").ok_or("no tokens")?;
    if (0..ids).any(|number| phones.token(text(number).as_bytes()).is_none()) {
        return Err("an id has no token".into());
    }

    println!("{ids} ids, {threads} threads");
    println!("three bare multiplications an id, one thread: {:.2} s", bare.as_secs_f64());
    for ((step, took), memory) in steps.iter().zip(took).zip(memory) {
        let ratio = took.as_secs_f64() / bare.as_secs_f64();
        println!("{step}: {:.2} s, {ratio:.3} times; {memory} KiB more memory at most", took.as_secs_f64());
    }
    let ratio = took.iter().sum::<Duration>().as_secs_f64() / bare.as_secs_f64();
    println!("both sides together: {ratio:.3} times the bare multiplications (bar: 1.6, one thread)");
    Ok(())
}

/// Three multiplications of a point by a scalar, `times` times.
fn bare(times: u64) -> Duration {
    let mut point = RistrettoPoint::from_uniform_bytes(&[3; 64]);
    let scalars = [5, 7, 9].map(|byte| Scalar::from_bytes_mod_order_wide(&[byte; 64]));
    let start = Instant::now();
    for _ in 0..times {
        for scalar in &scalars {
            point = black_box(black_box(scalar) * point);
        }
    }
    start.elapsed()
}

fn study(a: &BlindTokenKey, b: &BlindTokenKey) -> Result<Study, Box<dyn Error>> {
    let keyed =
        [("social-platform", a), ("payment-platform", b)].iter().fold(STUDY.to_owned(), |text, (id, key)| {
            let line = format!("[[handlers]]\nid = \"{id}\"\n");
            text.replace(&line, &format!("{line}token_key = \"{}\"\n", key.public()))
        });
    Ok(Study::parse("study.toml", &format!("{keyed}\n[tokens]\nmax_ids = 1_000_000_000\npadding = 4_096\n"))?)
}

fn setting(name: &str, otherwise: u64) -> Result<u64, Box<dyn Error>> {
    Ok(std::env::var(name).ok().map(|text| text.parse()).transpose()?.unwrap_or(otherwise))
}

/// The most memory that the process ever held, in KiB, where the system reports it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|size| size.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
