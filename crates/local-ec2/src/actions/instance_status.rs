//! The status checks of instances.

use super::instance_answer::{values, write_state};
use super::query::Query;
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Instance, InstanceState};
use crate::network;
use crate::protocol::{ApiResult, Params, Reference, Xml};

pub(super) struct DescribeInstanceStatus {
    query: Query,
    all: bool,
}

impl Action for DescribeInstanceStatus {
    const REFERENCE: Reference = Reference {
        honours: &["InstanceId", "IncludeAllInstances", "Filter", "MaxResults", "NextToken"],
        filters: &[
            "availability-zone",
            "instance-state-code",
            "instance-state-name",
            "instance-status.status",
            "system-status.status",
            "tag:KEY",
            "tag-key",
        ],
        notes: "The checks of an instance that runs are passed.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeInstanceStatus {
            query: Query::decode_strictly::<Instance>(params, "InstanceId", &Self::REFERENCE)?,
            all: params.flag("IncludeAllInstances")?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let shown = |it: &Instance| self.all || it.state == InstanceState::Running;
            let (rows, token) = self.query.select_among(
                &state.instances,
                &call.region,
                shown,
                |instance, name| match name {
                    "instance-status.status" | "system-status.status" => {
                        Some(vec![checks(instance).0.into()])
                    }
                    _ => values(state, instance, name),
                },
            )?;
            xml.list("instanceStatusSet", rows, write_status);
            xml.option("nextToken", token);
            Ok(())
        })
    }
}

/// The outcome of the status checks, and of the one check that each consists of.
fn checks(instance: &Instance) -> (&'static str, Option<&'static str>) {
    match instance.state {
        InstanceState::Running => ("ok", Some("passed")),
        _ => ("not-applicable", None),
    }
}

fn write_status(xml: &mut Xml, instance: &Instance) {
    xml.text("instanceId", &instance.id);
    xml.text("availabilityZone", network::zone(&instance.region));
    write_state(xml, "instanceState", instance.state);
    let (status, check) = checks(instance);
    for name in ["systemStatus", "instanceStatus"] {
        xml.node(name, |xml| {
            xml.text("status", status);
            xml.list("details", check, |xml, check| {
                xml.text("name", "reachability");
                xml.text("status", check);
            });
        });
    }
}
