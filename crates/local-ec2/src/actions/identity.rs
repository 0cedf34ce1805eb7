//! STS' GetCallerIdentity, which clients ask to learn their account.

use crate::model::account::ACCOUNT;
use crate::network::partition;
use crate::protocol::{ApiResult, Reference, Xml};

pub(super) const REFERENCE: Reference = Reference { notes: "An action of STS.", ..Reference::NONE };

pub(super) fn get_caller_identity(region: &str, request_id: &str) -> ApiResult<String> {
    let mut xml = Xml::new();
    xml.root("GetCallerIdentityResponse", "https://sts.amazonaws.com/doc/2011-06-15/", |xml| {
        xml.node("GetCallerIdentityResult", |xml| {
            xml.text("Arn", format!("arn:{}:iam::{ACCOUNT}:user/local", partition(region)));
            xml.text("UserId", "AIDALOCAL");
            xml.text("Account", ACCOUNT);
        });
        xml.node("ResponseMetadata", |xml| xml.text("RequestId", request_id));
    });
    Ok(xml.finish())
}
