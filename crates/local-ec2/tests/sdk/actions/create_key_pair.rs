//! CreateKeyPair.

use crate::bench::{Bench, code};
use aws_sdk_ec2::types::{KeyFormat, KeyType};
use russh::keys::{PrivateKey, decode_secret_key};

#[tokio::test]
async fn a_private_key_is_given_out_that_fits_the_public_one() {
    let bench = Bench::new().await;
    for (kind, begins) in [
        (KeyType::Rsa, "-----BEGIN RSA PRIVATE KEY-----"),
        (KeyType::Ed25519, "-----BEGIN OPENSSH PRIVATE KEY-----"),
    ] {
        let name = kind.as_str().to_owned();
        let create = bench.client.create_key_pair().key_name(&name).key_type(kind);
        let material = create.send().await.unwrap().key_material.unwrap();
        assert!(material.starts_with(begins), "{material}");
        let private: PrivateKey = decode_secret_key(&material, None).unwrap();
        let describe = bench.client.describe_key_pairs().key_names(&name).include_public_key(true);
        let answer = describe.send().await.unwrap();
        let public = private.public_key().to_openssh().unwrap();
        assert_eq!(answer.key_pairs()[0].public_key(), Some(public.as_str()));
    }
}

#[tokio::test]
async fn names_are_given_once_and_formats_are_known() {
    let bench = Bench::new().await;
    let create = || bench.client.create_key_pair().key_name("ci").key_type(KeyType::Ed25519);
    create().send().await.unwrap();
    assert_eq!(code(create().send().await), "InvalidKeyPair.Duplicate");
    assert_eq!(code(create().key_format(KeyFormat::Ppk).send().await), "InvalidParameterValue");
    assert_eq!(code(create().key_type("dsa".into()).send().await), "InvalidParameterValue");
}
