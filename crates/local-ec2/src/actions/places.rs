//! Regions and zones: the one that the caller asked in.

use std::collections::BTreeSet;

use super::Action;
use crate::ec2::Call;
use crate::network;
use crate::protocol::{ApiResult, Filter, Params, Reference, Xml, matches};

pub(super) struct DescribeRegions {
    names: Vec<String>,
    filters: Vec<Filter>,
}

impl Action for DescribeRegions {
    const REFERENCE: Reference = Reference {
        honours: &["RegionName", "Filter"],
        ignores: &["AllRegions"],
        filters: &["endpoint", "opt-in-status", "region-name"],
        notes: "Tells those that are asked for by name, else the one that the caller asks in, and \
                those that have resources. Every region is served, with resources of its own; \
                imported images are in all of them.",
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let filters = params.filters(Self::REFERENCE.filters)?;
        Ok(DescribeRegions { names: params.list("RegionName"), filters })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let known = || {
            call.ec2.view(|state| {
                let mut known: BTreeSet<String> =
                    state.regions().into_iter().map(String::from).collect();
                known.insert(call.region.clone());
                known.into_iter().collect()
            })
        };
        let all = if self.names.is_empty() { known() } else { self.names };
        let mut names = Vec::new();
        for region in all {
            let passes = matches(&self.filters, &Default::default(), |name| {
                Some(vec![match name {
                    "endpoint" => format!("ec2.{region}.amazonaws.com"),
                    "opt-in-status" => "opt-in-not-required".into(),
                    "region-name" => region.clone(),
                    _ => return None,
                }])
            })?;
            if passes {
                names.push(region);
            }
        }
        xml.list("regionInfo", names, |xml, name| {
            xml.text("regionName", &name);
            xml.text("regionEndpoint", format!("ec2.{name}.amazonaws.com"));
            xml.text("optInStatus", "opt-in-not-required");
        });
        Ok(())
    }
}

pub(super) struct DescribeAvailabilityZones {
    filters: Vec<Filter>,
    names: Vec<String>,
}

impl Action for DescribeAvailabilityZones {
    const REFERENCE: Reference = Reference {
        honours: &["ZoneName", "ZoneId", "Filter"],
        ignores: &["AllAvailabilityZones"],
        filters: &["region-name", "state", "zone-id", "zone-name", "zone-type"],
        notes: "There is one zone.",
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let mut names = params.list("ZoneName");
        names.extend(params.list("ZoneId"));
        let filters = params.filters(Self::REFERENCE.filters)?;
        Ok(DescribeAvailabilityZones { filters, names })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let zone = network::zone(&call.region);
        let named = self.names.is_empty() || self.names.contains(&zone);
        let passes = matches(&self.filters, &Default::default(), |name| {
            Some(vec![match name {
                "region-name" => call.region.clone(),
                "state" => "available".into(),
                "zone-id" | "zone-name" => zone.clone(),
                "zone-type" => "availability-zone".into(),
                _ => return None,
            }])
        })?;
        let zones = (named && passes).then_some(zone.as_str());
        xml.list("availabilityZoneInfo", zones, |xml, zone| {
            xml.text("zoneName", zone);
            xml.text("zoneId", zone);
            xml.text("zoneState", "available");
            xml.text("regionName", &call.region);
            xml.text("zoneType", "availability-zone");
        });
        Ok(())
    }
}
