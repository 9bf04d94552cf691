//! A person's consent status at each seal, with all that is needed to check it: the checker needs the log's public
//! key and nothing else.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bundle::{BundleError, canonical_file, of_canonical_file};
use super::checkpoint::Checkpoint;
use super::commitment::{Commitment, verify_commitment};
use super::consent_tree::{Path, TreePlace};
use super::entry::{Entry, Kind};
use super::key_entries::{KeyEntry, from_hex, hex, key_entries, sandbox_of_log, signer};
use super::merkle::{Hash, verify_inclusion};
use super::note::VerifierKey;
use super::proof::Proof;
use crate::types::Secret;
use crate::types::json::{JsonError, to_canonical};

/// The format of the file.
const FORMAT: &str = "hushtag-person@v2";
/// What every version of the format begins with.
const ANY_FORMAT: &str = "hushtag-person@v";

/// The consent status of one person for every recipient at every seal that says so, and the way from there to a signed
/// checkpoint of the log.
///
/// # Privacy
/// It holds their id and is theirs: no `Debug`, and it is shown to no one else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonProof {
    format: String,
    /// Namespace and id.
    person: (String, String),
    /// The first entry of the log, which names the sandbox, and its proof.
    init: String,
    init_proof: String,
    /// The `person` entry by which the places were shown, which commits to the list of them.
    look: LookText,
    places: Vec<PlaceText>,
    /// Where the key of the log changed: each `key` entry, and its proof.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<KeyEntry>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookText {
    /// The `person` entry as the log has it, and its proof.
    entry: String,
    proof: String,
    /// The key of its commitment to the places, in hex.
    opening: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceText {
    /// The `seal` entry as the log has it, and its proof.
    entry: String,
    proof: String,
    study: String,
    recipient: String,
    inside: bool,
    /// The salt of their leaf, in hex.
    salt: String,
    index: u64,
    leaves: u64,
    hashes: Vec<String>,
}

/// Their status for one recipient at one seal, and where their leaf is.
pub struct ConsentLeaf {
    /// The `seal` entry as the log has it.
    pub entry: String,
    /// Its proof.
    pub proof: Proof,
    /// The study's id.
    pub study: String,
    /// The recipient.
    pub recipient: String,
    /// Whether their consents put them in.
    pub inside: bool,
    /// The salt of their leaf.
    pub salt: Secret,
    /// Where it is.
    pub path: Path,
}

/// The look at a person's view that showed the places.
pub struct Look {
    /// The `person` entry as the log has it.
    pub entry: String,
    /// Its proof.
    pub proof: Proof,
    /// The key of its commitment to the list of places.
    pub opening: Secret,
}

/// What one place of a proof has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stood {
    /// The index of the `seal` entry.
    pub entry: u64,
    /// The instant as of which consents counted, as the entry writes it.
    pub as_of: String,
    /// The epoch.
    pub epoch: String,
    /// The study's id.
    pub study: String,
    /// The recipient.
    pub recipient: String,
    /// Whether the consents that the register held put them in, whatever their age.
    pub inside: bool,
}

impl PersonProof {
    /// Puts a proof together; [`PersonProof::verify`] says whether it convinces.
    #[must_use]
    pub fn new(
        (ids, id): (&str, &str),
        (init, init_proof): (String, &Proof),
        look: Look,
        places: Vec<ConsentLeaf>,
        keys: Vec<(String, Proof)>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            person: (ids.to_owned(), id.to_owned()),
            init,
            init_proof: init_proof.to_string(),
            look: LookText {
                entry: look.entry,
                proof: look.proof.to_string(),
                opening: hex(look.opening.expose()),
            },
            places: places.into_iter().map(PlaceText::from).collect(),
            keys: key_entries(keys),
        }
    }

    /// The text of the file: one canonical JSON object and a line break.
    ///
    /// # Errors
    /// [`BundleError::Malformed`]
    pub fn to_text(&self) -> Result<String, BundleError> {
        canonical_file(self)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`BundleError::Malformed`]
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let value = of_canonical_file(text)?;
        let format = value.get("format").and_then(Value::as_str);
        if format.is_some_and(|format| format.starts_with(ANY_FORMAT) && format != FORMAT) {
            return Err(BundleError::OtherVersion);
        }
        let proof: Self = serde_json::from_value(value).map_err(|_| BundleError::Malformed(None))?;
        if proof.format == FORMAT { Ok(proof) } else { Err(BundleError::Malformed(None)) }
    }

    /// Whether a text says that it is such a file, so that its faults can be reported.
    #[must_use]
    pub fn claims(text: &str) -> bool {
        text.contains(ANY_FORMAT)
    }

    /// The namespace and the id of the person.
    #[must_use]
    pub fn person(&self) -> (&str, &str) {
        (&self.person.0, &self.person.1)
    }

    /// Checks the whole chain: the key, or one that it was rotated to, signed a checkpoint, which covers the seals, each of which
    /// names the root of a tree that has a leaf which says this of this person and of no one else; and a `person` entry, which
    /// commits to exactly these places in this order, at least one.
    ///
    /// # Errors
    /// [`BundleError`] for the first link that does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<(Checkpoint, Vec<Stood>), BundleError> {
        let init: Proof = self.init_proof.parse()?;
        let key = self.log_key(key)?;
        let head = init.verify(&key, self.init.as_bytes())?;
        if init.index != 0 {
            return Err(BundleError::Disagree("init"));
        }
        let entry = Entry::parse_whole(&self.init)?;
        let sandbox = sandbox_of_log(&entry, &key)?;
        if self.places.is_empty() {
            return Err(BundleError::NoPlaces);
        }
        let stood = self.places.iter().map(|place| {
            let proof: Proof = place.proof.parse()?;
            proof.verify(&key, place.entry.as_bytes())?;
            if proof.checkpoint != init.checkpoint {
                return Err(BundleError::Disagree("places"));
            }
            place.verify(sandbox, self.person(), proof.index)
        });
        let stood: Vec<Stood> = stood.collect::<Result<_, _>>()?;
        self.verify_look(&key, &init.checkpoint, &stood)?;
        Ok((head, stood))
    }

    /// The key of the log that signed the checkpoint of the proof, for a verifier that trusts `given`.
    ///
    /// # Errors
    /// [`BundleError`]
    pub fn log_key(&self, given: &VerifierKey) -> Result<VerifierKey, BundleError> {
        let init: Proof = self.init_proof.parse()?;
        signer(given, &self.init, &self.keys, &init.checkpoint)
    }

    fn verify_look(&self, key: &VerifierKey, checkpoint: &str, stood: &[Stood]) -> Result<(), BundleError> {
        let proof: Proof = self.look.proof.parse()?;
        proof.verify(key, self.look.entry.as_bytes())?;
        let entry = Entry::parse_whole(&self.look.entry)?;
        let before = stood.iter().all(|place| place.entry < proof.index);
        if proof.checkpoint != checkpoint || entry.kind != Kind::Person || !before {
            return Err(BundleError::Disagree("look"));
        }
        let places = stood
            .iter()
            .map(|place| (place.entry, place.study.as_str(), place.recipient.as_str(), place.inside));
        let text = places_text(self.person(), places).map_err(|error| BundleError::Malformed(Some(error)))?;
        let commitment = entry.body.get("places").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let opening = from_hex(&self.look.opening).map(Secret::new);
        let opens = |(commitment, opening): (Commitment, Secret)| {
            verify_commitment(&commitment, &opening, text.as_bytes())
        };
        if commitment.zip(opening).is_some_and(opens) { Ok(()) } else { Err(BundleError::OtherPlaces) }
    }
}

