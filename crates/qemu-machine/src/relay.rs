//! The command behind a guest's metadata connection (`guestfwd=…-cmd:`): QEMU
//! starts it once for each TCP connection, with the connection as its standard
//! input and output, and it passes both on to a unix socket.

use std::io::{Read, Write, copy};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the guest may take to close its side once it has its answer.
const DRAIN: Duration = Duration::from_secs(2);

/// Relays standard input and output to `socket` until the answer is complete.
///
/// # Errors
/// When the socket cannot be reached or a side breaks off.
pub fn relay_stdio(socket: &Path) -> std::io::Result<()> {
    let mut service = UnixStream::connect(socket)?;
    let mut request = service.try_clone()?;
    let upstream = std::thread::spawn(move || {
        let _ = pass_on(&mut std::io::stdin().lock(), &mut request);
        let _ = request.shutdown(Shutdown::Write);
    });
    let mut stdout = std::io::stdout().lock();
    copy(&mut service, &mut stdout)?;
    stdout.flush()?;
    // Standard output is one end of a socket: closing it tells the guest that the
    // answer is complete. Leaving with input unread would reset the connection
    // and lose what the guest has not read yet.
    let _ = rustix::net::shutdown(&stdout, rustix::net::Shutdown::Write);
    let end = Instant::now() + DRAIN;
    while !upstream.is_finished() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Passes input on as it comes; after the service has hung up it is read to its end all the same.
fn pass_on(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => drop(to.write_all(&buffer[..count])),
        }
    }
}
