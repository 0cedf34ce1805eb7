//! CreateTags.

use crate::bench::{Bench, code, tag};

/// The tags of an image.
pub(crate) async fn tags_of(bench: &Bench, image: &str) -> Vec<(String, String)> {
    let answer = bench.client.describe_images().image_ids(image).send().await.unwrap();
    let tags = answer.images()[0].tags().iter();
    tags.map(|tag| (tag.key().unwrap().into(), tag.value().unwrap().into())).collect()
}

#[tokio::test]
async fn tags_are_set_and_overwritten() {
    let bench = Bench::new().await;
    let id = bench.base().await;
    let create = || bench.client.create_tags().resources(&id);
    create().tags(tag("a", "1")).tags(tag("b", "2")).send().await.unwrap();
    create().tags(tag("a", "3")).send().await.unwrap();
    assert_eq!(tags_of(&bench, &id).await, [("a".into(), "3".into()), ("b".into(), "2".into())]);
}

#[tokio::test]
async fn what_ec2_refuses_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    let id = bench.base().await;
    let create = || bench.client.create_tags().resources(&id);
    assert_eq!(code(create().tags(tag("aws:x", "1")).send().await), "InvalidParameterValue");
    assert_eq!(
        code(create().tags(tag("a", &"x".repeat(257))).send().await),
        "InvalidParameterValue"
    );
    let both = create().resources("i-0123456789abcdef0").tags(tag("a", "1"));
    assert_eq!(code(both.send().await), "InvalidInstanceID.NotFound");
    let many = (0..51).fold(create(), |request, n| request.tags(tag(&n.to_string(), "x")));
    assert_eq!(code(many.send().await), "TagLimitExceeded");
    assert!(tags_of(&bench, &id).await.is_empty());
}
