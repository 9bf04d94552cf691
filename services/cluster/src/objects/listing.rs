//! The operator's part: what is below an address, shown as a folder.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use hushtag::engine::cluster::Job;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::address::{Address, Named, begins, named};
use super::in_memory::InMemory;
use super::{Object, Objects, Stores, why, wrong};
use crate::error::Error;

/// How many objects one seal may have: each takes a file descriptor and some KiB of the operator.
const MOST: usize = 100_000;
/// How many are looked at at a time.
const AT_A_TIME: usize = 16;
/// Bytes at the beginning and at the end that are looked at.
const ENDS: u64 = 64 << 10;
/// Bytes at the beginning of a stream of Arrow, which names its columns there and not at its end.
const LONG_HEAD: u64 = 1 << 20;
/// The largest footer that is looked at.
const LONGEST_FOOTER: u64 = 64 << 20;

/// Arguments whose addresses are paths now, and the objects behind them.
#[derive(Default)]
pub struct Listed {
    pub(crate) objects: Objects,
    stores: Stores,
    /// The links, and the files in memory that they lead to.
    held: Option<(tempfile::TempDir, Vec<InMemory>)>,
}

impl Listed {
    /// Replaces every address `s3://bucket/key` and `file:///path` of a table in the arguments of a seal by a path.
    ///
    /// # Errors
    /// [`Error::Address`], and [`Error::Object`] for what is not there or cannot be shown as files.
    ///
    /// # Privacy
    /// Footers of formats hold smallest and largest values: they are in memory, and only links are on a disk.
    pub async fn of(arguments: Vec<OsString>) -> Result<(Vec<OsString>, Self), Error> {
        let mut listed = Self::default();
        let mut replaced: Vec<OsString> = Vec::new();
        for argument in arguments {
            let is_value = replaced.last().is_some_and(|before| before == "--data" || before == "--consents");
            let is_named = argument
                .to_str()
                .is_some_and(|text| text.starts_with("--data=") || text.starts_with("--consents="));
            let is_table = is_value || is_named;
            replaced.push(if is_table { listed.replace(argument).await? } else { argument });
        }
        if listed.count() > 0 && replaced.iter().any(|argument| argument == "--check") {
            return Err(Error::Address {
                why: "`--check` reads tables here, and objects are read by executors alone",
            });
        }
        Ok((replaced, listed))
    }

    /// How many objects there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.objects.0.len()
    }

    /// Checks that every file of a job that is one of our links is an object: an executor that opened the link would follow it to a file of its own.
    ///
    /// # Errors
    /// [`Error::Plan`]
    pub(crate) fn check(&self, job: &Job) -> Result<(), Error> {
        let Some((folder, _)) = &self.held else { return Ok(()) };
        let is_lost = |path: &Path| path.starts_with(folder.path()) && self.objects.at(path).is_none();
        match (0..job.units()).filter_map(|unit| job.path(unit)).any(is_lost) {
            true => Err(Error::Plan("a file that is a link to no object".to_owned())),
            false => Ok(()),
        }
    }

    async fn replace(&mut self, argument: OsString) -> Result<OsString, Error> {
        let Some((before, address)) = argument.to_str().and_then(|text| text.split_at_checked(begins(text)?))
        else {
            return Ok(argument);
        };
        let path = match named(address)? {
            Named::Path(path) => path,
            Named::Object(address) => self.show(&address).await?,
        };
        let mut replaced = OsString::from(before);
        replaced.push(path);
        Ok(replaced)
    }

    /// Shows one address as a file or a folder, and returns where.
    async fn show(&mut self, address: &Address) -> Result<PathBuf, Error> {
        let Address { bucket, key, .. } = address;
        let store = self.stores.of(bucket)?;
        let found = found(&*store, address).await?;
        if self.count() + found.len() > MOST {
            return Err(wrong(bucket, key.as_ref(), format!("a seal has at most {MOST} objects")));
        }
        allow_descriptors();
        let ends = stream::iter(found).map(|meta| look(bucket, Arc::clone(&store), meta));
        let ends: Vec<(Object, InMemory)> = ends.buffered(AT_A_TIME).try_collect().await?;
        let failed = |error: std::io::Error| wrong(bucket, key.as_ref(), error);
        let (folder, held) = match &mut self.held {
            Some(held) => held,
            none => {
                // Absolute, as the files of a job are named.
                let below = std::path::absolute(std::env::temp_dir()).map_err(failed)?;
                none.insert((tempfile::tempdir_in(below).map_err(failed)?, Vec::new()))
            }
        };
        let root = folder.path().join(bucket);
        let folders = folders(ends.iter().map(|(object, _)| object));
        for (object, bytes) in ends {
            let path = root.join(&object.key);
            if folders.contains(&object.key) {
                std::fs::create_dir_all(&path).map_err(failed)?;
            } else if self.objects.at(&path).is_none() {
                std::fs::create_dir_all(path.parent().unwrap_or(&root)).map_err(failed)?;
                bytes.link(&path).map_err(failed)?;
                self.objects.0.insert(path, object);
                held.push(bytes);
            }
        }
        Ok(root.join(key.as_ref()))
    }
}