/// What a `person` entry commits to beside the person: the JSON of namespace, id and, for each leaf that the person was shown,
/// the index of the `seal` entry, study, recipient, and `in` or `out`, in the order of the log.
///
/// # Errors
/// None that a text can cause.
pub fn places_text<'a>(
    (ids, id): (&str, &str),
    places: impl Iterator<Item = (u64, &'a str, &'a str, bool)>,
) -> Result<String, JsonError> {
    let places = places.map(|(seal, study, recipient, inside)| {
        json!([seal, study, recipient, if inside { "in" } else { "out" }])
    });
    to_canonical(&json!([ids, id, places.collect::<Vec<_>>()]))
}

impl PlaceText {
    fn verify(&self, sandbox: &str, who: (&str, &str), index: u64) -> Result<Stood, BundleError> {
        let entry = Entry::parse_whole(&self.entry)?;
        if entry.kind != Kind::Seal {
            return Err(BundleError::NotASeal(entry.kind));
        }
        let text = |name: &str| entry.body.get(name).and_then(Value::as_str).unwrap_or_default();
        let (epoch, study) = (text("epoch"), study_of(&entry, &self.study));
        let place = TreePlace { sandbox, epoch, study, recipient: &self.recipient };
        let holds = || {
            let root = consents_of(&entry, &self.study, &self.recipient)?;
            let leaf = place.leaf(&Secret::new(from_hex(&self.salt)?), who, self.inside).ok()?;
            let hashes: Vec<Hash> = self.hashes.iter().map(|hash| from_hex(hash)).collect::<Option<_>>()?;
            verify_inclusion(self.index, self.leaves, &leaf, &hashes, &root).ok()
        };
        if holds().is_none() {
            return Err(BundleError::NotCommitted(epoch.to_owned()));
        }
        Ok(Stood {
            entry: index,
            as_of: text("as_of").to_owned(),
            epoch: epoch.to_owned(),
            study: self.study.clone(),
            recipient: self.recipient.clone(),
            inside: self.inside,
        })
    }
}

impl From<ConsentLeaf> for PlaceText {
    fn from(place: ConsentLeaf) -> Self {
        Self {
            entry: place.entry,
            proof: place.proof.to_string(),
            study: place.study,
            recipient: place.recipient,
            inside: place.inside,
            salt: hex(place.salt.expose()),
            index: place.path.index,
            leaves: place.path.leaves,
            hashes: place.path.hashes.iter().map(hex).collect(),
        }
    }
}

fn items<'a>(seal: &'a Entry, name: &str) -> impl Iterator<Item = &'a Value> {
    seal.body.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// The hash of the text of the study with this id, as a `seal` entry names it.
#[must_use]
pub fn study_of<'a>(seal: &'a Entry, study: &str) -> &'a str {
    let found = items(seal, "studies").find(|known| known.get("id").and_then(Value::as_str) == Some(study));
    found.and_then(|known| known.get("hash")).and_then(Value::as_str).unwrap_or_default()
}

/// The root of the consent tree that a `seal` entry names for a study and a recipient.
#[must_use]
pub fn consents_of(seal: &Entry, study: &str, recipient: &str) -> Option<Hash> {
    let is = |cube: &Value, name: &str, wanted: &str| cube.get(name).and_then(Value::as_str) == Some(wanted);
    let found =
        items(seal, "cubes").find(|cube| is(cube, "study", study) && is(cube, "recipient", recipient));
    from_hex(found?.get("consents")?.as_str()?)
}
