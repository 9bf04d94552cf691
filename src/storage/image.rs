//! A folder in memory that can fail at its k-th operation and crash: what is live, and what would survive.

use super::{Blocks, Storage, StorageError, checked};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How an operation of an [`Image`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is done; the next operation works again.
    Error,
    /// From here on nothing that grows or replaces a file works.
    FullDisk,
    /// The operation is done, but what it should have made durable is not, and no later sync brings it back.
    LostSync,
    /// The first half of a write is done.
    TornWrite,
}

/// An in-memory [`Storage`] with a live and a durable image. Clones are handles to the same image.
///
/// Every changing operation is counted, so that a test can run once, and again with a fault at each count.
#[derive(Debug, Clone, Default)]
pub struct Image {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Body>,
    /// What [`Storage::write`], `rename` and `remove` made durable: which files there are, and each one's durable bytes.
    durable: BTreeMap<String, Vec<u8>>,
    /// What was written or removed without a wait for the disk, and no durable operation has covered yet.
    loose: BTreeMap<String, Option<Vec<u8>>>,
    /// The file of every handle that was opened: a handle stays with its file under another name.
    handles: Vec<String>,
    operations: u64,
    fault: Option<(u64, Fault)>,
}

/// A live file and the writes that no sync has covered yet.
#[derive(Debug, Default, Clone)]
struct Body {
    live: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Length(u64),
    Bytes(u64, Vec<u8>),
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) -> io::Result<()> {
        let too_far = |_| io::Error::new(ErrorKind::FileTooLarge, "the offset does not fit in memory");
        match self {
            Self::Length(length) => file.resize(usize::try_from(*length).map_err(too_far)?, 0),
            Self::Bytes(offset, content) => {
                let start = usize::try_from(*offset).map_err(too_far)?;
                let end = start.saturating_add(content.len());
                if file.len() < end {
                    file.resize(end, 0);
                }
                if let Some(target) = file.get_mut(start..end) {
                    target.copy_from_slice(content);
                }
            }
        }
        Ok(())
    }

    /// The part of a write that reached the disk before the crash.
    fn torn(&self) -> Self {
        match self {
            Self::Length(length) => Self::Length(*length),
            Self::Bytes(offset, content) => {
                Self::Bytes(*offset, content.iter().take(content.len() / 2).copied().collect())
            }
        }
    }
}

fn failure(kind: Fault) -> io::Error {
    match kind {
        Fault::FullDisk => io::Error::new(ErrorKind::StorageFull, "no space left (made by the test)"),
        _ => io::Error::other("the operation failed (made by the test)"),
    }
}

impl State {
    /// Counts an operation and says which fault strikes it.
    fn begin(&mut self, grows: bool) -> Option<Fault> {
        self.operations += 1;
        match self.fault {
            Some((at, Fault::FullDisk)) if self.operations >= at && grows => Some(Fault::FullDisk),
            Some((_, Fault::FullDisk)) => None,
            Some((at, kind)) if self.operations == at => Some(kind),
            _ => None,
        }
    }

    fn path(&self, handle: usize) -> io::Result<String> {
        let path = self.handles.get(handle).cloned();
        path.ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the file was never opened"))
    }

    fn body(&mut self, handle: usize) -> io::Result<&mut Body> {
        let path = self.path(handle)?;
        self.files.get_mut(&path).ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the file was removed"))
    }
}

impl Image {
    /// An empty image.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the operation with the number `at` (the first is 1) fail.
    pub fn fail_at(&self, at: u64, fault: Fault) {
        self.state().fault = Some((at, fault));
    }

    /// How many changing operations were tried.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// What a power cut now leaves when no unsynced write had reached the disk.
    #[must_use]
    pub fn crash(&self) -> Self {
        Self::holding(self.state().durable.clone())
    }

    /// What a power cut now leaves when an arbitrary part of the unsynced writes, some of them torn, had reached the
    /// disk; `seed` chooses the part.
    #[must_use]
    pub fn crash_torn(&self, seed: u64) -> Self {
        let state = self.state();
        let mut durable = state.durable.clone();
        let mut random = seed;
        for (path, body) in &state.files {
            let Some(file) = durable.get_mut(path) else { continue };
            for change in &body.unsynced {
                // A linear congruential generator (Knuth) is random enough to pick crashes.
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Applying a change to memory fails only for offsets that could not have been written.
                let _ = match random >> 62 {
                    0 => change.apply(file),
                    1 => change.torn().apply(file),
                    _ => Ok(()),
                };
            }
        }
        for (path, content) in &state.loose {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match (random >> 62, content) {
                (0, None) => drop(durable.remove(path)),
                (0, Some(content)) => drop(durable.insert(path.clone(), content.clone())),
                (1, Some(content)) => {
                    let torn = content.iter().take(content.len() / 2).copied().collect();
                    durable.insert(path.clone(), torn);
                }
                _ => {}
            }
        }
        Self::holding(durable)
    }

