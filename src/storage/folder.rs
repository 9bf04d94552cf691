//! A real directory: every durable change is `write, fsync, rename, fsync(directory)` or `write at, fsync`.

use super::file::{FileBlocks, Syncs};
use super::{Blocks, Storage, StorageError, checked, times};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The file whose lock makes its holder the one writer; its first line names the holder, the last one, if there are more, the socket at which it takes
/// commands.
const LOCK: &str = "lock";
/// How a line with a socket begins.
const SOCKET: &str = "socket ";
/// How often a waiting writer tries again.
const RETRY: Duration = Duration::from_millis(20);

/// The folder of a sandbox on disk.
///
/// Files under `keys/` have mode 0600 and are refused when a group or others may touch them; all others have mode 0644.
/// Symlinks are refused wherever they stand inside.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Whether all new files are for their owner alone, whatever their name.
    for_owner: bool,
    /// Two writes of one path would share a temporary file.
    replacing: Mutex<()>,
    syncs: Syncs,
}

/// Why the folder could not be locked for writing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another writer holds it.
    #[error("the folder is in use by {holder}; waited {} s", .waited.as_secs())]
    Held {
        /// What the holder wrote about itself: process id and command.
        holder: String,
        /// How long this writer waited.
        waited: Duration,
    },
    /// The lock file cannot be used.
    #[error("the folder cannot be locked")]
    Storage(#[from] StorageError),
}

/// The right to write: while it lives, no other writer gets one, in this process or another.
#[must_use = "the folder is unlocked when this is dropped"]
#[derive(Debug)]
pub struct WriterLock {
    file: File,
    since: SystemTime,
}

impl WriterLock {
    /// Names the Unix socket at which the holder takes the operator's commands, for [`Folder::operator_socket`].
    ///
    /// # Errors
    /// [`StorageError`] when the lock file cannot be written, or the name is not one line of UTF-8.
    pub fn name_socket(&self, socket: &Path) -> Result<(), StorageError> {
        let name = socket.to_str().filter(|name| !name.contains(char::is_control));
        let no_line =
            || io::Error::new(ErrorKind::InvalidInput, "the socket's name is not one line of UTF-8");
        let line = name.map(|name| format!("{SOCKET}{name}\n")).ok_or_else(no_line);
        // If we stop inside, half a name is there that no socket has.
        let written = line.and_then(|line| (&self.file).write_all(line.as_bytes()));
        written.map_err(|source| StorageError::new("write", LOCK, source))
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // The lock goes with the file; the name in it is a courtesy to those who wait.
        let _ = self.file.set_len(0);
        // That it was held from then on is known; for how long is not.
        let _ = times::set(&self.file, self.since);
    }
}

impl Folder {
    /// Makes a new folder at `path`, which must be absent or an empty directory.
    ///
    /// # Errors
    /// [`StorageError`] when something is there, or the system refuses.
    pub fn create(path: &Path) -> Result<Self, StorageError> {
        let failed = |source| StorageError::new("create", &path.display().to_string(), source);
        if fs::symlink_metadata(path).is_ok() {
            let folder = Self::open(path)?;
            if fs::read_dir(path).map_err(failed)?.next().is_some() {
                return Err(failed(io::Error::new(
                    ErrorKind::DirectoryNotEmpty,
                    "the directory is not empty",
                )));
            }
            return Ok(folder);
        }
        DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(failed)?;
        Syncs::default().parent(path).map_err(failed)?;
        Self::open(path)
    }

