//! The operator's Unix socket: a file of mode 0600 in the folder of the service, removed when the service stops.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::DoorError;

/// A socket that is listened on.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    /// The user whose socket it is.
    pub owner: u32,
}

impl Socket {
    /// Listens on `path`; what a killed service left there is replaced.
    ///
    /// # Errors
    /// [`DoorError::Socket`]: another service listens there, or the file cannot be made.
    pub fn bind(path: &Path) -> Result<(UnixListener, Self), DoorError> {
        let failed = |error| DoorError::Socket(path.into(), error);
        if let Ok(metadata) = std::fs::symlink_metadata(path) {
            let is_left_over =
                metadata.file_type().is_socket() && std::os::unix::net::UnixStream::connect(path).is_err();
            if !is_left_over {
                return Err(failed(std::io::ErrorKind::AddrInUse.into()));
            }
            std::fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // A client that connects before is of another user and refused by that.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let owner = std::fs::symlink_metadata(path).map_err(failed)?.uid();
        Ok((listener, Self { path: path.into(), owner }))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
