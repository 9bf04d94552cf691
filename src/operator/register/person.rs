//! `person`: on their authenticated request, what their consents in the register did (PIPL art. 45, 48). Recomputed from the
//! register, never from what was sealed: it shows their consent status, not whether a party holds data on them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::audit::{
    ConsentLeaf, Entry, Hash, Kind, Log, Look, PersonProof, commit, consents_of, places_text,
};
use crate::consent::{Account, AgeFact, Demand, Row, Tombstone, account_with};
use crate::keys::random_secret;
use crate::operator::books::prove::keys;
use crate::operator::law::in_force::{Named, named_in, stored};
use crate::operator::{Adopted, Operator, OperatorError, SandboxState};
use crate::policy::{Decision, decide};
use crate::register::Event;
use crate::storage::Storage;
use crate::types::json::to_canonical;
use crate::types::{EpochId, RecipientId, Secret, StudyId, Timestamp};

/// What one person's consents in the register did.
///
/// No `Debug`: it holds what they stated.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersonView {
    /// The entry of the log by which they looked; it holds a commitment alone.
    pub entry: u64,
    /// The key of that commitment, 64 hexadecimal digits: HMAC-SHA256 under it over the JSON of `["namespace","id"]`.
    pub salt: String,
    /// Their events, in the order in which they were recorded.
    pub events: Vec<Event>,
    /// When all events of the person were last erased.
    pub erased: Option<Timestamp>,
    /// Every epoch under every study for every recipient, in the order of the log.
    pub epochs: Vec<PersonEpoch>,
    who: (String, String),
    /// The key of the entry's commitment to the places that the view shows.
    places: [u8; 32],
}

/// Their consent status for one recipient in one epoch.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersonEpoch {
    /// The epoch.
    pub epoch: EpochId,
    /// The instant as of which consents counted.
    pub as_of: Timestamp,
    /// The study.
    pub study: StudyId,
    /// Who may ask.
    pub recipient: RecipientId,
    /// Whether their consents put them in, but for their age, by the register of today.
    pub inside: bool,
    /// The same by the register at the seal, which the log commits to: [`Operator::prove_person`] shows it to anyone.
    /// `None` where they were not in the register, the study reads no ids like theirs, there was no register, or the epoch is retired.
    pub sealed: Option<bool>,
    /// The entry of the log by which the epoch was sealed.
    pub seal: u64,
    /// Each consent that was asked, and what keeps them out.
    pub accounts: Vec<Account>,
    /// The answers that left, by their entries in the log; the same for everybody.
    pub releases: Vec<(u64, String)>,
    /// The entry of the log by which the epoch's key was destroyed, if it was.
    pub retired: Option<u64>,
    /// The hash of the study's text, and the root of the consent tree.
    study_hash: String,
    root: Option<Hash>,
}

/// All events of a person in the register, and what is left of removed ones.
pub(in crate::operator) type Recorded<'a> = (&'a [Event], Option<&'a Tombstone>);

/// An epoch, a study and a recipient, as entries name them.
type Flow = (String, String, String);

/// What the log says about epochs: read once while an operator is open, then only what was appended since.
#[derive(Default)]
pub(in crate::operator) struct LoggedReleases {
    /// How many entries of the log are in here.
    read: u64,
    seals: Vec<(u64, Entry)>,
    texts: BTreeMap<String, Named>,
    /// The texts that a seal was judged by, by hash.
    parsed: BTreeMap<String, Adopted>,
    releases: BTreeMap<Flow, Vec<(u64, String)>>,
    retired: BTreeMap<String, u64>,
}

