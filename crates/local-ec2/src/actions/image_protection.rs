//! Images that are not to be deregistered by mistake: deregistration protection, and who
//! refers to an image.

use super::query::{Page, find_image, find_own_image, id_list, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Image, Instance, InstanceState, Resource};
use crate::network;
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeregistrationProtection.html>
pub(super) struct EnableImageDeregistrationProtection(String);

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableImageDeregistrationProtection.html>
pub(super) struct DisableImageDeregistrationProtection(String);

fn protect(call: &Call, id: &str, protected: bool, xml: &mut Xml) -> ApiResult<()> {
    call.ec2.change(|state| {
        find_own_image(state, id)?.protected = protected;
        Ok(())
    })?;
    xml.text("return", true);
    Ok(())
}

impl Action for EnableImageDeregistrationProtection {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId"],
        ignores: &["WithCooldown"],
        notes: "There is no cooldown. EC2 does not document what DeregisterImage answers then: \
                here it is OperationNotPermitted.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(EnableImageDeregistrationProtection(required_id::<Image>(params, "ImageId")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        protect(call, &self.0, true, xml)
    }
}

impl Action for DisableImageDeregistrationProtection {
    const REFERENCE: Reference = Reference { honours: &["ImageId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DisableImageDeregistrationProtection(required_id::<Image>(params, "ImageId")?))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        protect(call, &self.0, false, xml)
    }
}

/// The most images of one call
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageReferences.html>).
const MOST_IMAGES: usize = 10;

pub(super) struct DescribeImageReferences {
    images: Vec<String>,
    page: Page,
}

impl Action for DescribeImageReferences {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "IncludeAllResourceTypes", "MaxResults", "NextToken"],
        notes: "Instances that are not terminated are all that can refer to an image here.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let images = id_list::<Image>(params, "ImageId")?;
        if images.is_empty() {
            return Err(ApiError::missing("ImageId"));
        }
        if images.len() > MOST_IMAGES {
            return Err(ApiError::invalid_value("ImageId", &images.len().to_string()));
        }
        if !params.flag("IncludeAllResourceTypes")? {
            return Err(ApiError::missing("IncludeAllResourceTypes"));
        }
        Ok(DescribeImageReferences { images, page: Page::decode(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            for id in &self.images {
                find_image(state, id)?;
            }
            let refers = |instance: &&Instance| {
                instance.is_in(&call.region)
                    && instance.state != InstanceState::Terminated
                    && self.images.contains(&instance.image_id)
            };
            let rows = state.instances.iter().filter(refers).collect();
            let (rows, token) = self.page.cut(rows, |instance| &instance.id)?;
            xml.list("imageReferenceSet", rows, |xml, instance| {
                xml.text("imageId", &instance.image_id);
                xml.text("resourceType", "ec2:Instance");
                let (region, id) = (&call.region, &instance.id);
                xml.text("arn", network::arn("ec2", region, &format!("instance/{id}")));
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}
