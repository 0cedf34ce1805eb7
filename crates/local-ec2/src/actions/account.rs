//! DescribeAccountAttributes: clients of some age ask whether there is a default VPC.

use crate::actions::action::Action;
use crate::ec2::Call;
use crate::network;
use crate::protocol::{ApiResult, Params, Reference, Xml};

pub(super) struct DescribeAccountAttributes {
    names: Vec<String>,
}

impl Action for DescribeAccountAttributes {
    const REFERENCE: Reference = Reference {
        honours: &["AttributeName"],
        notes: "Limits are not reported.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeAccountAttributes { names: params.list("AttributeName") })
    }

    fn run(self, _: &Call, xml: &mut Xml) -> ApiResult<()> {
        let all = [("supported-platforms", "VPC"), ("default-vpc", network::VPC_ID)];
        let asked = all
            .iter()
            .filter(|(name, _)| self.names.is_empty() || self.names.iter().any(|it| it == name));
        xml.list("accountAttributeSet", asked, |xml, (name, value)| {
            xml.text("attributeName", name);
            xml.list("attributeValueSet", [value], |xml, value| xml.text("attributeValue", value));
        });
        Ok(())
    }
}
