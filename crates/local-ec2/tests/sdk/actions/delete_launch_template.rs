//! DeleteLaunchTemplate.

use crate::bench::{Bench, code};

#[tokio::test]
async fn it_is_gone_and_its_name_is_free() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let delete = || bench.client.delete_launch_template().launch_template_id(&template);
    delete().send().await.unwrap();
    assert_eq!(code(delete().send().await), "InvalidLaunchTemplateId.NotFound");
    bench.launch_template("agents").await;
}