    fn holding(durable: BTreeMap<String, Vec<u8>>) -> Self {
        let body = |live: &Vec<u8>| Body { live: live.clone(), unsynced: Vec::new() };
        let files = durable.iter().map(|(path, content)| (path.clone(), body(content))).collect();
        Self {
            state: Arc::new(Mutex::new(State {
                files,
                durable,
                loose: BTreeMap::new(),
                handles: Vec::new(),
                operations: 0,
                fault: None,
            })),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn move_to(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.begin(false);
        if matches!(fault, Some(Fault::Error | Fault::TornWrite | Fault::FullDisk)) {
            return Err(io::Error::other("the operation failed (made by the test)"));
        }
        if state.files.keys().any(|path| inside(path, to)) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "the new name is taken"));
        }
        let moved = renamed(&mut state.files, from, to);
        if moved == 0 {
            return Err(io::Error::new(ErrorKind::NotFound, "there is nothing of that name"));
        }
        if let Some(kind) = fault {
            return Err(failure(kind));
        }
        renamed(&mut state.durable, from, to);
        renamed(&mut state.loose, from, to);
        for path in state.handles.iter_mut().filter(|path| inside(path, from)) {
            *path = format!("{to}{}", path.strip_prefix(from).unwrap_or_default());
        }
        Ok(())
    }
}

impl Image {
    fn move_over(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.begin(false);
        if matches!(fault, Some(Fault::Error | Fault::TornWrite | Fault::FullDisk)) {
            return Err(io::Error::other("the operation failed (made by the test)"));
        }
        if [from, to].iter().any(|path| !state.files.contains_key(*path)) {
            return Err(io::Error::new(ErrorKind::NotFound, "there is nothing of that name"));
        }
        let lost = fault.is_some();
        if let Some(mut body) = state.files.remove(from) {
            // What is written under a name that is not durable never reaches the file that has it after a crash.
            body.unsynced.retain(|_| !lost);
            state.files.insert(to.to_owned(), body);
        }
        for handle in &mut state.handles {
            // A handle of the removed file finds nothing: no path is empty.
            match handle {
                path if path == to || path == from && lost => path.clear(),
                path if path == from => to.clone_into(path),
                _ => {}
            }
        }
        if let Some(kind) = fault {
            return Err(failure(kind));
        }
        if let Some(content) = state.durable.remove(from) {
            state.durable.insert(to.to_owned(), content);
        }
        state.loose.retain(|path, _| path != from && path != to);
        Ok(())
    }
}

impl Image {
    fn put(&self, path: &str, content: &[u8], durable: bool) -> Result<(), StorageError> {
        checked("write", path)?;
        let mut state = self.state();
        let fault = state.begin(true);
        if let Some(kind @ (Fault::Error | Fault::TornWrite | Fault::FullDisk)) = fault {
            // The torn half is in a temporary file that no one reads.
            return Err(StorageError::new("write", path, failure(kind)));
        }
        state.files.insert(path.to_owned(), Body { live: content.to_vec(), unsynced: Vec::new() });
        if let Some(kind) = fault {
            return Err(StorageError::new("write", path, failure(kind)));
        }
        if durable {
            state.loose.remove(path);
            state.durable.insert(path.to_owned(), content.to_vec());
        } else {
            state.loose.insert(path.to_owned(), Some(content.to_vec()));
        }
        Ok(())
    }

    fn take(&self, path: &str, durable: bool) -> Result<(), StorageError> {
        checked("remove", path)?;
        let mut state = self.state();
        let fault = state.begin(false);
        if let Some(kind @ (Fault::Error | Fault::TornWrite)) = fault {
            return Err(StorageError::new("remove", path, failure(kind)));
        }
        let gone: Vec<_> = state.files.keys().filter(|name| inside(name, path)).cloned().collect();
        state.files.retain(|name, _| !inside(name, path));
        if let Some(kind) = fault {
            return Err(StorageError::new("remove", path, failure(kind)));
        }
        if durable {
            state.loose.retain(|name, _| !inside(name, path));
            state.durable.retain(|name, _| !inside(name, path));
        } else {
            state.loose.extend(gone.into_iter().map(|name| (name, None)));
        }
        Ok(())
    }
}

