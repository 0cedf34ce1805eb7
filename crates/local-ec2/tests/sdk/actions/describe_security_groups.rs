//! DescribeSecurityGroups.

use super::create_security_group::create;
use crate::bench::{Bench, code, filter};

#[tokio::test]
async fn the_default_group_is_there_and_others_are_found_by_name() {
    let bench = Bench::new().await;
    let id = create(&bench, "agents").await;
    let all = bench.client.describe_security_groups().send().await.unwrap();
    let mut names: Vec<_> = all.security_groups().iter().filter_map(|it| it.group_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["agents", "default"]);
    let by_name =
        bench.client.describe_security_groups().group_names("agents").send().await.unwrap();
    assert_eq!(by_name.security_groups()[0].group_id(), Some(id.as_str()));
    let filtered = bench.client.describe_security_groups().filters(filter("group-name", "agent*"));
    assert_eq!(filtered.send().await.unwrap().security_groups().len(), 1);
    let missing = bench.client.describe_security_groups().group_names("nosuch").send().await;
    assert_eq!(code(missing), "InvalidGroup.NotFound");
    let missing = bench.client.describe_security_groups().group_ids("sg-0123456789abcdef0");
    assert_eq!(code(missing.send().await), "InvalidGroup.NotFound");
}