/// The object of this key, or all whose keys have it as their folder.
async fn found(store: &dyn ObjectStore, address: &Address) -> Result<Vec<ObjectMeta>, Error> {
    let Address { bucket, key, is_folder } = address;
    let failed = |error: object_store::Error| wrong(bucket, key.as_ref(), why(error));
    let refused = |why: &str| Err(wrong(bucket, key.as_ref(), why));
    let own = match is_folder {
        true => None,
        false => match store.head(key).await {
            Ok(meta) => Some(meta),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => return Err(failed(error)),
        },
    };
    let all = store.list(Some(key)).take(MOST + 1).try_collect::<Vec<_>>().await.map_err(failed)?;
    if all.len() > MOST {
        return refused(&format!("more than {MOST} objects are there"));
    }
    // An object whose key ends with a slash is listed under the key before it.
    let (marks, mut below): (Vec<_>, Vec<_>) = all.into_iter().partition(|meta| meta.location == *key);
    let is_file = marks.iter().chain(&own).any(|meta| meta.size > 0);
    below.sort_by(|one, other| one.location.cmp(&other.location));
    match own {
        _ if is_file && !below.is_empty() => refused("it is an object, and others are below it"),
        _ if marks.iter().any(|meta| meta.size > 0) => {
            refused("its key ends with a slash, and it is no folder")
        }
        Some(own) if below.is_empty() => Ok(vec![own]),
        _ if below.is_empty() => refused("nothing is there"),
        _ => one_each(below)
            .map_err(|twice| wrong(bucket, &twice, "two objects have this key, but for slashes or blanks")),
    }
}

/// Sorted objects, each key once: an empty one that is there twice is the mark of a folder.
///
/// # Errors
/// The key of an object that another one would hide.
fn one_each(sorted: Vec<ObjectMeta>) -> Result<Vec<ObjectMeta>, String> {
    let mut all: Vec<ObjectMeta> = Vec::new();
    for meta in sorted {
        match all.last() {
            Some(last) if last.location == meta.location => {
                if last.size > 0 || meta.size > 0 {
                    return Err(meta.location.to_string());
                }
            }
            _ => all.push(meta),
        }
    }
    Ok(all)
}

/// The keys of objects that are folders: consoles make empty ones above others, or alone.
fn folders<'o>(all: impl Iterator<Item = &'o Object> + Clone) -> BTreeSet<String> {
    let above: BTreeSet<&str> = all
        .clone()
        .flat_map(|object| object.key.match_indices('/').filter_map(|(at, _)| object.key.get(..at)))
        .collect();
    let is_folder = |object: &&Object| {
        let key = object.key.as_str();
        object.size == 0 && (Path::new(key).extension().is_none() || above.contains(key))
    };
    all.filter(is_folder).map(|object| object.key.clone()).collect()
}

/// An object, and a file of its size in memory with its first and last bytes.
async fn look(
    bucket: &str,
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
) -> Result<(Object, InMemory), Error> {
    let key = &meta.location;
    let no_version = || wrong(bucket, key.as_ref(), "the store names no version (ETag) of it");
    let version = meta.e_tag.clone().ok_or_else(no_version)?;
    let object = Object { bucket: bucket.to_owned(), key: key.as_ref().to_owned(), size: meta.size, version };
    let bytes = InMemory::new().map_err(|error| object.wrong(error))?;
    bytes.set_size(object.size).map_err(|error| object.wrong(error))?;
    let piece = async |from: u64, to: u64| {
        let read = store.get_range(key, from..to.min(object.size)).await;
        let read = read.map_err(|error| object.wrong(why(error)))?;
        bytes.write_at(&read, from).map_err(|error| object.wrong(error))?;
        Ok::<_, Error>(read)
    };
    if object.size > 0 {
        let head = piece(0, ENDS).await?;
        if object.size > ENDS && is_stream(&object.key, &head) {
            piece(ENDS, LONG_HEAD).await?;
        }
    }
    if object.size > ENDS {
        let tail = piece(object.size.saturating_sub(ENDS).max(ENDS), object.size).await?;
        let footer = footer(&tail);
        if footer > LONGEST_FOOTER {
            return Err(object.wrong(format!("its footer is longer than {LONGEST_FOOTER} bytes")));
        }
        if footer > ENDS {
            piece(object.size.saturating_sub(footer), object.size).await?;
        }
    }
    Ok((object, bytes))
}

