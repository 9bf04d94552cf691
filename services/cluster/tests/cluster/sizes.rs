//! Guards that ten times the data takes more partitions and not more memory. It runs for minutes, and prints the table of the book:
//! `cargo test --manifest-path services/cluster/Cargo.toml --test cluster -- --ignored --nocapture sizes`

use std::path::Path;
use std::time::{Duration, Instant};

use super::support::{Case, Cluster, Terms};

/// MiB that the states of all tasks of an executor may take.
const MEMORY: u32 = 64;
/// MiB that an executor may have above them: the program, the rows of two files that are read, and what is encrypted or sent.
const BESIDE: u64 = 256;

/// Peaks of one seal, in MiB.
struct Peaks {
    operator: u64,
    scheduler: u64,
    executors: Vec<u64>,
    /// What lies in the scratch folders of all executors.
    scratch: u64,
    seconds: u64,
}

fn bytes(folder: &Path) -> u64 {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
    items
        .map(|item| item.metadata().map_or(0, |of| if of.is_dir() { bytes(&item.path()) } else { of.len() }))
        .sum()
}

fn peaks(people: u32, files: usize, partitions: u32) -> Peaks {
    let case = Case::demo(people, files);
    let cluster = Cluster::with_memory(2, MEMORY);
    let begun = Instant::now();
    let mut seal = cluster.begin(&case, &Terms::new("sizes", partitions));
    let mut peaks = Peaks { operator: 0, scheduler: 0, executors: vec![0; 2], scratch: 0, seconds: 0 };
    while seal.is_running() {
        peaks.operator = peaks.operator.max(seal.peak());
        peaks.scheduler = peaks.scheduler.max(cluster.scheduler.peak());
        for (peak, executor) in peaks.executors.iter_mut().zip(&cluster.executors) {
            *peak = (*peak).max(executor.peak());
        }
        let scratch: u64 = (0..2).map(|executor| bytes(&cluster.scratch(executor))).sum();
        peaks.scratch = peaks.scratch.max(scratch >> 20);
        std::thread::sleep(Duration::from_millis(20));
    }
    peaks.seconds = begun.elapsed().as_secs();
    assert!(
        seal.end(Duration::from_secs(5)).unwrap().success(),
        "{}\n{}",
        seal.said.lock().unwrap(),
        cluster.logs()
    );
    assert!(case.is_sealed("sizes"));
    peaks
}

#[test]
#[ignore = "takes minutes"]
fn ten_times_the_data_needs_more_partitions_and_not_more_memory() {
    println!(
        "| people | files a table, partitions | operator, scheduler, each executor, scratch, MiB | seconds |"
    );
    for (people, files, partitions) in [(2_000, 2, 2), (20_000, 20, 20)] {
        let Peaks { operator, scheduler, executors, scratch, seconds } = peaks(people, files, partitions);
        println!(
            "| {people} | {files}, {partitions} | {operator}, {scheduler}, {executors:?}, {scratch} | {seconds} |"
        );
        for peak in executors {
            assert!(peak < u64::from(MEMORY) + BESIDE, "{people} people: {peak} MiB");
        }
    }
}
