//! DescribeKeyPairs.

use super::import_key_pair::{KEY, import};
use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn a_key_pair_is_found_by_name_and_filter_with_its_public_key_on_demand() {
    let bench = Bench::new().await;
    let id = import(&bench, "ci").await;
    let describe = bench.client.describe_key_pairs().key_names("ci").include_public_key(true);
    let answer = describe.send().await.unwrap();
    let pair = &answer.key_pairs()[0];
    assert_eq!((pair.key_pair_id(), pair.public_key()), (Some(id.as_str()), Some(KEY)));
    let describe = bench.client.describe_key_pairs().filters(filter("key-name", "c?"));
    assert_eq!(describe.send().await.unwrap().key_pairs()[0].public_key(), None);
    let missing = bench.client.describe_key_pairs().key_names("nosuch").send().await;
    assert_eq!(code(missing), "InvalidKeyPair.NotFound");
}
