//! The host keys that a machine writes to its console, as cloud-init does
//! (<https://cloudinit.readthedocs.io/en/latest/reference/modules.html#keys-to-console>).

use russh::keys::PublicKey;

const BEGIN: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END: &str = "-----END SSH HOST KEY KEYS-----";

/// The keys of the last block that is complete: a machine that was stopped and started
/// again has written more than one.
pub(crate) fn host_keys(console: &str) -> Vec<PublicKey> {
    let Some((before, _)) = console.rsplit_once(END) else { return Vec::new() };
    let Some((_, block)) = before.rsplit_once(BEGIN) else { return Vec::new() };
    let keys = block.lines().filter_map(|line| {
        // Kernels and boot loggers put times and names before what others write.
        let begin = ["ssh-", "ecdsa-"].iter().filter_map(|kind| line.find(kind)).min()?;
        PublicKey::from_openssh(line[begin..].trim()).ok()
    });
    keys.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ root@vm";

    #[test]
    fn the_last_complete_block_counts() {
        let block = format!("{BEGIN}\r\n[   9.1] cloud-init[1]: {KEY}\r\nnonsense\r\n{END}\r\n");
        assert_eq!(host_keys(&block).len(), 1);
        assert_eq!(host_keys(&format!("{block}{BEGIN}\n{END}\n")).len(), 0);
        assert_eq!(host_keys(&format!("{block}{BEGIN}\n{KEY}\n{KEY}\n")).len(), 1);
        assert!(host_keys("").is_empty() && host_keys(END).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_console_makes_it_panic(text in "(ssh-|ecdsa-|-----(BEGIN|END) SSH HOST KEY KEYS-----|é|[ -~\n])*") {
            let _ = host_keys(&text);
        }
    }
}