impl Operator {
    /// A person's own view: in which epochs and for which recipients their consents in the register put the person with this
    /// namespace and id in, and which answers those epochs gave. Logged before it is returned.
    ///
    /// What the register says today counts: an event that was recorded after a seal, with an earlier time, counts here and did
    /// not count there. Consents that were handed in as files, their age, and ids that a links table joins are not known here.
    ///
    /// # Errors
    /// [`OperatorError`]
    ///
    /// The id is looked up as it is given and as each form of the studies spells it; the log and a proof name it in the spelling that
    /// the consent trees have.
    ///
    /// # Privacy
    /// For the person alone: the caller has checked who asks. The log gets a commitment under a fresh key.
    pub fn person(&self, (ids, id): (&str, &str)) -> Result<PersonView, OperatorError> {
        let inner = &*self.inner;
        inner.retire_ended()?;
        inner.check_folders()?;
        let consents = self.consents();
        let events = consents.events_of((ids, id))?;
        let tombstone = consents.tombstone_of((ids, id))?;
        // Only now: opening the register asks for it too.
        let unretired = inner.shelf.unretired()?;
        let mut epochs = inner.epochs_of_person(ids, (&events, tombstone.as_ref()))?;
        // One spelling for the whole view, so that its proof is about one id.
        let mut named = None;
        for spelling in consents.spellings((ids, id)) {
            for epoch in &mut epochs {
                epoch.sealed = inner.sealed_leaf(epoch, (ids, &spelling))?.map(|found| found.inside);
            }
            if epochs.iter().any(|epoch| epoch.sealed.is_some()) {
                named = Some(spelling);
                break;
            }
        }
        drop(unretired);
        let named = named.or_else(|| consents.attribute(Some(ids), id).ok().map(|(_, kept)| kept));
        let id = named.as_deref().unwrap_or(id);
        let salt = random_secret()?;
        let who = to_canonical(&json!([ids, id]));
        let who = who.map_err(|_| OperatorError::Invalid("the id fits no commitment".into()))?;
        let mut body = Map::new();
        body.insert("person".into(), json!(commit(&salt, who.as_bytes()).to_string()));
        // So that a proof from which a place was taken out is no proof.
        let opening = random_secret()?;
        let shown = epochs.iter().filter_map(|epoch| {
            Some((epoch.seal, epoch.study.as_str(), epoch.recipient.as_str(), epoch.sealed?))
        });
        let shown = places_text((ids, id), shown);
        let shown = shown.map_err(|_| OperatorError::Invalid("the id fits no commitment".into()))?;
        body.insert("places".into(), json!(commit(&opening, shown.as_bytes()).to_string()));
        let entry = inner.books.append(Kind::Person, inner.clock.now(), body)?;
        let salt = salt.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        let erased = tombstone.and_then(|tombstone| tombstone.erased_at());
        let who = (ids.to_owned(), id.to_owned());
        Ok(PersonView { entry, salt, events, erased, epochs, who, places: *opening.expose() })
    }

    /// A proof of their status at every seal that commits to it (`sealed` of their view's epochs), which anyone who has the log's
    /// public key can check without the sandbox.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] where the person has no leaf in any epoch that can be opened: there is nothing to show.
    ///
    /// # Privacy
    /// For the person alone, after the look by which they got `view`: it holds their id, and the salts that open their leaves.
    pub fn prove_person(&self, view: &PersonView) -> Result<PersonProof, OperatorError> {
        let inner = &*self.inner;
        let who = (view.who.0.as_str(), view.who.1.as_str());
        let bug = |_| OperatorError::Bug("an entry that was read has a text");
        let _unretired = inner.shelf.unretired()?;
        let log = inner.books.log()?;
        let mut places = Vec::new();
        for epoch in &view.epochs {
            // What the look showed, and the log committed to.
            if epoch.sealed.is_none() {
                continue;
            }
            let place = || {
                OperatorError::damaged(
                    format!("epochs/{}", epoch.epoch),
                    "has lost a leaf since it was shown",
                )
            };
            let found = inner.sealed_leaf(epoch, who)?.ok_or_else(place)?;
            places.push(ConsentLeaf {
                entry: log.entry(epoch.seal)?.to_text().map_err(bug)?,
                proof: log.prove(epoch.seal)?,
                study: epoch.study.to_string(),
                recipient: epoch.recipient.to_string(),
                inside: found.inside,
                salt: found.salt,
                path: found.path,
            });
        }
        if places.is_empty() {
            let why = "no epoch that can be opened was sealed with this person in the register, so there is nothing to show";
            return Err(OperatorError::Invalid(why.into()));
        }
        let init = log.proven_entry(0)?.to_text().map_err(bug)?;
        let look = Look {
            entry: log.proven_entry(view.entry)?.to_text().map_err(bug)?,
            proof: log.prove(view.entry)?,
            opening: Secret::new(view.places),
        };
        Ok(PersonProof::new(who, (init, &log.prove(0)?), look, places, keys(&log)?))
    }
}

impl PersonEpoch {
    /// The hash of the study's text, and the root of the consent tree, as long as the epoch can be opened.
    pub(in crate::operator) fn tree(&self) -> Option<(&str, Hash)> {
        self.root.filter(|_| self.retired.is_none()).map(|root| (self.study_hash.as_str(), root))
    }
}

