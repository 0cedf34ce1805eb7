//! STS' GetCallerIdentity, which clients ask to learn their account.

use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::account::ACCOUNT;
use crate::network::partition;
use crate::protocol::{Api, ApiResult, Params, Reference, Xml};

pub(super) struct GetCallerIdentity;

impl Action for GetCallerIdentity {
    const API: Api = Api::Sts;

    const REFERENCE: Reference = Reference::NONE;

    fn decode(_: &Params) -> ApiResult<Self> {
        Ok(GetCallerIdentity)
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        xml.text("Arn", format!("arn:{}:iam::{ACCOUNT}:user/local", partition(&call.region)));
        xml.text("UserId", "AIDALOCAL");
        xml.text("Account", ACCOUNT);
        Ok(())
    }
}
