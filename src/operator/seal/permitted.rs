//! What a seal may do and how it reads its files; the same for [`Operator::seal`](crate::operator::Operator::seal) and for the check before it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::consent::{ConsentStatus, Demand};
use crate::dp::Accounting;
use crate::engine::cluster::{Cluster, JobTerms, build_on};
use crate::engine::{BuiltEpoch, Elsewhere, IngestReport, Input, Reading, Sources, build, faults_of_files};
use crate::keys::random_secret;
use crate::ledger::Book;
use crate::operator::law::in_force::{InForceLaw, Studies};
use crate::operator::query::vocabulary::View;
use crate::operator::register::state::former_namespaces;
use crate::operator::{Adopted, OperatorError, Reader, SandboxState};
use crate::policy::{Decision, Reason, Study, decide};
use crate::query::ConsentCounts;
use crate::register::{FILE, Snapshot, Visitor};
use crate::types::{Days, RecipientId, Secret, StudyId, Timestamp};

/// The permitted recipients of a study and what each demands of people.
pub(in crate::operator) type Flows = Vec<(RecipientId, Demand)>;

/// Study, recipient and all reasons of a refusal.
pub(in crate::operator) type RefusedFlow = (StudyId, RecipientId, Vec<Reason>);

/// Every study with its permitted recipients, and the refused ones.
pub(in crate::operator) type Permitted<'a> = (Vec<(&'a Arc<Adopted>, Flows)>, Vec<RefusedFlow>);

/// Why nothing may be sealed.
pub(in crate::operator) enum NotPermitted {
    /// Policy refuses every recipient.
    Policy(Vec<RefusedFlow>),
    /// The budget cannot pay for the counts of people by consent.
    Unpaid(Vec<Reason>),
    Failed(OperatorError),
}

impl From<OperatorError> for NotPermitted {
    fn from(error: OperatorError) -> Self {
        Self::Failed(error)
    }
}

impl From<NotPermitted> for OperatorError {
    fn from(not: NotPermitted) -> Self {
        match not {
            NotPermitted::Policy(refused) => {
                Self::Refused(refused.into_iter().flat_map(|(_, _, reasons)| reasons).collect())
            }
            NotPermitted::Unpaid(reasons) => Self::Refused(reasons),
            NotPermitted::Failed(error) => error,
        }
    }
}

/// How cubes are built: as of when, under which epoch key, and how the tables are read.
pub(in crate::operator) struct Building<'a> {
    pub(in crate::operator) as_of: Timestamp,
    pub(in crate::operator) key: &'a Secret,
    pub(in crate::operator) reading: &'a Reading,
    /// What builds them, if it is not this process.
    pub(in crate::operator) cluster: Option<OnCluster<'a>>,
}

/// A cluster, and what it needs to know of the only study that is sealed for.
pub(in crate::operator) struct OnCluster<'a> {
    pub(in crate::operator) cluster: &'a dyn Cluster,
    pub(in crate::operator) terms: JobTerms,
}

/// A register, and who sees everybody in it while it is read.
pub(in crate::operator) type Walked<'a> = (&'a Snapshot, Option<Arc<dyn Visitor>>);

/// What decides on a seal: the studies in force with their regimes, and the budget.
pub(in crate::operator) struct SealRules<'a> {
    studies: &'a Studies,
    accounting: Accounting,
    book: &'a dyn Book,
    /// Namespaces of texts that were replaced: what is left of events that were removed there counts on.
    former: Arc<BTreeSet<String>>,
}

impl SandboxState {
    pub(in crate::operator) fn seal_rules<'a>(
        &'a self,
        law: &'a InForceLaw,
    ) -> Result<SealRules<'a>, OperatorError> {
        let former = self.former_namespaces()?;
        let accounting = self.law.accounting;
        Ok(SealRules { studies: &law.studies, accounting, book: &*self.books.ledger, former })
    }
}

impl Reader {
    pub(in crate::operator) fn seal_rules(&self) -> Result<SealRules<'_>, OperatorError> {
        let (studies, accounting, book) = (&self.law.studies, self.accounting, &*self.books.book);
        let former = Arc::new(former_namespaces(&self.books.log, &*self.storage, studies)?);
        Ok(SealRules { studies, accounting, book, former })
    }
}