/// Whether `path` is `top` or lies below it.
fn inside(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn renamed<T>(files: &mut BTreeMap<String, T>, from: &str, to: &str) -> usize {
    let moved: Vec<_> = files.extract_if(.., |path, _| inside(path, from)).collect();
    let count = moved.len();
    files.extend(moved.into_iter().map(|(path, body)| {
        let rest = path.strip_prefix(from).unwrap_or_default();
        (format!("{to}{rest}"), body)
    }));
    count
}

impl Storage for Image {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.state().files.get(checked("read", path)?).map(|body| body.live.clone()))
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.put(path, content, true)
    }

    fn write_unsynced(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.put(path, content, false)
    }

    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.take(path, true)
    }

    fn remove_unsynced(&self, path: &str) -> Result<(), StorageError> {
        self.take(path, false)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.move_to(checked("rename", from)?, checked("rename", to)?)
            .map_err(|source| StorageError::new("rename", from, source))
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.move_over(checked("rename", from)?, checked("rename", to)?)
            .map_err(|source| StorageError::new("rename", from, source))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        let prefix =
            if directory.is_empty() { String::new() } else { format!("{}/", checked("list", directory)?) };
        let state = self.state();
        let below = state.files.keys().filter_map(|path| path.strip_prefix(&prefix));
        let names: BTreeSet<_> = below.filter_map(|rest| rest.split('/').next()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn blocks(&self, path: &str) -> Result<Box<dyn Blocks>, StorageError> {
        checked("open", path)?;
        let mut state = self.state();
        if !state.files.contains_key(path) {
            if let Some(kind) = state.begin(true) {
                return Err(StorageError::new("open", path, failure(kind)));
            }
            state.files.insert(path.to_owned(), Body::default());
            state.durable.insert(path.to_owned(), Vec::new());
        }
        state.handles.push(path.to_owned());
        Ok(Box::new(ImageBlocks { image: self.clone(), handle: state.handles.len() - 1 }))
    }

    fn read_blocks(&self, path: &str) -> Result<Option<Box<dyn Blocks>>, StorageError> {
        let there = self.state().files.contains_key(checked("open", path)?);
        there.then(|| self.blocks(path)).transpose()
    }

    fn files(&self) -> Result<Vec<String>, StorageError> {
        Ok(self.state().files.keys().cloned().collect())
    }
}

#[derive(Debug)]
struct ImageBlocks {
    image: Image,
    handle: usize,
}

impl ImageBlocks {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.image.state();
        let fault = state.begin(true);
        let body = state.body(self.handle)?;
        let change = match fault {
            None | Some(Fault::LostSync) => change,
            Some(Fault::TornWrite) => change.torn(),
            Some(kind) => return Err(failure(kind)),
        };
        change.apply(&mut body.live)?;
        body.unsynced.push(change);
        fault.map_or(Ok(()), |kind| Err(failure(kind)))
    }
}

