//! For clients built on a botocore from before AWS_ENDPOINT_URL (the AWS CLI of Debian
//! 12 is one): a folder for AWS_DATA_PATH, whose endpoint rules lead here
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html> tells
//! which clients know the variable).

use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;

/// The services that are served, each with the API version of its models.
const SERVICES: [&str; 2] = ["ec2/2016-11-15", "sts/2011-06-15"];

/// Writes the rules for an endpoint's address.
pub(crate) fn write_rules(folder: &Path, url: &str) -> io::Result<()> {
    let parameter = |name: &str, kind: &str| {
        let mut parameter =
            json!({ "builtIn": name, "type": kind, "documentation": "", "required": false });
        if kind == "Boolean" {
            parameter["required"] = json!(true);
            parameter["default"] = json!(false);
        }
        parameter
    };
    // These parameters are what every client passes to the rules of these services.
    let rules = json!({
        "version": "1.0",
        "parameters": {
            "Region": parameter("AWS::Region", "String"),
            "UseDualStack": parameter("AWS::UseDualStack", "Boolean"),
            "UseFIPS": parameter("AWS::UseFIPS", "Boolean"),
            "Endpoint": parameter("SDK::Endpoint", "String"),
        },
        // What the user names wins.
        "rules": [
            {
                "conditions": [{ "fn": "isSet", "argv": [{ "ref": "Endpoint" }] }],
                "endpoint": { "url": { "ref": "Endpoint" }, "properties": {}, "headers": {} },
                "type": "endpoint",
            },
            {
                "conditions": [],
                "endpoint": { "url": url, "properties": {}, "headers": {} },
                "type": "endpoint",
            },
        ],
    });
    for service in SERVICES {
        let service = folder.join(service);
        fs::create_dir_all(&service)?;
        fs::write(service.join("endpoint-rule-set-1.json"), rules.to_string())?;
    }
    Ok(())
}
