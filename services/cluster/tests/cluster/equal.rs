//! Guards that a cluster seals the cubes of one machine, byte for byte, and that the log says what ran it.

use std::fmt::Write as _;
use std::path::Path;

use super::support::{Case, Cluster, Terms};

/// Seals on a cluster, and compares.
pub(crate) fn check(cluster: &Cluster, case: &Case, terms: &Terms<'_>) {
    let output = cluster.seal(case, terms);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}\n{}", terms.epoch, cluster.logs());
    assert!(case.is_sealed(terms.epoch), "{said}");
    let sealed = case.sealed_cubes(terms.epoch);
    assert!(!sealed.is_empty() && sealed.iter().any(|cube| cube.iter().any(|byte| *byte > 1)));
    assert!(sealed == case.own_cubes(terms.epoch), "{}: other cubes than those of one machine", terms.epoch);
    let engine = case.logged_engine(terms.epoch);
    assert_eq!((engine["name"].as_str(), engine["version"].as_str()), (Some("ballista"), Some("55.0.0")));
    assert_eq!(engine["partitions"], terms.partitions);
    assert!(engine["plan"].as_str().unwrap().starts_with("blake3:"), "{engine}");
    // How far it was. In one partition, or where the engine changes them, there are fewer stages.
    for stage in ["reading files", "merging by person", "adding contributions", "counting"] {
        let is_shown = said.lines().any(|line| line.starts_with(stage) && line.ends_with(" partitions"));
        let is_all = terms.partitions > 1 && !terms.adaptive;
        assert!(is_shown || !is_all, "{stage}: {said}");
    }
}

/// A cluster is started for one seal.
fn sealed(case: &Case, executors: usize, terms: &Terms<'_>) {
    check(&Cluster::start(executors), case, terms);
}

#[test]
fn the_demo_is_sealed_alike_in_any_number_of_partitions() {
    let case = Case::demo(1_500, 3);
    for (epoch, partitions) in [("one", 1), ("two", 2), ("seven", 7), ("many", 64)] {
        sealed(&case, 2, &Terms::new(epoch, partitions));
    }
    sealed(&case, 1, &Terms { adaptive: true, ..Terms::new("adaptive", 7) });
}

#[test]
fn ties_referrals_and_distinct_words_are_those_of_one_machine() {
    sealed(&Case::social_commerce(1_500, 5), 2, &Terms::new("social", 7));
}

#[test]
fn many_small_files_are_those_of_one_machine() {
    sealed(&Case::demo(400, 40), 2, &Terms::new("small", 5));
}

const CIAO: &str = include_str!("../../../../policies/ciao/study.toml");
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

/// Everybody of a public network consents whose number does not end in 0.
fn public(name: &str) -> Option<Case> {
    let data = Path::new(SHARED).join(name);
    if !data.is_dir() {
        println!("skipped: the public data is not beside this checkout");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let consents = folder.path().join("consents.csv");
    std::fs::write(&consents, events(&data.join("people.parquet"))).unwrap();
    let tables =
        ["follows", "payments"].map(|table| (table.to_owned(), data.join(format!("{table}.parquet"))));
    let as_of = "2011-04-13T00:00:00Z".to_owned();
    Some(Case::new(CIAO.to_owned(), as_of, tables.into(), consents, folder))
}

fn events(people: &Path) -> String {
    let mut csv = String::from(
        "person,handler,event,kind,trigger,purpose,recipient,categories,methods,notice,notice_version,shown_at,at,\
         giver,own_step,pre_ticked,bundle_size,service_gate\n",
    );
    for person in super::support::texts(people, "user") {
        if person.ends_with('0') {
            continue;
        }
        for trigger in ["SC23", "SC29"] {
            writeln!(
                csv,
                "{person},trust-site,given,separate,{trigger},research-replay,CIAO-RESEARCHER,\
                 social-relation|payment-record,aggregate,N-CIAO,1,2011-03-01T08:00:00+02:00,2011-03-02T00:00:00Z,\
                 self,true,false,1,false"
            )
            .unwrap();
        }
    }
    csv
}

#[test]
fn public_networks_are_sealed_alike() {
    for name in ["ciao", "epinions"] {
        if let Some(case) = public(name) {
            sealed(&case, 2, &Terms::new("replay", 4));
        }
    }
}