impl LoggedReleases {
    /// Takes in what was appended since the last look. A stop between two entries loses none: `read` moves with each.
    fn catch_up(&mut self, log: &Log, storage: &dyn Storage) -> Result<(), OperatorError> {
        for entry in log.entries_from(self.read) {
            let entry = entry?;
            let text = |name: &str| text(entry.body.get(name));
            match entry.kind {
                Kind::Ask => {
                    let place = (text("epoch"), text("study"), text("recipient"));
                    self.releases.entry(place).or_default().push((self.read, text("question")));
                }
                Kind::Retire => drop(self.retired.insert(text("epoch"), self.read)),
                Kind::Seal => self.seals.push((self.read, entry)),
                _ => self.texts.extend(named_in(&entry).into_iter().map(|named| (named.hash.clone(), named))),
            }
            self.read += 1;
        }
        let studies = self.seals.iter().flat_map(|(_, seal)| list(seal, "studies"));
        for hash in studies.map(|study| text(study.get("hash"))) {
            if !self.parsed.contains_key(&hash) {
                let adopted = stored(storage, self.texts.get(&hash).ok_or_else(damaged)?)?;
                self.parsed.insert(hash, adopted);
            }
        }
        Ok(())
    }

    /// Every study and recipient of one seal, judged by the texts that it was sealed under.
    fn epochs(
        &self,
        (index, seal): &(u64, Entry),
        ids: &str,
        (events, tombstone): Recorded<'_>,
    ) -> Result<Vec<PersonEpoch>, OperatorError> {
        let epoch = text(seal.body.get("epoch"));
        let as_of = Timestamp::parse(&text(seal.body.get("as_of"))).map_err(|_| damaged())?;
        let mut all = Vec::new();
        for study in list(seal, "studies") {
            let hash = text(study.get("hash"));
            let adopted = self.parsed.get(&hash).ok_or_else(damaged)?;
            let id = adopted.study.id.as_str();
            let observed =
                if adopted.study.namespaces().contains(ids) { (events, tombstone) } else { (&[][..], None) };
            for cube in list(seal, "cubes").filter(|cube| text(cube.get("study")) == id) {
                let recipient = RecipientId::new(&text(cube.get("recipient"))).map_err(|_| damaged())?;
                let known = adopted.study.recipient(&recipient).ok_or_else(damaged)?;
                // What was permitted when it was sealed, by the texts of then, is permitted as of then now.
                let Decision::Permit(flow) = decide(&adopted.study, &adopted.regime, known, seal.at) else {
                    return Err(damaged());
                };
                let (accounts, inside) = judged(flow.demand(), observed, as_of);
                let place = (epoch.clone(), id.to_owned(), recipient.to_string());
                all.push(PersonEpoch {
                    epoch: EpochId::new(&epoch).map_err(|_| damaged())?,
                    as_of,
                    study: adopted.study.id.clone(),
                    root: consents_of(seal, id, recipient.as_str()),
                    recipient,
                    inside,
                    sealed: None,
                    seal: *index,
                    study_hash: hash.clone(),
                    accounts,
                    releases: self.releases.get(&place).cloned().unwrap_or_default(),
                    retired: self.retired.get(&epoch).copied(),
                });
            }
        }
        Ok(all)
    }
}

impl SandboxState {
    /// The log is let go before anything is judged: an answer waits for no more than the reading of new entries.
    fn epochs_of_person(&self, ids: &str, recorded: Recorded<'_>) -> Result<Vec<PersonEpoch>, OperatorError> {
        let releases = self.register.releases.lock();
        let mut releases =
            releases.map_err(|_| OperatorError::Bug("a thread stopped while it read the log"))?;
        releases.catch_up(&*self.books.log()?, &*self.storage)?;
        let epochs = releases.seals.iter().map(|seal| releases.epochs(seal, ids, recorded));
        Ok(epochs.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

fn damaged() -> OperatorError {
    OperatorError::damaged("log", "a seal is not as it was written")
}

fn list<'a>(seal: &'a Entry, name: &str) -> impl Iterator<Item = &'a Value> {
    seal.body.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// The consent status of one person, and whether it puts them in. Their age is read at seal, from a file of a party, and is
/// not known here.
pub(in crate::operator) fn judged(
    demand: &Demand,
    (events, tombstone): Recorded<'_>,
    as_of: Timestamp,
) -> (Vec<Account>, bool) {
    let rows: Vec<Row<'_>> = events.iter().map(Event::row).collect();
    let mut accounts = account_with(demand, &rows, tombstone, as_of, AgeFact::UNKNOWN);
    for account in &mut accounts {
        account.failing.retain(|why| !why.is_about_age());
    }
    let inside = !accounts.is_empty() && accounts.iter().all(|account| account.failing.is_empty());
    (accounts, inside)
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
