//! The folder of an endpoint, and what a client needs to know to use it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Address and key of an endpoint, kept in its folder from its first start on, so
/// that a shell that uses it survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The TCP port on 127.0.0.1.
    pub port: u16,
    /// The access key id that requests are signed with.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

impl Endpoint {
    /// The address as AWS clients want it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A key of the form of AWS' own: 20 and 40 characters.
    pub(crate) fn generate(port: u16) -> Endpoint {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut random = rand::rng();
        let mut text = |length: usize| -> String {
            (0..length)
                .map(|_| char::from(letters[random.random_range(0..letters.len())]))
                .collect()
        };
        Endpoint { port, access_key_id: format!("LKIA{}", text(16)), secret_access_key: text(40) }
    }
}

/// An endpoint's folder; only its owner may look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at a path, which need not exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder(path.into())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the folder, private to its user.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700))?;
        for dir in [self.layers(), self.run()] {
            fs::create_dir_all(dir)?;
        }
        Ok(())
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("server.log")
    }

    /// The socket for [`crate::call`].
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// A folder for AWS_DATA_PATH, which leads clients here that do not know
    /// AWS_ENDPOINT_URL.
    #[must_use]
    pub fn botocore_data(&self) -> PathBuf {
        self.0.join("botocore")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("state.redb")
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.0.join("layers")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// What the endpoint's last start wrote; `None` before the first.
    ///
    /// # Errors
    /// When the file cannot be read or is not whole.
    pub fn endpoint(&self) -> io::Result<Option<Endpoint>> {
        match fs::read(self.0.join("endpoint.json")) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write_endpoint(&self, endpoint: &Endpoint) -> io::Result<()> {
        crate::botocore::write_rules(&self.botocore_data(), &endpoint.url())?;
        let path = self.0.join("endpoint.json");
        let next = self.0.join("endpoint.json.next");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        serde_json::to_writer_pretty(&mut file, endpoint)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(next, path)
    }

    /// Whether a server has the folder, be it one that is just starting or ending.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self.lock(), Ok(None))
    }

    /// Takes the folder for one server; the system gives it back when that ends,
    /// however it ends. `None` when another server has it.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.0.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}
