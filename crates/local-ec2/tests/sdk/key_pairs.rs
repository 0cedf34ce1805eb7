//! ImportKeyPair, DescribeKeyPairs and DeleteKeyPair.

use aws_sdk_ec2::primitives::Blob;

use crate::bench::{Bench, code};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ test";

#[tokio::test]
async fn a_key_pair_is_imported_described_and_deleted() {
    let bench = Bench::new().await;
    let import = || {
        let request = bench.client.import_key_pair().key_name("ci");
        request.public_key_material(Blob::new(KEY)).send()
    };
    let id = import().await.unwrap().key_pair_id.unwrap();
    assert_eq!(code(import().await), "InvalidKeyPair.Duplicate");
    let describe = bench.client.describe_key_pairs().key_names("ci").include_public_key(true);
    let answer = describe.send().await.unwrap();
    let pair = &answer.key_pairs()[0];
    assert_eq!((pair.key_pair_id(), pair.public_key()), (Some(id.as_str()), Some(KEY)));
    bench.client.delete_key_pair().key_name("ci").send().await.unwrap();
    let gone = bench.client.describe_key_pairs().key_names("ci").send().await;
    assert_eq!(code(gone), "InvalidKeyPair.NotFound");
    bench
        .client
        .delete_key_pair()
        .key_name("ci")
        .send()
        .await
        .expect("deleting nothing is no error");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let bench = Bench::new().await;
    let request =
        bench.client.import_key_pair().key_name("ci").public_key_material(Blob::new("hello"));
    assert_eq!(code(request.send().await), "InvalidKey.Format");
}
