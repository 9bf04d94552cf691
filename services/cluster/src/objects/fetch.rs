//! An executor's part: a whole object, of the version that was listed, in memory that the pool of the executor gives.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::StreamExt;
use object_store::path::Path as Key;
use object_store::{GetOptions, ObjectStore};

use super::in_memory::InMemory;
use super::{Object, Stores, why};
use crate::error::Error;

/// A file in memory with all bytes of an object. Dropped, it takes no memory any more.
pub(crate) struct Fetched {
    folder: tempfile::TempDir,
    name: PathBuf,
    _bytes: InMemory,
    _reserved: MemoryReservation,
}

impl Fetched {
    /// Where readers find it: with the folders and the name that its key has, by which formats and columns of folders are known.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }
}

/// Fetches `object`; `below` is a folder for its link.
///
/// # Errors
/// [`Error::Object`] for an object that is gone, has other bytes than when it was listed, or is larger than the memory that a task has left.
pub(crate) async fn fetch(
    object: &Object,
    pool: &Arc<dyn MemoryPool>,
    (stores, below): (&Stores, &Path),
) -> Result<Fetched, Error> {
    let reserved = MemoryConsumer::new("object").register(pool);
    let size = usize::try_from(object.size).map_err(|_| object.wrong("it is too large"))?;
    reserved.try_grow(size).map_err(|_| {
        object.wrong(format!(
            "its {size} bytes do not fit into what a task has left of the memory of this executor: give it more, or fewer cores, or write smaller objects"
        ))
    })?;
    let bytes = InMemory::new().map_err(|error| object.wrong(error))?;
    whole(object, &*stores.of(&object.bucket)?, &bytes).await?;
    let folder = tempfile::tempdir_in(below).map_err(|error| object.wrong(error))?;
    let name = PathBuf::from(&object.key);
    let path = folder.path().join(&name);
    let parent = path.parent().unwrap_or(folder.path());
    std::fs::create_dir_all(parent).and_then(|()| bytes.link(&path)).map_err(|error| object.wrong(error))?;
    Ok(Fetched { folder, name, _bytes: bytes, _reserved: reserved })
}

async fn whole(object: &Object, store: &dyn ObjectStore, bytes: &InMemory) -> Result<(), Error> {
    let key = Key::parse(&object.key).map_err(|error| object.wrong(error))?;
    let options = GetOptions { if_match: Some(object.version.clone()), ..GetOptions::default() };
    let found = store.get_opts(&key, options).await.map_err(|error| object.wrong(why(error)))?;
    // A store that knows no conditions would hand out any version.
    if found.meta.e_tag.as_ref() != Some(&object.version) || found.meta.size != object.size {
        return Err(object.wrong("it has other bytes than when it was listed"));
    }
    let (mut at, mut pieces) = (0, found.into_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| object.wrong(why(error)))?;
        let from = at;
        at += piece.len() as u64;
        // No byte more than the pool was asked for.
        if at > object.size {
            break;
        }
        bytes.write_at(&piece, from).map_err(|error| object.wrong(error))?;
    }
    if at == object.size { Ok(()) } else { Err(object.wrong("it is longer or shorter than it was listed")) }
}
