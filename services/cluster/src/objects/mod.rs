//! Tables in an object store: to the engine's readers they are files in memory, which no disk holds.
//!
//! The operator lists what is below an address and shows it as a folder of links to files in memory, which have the first and the last
//! bytes of each object: what formats say of themselves. An executor fetches a whole object when it reads it, of the version that was
//! listed. Credentials come from the environment of each process, and are never handed over.

mod address;
mod fetch;
mod in_memory;
mod listing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ClientConfigKey, ObjectStore};
use serde::{Deserialize, Serialize};

use crate::error::Error;
pub(crate) use fetch::{Fetched, fetch};
pub use listing::Listed;

/// An object as it was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    /// The bucket.
    bucket: String,
    /// The key in it.
    key: String,
    /// Bytes.
    size: u64,
    /// The version of its bytes: what is fetched has the same.
    version: String,
}

/// Objects by the path under which the operator shows them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Objects(BTreeMap<PathBuf, Object>);

impl Objects {
    /// The object behind a path, if it is one.
    pub(crate) fn at(&self, path: &Path) -> Option<&Object> {
        self.0.get(path)
    }
}

impl Object {
    fn wrong(&self, why: impl std::fmt::Display) -> Error {
        wrong(&self.bucket, &self.key, why)
    }
}

fn wrong(bucket: &str, key: &str, why: impl std::fmt::Display) -> Error {
    Error::Object { place: format!("s3://{bucket}/{key}"), why: why.to_string() }
}

/// The stores of buckets, with endpoint, region and credentials of the environment (`AWS_*`), each made once: it keeps connections and
/// credentials that expire.
#[derive(Default)]
pub(crate) struct Stores(Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>);

/// How long a whole object may take to arrive, unless `AWS_TIMEOUT` says otherwise.
const LONGEST: &str = "2h";

impl Stores {
    fn of(&self, bucket: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = known.get(bucket) {
            return Ok(Arc::clone(store));
        }
        let mut store = AmazonS3Builder::from_env().with_bucket_name(bucket);
        if std::env::var_os("AWS_TIMEOUT").is_none() {
            store = store.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), LONGEST);
        }
        let store: Arc<dyn ObjectStore> =
            Arc::new(store.build().map_err(|error| wrong(bucket, "", why(error)))?);
        known.insert(bucket.to_owned(), Arc::clone(&store));
        Ok(store)
    }
}

/// What the store said, without the documents that it sends along.
fn why(error: object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { .. } => "nothing is there".to_owned(),
        object_store::Error::Precondition { .. } => "it has other bytes than when it was listed".to_owned(),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            "the store refuses the credentials of the environment".to_owned()
        }
        error => plain(&error.to_string()),
    }
}

/// The first words of a message without addresses: that of an endpoint may hold a password.
fn plain(text: &str) -> String {
    let text = text.split(['\n', '<', '{']).next().unwrap_or_default();
    let words = text.split_whitespace().filter(|word| !word.contains("://"));
    words.collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_a_store_says_is_repeated_without_addresses_and_documents() {
        let said = "Generic S3 error: Error performing GET http://me:SECRET@host/data in 5ms, after 3 retries: 500 <Error><Key>SECRET";
        assert_eq!(plain(said), "Generic S3 error: Error performing GET in 5ms, after 3 retries: 500");
    }
}
