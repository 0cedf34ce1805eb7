//! GetParameter.

use crate::bench::{Bench, code};
use crate::raw;

#[tokio::test]
async fn a_parameter_is_found_by_name_version_and_arn() {
    let bench = Bench::new().await;
    bench.parameter("/ci/x", "one").await;
    bench.parameter("/ci/x", "two").await;
    let get = async |name: &str| {
        let answer = bench.ssm().get_parameter().name(name).send().await.unwrap();
        answer.parameter.unwrap()
    };
    let held = get("/ci/x").await;
    assert_eq!((held.value(), held.version(), held.data_type()), (Some("two"), 2, Some("text")));
    assert_eq!(held.r#type().unwrap().as_str(), "String");
    assert!(held.last_modified_date().is_some());
    assert_eq!(get("/ci/x:1").await.value(), Some("one"));
    assert_eq!(get(held.arn().unwrap()).await.value(), Some("two"));
    let version = bench.ssm().get_parameter().name("/ci/x:3").send().await;
    assert_eq!(code(version), "ParameterVersionNotFound");
    for missing in ["/ci/y", "/ci/y:1", "/ci/x:label"] {
        let answer = bench.ssm().get_parameter().name(missing).send().await;
        assert_eq!(code(answer), "ParameterNotFound", "{missing}");
    }
}

/// Clients of Systems Manager read JSON, and know other codes than EC2's.
#[tokio::test]
async fn refusals_are_in_json_and_by_its_own_codes() {
    let bench = Bench::new().await;
    let call =
        async |target: &str, body: &str| raw::call_json(&bench.endpoint, "ssm", target, body).await;
    let answer = call("AmazonSSM.GetParameter", "{\"Colour\": 1, \"Name\": \"x\"}").await;
    assert!(answer.contains("\"__type\":\"ValidationException\""), "{answer}");
    assert!(answer.contains("The parameter Colour"), "{answer}");
    assert!(answer.contains("application/x-amz-json-1.1"), "{answer}");
    let answer = call("AmazonSSM.GetParameter", "{}").await;
    assert!(answer.contains("\"__type\":\"ValidationException\""), "{answer}");
    let answer = call("AmazonSSM.GetParameter", "{").await;
    assert!(answer.contains("\"__type\":\"SerializationException\""), "{answer}");
    let answer = call("AmazonSSM.SendCommand", "{}").await;
    assert!(answer.contains("\"__type\":\"UnknownOperationException\""), "{answer}");
    let answer = raw::call_json(&bench.endpoint, "ec2", "AmazonSSM.GetParameter", "{}").await;
    assert!(answer.contains("\"__type\":\"UnrecognizedClientException\""), "{answer}");
}
