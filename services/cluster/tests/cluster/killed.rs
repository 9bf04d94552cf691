//! Guards that whatever dies, a seal has equal cubes, or there is none and nothing is logged as sealed.

use std::path::Path;
use std::time::{Duration, Instant};

use super::support::{Case, Cluster, Process, Terms};

/// How long anything here may take.
const LONG: Duration = Duration::from_secs(240);

/// Waits until the scratch folders of the executors hold so many files, or the seal is over.
fn until_shuffled(cluster: &Cluster, files: usize, seal: &mut Process) -> bool {
    fn count(folder: &Path) -> usize {
        let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
        items.map(|item| if item.path().is_dir() { count(&item.path()) } else { 1 }).sum()
    }
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        let there: usize =
            (0..cluster.executors.len()).map(|executor| count(&cluster.scratch(executor))).sum();
        if there >= files || !seal.is_running() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

/// The seal has equal cubes, or failed and left nothing behind.
fn equal_or_nothing(case: &Case, epoch: &str, succeeded: bool) {
    assert_eq!(case.is_sealed(epoch), succeeded);
    if succeeded {
        assert!(case.sealed_cubes(epoch) == case.own_cubes(epoch), "{epoch}: other cubes");
    } else {
        let left = std::fs::read_dir(case.sandbox().join("epochs")).into_iter().flatten().flatten();
        let left: Vec<_> =
            left.map(|item| item.file_name()).filter(|name| name.to_str() != Some(epoch)).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains(epoch)), "{left:?}");
    }
}

#[test]
fn an_executor_that_is_killed_leaves_equal_cubes_or_none() {
    let case = Case::demo(3_000, 12);
    // While files are read, after the first shuffle files, and when the second grouping runs.
    for (epoch, files) in [("scan", 0), ("shuffled", 1), ("later", 12), ("last", 16)] {
        let mut cluster = Cluster::start(2);
        let mut seal = cluster.begin(&case, &Terms::new(epoch, 6));
        assert!(seal.says(" partitions", LONG), "{}", cluster.logs());
        assert!(until_shuffled(&cluster, files, &mut seal), "{}", cluster.logs());
        cluster.executors[0].kill();
        let status = seal.end(LONG).expect("a seal ends");
        equal_or_nothing(&case, epoch, status.success());
        let said = seal.said.lock().unwrap().clone();
        // The other executor is still there and takes over.
        assert!(status.success(), "{epoch}: {said}\n{}", cluster.logs());
    }
}

#[test]
fn without_executors_or_scheduler_nothing_is_sealed() {
    let case = Case::demo(3_000, 12);
    for (epoch, is_scheduler) in [("executors", false), ("scheduler", true)] {
        let mut cluster = Cluster::start(2);
        let mut seal = cluster.begin(&case, &Terms::new(epoch, 6));
        assert!(until_shuffled(&cluster, 1, &mut seal), "{}", cluster.logs());
        if is_scheduler {
            cluster.scheduler.kill();
        } else {
            cluster.executors.iter_mut().for_each(Process::kill);
        }
        let status = seal.end(LONG).expect("a seal ends");
        equal_or_nothing(&case, epoch, status.success());
        assert!(!status.success(), "{epoch}");
    }
    // The folder is as before: the next seal, on a new cluster, has equal cubes.
    let cluster = Cluster::start(1);
    let output = cluster.seal(&case, &Terms::new("executors", 3));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    equal_or_nothing(&case, "executors", true);
}

#[test]
fn executors_end_with_the_seal_and_leave_nothing() {
    let case = Case::demo(300, 2);
    let mut cluster = Cluster::start(2);
    assert!(cluster.seal(&case, &Terms::new("once", 2)).status.success());
    for executor in 0..2 {
        let status = cluster.executors[executor].end(Duration::from_secs(20));
        assert!(status.is_some_and(|status| status.success()), "{}", cluster.logs());
        assert_eq!(std::fs::read_dir(cluster.scratch(executor)).unwrap().count(), 0);
    }
}
