//! DescribeImages.

use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn names_may_be_asked_for_with_wildcards() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    for name in ["agent-1", "agent-2", "other"] {
        bench.image_of(&instance, name).await;
    }
    let answer =
        bench.client.describe_images().filters(filter("name", "agent-?")).send().await.unwrap();
    let mut names: Vec<&str> = answer.images().iter().filter_map(|image| image.name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["agent-1", "agent-2"]);
}

#[tokio::test]
async fn an_owner_that_is_not_this_account_has_none() {
    let bench = Bench::new().await;
    let ask =
        async |owner: &str| bench.client.describe_images().owners(owner).send().await.unwrap();
    assert_eq!(ask("self").await.images().len(), 1);
    assert_eq!(ask("000000000000").await.images().len(), 1);
    assert!(ask("amazon").await.images().is_empty());
}

#[tokio::test]
async fn all_resources_belong_to_the_one_account() {
    let bench = Bench::new().await;
    let answer = bench.client.describe_images().owners("self").send().await.unwrap();
    assert_eq!(answer.images()[0].owner_id(), Some("000000000000"));
}

#[tokio::test]
async fn wrong_ids_filters_and_tokens_have_their_codes() {
    let bench = Bench::new().await;
    let ask = || bench.client.describe_images();
    assert_eq!(
        code(ask().image_ids("ami-0123456789abcdef0").send().await),
        "InvalidAMIID.NotFound"
    );
    assert_eq!(code(ask().image_ids("0123").send().await), "InvalidAMIID.Malformed");
    assert_eq!(code(ask().filters(filter("nosuch", "x")).send().await), "InvalidParameterValue");
    assert_eq!(code(ask().next_token("!").send().await), "InvalidNextToken");
}
