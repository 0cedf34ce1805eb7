//! PutParameter.

use crate::bench::{Bench, code};
use crate::scaling::a_moment;

#[tokio::test]
async fn a_parameter_is_made_with_a_type_and_overwritten_only_when_told() {
    let bench = Bench::new().await;
    let put = |name: &str| bench.ssm().put_parameter().name(name).value("one");
    assert_eq!(code(put("/ci/x").send().await), "ValidationException");
    let answer = put("/ci/x").r#type("String".into()).send().await.unwrap();
    assert_eq!(answer.version(), 1);
    assert_eq!(code(put("/ci/x").send().await), "ParameterAlreadyExists");
    let answer = put("/ci/x").overwrite(true).send().await.unwrap();
    assert_eq!(answer.version(), 2);
    let other = put("/ci/x").overwrite(true).r#type("StringList".into());
    assert_eq!(code(other.send().await), "HierarchyTypeMismatchException");
    for name in ["/aws/x", "ci/x", "/ci x"] {
        assert_eq!(code(put(name).r#type("String".into()).send().await), "ValidationException");
    }
    let nested = bench.ssm().put_parameter().name("n").value("{{ssm:x}}").r#type("String".into());
    assert_eq!(code(nested.send().await), "ValidationException");
    let secure = put("/ci/secret").r#type("SecureString".into());
    assert_eq!(code(secure.send().await), "ValidationException");
}

/// Systems Manager answers before it looks at the AMI.
#[tokio::test]
async fn an_image_is_looked_at_after_the_answer() {
    let bench = Bench::new().await;
    let image = bench.base().await;
    bench.image_parameter("/ci/ami", &image).await;
    let missing = "ami-0123456789abcdef0";
    for name in ["/ci/ami", "/ci/other"] {
        let put = bench.ssm().put_parameter().name(name).value(missing).overwrite(true);
        put.r#type("String".into()).data_type("aws:ec2:image").send().await.unwrap();
    }
    a_moment().await;
    let held = bench.ssm().get_parameter().name("/ci/ami").send().await.unwrap();
    assert_eq!(held.parameter().unwrap().value(), Some(image.as_str()));
    let other = bench.ssm().get_parameter().name("/ci/other").send().await;
    assert_eq!(code(other), "ParameterNotFound");
    let put = bench.ssm().put_parameter().name("/ci/ami").value("x").overwrite(true);
    assert_eq!(code(put.data_type("aws:ec2:image").send().await), "ValidationException");
}

#[tokio::test]
async fn what_was_accepted_is_looked_at_after_a_restart() {
    let mut bench = Bench::new().await;
    let image = bench.base().await;
    let put = bench.ssm().put_parameter().name("/ci/ami").value(&image);
    put.r#type("String".into()).data_type("aws:ec2:image").send().await.unwrap();
    bench.restart().await;
    a_moment().await;
    let held = bench.ssm().get_parameter().name("/ci/ami").send().await.unwrap();
    assert_eq!(held.parameter().unwrap().value(), Some(image.as_str()));
}
