//! Images that are not to be deregistered by mistake: deregistration protection, and who
//! refers to an image.

use std::collections::BTreeSet;

use super::query::{Page, find_image, find_own_image, id_list, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Image, InstanceState, State};
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
        notes: "Instances that are not terminated, launch templates, and parameters of the data type `aws:ec2:image`.",
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
            let all = references(state, &call.region);
            let rows = all.iter().filter(|it| self.images.contains(&it.image)).collect();
            let (rows, token) = self.page.cut(rows, |it| &it.key)?;
            xml.list("imageReferenceSet", rows, |xml, it| {
                xml.text("imageId", &it.image);
                xml.text("resourceType", it.kind);
                xml.text("arn", &it.arn);
            });
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

/// A resource that names an image.
struct ImageReference {
    image: String,
    kind: &'static str,
    arn: String,
    /// What tells it from all others.
    key: String,
}

impl ImageReference {
    fn new(image: &str, kind: &'static str, arn: String) -> ImageReference {
        ImageReference { image: image.to_owned(), kind, key: format!("{arn} {image}"), arn }
    }
}

/// All that name an image in a region.
fn references(state: &State, region: &str) -> Vec<ImageReference> {
    let live = state.instances.of_region(region).filter(|it| it.state != InstanceState::Terminated);
    let instances = live.map(|it| {
        let arn = network::arn("ec2", region, &format!("instance/{}", it.id));
        ImageReference::new(&it.image_id, "ec2:Instance", arn)
    });
    let templates = state.launch_templates.of_region(region).flat_map(|it| {
        let arn = network::arn("ec2", region, &format!("launch-template/{}", it.id));
        // A template that names an image in several versions is one reference.
        let images: BTreeSet<&String> =
            it.versions.values().filter_map(|version| version.data.get("ImageId")).collect();
        images
            .into_iter()
            .map(move |image| ImageReference::new(image, "ec2:LaunchTemplate", arn.clone()))
    });
    let parameters = state.parameters.iter().filter(|it| it.region == region);
    let parameters = parameters.filter_map(|it| {
        let held = it.current().filter(|held| held.data_type == "aws:ec2:image")?;
        let path = format!("parameter/{}", it.name.trim_start_matches('/'));
        let arn = network::arn("ssm", region, &path);
        Some(ImageReference::new(&held.value, "ssm:Parameter", arn))
    });
    instances.chain(templates).chain(parameters).collect()
}
