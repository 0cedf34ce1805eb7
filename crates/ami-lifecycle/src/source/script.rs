//! What a script begins with: whether the machine that it is for can run it as its author means.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What keeps a script from being run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScriptFault {
    /// Linux looks for an interpreter whose name has a carriage return at its end.
    #[error(
        "line 1 ends with CRLF, which Linux treats as part of its last word: save it with LF line \
         endings"
    )]
    CrLf,
    /// Linux does not see the `#!` behind it.
    #[error(
        "line 1 begins with a byte order mark, which disables its `#!`: save it as UTF-8 without \
         one"
    )]
    ByteOrderMark,
    /// Each character has two bytes.
    #[error("it is UTF-16: save it as UTF-8 without a byte order mark")]
    Utf16,
}

/// What runs a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunBy {
    /// The interpreter that its first line names, or itself, where it is a program.
    Itself,
    /// It says nothing: bash.
    Bash,
}

/// Looks at the first bytes of a script. Pure.
fn examine(start: &[u8]) -> Result<RunBy, ScriptFault> {
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(ScriptFault::Utf16);
    }
    if start.starts_with(b"\xef\xbb\xbf") {
        return Err(ScriptFault::ByteOrderMark);
    }
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.ends_with(b"\r") && line.len() < start.len() {
        return Err(ScriptFault::CrLf);
    }
    let is_program = start.starts_with(b"#!") || start.starts_with(b"\x7fELF");
    Ok(if is_program { RunBy::Itself } else { RunBy::Bash })
}

/// As much of a script is looked at: Linux reads no more of its first line (execve(2)).
const START: u64 = 256;

/// Looks at a script on this machine.
///
/// # Errors
/// When it could not be read; within, what keeps it from being run.
pub fn examine_script(file: &Path) -> io::Result<Result<RunBy, ScriptFault>> {
    let mut start = Vec::new();
    File::open(file)?.take(START).read_to_end(&mut start)?;
    Ok(examine(&start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_would_not_run_is_told_before() {
        for (start, expected) in [
            (&b"#!/bin/sh\necho\r\n"[..], Ok(RunBy::Itself)),
            (b"#!/bin/sh", Ok(RunBy::Itself)),
            (b"\x7fELF\x02", Ok(RunBy::Itself)),
            (b"echo\n", Ok(RunBy::Bash)),
            (b" #!/bin/sh\n", Ok(RunBy::Bash)),
            (b"", Ok(RunBy::Bash)),
            (b"#!/bin/bash\r\necho\r\n", Err(ScriptFault::CrLf)),
            (b"set -e\r\n", Err(ScriptFault::CrLf)),
            (b"\xef\xbb\xbf#!/bin/bash\n", Err(ScriptFault::ByteOrderMark)),
            (b"\xff\xfe#\0!\0", Err(ScriptFault::Utf16)),
        ] {
            assert_eq!(examine(start), expected, "{:?}", String::from_utf8_lossy(start));
        }
    }
}
