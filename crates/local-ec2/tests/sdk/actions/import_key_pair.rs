//! ImportKeyPair.

use crate::bench::{Bench, code};
use aws_sdk_ec2::primitives::Blob;

/// A public key of nobody.
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ test";

pub(crate) async fn import(bench: &Bench, name: &str) -> String {
    let request = bench.client.import_key_pair().key_name(name);
    let answer = request.public_key_material(Blob::new(KEY)).send().await.unwrap();
    answer.key_pair_id.unwrap()
}

#[tokio::test]
async fn a_name_is_given_once() {
    let bench = Bench::new().await;
    import(&bench, "ci").await;
    let again = bench.client.import_key_pair().key_name("ci").public_key_material(Blob::new(KEY));
    assert_eq!(code(again.send().await), "InvalidKeyPair.Duplicate");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let bench = Bench::new().await;
    let request =
        bench.client.import_key_pair().key_name("ci").public_key_material(Blob::new("hello"));
    assert_eq!(code(request.send().await), "InvalidKey.Format");
}
