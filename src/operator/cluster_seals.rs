//! Guards that a seal on a cluster is one of this sandbox like any other: logged with its engine, or refused with the sandbox as before.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Approval, ErrorKind, Keys, Operator, OperatorError, PoolTerms, SealTerms, Setup, StudySource};
use super::{show_log, verify_log};
use crate::audit::Kind;
use crate::engine::cluster::tests::{Fault, InProcess};
use crate::engine::reference_tests::each;
use crate::engine::reference_tests::row_groups::in_row_groups;
use crate::engine::{Reading, Sources};
use crate::keys::AuditorKey;
use crate::storage::Folder;
use crate::types::{EpochId, NanoEpsilon, Timestamp};

struct Sandbox {
    folder: tempfile::TempDir,
    operator: Operator,
}

impl Sandbox {
    fn new(setup: impl FnOnce(Setup) -> Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pool = PoolTerms::new(NanoEpsilon::parse("4").unwrap());
        let of = Setup::new(vec![StudySource::new("study.toml", each::study_text())], pool);
        let of = setup(of.with_approval(Approval::None));
        let operator = Operator::options(Keys::InFolder).init(&folder.path().join("box"), of).unwrap();
        Self { folder, operator }
    }

    fn tables(&self) -> Sources {
        let world = each::World::random(&mut StdRng::seed_from_u64(7));
        let place = self.folder.path().join("tables");
        let _ = std::fs::create_dir(&place);
        in_row_groups(world.tables(2), &place, 5)
    }

    fn seal(&self, epoch: &str, fault: Fault, reading: Reading) -> Result<(), OperatorError> {
        let as_of = Timestamp::from_seconds(each::AS_OF);
        let cluster = InProcess { seed: 3, partitions: 3, fault };
        let reading = reading.with_max_bad_rows("100".parse().unwrap());
        let terms = SealTerms::new(EpochId::new(epoch).unwrap(), as_of).with_reading(reading);
        self.operator.seal(&terms.on_cluster(Arc::new(cluster)), self.tables()).map(drop)
    }

    /// What the log says of the engines of all seals.
    fn engines(&self) -> Vec<Option<String>> {
        let place = self.folder.path().join("box");
        verify_log(&Folder::open(&place).unwrap(), None, Some(Keys::InFolder), None).unwrap();
        let entries = show_log(&place).unwrap().into_iter().filter(|(_, entry)| entry.kind == Kind::Seal);
        entries.map(|(_, entry)| Some(entry.body.get("engine")?["name"].as_str()?.to_owned())).collect()
    }
}

#[test]
fn a_seal_on_a_cluster_is_logged_with_its_engine_and_one_without_is_not() {
    let sandbox = Sandbox::new(|setup| setup);
    sandbox.seal("on-a-cluster", Fault::None, Reading::default()).unwrap();
    let terms = SealTerms::new(EpochId::new("here").unwrap(), Timestamp::from_seconds(each::AS_OF));
    sandbox.operator.seal(&terms, sandbox.tables()).unwrap();
    assert_eq!(sandbox.engines(), [Some("ballista".to_owned()), None]);
    assert_eq!(sandbox.operator.status().unwrap().epochs.len(), 2);
}

#[test]
fn what_does_not_add_up_or_is_not_done_leaves_the_sandbox_as_it_was() {
    let sandbox = Sandbox::new(|setup| setup);
    let lost = sandbox.seal("lost", Fault::LostPart, Reading::default()).unwrap_err();
    assert!(lost.to_string().contains("lost or repeated"), "{lost}");
    let twice = sandbox.seal("lost", Fault::None, Reading::default().counting_identical()).unwrap_err();
    assert!(twice.to_string().contains("counting identical records"), "{twice}");
    assert_eq!((sandbox.engines(), sandbox.operator.status().unwrap().epochs.len()), (Vec::new(), 0));
    // The id is free.
    sandbox.seal("lost", Fault::None, Reading::default()).unwrap();
    let again = sandbox.seal("lost", Fault::None, Reading::default()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Exists);
    let auditor = AuditorKey::generate().unwrap().public();
    let audited = Sandbox::new(|setup| setup.with_auditor(auditor));
    let refused = audited.seal("audited", Fault::None, Reading::default()).unwrap_err();
    assert!(refused.to_string().contains("joined figures for the auditor"), "{refused}");
    assert!(audited.engines().is_empty());
}