impl<'a> SealRules<'a> {
    /// Who may be sealed for at `now`, if anybody; known before a file is read.
    pub(in crate::operator) fn permitted(
        &self,
        as_of: Timestamp,
        now: Timestamp,
    ) -> Result<Permitted<'a>, NotPermitted> {
        // A bare date means its end, so today is allowed; a later day would count consents that do not exist yet.
        if as_of > now.saturating_add(Days::ONE) {
            return Err(OperatorError::Future(as_of.to_string()).into());
        }
        let (flows, refused) = self.flows(now);
        if flows.is_empty() {
            return Err(NotPermitted::Policy(refused));
        }
        let recipients = flows
            .iter()
            .flat_map(|(adopted, flows)| flows.iter().map(|(recipient, _)| (*adopted, recipient)));
        let unpaid = self.unpaid_consents(recipients, now)?;
        if unpaid.is_empty() { Ok((flows, refused)) } else { Err(NotPermitted::Unpaid(unpaid)) }
    }

    fn flows(&self, now: Timestamp) -> Permitted<'a> {
        let (mut all, mut refused) = (Vec::new(), Vec::new());
        for adopted in self.studies.values() {
            let mut flows = Flows::new();
            for recipient in &adopted.study.recipients {
                let reasons = match decide(&adopted.study, &adopted.regime, recipient, now) {
                    Decision::Permit(flow) => match flow.no_consent() {
                        None => {
                            flows.push((recipient.id.clone(), flow.demand().clone()));
                            continue;
                        }
                        Some(reason) => vec![reason],
                    },
                    Decision::Deny(reasons) => reasons,
                };
                refused.push((adopted.study.id.clone(), recipient.id.clone(), reasons));
            }
            if !flows.is_empty() {
                all.push((adopted, flows));
            }
        }
        (all, refused)
    }

    /// The reasons why the budget cannot pay for the consent counts of these flows.
    fn unpaid_consents<'f>(
        &self,
        flows: impl Iterator<Item = (&'f Arc<Adopted>, &'f RecipientId)>,
        now: Timestamp,
    ) -> Result<Vec<Reason>, OperatorError> {
        let (mut before, mut reasons) = (0u128, Vec::new());
        for (adopted, recipient) in flows {
            let Some(question) = consent_counts(adopted, now, self.accounting)? else { continue };
            let view = View {
                adopted: Arc::clone(adopted),
                recipient,
                accounting: self.accounting,
                book: self.book,
                epochs: Arc::default(),
                now,
            };
            let left = view.remaining()?.left().saturating_sub(before);
            if left < question.cost() {
                reasons.push(unpaid(left, question.cost(), recipient));
            }
            // All of them are paid from one pool.
            before = before.saturating_add(question.cost());
        }
        Ok(reasons)
    }

    /// Reads everything that a seal would read, under a key that is thrown away. Every file that cannot be read is reported, not only the
    /// first one.
    ///
    /// # Errors
    /// As [`Operator::seal`](crate::operator::Operator::seal), and [`OperatorError::Several`].
    pub(in crate::operator) fn check_sources(
        &self,
        (as_of, now): (Timestamp, Timestamp),
        reading: &Reading,
        sources: Sources,
        register: Option<&Snapshot>,
    ) -> Result<IngestReport, OperatorError> {
        let (flows, _) = self.permitted(as_of, now)?;
        let key = random_secret()?;
        let building = Building { as_of, key: &key, reading, cluster: None };
        let kept = rereadable(&sources);
        self.build_each(
            (sources, register.map(|register| (register, None))),
            &flows,
            &building,
            |_, _| Ok(()),
        )
        .map_err(|first| {
            let mut all = vec![first];
            for (adopted, flows) in &flows {
                let own = only_declared(rereadable(&kept), adopted, self.studies.values());
                let reading = self.reading_of(reading, &adopted.study);
                for error in faults_of_files(&adopted.study, flows, own, as_of, &reading) {
                    let error = OperatorError::from(error);
                    // The seal stopped at one of them, and studies share files.
                    if all.iter().all(|known| known.to_string() != error.to_string()) {
                        all.push(error);
                    }
                }
            }
            OperatorError::of_all(all)
        })
    }

    /// Builds the cubes of every study over the same sources and hands them over study by study; reports every file.
    pub(in crate::operator) fn build_each(
        &self,
        (sources, register): (Sources, Option<Walked<'_>>),
        flows: &[(&Arc<Adopted>, Flows)],
        building: &Building<'_>,
        mut each: impl FnMut(usize, Vec<BuiltEpoch>) -> Result<(), OperatorError>,
    ) -> Result<IngestReport, OperatorError> {
        let mut hygiene = IngestReport::default();
        let mut sources = Some(sources);
        let (register, mut visitor) = register.unzip();
        for (position, (adopted, flows_of_study)) in flows.iter().enumerate() {
            let last = position + 1 == flows.len();
            let own = if last { sources.take() } else { sources.as_ref().and_then(again) };
            let own = own.ok_or_else(|| {
                OperatorError::Invalid(
                    "several studies cannot share an Arrow reader or a pipe, which can be read once: use files".into(),
                )
            })?;
            let mut own = only_declared(own, adopted, self.studies.values());
            own.consents.extend(
                register
                    .map(|register| {
                        // The first of the walks is seen by who visits everybody.
                        let visitor = visitor.take().flatten();
                        self.of_register((register, visitor), &adopted.study, building.reading)
                    })
                    .transpose()?,
            );
            let Building { as_of, key, reading, cluster } = building;
            let reading = self.reading_of(reading, &adopted.study);
            let built = match cluster {
                None => build(&adopted.study, flows_of_study, own, *as_of, key, &reading),
                Some(OnCluster { cluster, terms }) => {
                    let of = (&adopted.study, flows_of_study.as_slice());
                    build_on(*cluster, terms, of, own, (*as_of, key), &reading)
                }
            };
            // What is wrong with the register is shown by its own error, not by that of its columns.
            let fault = register.and_then(Snapshot::take_fault);
            let (built, report) =
                fault.map_or(built.map_err(OperatorError::from), |fault| Err(fault.into()))?;
            hygiene.files.extend(report.files);
            each(position, built)?;
        }
        Ok(hygiene)
    }

    /// The events of the register that a study can read, beside its files: the fold takes the union, in any order.
    fn of_register(
        &self,
        (register, visitor): Walked<'_>,
        study: &Study,
        reading: &Reading,
    ) -> Result<Input, OperatorError> {
        let namespaces = study.namespaces().into_iter().map(str::to_owned).collect();
        let tombstones = register.tombstones()?.with_former(Arc::clone(&self.former));
        let events = register.reader(Some(namespaces), reading.threads(), visitor)?;
        Ok(Input::Register(FILE.into(), Box::new(events), tombstones))
    }

    fn reading_of(&self, reading: &Reading, study: &Study) -> Reading {
        Reading { elsewhere: self.elsewhere(study), ..reading.clone() }
    }

    /// What the other studies of the sandbox know and this one does not.
    fn elsewhere(&self, study: &Study) -> Elsewhere {
        let mut elsewhere = Elsewhere::default();
        let namespaces = study.namespaces();
        for other in self.studies.values().filter(|other| other.study.id != study.id) {
            let further = other.study.namespaces().into_iter().filter(|name| !namespaces.contains(name));
            elsewhere.namespaces.extend(further.map(str::to_owned));
            let recipients = other.study.recipients.iter();
            let named = recipients.flat_map(|named| [named.id.to_string(), named.legal_id.clone()]);
            elsewhere.recipients.extend(named);
        }
        elsewhere
    }
}

