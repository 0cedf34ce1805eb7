//! Regions and zones: the one that the caller asked in.

use std::collections::BTreeSet;

use crate::actions::action::Action;
use crate::ec2::Call;
use crate::network;
use crate::protocol::{ApiError, ApiResult, Filter, Params, Reference, Xml, matches};

pub(super) struct DescribeRegions {
    names: Vec<String>,
    filters: Vec<Filter>,
}

impl Action for DescribeRegions {
    const REFERENCE: Reference = Reference {
        honours: &["RegionName", "Filter"],
        ignores: &["AllRegions"],
        filters: &["endpoint", "opt-in-status", "region-name"],
        notes: "Returns the regions that are named, else the caller's own and those that have resources. Every region is served, with resources of its own; \
                imported images are in all of them.",
        ..Reference::NONE
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
        if let Some(name) = self.names.iter().find(|name| !network::region_is_valid(name)) {
            let message = format!("Invalid region names provided: [{name}]");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
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
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let mut names = params.list("ZoneName");
        names.extend(params.list("ZoneId"));
        let filters = params.filters(Self::REFERENCE.filters)?;
        Ok(DescribeAvailabilityZones { filters, names })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let zone = network::zone(&call.region);
        let id = network::zone_id(&call.region);
        let is_named = |name: &String| *name == zone || *name == id;
        let named = self.names.is_empty() || self.names.iter().any(is_named);
        let passes = matches(&self.filters, &Default::default(), |name| {
            Some(vec![match name {
                "region-name" => call.region.clone(),
                "state" => "available".into(),
                "zone-id" => id.clone(),
                "zone-name" => zone.clone(),
                "zone-type" => "availability-zone".into(),
                _ => return None,
            }])
        })?;
        let zones = (named && passes).then_some(zone.as_str());
        xml.list("availabilityZoneInfo", zones, |xml, zone| {
            xml.text("zoneName", zone);
            xml.text("zoneId", &id);
            xml.text("zoneState", "available");
            xml.text("regionName", &call.region);
            xml.text("zoneType", "availability-zone");
        });
        Ok(())
    }
}
