//! Instance types, as far as they are known by rule: see [`crate::instance_type`].

use super::query::Page;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::instance_type::InstanceType;
use crate::network;
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

/// Those that are listed when none is asked for by name. Others are served too.
const COMMON: [&str; 16] = [
    "c5.large",
    "c5.xlarge",
    "c6i.large",
    "c6i.xlarge",
    "m5.large",
    "m5.xlarge",
    "m6i.large",
    "m6i.xlarge",
    "r5.large",
    "r6i.large",
    "t3.large",
    "t3.medium",
    "t3.micro",
    "t3.nano",
    "t3.small",
    "t3.xlarge",
];

/// A type and its name.
struct Row {
    name: String,
    size: InstanceType,
}

fn rows(names: &[String]) -> ApiResult<Vec<Row>> {
    let row = |name: &str| {
        let size = InstanceType::parse(name).ok_or_else(|| {
            let message = format!("The following supplied instance types do not exist: [{name}]");
            ApiError::new("InvalidInstanceType", message)
        })?;
        Ok(Row { name: name.to_owned(), size })
    };
    if names.is_empty() {
        return COMMON.iter().map(|name| row(name)).collect();
    }
    names.iter().map(|name| row(name)).collect()
}

pub(super) struct DescribeInstanceTypes {
    names: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeInstanceTypes {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceType", "Filter", "MaxResults", "NextToken"],
        filters: &[
            "current-generation",
            "instance-type",
            "memory-info.size-in-mib",
            "processor-info.supported-architecture",
            "vcpu-info.default-vcpus",
        ],
        notes: "A type is known by its name's rule; without names some common ones are listed.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeInstanceTypes {
            names: params.list("InstanceType"),
            filters: params.filters(Self::REFERENCE.filters)?,
            page: Page::decode(params)?,
        })
    }

    fn run(self, _: &Call, xml: &mut Xml) -> ApiResult<()> {
        let mut found = Vec::new();
        for row in rows(&self.names)? {
            let passes = matches(&self.filters, &Default::default(), |name| {
                Some(vec![match name {
                    "current-generation" => "true".into(),
                    "instance-type" => row.name.clone(),
                    "memory-info.size-in-mib" => row.size.memory_mib.to_string(),
                    "processor-info.supported-architecture" => row.size.architecture.into(),
                    "vcpu-info.default-vcpus" => row.size.vcpus.to_string(),
                    _ => return None,
                }])
            })?;
            if passes {
                found.push(row);
            }
        }
        let (page, token) = self.page.cut(found.iter().collect(), |row| &row.name)?;
        xml.list("instanceTypeSet", page, write);
        xml.option("nextToken", token);
        Ok(())
    }
}

fn write(xml: &mut Xml, row: &Row) {
    xml.text("instanceType", &row.name);
    xml.text("currentGeneration", true);
    xml.list("supportedRootDeviceTypes", ["ebs"], |xml, name| xml.value(name));
    xml.list("supportedVirtualizationTypes", ["hvm"], |xml, name| xml.value(name));
    xml.node("processorInfo", |xml| {
        xml.list("supportedArchitectures", [row.size.architecture], |xml, name| xml.value(name));
    });
    xml.node("vCpuInfo", |xml| xml.text("defaultVCpus", row.size.vcpus));
    xml.node("memoryInfo", |xml| xml.text("sizeInMiB", row.size.memory_mib));
    xml.list("supportedBootModes", [boot_mode(row.size.architecture)], |xml, name| xml.value(name));
}

/// Arm boots through UEFI only.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-boot.html>
fn boot_mode(architecture: &str) -> &'static str {
    if architecture == "arm64" { "uefi" } else { "legacy-bios" }
}

pub(super) struct DescribeInstanceTypeOfferings {
    by_zone: bool,
    filters: Vec<Filter>,
    page: Page,
}

impl Action for DescribeInstanceTypeOfferings {
    const REFERENCE: Reference = Reference {
        honours: &["LocationType", "Filter", "MaxResults", "NextToken"],
        filters: &["instance-type", "location"],
        notes: "A type that is asked for by its whole name is offered if it is known by rule.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let by_zone = match params.string("LocationType").as_deref() {
            None | Some("region") => false,
            Some("availability-zone" | "availability-zone-id") => true,
            Some(other) => return Err(ApiError::invalid_value("locationType", other)),
        };
        let filters = params.filters(Self::REFERENCE.filters)?;
        Ok(DescribeInstanceTypeOfferings { by_zone, filters, page: Page::decode(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let location = if self.by_zone { network::zone(&call.region) } else { call.region.clone() };
        let asked = self.filters.iter().filter(|filter| filter.name == "instance-type");
        let asked = asked.flat_map(|filter| filter.values.iter());
        let known = asked.filter(|name| InstanceType::parse(name).is_some()).cloned();
        let mut names: Vec<String> = COMMON.map(String::from).into_iter().chain(known).collect();
        names.sort();
        names.dedup();
        let mut found = Vec::new();
        for name in names {
            let passes = matches(&self.filters, &Default::default(), |filter| {
                Some(vec![match filter {
                    "instance-type" => name.clone(),
                    "location" => location.clone(),
                    _ => return None,
                }])
            })?;
            if passes {
                found.push(name);
            }
        }
        let (page, token) = self.page.cut(found.iter().collect(), |name| name)?;
        xml.list("instanceTypeOfferingSet", page, |xml, name| {
            xml.text("instanceType", name);
            xml.text("locationType", if self.by_zone { "availability-zone" } else { "region" });
            xml.text("location", &location);
        });
        xml.option("nextToken", token);
        Ok(())
    }
}