/// What the counts of people by consent ask, if the study pays for them.
pub(in crate::operator) fn consent_counts(
    adopted: &Adopted,
    sealed_at: Timestamp,
    accounting: Accounting,
) -> Result<Option<ConsentCounts>, OperatorError> {
    let Some(error) = adopted.study.release.consent_error else { return Ok(None) };
    let question = ConsentCounts::new(error, ConsentStatus::ALL.len(), sealed_at, accounting);
    question.map(Some).map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        OperatorError::Invalid(format!("study `{}`: {error}: {source}", adopted.study.id))
    })
}

/// The reason of a refusal where the budget is short.
pub(in crate::operator) fn unpaid(left: u128, asked: u128, recipient: &RecipientId) -> Reason {
    Reason {
        rule: "BUDGET".into(),
        article: String::new(),
        because: format!(
            "{left} units are left for the consent counts of recipient `{recipient}`, which cost {asked} an epoch"
        ),
        fix: "raise `consent_error` in the study, or drop it, and adopt the study; or renew the budget"
            .into(),
    }
}

/// Those of the sources that can be read once more; a reader or a pipe cannot.
fn rereadable(sources: &Sources) -> Sources {
    let data = sources.data.iter().filter_map(|(name, input)| Some((name.clone(), input.again()?)));
    Sources { data: data.collect(), consents: sources.consents.iter().filter_map(Input::again).collect() }
}

/// The same files once more, if all of them can be read again.
pub(in crate::operator) fn again(sources: &Sources) -> Option<Sources> {
    let again = rereadable(sources);
    let is_whole = again.data.len() == sources.data.len() && again.consents.len() == sources.consents.len();
    is_whole.then_some(again)
}

/// A dataset of another study of the sandbox is no stranger; only one that no study declares is.
fn only_declared<'a>(
    mut sources: Sources,
    adopted: &Adopted,
    studies: impl Iterator<Item = &'a Arc<Adopted>> + Clone,
) -> Sources {
    sources.data.retain(|(name, _)| {
        let declares = |adopted: &Adopted| adopted.study.tables().any(|table| table == name);
        declares(adopted) || !studies.clone().any(|other| declares(other))
    });
    sources
}