    /// Opens an existing folder; a symlink in its place is refused.
    ///
    /// # Errors
    /// [`StorageError`] when it is absent or not a directory.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let failed = |source| StorageError::new("open", &path.display().to_string(), source);
        let metadata = fs::symlink_metadata(path).map_err(failed)?;
        if !metadata.is_dir() {
            return Err(failed(io::Error::new(
                ErrorKind::NotADirectory,
                "not a directory (symlinks are refused)",
            )));
        }
        Ok(Self {
            root: path.to_owned(),
            for_owner: false,
            replacing: Mutex::new(()),
            syncs: Syncs::default(),
        })
    }

    /// The same folder, in which only the owner may read new files, whatever their name.
    #[must_use]
    pub fn for_owner(self) -> Self {
        Self { for_owner: true, ..self }
    }

    /// How often this handle and the files that it opened have waited for the disk.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs.counted()
    }

    /// As [`Storage::write`], with a file that only its owner may read, whatever its name.
    ///
    /// # Errors
    /// [`StorageError`]; the old content is still there.
    pub fn write_for_owner(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.replace(checked("write", path)?, content, (0o600, true))
            .map_err(|source| StorageError::new("write", path, source))
    }

    /// Becomes the one writer, waiting up to `wait` for another one to finish; `who` names this one to those who wait.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder; [`LockError::Storage`] when the lock file cannot be used.
    pub fn lock(&self, wait: Duration, who: &str) -> Result<WriterLock, LockError> {
        let failed = |source| StorageError::new("lock", LOCK, source);
        let path = self.plain(LOCK).map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(path)
            .map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source).into()),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => std::thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { holder: holder(&mut file), waited: start.elapsed() });
                }
            }
        }
        let name = format!("process {} ({who})\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(name.as_bytes()))
            .map_err(failed)?;
        Ok(WriterLock { file, since: SystemTime::now() })
    }

    /// The Unix socket at which the writer takes commands, as it wrote; a writer that was killed may have left it.
    ///
    /// # Errors
    /// [`StorageError`] when the lock file cannot be read.
    pub fn operator_socket(&self) -> Result<Option<PathBuf>, StorageError> {
        let written = self.read(LOCK)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&written);
        Ok(text.lines().filter_map(|line| line.strip_prefix(SOCKET)).next_back().map(PathBuf::from))
    }

    /// The place of `path` on disk, after refusing every symlink on the way to it and in its place.
    fn plain(&self, path: &str) -> io::Result<PathBuf> {
        let mut place = self.root.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            place.push(part);
            match fs::symlink_metadata(&place) {
                Ok(metadata) if metadata.is_symlink() => {
                    return Err(io::Error::new(ErrorKind::InvalidInput, "symlinks are refused"));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(place)
    }

    /// Makes the directories above `place` that are missing, each durable in its parent.
    fn make_parents(&self, path: &str) -> io::Result<()> {
        let mut place = self.root.clone();
        let parents = path.rsplit_once('/').map_or("", |(parents, _)| parents);
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            place.push(part);
            let mode = if is_key(path) { 0o700 } else { 0o755 };
            match DirBuilder::new().mode(mode).create(&place) {
                Ok(()) => self.syncs.parent(&place)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn replace(&self, path: &str, content: &[u8], (mode, durable): (u32, bool)) -> io::Result<()> {
        let place = self.plain(path)?;
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = place.with_file_name(format!(".{name}.tmp"));
        let _one = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside);
        let made = make().or_else(|error| match error.kind() {
            ErrorKind::NotFound => self.make_parents(path).and_then(|()| make()),
            // A leftover of a crash may have another mode, so it is made again.
            ErrorKind::AlreadyExists => remove_if_there(&beside).and_then(|()| make()),
            _ => Err(error),
        });
        let mut file = made?;
        // If we stop before the rename, the old content stays and a hidden leftover is replaced by the next write.
        file.write_all(content)?;
        if durable {
            self.syncs.count(|| file.sync_all())?;
        }
        fs::rename(&beside, &place)?;
        // If we stop here, either content may stand, each of them whole if it was synced.
        if durable { self.syncs.parent(&place) } else { Ok(()) }
    }

    fn load(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let mut file = match File::open(self.plain(path)?) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a file"));
        }
        let mode = metadata.permissions().mode() & 0o777;
        if is_key(path) && mode & 0o077 != 0 {
            let why = format!("it has mode {mode:03o}: only its owner may have access (chmod 600)");
            return Err(io::Error::new(ErrorKind::PermissionDenied, why));
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(Some(content))
    }

    fn move_to(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, target) = (self.plain(from)?, self.plain(to)?);
        if fs::symlink_metadata(&target).is_ok() {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "the new name is taken"));
        }
        self.make_parents(to)?;
        fs::rename(&from, &target)?;
        // If we stop here, either name may stand, not both.
        self.syncs.parent(&target)?;
        self.syncs.parent(&from)
    }

    fn move_over(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, target) = (self.plain(from)?, self.plain(to)?);
        // Only files: a directory would have to be empty.
        for place in [&from, &target] {
            if !fs::symlink_metadata(place)?.is_file() {
                return Err(io::Error::new(ErrorKind::InvalidInput, "not a file"));
            }
        }
        fs::rename(&from, &target)?;
        // If we stop here, either file may have the name, each of them whole.
        self.syncs.parent(&target)?;
        self.syncs.parent(&from)
    }

    fn delete(&self, path: &str, durable: bool) -> io::Result<()> {
        let place = self.plain(path)?;
        match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            // If we stop inside, a part of the directory is left and removing it again finishes.
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&place)?,
            Ok(_) => fs::remove_file(&place)?,
        }
        if durable { self.syncs.parent(&place) } else { Ok(()) }
    }

    fn names(&self, directory: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.plain(directory)?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn date(&self, paths: &[String], at: SystemTime) -> io::Result<()> {
        let (mut above, mut dated) = (BTreeSet::new(), Ok(()));
        for path in paths {
            let place = self.plain(path)?;
            dated = dated.and(times::set_all(&place, at));
            above.extend(place.ancestors().skip(1).take(path.split('/').count()).map(Path::to_owned));
        }
        for directory in above {
            // One that belongs to someone else keeps its time.
            let _ = File::open(directory).and_then(|directory| times::set(&directory, at));
        }
        dated
    }

    fn all_files(&self) -> io::Result<Vec<String>> {
        let (mut all, mut waiting) = (Vec::new(), vec![String::new()]);
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(self.root.join(&directory))? {
                let entry = entry?;
                let path = format!("{directory}{}", entry.file_name().to_string_lossy());
                // Of the entry itself: a symlink to a directory is not one.
                if entry.file_type()?.is_dir() {
                    waiting.push(format!("{path}/"));
                } else {
                    all.push(path);
                }
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    fn mode(&self, path: &str) -> u32 {
        if self.for_owner || is_key(path) { 0o600 } else { 0o644 }
    }

    fn random_access(&self, path: &str) -> io::Result<File> {
        let place = self.plain(path)?;
        self.make_parents(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(self.mode(path))
            .open(&place)?;
        self.syncs.parent(&place)?;
        Ok(file)
    }
}

impl Storage for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.load(checked("read", path)?).map_err(|source| StorageError::new("read", path, source))
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.replace(checked("write", path)?, content, (self.mode(path), true))
            .map_err(|source| StorageError::new("write", path, source))
    }

    fn write_unsynced(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.replace(checked("write", path)?, content, (self.mode(path), false))
            .map_err(|source| StorageError::new("write", path, source))
    }

    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.delete(checked("remove", path)?, true)
            .map_err(|source| StorageError::new("remove", path, source))
    }

    fn remove_unsynced(&self, path: &str) -> Result<(), StorageError> {
        self.delete(checked("remove", path)?, false)
            .map_err(|source| StorageError::new("remove", path, source))
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
        if !directory.is_empty() {
            checked("list", directory)?;
        }
        self.names(directory).map_err(|source| StorageError::new("list", directory, source))
    }

    fn blocks(&self, path: &str) -> Result<Box<dyn Blocks>, StorageError> {
        let file = self
            .random_access(checked("open", path)?)
            .map_err(|source| StorageError::new("open", path, source))?;
        Ok(Box::new(FileBlocks::new(file, &self.syncs)))
    }

    fn set_times(&self, path: &str, at: SystemTime) -> Result<(), StorageError> {
        self.set_times_of_all(&[path.to_owned()], at)
    }

    fn set_times_of_all(&self, paths: &[String], at: SystemTime) -> Result<(), StorageError> {
        const ACTION: &str = "set the times of";
        for path in paths {
            checked(ACTION, path)?;
        }
        let first = paths.first().map_or("", String::as_str);
        self.date(paths, at).map_err(|source| StorageError::new(ACTION, first, source))
    }

    fn read_blocks(&self, path: &str) -> Result<Option<Box<dyn Blocks>>, StorageError> {
        let place = checked("open", path)?;
        match self.plain(place).and_then(File::open) {
            Ok(file) if file.metadata().is_ok_and(|found| !found.is_file()) => {
                let why = io::Error::new(ErrorKind::InvalidInput, "not a file");
                Err(StorageError::new("open", path, why))
            }
            Ok(file) => Ok(Some(Box::new(FileBlocks::new(file, &self.syncs)))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StorageError::new("open", path, source)),
        }
    }

    fn files(&self) -> Result<Vec<String>, StorageError> {
        self.all_files().map_err(|source| StorageError::new("list", "", source))
    }
}

