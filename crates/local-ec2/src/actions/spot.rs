//! Spot Instances: how they are asked for, and DescribeSpotInstanceRequests. There is always capacity here;
//! `amiable local interrupt` takes it back.

use super::query::Query;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Instance, InstanceState, SpotRequest, State};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// What the caller says of the market: `None` for an On-Demand Instance; within, the most that a Spot
/// Instance may cost an hour
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SpotMarketOptions.html>).
pub(super) fn decode_market(params: &Params) -> ApiResult<Option<Option<String>>> {
    let market = params.structure("InstanceMarketOptions");
    let options = market.structure("SpotOptions");
    let max_price = options.string("MaxPrice");
    let kind = options.string("SpotInstanceType");
    let behaviour = options.string("InstanceInterruptionBehavior");
    match market.string("MarketType").as_deref() {
        Some("spot") => {}
        None if max_price.is_none() && kind.is_none() && behaviour.is_none() => return Ok(None),
        None => return Err(ApiError::missing("InstanceMarketOptions.MarketType")),
        Some(other) => return Err(ApiError::invalid_value("marketType", other)),
    }
    let is_price = |text: &String| text.parse::<f64>().is_ok_and(|it| it > 0.0);
    if let Some(bad) = max_price.as_ref().filter(|it| !is_price(it)) {
        return Err(ApiError::invalid_value("spotPrice", bad));
    }
    match kind.as_deref() {
        None | Some("one-time") => {}
        Some("persistent") => {
            let message = "Persistent Spot Instance requests are not supported here";
            return Err(ApiError::new("Unsupported", message));
        }
        Some(other) => return Err(ApiError::invalid_value("spotInstanceType", other)),
    }
    match behaviour.as_deref() {
        None | Some("terminate") => Ok(Some(max_price)),
        Some("stop" | "hibernate") => Err(ApiError::combination(
            "For one-time Spot Instance requests, the interruption behavior must be terminate",
        )),
        Some(other) => Err(ApiError::invalid_value("instanceInterruptionBehavior", other)),
    }
}

/// Why a Spot Instance is not stopped.
pub(super) fn cannot_be_stopped(instance: &Instance) -> ApiError {
    let message = format!(
        "You can't stop the Spot Instance '{}' because it is associated with a one-time Spot Instance \
         request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
        instance.id
    );
    ApiError::new("UnsupportedOperation", message)
}

pub(super) struct DescribeSpotInstanceRequests(Query);

impl Action for DescribeSpotInstanceRequests {
    const REFERENCE: Reference = Reference {
        honours: &["SpotInstanceRequestId", "Filter", "MaxResults", "NextToken"],
        filters: &["instance-id", "spot-instance-request-id", "state", "tag:KEY", "tag-key"],
        notes: "A request is there for as long as its instance.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let name = "SpotInstanceRequestId";
        let query = Query::decode_strictly::<SpotRequest>(params, name, &Self::REFERENCE)?;
        Ok(DescribeSpotInstanceRequests(query))
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let (rows, token) = self
                .0
                .select(&state.spot_requests, &call.region, |it, name| values(state, it, name))?;
            xml.list("spotInstanceRequestSet", rows, |xml, it| write(xml, state, it));
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

fn request_state(state: &State, request: &SpotRequest) -> (&'static str, &'static str) {
    let instance = state.instances.get(&request.instance_id);
    match instance.map(|it| it.state) {
        Some(InstanceState::Terminated) | None => ("closed", "instance-terminated-by-user"),
        Some(_) => ("active", "fulfilled"),
    }
}

fn values(state: &State, request: &SpotRequest, filter: &str) -> Option<Vec<String>> {
    Some(vec![match filter {
        "instance-id" => request.instance_id.clone(),
        "spot-instance-request-id" => request.id.clone(),
        "state" => request_state(state, request).0.into(),
        _ => return None,
    }])
}

fn write(xml: &mut Xml, state: &State, request: &SpotRequest) {
    let (name, code) = request_state(state, request);
    xml.text("spotInstanceRequestId", &request.id);
    xml.option("spotPrice", request.max_price.as_ref());
    xml.text("type", "one-time");
    xml.text("state", name);
    xml.node("status", |xml| xml.text("code", code));
    xml.text("instanceId", &request.instance_id);
    xml.time("createTime", request.created);
    xml.text("instanceInterruptionBehavior", "terminate");
    xml.tags(&request.tags);
}
