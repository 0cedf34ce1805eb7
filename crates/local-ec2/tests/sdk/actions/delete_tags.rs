//! DeleteTags.

use super::create_tags::tags_of;
use crate::bench::{Bench, code, tag};
use aws_sdk_ec2::types::Tag;

#[tokio::test]
async fn a_tag_goes_by_key_or_by_key_and_value() {
    let bench = Bench::new().await;
    let id = bench.base().await;
    let create = bench.client.create_tags().resources(&id);
    create.tags(tag("a", "3")).tags(tag("b", "2")).send().await.unwrap();
    let delete = || bench.client.delete_tags().resources(&id);
    delete().tags(tag("a", "other")).send().await.unwrap();
    assert_eq!(tags_of(&bench, &id).await.len(), 2, "another value is another tag");
    delete().tags(Tag::builder().key("a").build()).send().await.unwrap();
    assert_eq!(tags_of(&bench, &id).await, [("b".into(), "2".into())]);
    delete().send().await.unwrap();
    assert!(tags_of(&bench, &id).await.is_empty(), "without tags, all are meant");
    let missing = bench.client.delete_tags().resources("ami-0123456789abcdef0").send().await;
    assert_eq!(code(missing), "InvalidAMIID.NotFound");
}
