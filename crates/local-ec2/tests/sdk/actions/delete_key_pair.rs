//! DeleteKeyPair.

use super::import_key_pair::import;
use crate::bench::{Bench, code};

#[tokio::test]
async fn it_goes_by_name_or_id_and_deleting_nothing_is_no_error() {
    let bench = Bench::new().await;
    let (_, second) = (import(&bench, "first").await, import(&bench, "second").await);
    for _ in 0..2 {
        bench.client.delete_key_pair().key_name("first").send().await.unwrap();
        bench.client.delete_key_pair().key_pair_id(&second).send().await.unwrap();
    }
    assert!(bench.client.describe_key_pairs().send().await.unwrap().key_pairs().is_empty());
    assert_eq!(code(bench.client.delete_key_pair().send().await), "MissingParameter");
}
