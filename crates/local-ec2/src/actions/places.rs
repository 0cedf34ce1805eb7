//! Regions and zones: the one that the caller asked in.

use super::Action;
use crate::ec2::Call;
use crate::network;
use crate::protocol::{ApiResult, Filter, Params, Xml, matches};

pub(super) struct DescribeRegions {
    names: Vec<String>,
}

impl Action for DescribeRegions {
    fn decode(params: &Params) -> ApiResult<Self> {
        params.ignore(&["AllRegions"]);
        Ok(DescribeRegions { names: params.list("RegionName") })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let names = if self.names.is_empty() { vec![call.region.clone()] } else { self.names };
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
    fn decode(params: &Params) -> ApiResult<Self> {
        params.ignore(&["AllAvailabilityZones"]);
        Ok(DescribeAvailabilityZones { filters: params.filters()?, names: params.list("ZoneName") })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let zone = network::zone(&call.region);
        let named = self.names.is_empty() || self.names.contains(&zone);
        let passes = matches(&self.filters, &Default::default(), |name| {
            Some(vec![match name {
                "region-name" => call.region.clone(),
                "state" => "available".into(),
                "zone-name" => zone.clone(),
                _ => return None,
            }])
        })?;
        let zones = (named && passes).then_some(zone.as_str());
        xml.list("availabilityZoneInfo", zones, |xml, zone| {
            xml.text("zoneName", zone);
            xml.text("zoneState", "available");
            xml.text("regionName", &call.region);
            xml.text("zoneType", "availability-zone");
        });
        Ok(())
    }
}