impl Blocks for ImageBlocks {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.image.state();
        u64::try_from(state.body(self.handle)?.live.len()).map_err(io::Error::other)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.image.state();
        let file = &state.body(self.handle)?.live;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let part = start.checked_add(out.len()).and_then(|end| file.get(start..end));
        out.copy_from_slice(part.ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Length(len))
    }

    fn write_at(&self, offset: u64, content: &[u8]) -> io::Result<()> {
        self.change(Change::Bytes(offset, content.to_vec()))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.image.state();
        let fault = state.begin(false);
        let unsynced = match fault {
            // A kernel that failed to write a page back may call it clean: no later sync writes it.
            None | Some(Fault::LostSync) => std::mem::take(&mut state.body(self.handle)?.unsynced),
            Some(kind) => return Err(failure(kind)),
        };
        if let Some(kind) = fault {
            return Err(failure(kind));
        }
        let path = state.path(self.handle)?;
        let durable = state.durable.entry(path).or_default();
        unsynced.iter().try_for_each(|change| change.apply(durable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_keeps_what_was_durable() {
        let image = Image::new();
        image.write("a", b"1").unwrap();
        let blocks = image.blocks("b").unwrap();
        blocks.write_at(0, b"synced").unwrap();
        blocks.sync().unwrap();
        blocks.write_at(0, b"not").unwrap();
        assert_eq!(image.crash().read("b").unwrap().unwrap(), b"synced");
        assert_eq!(image.read("b").unwrap().unwrap(), b"notced");
        let torn: BTreeSet<_> =
            (0..64).map(|seed| image.crash_torn(seed).read("b").unwrap().unwrap()).collect();
        assert_eq!(torn, [b"notced".to_vec(), b"nynced".to_vec(), b"synced".to_vec()].into());
        assert_eq!(image.operations(), 5);
    }

    #[test]
    fn what_was_not_synced_may_be_there_or_not_after_a_crash() {
        let image = Image::new();
        image.write("old", b"1234").unwrap();
        image.remove_unsynced("old").unwrap();
        image.write_unsynced("new", b"1234").unwrap();
        assert_eq!((image.read("old").unwrap(), image.list("").unwrap()), (None, vec!["new".to_owned()]));
        assert_eq!(image.crash().list("").unwrap(), ["old"]);
        let left = |seed| {
            let left = image.crash_torn(seed);
            (left.read("old").unwrap().is_some(), left.read("new").unwrap())
        };
        let all: BTreeSet<_> = (0..64).map(left).collect();
        let contents = [None, Some(b"12".to_vec()), Some(b"1234".to_vec())];
        assert_eq!(
            all,
            [false, true].into_iter().flat_map(|old| contents.clone().map(|new| (old, new))).collect()
        );
        image.write("new", b"5").unwrap();
        assert_eq!(image.crash_torn(1).read("new").unwrap().unwrap(), b"5");
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let at_the_second = |fault| {
            let image = Image::new();
            image.fail_at(2, fault);
            image.write("a", b"old").unwrap();
            image.write("a", b"new").unwrap_err();
            let after = image.write("c", b"").is_ok();
            (
                image.read("a").unwrap().unwrap() == b"new",
                image.crash().read("a").unwrap().unwrap() == b"new",
                after,
            )
        };
        assert_eq!(at_the_second(Fault::Error), (false, false, true));
        assert_eq!(at_the_second(Fault::TornWrite), (false, false, true));
        assert_eq!(at_the_second(Fault::LostSync), (true, false, true));
        assert_eq!(at_the_second(Fault::FullDisk), (false, false, false));
    }

    #[test]
    fn a_lost_sync_never_comes_back() {
        let image = Image::new();
        let blocks = image.blocks("b").unwrap();
        image.fail_at(3, Fault::LostSync);
        blocks.write_at(0, b"x").unwrap();
        blocks.sync().unwrap_err();
        blocks.sync().unwrap();
        assert_eq!(image.crash().read("b").unwrap().unwrap(), b"");
    }

    #[test]
    fn a_file_takes_the_name_of_another_in_one_step() {
        let image = Image::new();
        image.write("a", b"old").unwrap();
        image.write("b", b"new").unwrap();
        let (old, new) = (image.blocks("a").unwrap(), image.blocks("b").unwrap());
        image.rename_over("b", "a").unwrap();
        assert!(old.len().is_err());
        new.write_at(0, b"N").unwrap();
        assert_eq!(image.read("a").unwrap().unwrap(), b"New");
        assert_eq!(image.crash().read("a").unwrap().unwrap(), b"new");
        assert_eq!(image.list("").unwrap(), ["a"]);
        assert!(image.rename_over("b", "a").is_err() && image.rename_over("a", "c").is_err());
    }

    #[test]
    fn directories_move_and_go_as_a_whole() {
        let image = Image::new();
        image.write("epochs/e1/a", b"1").unwrap();
        image.write("epochs/e10", b"2").unwrap();
        image.rename("epochs/e1", "epochs/e2").unwrap();
        assert_eq!(image.list("epochs").unwrap(), ["e10", "e2"]);
        assert!(image.rename("epochs/e2", "epochs/e10").is_err());
        image.remove("epochs/e2").unwrap();
        assert_eq!(image.crash().list("").unwrap(), ["epochs"]);
        assert_eq!(image.list("epochs").unwrap(), ["e10"]);
        assert!(image.read("../x").is_err());
    }
}
