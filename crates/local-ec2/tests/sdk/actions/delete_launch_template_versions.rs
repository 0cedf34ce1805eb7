//! DeleteLaunchTemplateVersions.

use crate::bench::Bench;

#[tokio::test]
async fn what_cannot_be_deleted_is_told_and_a_number_is_not_given_again() {
    let bench = Bench::new().await;
    let template = bench.launch_template("agents").await;
    let number = bench.version(&template).await.to_string();
    let delete = bench.client.delete_launch_template_versions().launch_template_id(&template);
    let answer = delete.versions("1").versions(&number).versions("7").send().await.unwrap();
    let deleted = answer.successfully_deleted_launch_template_versions();
    assert_eq!(deleted.iter().map(|it| it.version_number()).collect::<Vec<_>>(), [Some(2)]);
    let refused = answer.unsuccessfully_deleted_launch_template_versions();
    let codes = refused.iter().map(|it| it.response_error().unwrap().code().unwrap().as_str());
    assert_eq!(codes.collect::<Vec<_>>(), ["unexpectedError", "launchTemplateVersionDoesNotExist"]);
    assert_eq!(bench.version(&template).await, 3);
}
