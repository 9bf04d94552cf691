//! The tokens in force, as the doors see them: read again whenever the file was replaced, so that a revoked token opens nothing more.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use super::file::{FILE, Record, TokenFile, folder};
use super::{Role, Token, TokenError, TokenHash};
use crate::sandbox::{StateFolder, Timestamp, Who};

/// Who came in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The public id of the token.
    pub token: String,
    /// What it lets its holder do.
    pub role: Role,
    /// Who asks, for analysts.
    pub who: Option<Who>,
    hash: TokenHash,
}

/// How the file was found, so that one that was replaced is seen: a replaced file is another inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

type Known = HashMap<TokenHash, Record>;

/// The tokens in force.
pub struct TokenStore {
    path: PathBuf,
    folder: StateFolder,
    known: RwLock<(Option<Seen>, Arc<Known>)>,
}

impl TokenStore {
    /// The tokens in the folder of the service, which is made where there is none.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        let folder = folder(path)?;
        let store = Self { path: path.join(FILE), folder, known: RwLock::new((None, Arc::default())) };
        store.read_again(store.seen())?;
        Ok(store)
    }

    /// Who holds the token that `text` is; `None` for one that is unknown, revoked or over.
    ///
    /// # Errors
    /// [`TokenError`] where the file cannot be read: then no one comes in.
    pub fn caller(&self, text: &str, now: Timestamp) -> Result<Option<Caller>, TokenError> {
        let Some(token) = Token::parse(text) else { return Ok(None) };
        self.holder(token.hash(), now)
    }

    /// Whether the token of `caller` is still in force.
    ///
    /// # Errors
    /// As [`TokenStore::caller`].
    pub fn is_in_force(&self, caller: &Caller, now: Timestamp) -> Result<bool, TokenError> {
        Ok(self.holder(caller.hash, now)?.is_some())
    }

    fn holder(&self, hash: TokenHash, now: Timestamp) -> Result<Option<Caller>, TokenError> {
        let known = self.current()?;
        let Some(record) = known.get(&hash).filter(|record| now.seconds() < record.expires) else {
            return Ok(None);
        };
        let who =
            record.recipient.as_deref().map(|name| Who::new(name, record.study.as_deref())).transpose()?;
        Ok(Some(Caller { token: record.id.clone(), role: record.role, who, hash }))
    }

    /// A new token, in force on return.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn add(
        &self,
        role: Role,
        who: (Option<&str>, Option<&str>),
        days: u32,
        now: Timestamp,
    ) -> Result<(Token, Record), TokenError> {
        let (recipient, study) = who;
        if role == Role::Analyst && recipient.is_none() {
            return Err(TokenError::NoRecipient);
        }
        if !(1..=366).contains(&days) {
            return Err(TokenError::Days);
        }
        if let Some(recipient) = recipient {
            Who::new(recipient, study)?;
        }
        let token = Token::generate(&mut rand::rng());
        let hash = token.hash();
        let id = hash.to_string().chars().take(12).collect();
        let expires = now.seconds().saturating_add(i64::from(days).saturating_mul(86_400));
        let (recipient, study) = (recipient.map(str::to_owned), study.map(str::to_owned));
        let record = Record { id, role, recipient, study, made: now.seconds(), expires, hash };
        TokenFile::change(&self.folder, |file| {
            file.tokens.push(record.clone());
            Ok(())
        })?;
        Ok((token, record))
    }

    /// Revokes the token of this id: it opens nothing more, also where it is in use.
    ///
    /// # Errors
    /// [`TokenError::Unknown`]
    pub fn revoke(&self, id: &str) -> Result<Record, TokenError> {
        TokenFile::change(&self.folder, |file| file.revoke(id))
    }

    /// Every token in force or over, oldest first.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn list(&self) -> Result<Vec<Record>, TokenError> {
        Ok(TokenFile::read(&self.folder)?.tokens)
    }

    fn seen(&self) -> Option<Seen> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some(Seen { inode: metadata.ino(), length: metadata.len(), modified: metadata.modified().ok() })
    }

    fn current(&self) -> Result<Arc<Known>, TokenError> {
        let seen = self.seen();
        if let Ok(known) = self.known.read()
            && known.0 == seen
        {
            return Ok(Arc::clone(&known.1));
        }
        self.read_again(seen)
    }

    /// Reads the file. It may be replaced after it was `seen`: then the next look reads it again.
    fn read_again(&self, seen: Option<Seen>) -> Result<Arc<Known>, TokenError> {
        let file = TokenFile::read(&self.folder)?;
        let known: Arc<Known> =
            Arc::new(file.tokens.into_iter().map(|record| (record.hash, record)).collect());
        if let Ok(mut held) = self.known.write() {
            *held = (seen, Arc::clone(&known));
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn a_token_opens_until_it_is_revoked_or_over_and_its_bits_are_not_at_rest() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state");
        let store = TokenStore::open(&path).unwrap();
        let now = Timestamp::from_seconds(1_000 * DAY);
        let (token, record) = store.add(Role::Analyst, (Some("brand"), None), 2, now).unwrap();
        let text = token.reveal();
        let caller = store.caller(&text, now).unwrap().unwrap();
        assert_eq!((caller.role, caller.who.as_ref().unwrap().recipient()), (Role::Analyst, "brand"));
        let at_rest = std::fs::read_to_string(path.join(FILE)).unwrap();
        assert!(!at_rest.contains(text.trim_start_matches("hushtag_")), "{at_rest}");

        let later = |days: i64| Timestamp::from_seconds(now.seconds() + days * DAY);
        assert!(store.caller(&text, later(1)).unwrap().is_some());
        assert!(store.caller(&text, later(2)).unwrap().is_none(), "over");
        assert!(store.caller(&Token::generate(&mut rand::rng()).reveal(), now).unwrap().is_none());

        // As another process does it.
        TokenStore::open(&path).unwrap().revoke(&record.id).unwrap();
        assert!(!store.is_in_force(&caller, now).unwrap());
        assert!(store.caller(&text, now).unwrap().is_none());
        assert!(matches!(store.revoke(&record.id), Err(TokenError::Unknown(_))));
    }

    /// Guards that a revoked token stays revoked while other commands make tokens.
    #[test]
    fn commands_at_the_same_time_lose_no_change() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state");
        let store = TokenStore::open(&path).unwrap();
        let now = Timestamp::from_seconds(0);
        let add = || store.add(Role::Auditor, (None, None), 1, now).unwrap().1.id;
        let revoked: Vec<String> = (0..20).map(|_| add()).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| revoked.iter().for_each(|id| drop(store.revoke(id).unwrap())));
            scope.spawn(|| {
                let other = TokenStore::open(&path).unwrap();
                (0..20).for_each(|_| drop(other.add(Role::Monitor, (None, None), 1, now).unwrap()));
            });
        });
        let left = store.list().unwrap();
        assert!(left.len() == 20 && left.iter().all(|record| !revoked.contains(&record.id)), "{left:?}");
    }

    #[test]
    fn an_analyst_is_one_of_a_recipient_and_no_token_is_for_ever() {
        let place = tempfile::tempdir().unwrap();
        let store = TokenStore::open(&place.path().join("state")).unwrap();
        let now = Timestamp::from_seconds(0);
        assert!(matches!(store.add(Role::Analyst, (None, None), 1, now), Err(TokenError::NoRecipient)));
        assert!(matches!(store.add(Role::Auditor, (None, None), 0, now), Err(TokenError::Days)));
        assert!(matches!(store.add(Role::Auditor, (None, None), 367, now), Err(TokenError::Days)));
        assert!(matches!(
            store.add(Role::Analyst, (Some("no name!"), None), 1, now),
            Err(TokenError::Sandbox(_))
        ));
    }

    #[test]
    fn a_damaged_file_lets_no_one_in() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state");
        let store = TokenStore::open(&path).unwrap();
        let now = Timestamp::from_seconds(0);
        let (token, _) = store.add(Role::Auditor, (None, None), 1, now).unwrap();
        std::fs::write(path.join(FILE), "[[token]]\nid = 1").unwrap();
        assert!(matches!(store.caller(&token.reveal(), now), Err(TokenError::Damaged(_))));
    }
}
