//! Guards that nothing readable is on an executor's disk, in a log or in an error, also when the executor is killed.

use std::time::{Duration, Instant};

use super::support::{Case, Cluster, Terms, holds, texts};

/// Texts of rows that would be found if a state were in the clear: ids, and words of fields.
fn canaries(case: &Case) -> Vec<String> {
    let (_, members) = case.data.iter().find(|(name, _)| name == "members").unwrap();
    let part = std::fs::read_dir(members).unwrap().flatten().next().unwrap().path();
    let mut all: Vec<String> = texts(&part, "user").into_iter().take(40).collect();
    all.extend(texts(&part, "region").into_iter().filter(|word| word.len() > 3).take(5));
    all.extend(["separate", "campaign-measurement"].map(str::to_owned));
    all
}

#[test]
fn work_folders_and_logs_hold_nothing_readable() {
    let case = Case::demo(2_000, 6);
    let mut cluster = Cluster::start(2);
    let mut seal = cluster.begin(&case, &Terms::new("canary", 4));
    let begun = Instant::now();
    // Shuffle files are there.
    while holds(&cluster.scratch(0), b"ARROW1").is_none()
        && holds(&cluster.scratch(0), &[0xff, 0xff, 0xff, 0xff]).is_none()
    {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing was shuffled: {}", cluster.logs());
        std::thread::sleep(Duration::from_millis(2));
    }
    cluster.executors[0].kill();
    let canaries = canaries(&case);
    assert!(canaries.len() > 10 && holds(case.folder.path(), canaries[0].as_bytes()).is_some(), "no canary");
    for canary in &canaries {
        let found = holds(&cluster.scratch(0), canary.as_bytes());
        assert!(found.is_none(), "{canary} is in {found:?}, which a killed executor left");
    }
    let _ = seal.end(Duration::from_secs(240)).expect("a seal ends");
    let said = seal.said.lock().unwrap().clone() + &cluster.logs();
    let ids = canaries.iter().filter(|canary| canary.bytes().all(|byte| byte.is_ascii_digit()));
    ids.for_each(|canary| assert!(!said.contains(canary.as_str()), "{canary}: {said}"));
}

#[test]
fn a_pool_that_is_too_small_refuses_and_shows_nothing() {
    let case = Case::demo(20_000, 4);
    let cluster = Cluster::with_memory(1, 1);
    let output = cluster.seal(&case, &Terms::new("small", 1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &cluster.logs();
    assert!(!output.status.success() && !case.is_sealed("small"), "{said}");
    for canary in canaries(&case) {
        assert!(holds(&cluster.scratch(0), canary.as_bytes()).is_none(), "{canary}");
    }
}
