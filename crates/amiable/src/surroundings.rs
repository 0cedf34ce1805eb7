//! The user's environment, read in this one place.

use std::env;
use std::path::PathBuf;

use crate::failure::Failure;

/// A folder of the XDG Base Directory Specification, or its default below HOME
/// (<https://specifications.freedesktop.org/basedir-spec/latest/>).
fn xdg(variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(path);
    }
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let home =
        home.ok_or_else(|| Failure::failed(format!("neither {variable} nor HOME is set")))?;
    Ok(home.join(below_home))
}

/// Where the local endpoint keeps everything.
pub(crate) fn local_folder() -> Result<PathBuf, Failure> {
    match env::var_os("AMIABLE_LOCAL_DIR").filter(|path| !path.is_empty()) {
        Some(path) => std::path::absolute(path)
            .map_err(|error| Failure::usage(format!("AMIABLE_LOCAL_DIR is no path: {error}"))),
        None => Ok(xdg("XDG_DATA_HOME", ".local/share")?.join("amiable/local")),
    }
}

/// Where the logs of bakes go.
pub(crate) fn log_folder() -> Result<PathBuf, Failure> {
    Ok(xdg("XDG_STATE_HOME", ".local/state")?.join("amiable/log"))
}

/// `user@host`, for the record.
pub(crate) fn operator() -> String {
    let user =
        env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_else(|_| "unknown".into());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}")
}
