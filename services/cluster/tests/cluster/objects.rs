//! Guards that tables in an object store are sealed as files are, that they are read by executors alone, of the version that was listed, and
//! that no byte of them and no credential is on a disk or in a message.

use std::fs;
use std::path::Path;
use std::process::Output;

use arrow_ipc::writer::FileWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::equal::check;
use super::store::{KEY, Store};
use super::support::{Case, Cluster, Terms, holds, texts};

/// A case whose tables are objects, and a cluster with the credentials of `key`.
fn stored(case: &mut Case, key: &str, memory: u32) -> (Store, Cluster) {
    let store = Store::of(case.folder.path());
    case.bucket = Some("data".to_owned());
    let mut cluster = Cluster::with_memory(0, memory);
    cluster.environment = store.environment(key);
    (0..2).for_each(|_| cluster.add_executor());
    (store, cluster)
}

/// Makes Arrow files of many batches of the Parquet files in a folder.
fn as_arrow(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let rows = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(entry.path()).unwrap()).unwrap();
        let file = fs::File::create(entry.path().with_extension("arrow")).unwrap();
        let mut writer = FileWriter::try_new(file, rows.schema()).unwrap();
        for batch in rows.with_batch_size(1_000).build().unwrap() {
            writer.write(&batch.unwrap()).unwrap();
        }
        writer.finish().unwrap();
        fs::remove_file(entry.path()).unwrap();
    }
}

fn said(output: &Output, cluster: &Cluster) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &cluster.logs()
}

#[test]
fn objects_are_sealed_as_files_are_and_read_by_executors_alone() {
    let mut case = Case::demo(20_000, 2);
    // Arrow files name every batch in their footer, and the operator does not look into the middle.
    as_arrow(&case.folder.path().join("payments"));
    // What Spark and consoles leave beside data.
    for folder in ["payments", "consents"] {
        fs::write(case.folder.path().join(folder).join("_SUCCESS"), "").unwrap();
    }
    let (store, cluster) = stored(&mut case, KEY, 512);
    check(&cluster, &case, &Terms::new("objects", 4));
    let files: u64 = ["follows", "payments", "members", "consents"]
        .iter()
        .flat_map(|table| fs::read_dir(case.folder.path().join(table)).unwrap().flatten())
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(files > 1_000_000, "{files}: too small to have a middle that no one looks at");
    let whole = store.read_whole();
    assert_eq!(whole.len(), 8, "each object once: {whole:?}");
    // The operator looked at both ends.
    let looked_at = store.sent() as u64 - files;
    assert!(looked_at <= 8 * 2 * (64 << 10), "{looked_at} bytes beside the objects themselves");
}

#[test]
fn an_object_that_changes_behind_the_listing_is_refused() {
    let mut case = Case::demo(300, 1);
    let (store, cluster) = stored(&mut case, KEY, 512);
    store.change_after_listing();
    let output = cluster.seal(&case, &Terms::new("changed", 2));
    let said = said(&output, &cluster);
    assert!(!output.status.success() && !case.is_sealed("changed"), "{said}");
    assert!(said.contains("other bytes than when it was listed"), "{said}");
}

#[test]
fn credentials_are_those_of_the_environment_and_are_not_repeated() {
    let mut case = Case::demo(300, 1);
    let (_store, cluster) = stored(&mut case, "OTHERKEY", 512);
    let output = cluster.seal(&case, &Terms::new("refused", 2));
    let said = said(&output, &cluster);
    assert!(!output.status.success() && !case.is_sealed("refused"), "{said}");
    assert!(said.contains("refuses the credentials of the environment"), "{said}");
    assert!(!said.contains("OTHERKEY") && !said.contains("a-very-secret-key"), "{said}");
}

#[test]
fn what_is_not_there_and_what_does_not_fit_is_refused() {
    let mut case = Case::demo(20_000, 1);
    let (store, cluster) = stored(&mut case, KEY, 1);
    let output = cluster.seal(&case, &Terms::new("small", 2));
    let small = said(&output, &cluster);
    assert!(!output.status.success() && !case.is_sealed("small"), "{small}");
    assert!(small.contains("memory of this executor"), "{small}");
    // What would be read on the operator's machine.
    let mut checked = cluster.arguments(&case, &Terms::new("checked", 2));
    checked.push("--check".into());
    let output = cluster.run(checked);
    let refused = said(&output, &cluster);
    assert!(!output.status.success() && refused.contains("`--check`"), "{refused}");
    drop(store);
    case.bucket = Some("nowhere".to_owned());
    let store = Store::of(case.folder.path());
    let mut cluster = cluster;
    cluster.environment = store.environment(KEY);
    let output = cluster.seal(&case, &Terms::new("nowhere", 2));
    let nowhere = said(&output, &cluster);
    assert!(!output.status.success() && nowhere.contains("s3://nowhere/"), "{nowhere}");
}

#[test]
fn no_byte_of_an_object_is_on_a_disk() {
    let mut case = Case::demo(5_000, 2);
    let (store, mut cluster) = stored(&mut case, KEY, 512);
    let mut seal = cluster.begin(&case, &Terms::new("canary", 4));
    let begun = std::time::Instant::now();
    while store.read_whole().len() < 3 {
        assert!(begun.elapsed().as_secs() < 120, "{}", cluster.logs());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    cluster.executors[0].kill();
    let part = fs::read_dir(case.folder.path().join("members")).unwrap().flatten().next().unwrap().path();
    let ids: Vec<String> = texts(&part, "user").into_iter().take(40).collect();
    assert!(ids.len() == 40 && holds(&case.folder.path().join("members"), ids[0].as_bytes()).is_some());
    for scratch in [cluster.scratch(0), cluster.scratch(1)] {
        for id in &ids {
            assert_eq!(holds(&scratch, id.as_bytes()), None);
        }
    }
    let _ = seal.end(std::time::Duration::from_secs(240)).expect("a seal ends");
    let said = seal.said.lock().unwrap().clone() + &cluster.logs();
    ids.iter().for_each(|id| assert!(!said.contains(id.as_str()), "{id}: {said}"));
}