fn is_key(path: &str) -> bool {
    path.starts_with("keys/")
}

fn remove_if_there(place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn holder(file: &mut File) -> String {
    let mut name = String::new();
    match file.rewind().and_then(|()| file.take(256).read_to_string(&mut name)) {
        Ok(length) if length > 0 => name.lines().next().unwrap_or_default().trim().to_owned(),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::create(&place.path().join("sandbox")).unwrap();
        (place, folder)
    }

    #[test]
    fn files_are_replaced_as_a_whole_with_their_mode() {
        let (place, folder) = folder();
        folder.write("keys/root.key", b"one").unwrap();
        folder.write("epochs/e1/s.r.cube", b"cube").unwrap();
        folder.write("keys/root.key", b"two").unwrap();
        assert_eq!(folder.read("keys/root.key").unwrap().unwrap(), b"two");
        assert_eq!(folder.read("keys/absent").unwrap(), None);
        let mode = |path: &str| {
            fs::metadata(place.path().join("sandbox").join(path)).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode("keys/root.key"), mode("epochs/e1/s.r.cube"), mode("keys")), (0o600, 0o644, 0o700));
        fs::set_permissions(place.path().join("sandbox/keys/root.key"), fs::Permissions::from_mode(0o640))
            .unwrap();
        let error = folder.read("keys/root.key").unwrap_err();
        assert!(
            error.source.to_string().contains("has mode 640: only its owner may have access (chmod 600)")
        );
        folder.rename("epochs/e1", "epochs/e2").unwrap();
        assert_eq!(folder.list("epochs").unwrap(), ["e2"]);
        folder.write("epochs/e3", b"").unwrap();
        assert!(folder.rename("epochs/e3", "epochs/e2").is_err());
        folder.remove("epochs").unwrap();
        folder.remove("epochs").unwrap();
        assert_eq!(folder.list("").unwrap(), ["keys"]);
    }

    #[test]
    fn no_path_leaves_the_folder() {
        let (place, folder) = folder();
        for path in ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/", ".hidden", "a\0b", "a\\b"] {
            assert!(folder.write(path, b"").is_err(), "{path:?}");
            assert!(folder.blocks(path).is_err(), "{path:?}");
        }
        let root = place.path().join("sandbox");
        std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
        assert!(folder.read("link/hostname").is_err());
        assert!(folder.write("link", b"").is_err());
        std::os::unix::fs::symlink(&root, place.path().join("alias")).unwrap();
        assert!(Folder::open(&place.path().join("alias")).is_err());
        assert!(Folder::create(&root).is_err(), "not empty");
        assert!(Folder::open(&place.path().join("absent")).is_err());
    }

    #[test]
    fn all_files_are_listed_hidden_ones_and_symlinks_too() {
        let (place, folder) = folder();
        folder.write("epochs/e1/epoch.json", b"1").unwrap();
        folder.write("lock", b"").unwrap();
        let root = place.path().join("sandbox");
        fs::write(root.join("epochs/.hidden"), b"1").unwrap();
        fs::create_dir_all(root.join("keys/empty")).unwrap();
        std::os::unix::fs::symlink(&root, root.join("epochs/loop")).unwrap();
        assert_eq!(
            folder.files().unwrap(),
            ["epochs/.hidden", "epochs/e1/epoch.json", "epochs/loop", "lock"]
        );
        assert!(folder.read_blocks("absent").unwrap().is_none() && folder.read("absent").unwrap().is_none());
        let blocks = folder.read_blocks("epochs/e1/epoch.json").unwrap().unwrap();
        assert!(blocks.len().unwrap() == 1 && blocks.write_at(0, b"2").is_err());
    }

    /// Guards where commands find a service: only while it holds the lock, and by the newest name.
    #[test]
    fn the_socket_of_a_writer_is_found_while_it_holds_the_lock() {
        let (_place, folder) = folder();
        assert_eq!(folder.operator_socket().unwrap(), None);
        let lock = folder.lock(Duration::ZERO, "hushtag").unwrap();
        assert_eq!(folder.operator_socket().unwrap(), None);
        for name in ["/run/a b.sock", "/run/\u{4e2d}.sock"] {
            lock.name_socket(Path::new(name)).unwrap();
            assert_eq!(folder.operator_socket().unwrap().as_deref(), Some(Path::new(name)));
        }
        assert!(lock.name_socket(Path::new("/run/a\nsocket /run/b")).is_err());
        let Err(LockError::Held { holder, .. }) = folder.lock(Duration::ZERO, "other") else { panic!() };
        assert!(holder.ends_with("(hushtag)"), "{holder}");
        drop(lock);
        assert_eq!(folder.operator_socket().unwrap(), None);
    }

    #[test]
    fn a_second_writer_is_reported_who_holds_the_lock() {
        let (_place, folder) = folder();
        let lock = folder.lock(Duration::ZERO, "hushtag seal").unwrap();
        let error = folder.lock(Duration::from_millis(30), "hushtag ask").unwrap_err().to_string();
        assert!(error.contains("hushtag seal") && error.contains(&std::process::id().to_string()), "{error}");
        drop(lock);
        assert!(folder.lock(Duration::ZERO, "hushtag ask").is_ok());
    }

    #[test]
    fn times_are_those_that_were_set_with_all_below_and_above() {
        let (place, folder) = folder();
        folder.write("epochs/e1/deep/a", b"a").unwrap();
        folder.write("epochs/e1/b", b"b").unwrap();
        folder.write("epochs/e2/c", b"c").unwrap();
        let root = place.path().join("sandbox");
        let time = |path: &str| fs::metadata(root.join(path)).unwrap().modified().unwrap();
        let (other, outside) = (time("epochs/e2/c"), fs::metadata(place.path()).unwrap().modified().unwrap());
        let at = SystemTime::UNIX_EPOCH + Duration::new(1_000, 7);
        folder.set_times("epochs/e1", at).unwrap();
        for path in ["epochs/e1/deep/a", "epochs/e1/deep", "epochs/e1/b", "epochs/e1", "epochs", ""] {
            assert_eq!(time(path), at, "{path}");
        }
        assert_eq!(time("epochs/e2/c"), other);
        assert_eq!(fs::metadata(place.path()).unwrap().modified().unwrap(), outside, "not ours");
        std::os::unix::fs::symlink("/etc", root.join("epochs/e1/link")).unwrap();
        for path in ["absent", "../x", "epochs/e1"] {
            assert!(folder.set_times(path, at).is_err(), "{path}");
        }
    }

    #[test]
    fn blocks_read_back() {
        let (_place, folder) = folder();
        let blocks = folder.blocks("ledger.redb").unwrap();
        assert!(blocks.is_empty().unwrap());
        blocks.set_len(8).unwrap();
        blocks.write_at(2, b"abc").unwrap();
        blocks.sync().unwrap();
        let mut out = [0; 4];
        blocks.read_at(1, &mut out).unwrap();
        assert_eq!(&out, b"\0abc");
        assert!(blocks.read_at(6, &mut out).is_err());
    }
}