/// Whether it is a stream of Arrow, or a file of Arrow that is compressed as a whole.
fn is_stream(key: &str, head: &[u8]) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
    let is_arrow = [".arrow", ".arrows", ".ipc", ".feather"].iter().any(|ending| name.contains(ending));
    let is_compressed = head.starts_with(&[0x1f, 0x8b]) || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    head.starts_with(&[0xff; 4]) || is_arrow && is_compressed
}

/// How many bytes at the end of a file are its footer, by the last bytes of Parquet and of Arrow IPC files.
fn footer(tail: &[u8]) -> u64 {
    let length_before = |magic: &[u8]| {
        let rest = tail.strip_suffix(magic)?;
        let length = u64::from(u32::from_le_bytes(*rest.last_chunk::<4>()?));
        Some(length + 4 + magic.len() as u64)
    };
    length_before(b"PAR1").or_else(|| length_before(b"ARROW1")).unwrap_or(0)
}

/// Lets this process hold as many files as its hard limit allows; where that is too few, making the next one says so.
fn allow_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_footer_is_in_front_of_its_mark() {
        let of = |length: u32, magic: &[u8]| footer(&[&[7; 99][..], &length.to_le_bytes(), magic].concat());
        assert_eq!(of(1_000, b"PAR1"), 1_008);
        assert_eq!(of(u32::MAX, b"ARROW1"), u64::from(u32::MAX) + 10);
        assert_eq!((of(5, b"x,y\n"), footer(b"PAR1"), footer(b"")), (0, 0, 0));
    }

    #[test]
    fn empty_objects_that_name_no_format_or_have_others_below_are_folders() {
        let object = |key: &str, size| Object {
            bucket: "b".to_owned(),
            key: key.to_owned(),
            size,
            version: "1".to_owned(),
        };
        let all =
            [("a", 0), ("a/_SUCCESS", 0), ("a/x.csv", 0), ("a/y.csv", 0), ("a/y.csv/z.csv", 0), ("a/0", 9)];
        let all: Vec<Object> = all.into_iter().map(|(key, size)| object(key, size)).collect();
        let found: Vec<String> = folders(all.iter()).into_iter().collect();
        assert_eq!(found, ["a", "a/_SUCCESS", "a/y.csv"]);
    }

    #[test]
    fn no_object_hides_another_one() {
        let meta = |key: &str, size| ObjectMeta {
            location: key.into(),
            last_modified: Default::default(),
            size,
            e_tag: None,
            version: None,
        };
        let of = |all: &[(&str, u64)]| {
            let keys = one_each(all.iter().map(|(key, size)| meta(key, *size)).collect());
            keys.map(|all| all.len())
        };
        assert_eq!(of(&[("a", 0), ("a", 0), ("a/x.csv", 5)]), Ok(2));
        assert_eq!(of(&[("a", 0), ("a/part-0", 9), ("a/part-0", 0)]), Err("a/part-0".to_owned()));
        assert_eq!(of(&[("a/x.csv", 9), ("a/x.csv", 9)]), Err("a/x.csv".to_owned()));
    }

    #[tokio::test]
    async fn other_arguments_stay_as_they_are() {
        let words = [
            "s3://box/a",
            "--data",
            "follows=/a/b",
            "--data",
            "x=https://host/a",
            "--root-key",
            "file:///key",
        ];
        let given: Vec<OsString> = words.map(OsString::from).into();
        let (replaced, listed) = Listed::of(given.clone()).await.unwrap();
        assert_eq!((replaced, listed.count()), (given, 0));
        let (replaced, _) = Listed::of(vec!["--data=x=file:///a%20b".into()]).await.unwrap();
        assert_eq!(replaced, ["--data=x=/a b"]);
    }
}
