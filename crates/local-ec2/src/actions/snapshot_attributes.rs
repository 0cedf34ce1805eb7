//! Who may make volumes of a snapshot.

use super::query::{find, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::Snapshot;
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// The one attribute that is served.
const PERMISSION: &str = "createVolumePermission";

fn check_attribute(params: &Params, is_required: bool) -> ApiResult<()> {
    match params.string("Attribute").as_deref() {
        Some(PERMISSION) => Ok(()),
        None if !is_required => Ok(()),
        None => Err(ApiError::missing("Attribute")),
        Some(other) => Err(ApiError::invalid_value("attribute", other)),
    }
}

pub(super) struct DescribeSnapshotAttribute {
    id: String,
}

impl Action for DescribeSnapshotAttribute {
    const REFERENCE: Reference = Reference {
        honours: &["SnapshotId", "Attribute"],
        notes: "The attribute is createVolumePermission.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        check_attribute(params, true)?;
        Ok(DescribeSnapshotAttribute { id: required_id::<Snapshot>(params, "SnapshotId")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let snapshot = find(&state.snapshots, &self.id)?;
            xml.text("snapshotId", &snapshot.id);
            xml.list(PERMISSION, &snapshot.users, |xml, user| xml.text("userId", user));
            Ok(())
        })
    }
}

pub(super) struct ModifySnapshotAttribute {
    id: String,
    add: Vec<String>,
    remove: Vec<String>,
}

impl Action for ModifySnapshotAttribute {
    const REFERENCE: Reference = Reference {
        honours: &[
            "SnapshotId",
            "Attribute",
            "CreateVolumePermission.Add.UserId",
            "CreateVolumePermission.Remove.UserId",
            "OperationType",
            "UserId",
        ],
        notes: "There is nobody else here to make volumes. Snapshots are not made public.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        check_attribute(params, false)?;
        let permission = params.structure("CreateVolumePermission");
        let users = |name: &str| -> ApiResult<Vec<String>> {
            permission.structures(name).iter().map(|it| it.required("UserId")).collect()
        };
        let (mut add, mut remove) = (users("Add")?, users("Remove")?);
        let flat = params.list("UserId");
        match params.string("OperationType").as_deref() {
            None | Some("add") => add.extend(flat),
            Some("remove") => remove.extend(flat),
            Some(other) => return Err(ApiError::invalid_value("operationType", other)),
        }
        let is_account = |id: &&String| id.len() == 12 && id.bytes().all(|it| it.is_ascii_digit());
        if let Some(bad) = add.iter().chain(&remove).find(|it| !is_account(it)) {
            return Err(ApiError::invalid_value("userId", bad));
        }
        if add.is_empty() && remove.is_empty() {
            return Err(ApiError::combination("No attributes specified."));
        }
        Ok(ModifySnapshotAttribute {
            id: required_id::<Snapshot>(params, "SnapshotId")?,
            add,
            remove,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            find(&state.snapshots, &self.id)?;
            let Some(snapshot) = state.snapshots.get_mut(&self.id) else { return Ok(()) };
            // <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html>
            let by_default =
                snapshot.kms_key.as_ref().is_some_and(|key| key.ends_with("alias/aws/ebs"));
            if by_default && !self.add.is_empty() {
                let message = "Encrypted snapshots with EBS default key cannot be shared";
                return Err(ApiError::new("OperationNotPermitted", message));
            }
            for user in self.add {
                if !snapshot.users.contains(&user) {
                    snapshot.users.push(user);
                }
            }
            snapshot.users.retain(|user| !self.remove.contains(user));
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}

pub(super) struct ResetSnapshotAttribute {
    id: String,
}

impl Action for ResetSnapshotAttribute {
    const REFERENCE: Reference =
        Reference { honours: &["SnapshotId", "Attribute"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        check_attribute(params, true)?;
        Ok(ResetSnapshotAttribute { id: required_id::<Snapshot>(params, "SnapshotId")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            find(&state.snapshots, &self.id)?;
            if let Some(snapshot) = state.snapshots.get_mut(&self.id) {
                snapshot.users.clear();
            }
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}
