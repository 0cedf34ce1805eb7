//! Attributes of images: the description, and who may launch them.

use super::images::last_launched;
use super::query::{find_image, find_own_image, required_id};
use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{Image, Permission};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};

/// The attributes that are told.
const ATTRIBUTES: [&str; 8] = [
    "blockDeviceMapping",
    "bootMode",
    "description",
    "imdsSupport",
    "lastLaunchedTime",
    "launchPermission",
    "productCodes",
    "sriovNetSupport",
];

/// Some clients write attributes as their parameters are written, with a large letter.
pub(super) fn attribute_name(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(characters)
        .collect()
}

fn value(image: &Image, attribute: &str) -> Option<String> {
    match attribute {
        "bootMode" => image.features.boot_mode.clone(),
        "imdsSupport" => image.features.imds_v2.then(|| "v2.0".into()),
        "sriovNetSupport" => image.features.sriov.clone(),
        _ => None,
    }
}

pub(super) struct DescribeImageAttribute {
    id: String,
    attribute: String,
}

impl Action for DescribeImageAttribute {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "Attribute"],
        notes: "Attributes: all but kernel, ramdisk, tpmSupport, uefiData and \
                deregistrationProtection.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let attribute = attribute_name(&params.required("Attribute")?);
        if !ATTRIBUTES.contains(&attribute.as_str()) {
            return Err(ApiError::invalid_value("attribute", &attribute));
        }
        Ok(DescribeImageAttribute { id: required_id::<Image>(params, "ImageId")?, attribute })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            let image = find_image(state, &self.id)?;
            xml.text("imageId", &image.id);
            match self.attribute.as_str() {
                "description" => xml.node("description", |xml| {
                    xml.option("value", image.description.as_ref());
                }),
                "launchPermission" => {
                    xml.list("launchPermission", &image.permissions, |xml, it| match it {
                        Permission::Group(name) => xml.text("group", name),
                        Permission::User(id) => xml.text("userId", id),
                        Permission::Organization(arn) => xml.text("organizationArn", arn),
                        Permission::OrganizationalUnit(arn) => {
                            xml.text("organizationalUnitArn", arn);
                        }
                    });
                }
                "blockDeviceMapping" => super::images::write_mappings(xml, image),
                "productCodes" => xml.list("productCodes", std::iter::empty::<()>(), |_, ()| {}),
                "lastLaunchedTime" => {
                    let at = last_launched(image, call.ec2.machines.launched_delay());
                    xml.node("lastLaunchedTime", |xml| xml.option("value", at));
                }
                name => xml.node(name, |xml| xml.option("value", value(image, name))),
            }
            Ok(())
        })
    }
}

pub(super) struct ModifyImageAttribute {
    id: String,
    description: Option<String>,
    imds_v2: bool,
    add: Vec<Permission>,
    remove: Vec<Permission>,
}

impl Action for ModifyImageAttribute {
    const REFERENCE: Reference = Reference {
        honours: &[
            "ImageId",
            "Attribute",
            "Value",
            "Description.Value",
            "ImdsSupport.Value",
            "LaunchPermission.Add",
            "LaunchPermission.Remove",
            "OperationType",
            "UserGroup",
            "UserId",
            "OrganizationArn",
            "OrganizationalUnitArn",
            "ProductCode",
        ],
        notes: "There is nobody else here to launch it. Product codes are refused: there is no AWS \
                Marketplace here.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let id = required_id::<Image>(params, "ImageId")?;
        let permission = params.structure("LaunchPermission");
        let mut add = decode_permissions(&permission.structures("Add"))?;
        let mut remove = decode_permissions(&permission.structures("Remove"))?;
        let mut description = params.structure("Description").string("Value");
        let flat = decode_flat_permissions(params)?;
        match params.string("OperationType").as_deref() {
            None | Some("add") => add.extend(flat),
            Some("remove") => remove.extend(flat),
            Some(other) => return Err(ApiError::invalid_value("operationType", other)),
        }
        let mut imds = params.structure("ImdsSupport").string("Value");
        let attribute = params.string("Attribute").map(|text| attribute_name(&text));
        match attribute.as_deref() {
            None | Some("launchPermission") => {}
            Some("description") => description = description.or(params.string("Value")),
            Some("imdsSupport") => imds = imds.or(params.string("Value")),
            Some(other) => return Err(ApiError::invalid_value("attribute", other)),
        }
        if let Some(value) = imds.as_ref().filter(|value| *value != "v2.0") {
            return Err(ApiError::invalid_value("imdsSupport", value));
        }
        if let Some(code) = params.list("ProductCode").first() {
            let message = format!("The product code '{code}' cannot be added here");
            return Err(ApiError::new("Unsupported", message));
        }
        if description.is_none() && imds.is_none() && add.is_empty() && remove.is_empty() {
            return Err(ApiError::combination("No attributes specified."));
        }
        Ok(ModifyImageAttribute { id, description, imds_v2: imds.is_some(), add, remove })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            let image = find_own_image(state, &self.id)?;
            // It cannot be taken back on EC2 either.
            image.features.imds_v2 |= self.imds_v2;
            if self.description.is_some() {
                image.description = self.description;
            }
            for permission in self.add {
                if !image.permissions.contains(&permission) {
                    image.permissions.push(permission);
                }
            }
            image.permissions.retain(|permission| !self.remove.contains(permission));
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}

fn decode_permissions(items: &[Params]) -> ApiResult<Vec<Permission>> {
    items.iter().map(decode_permission).collect()
}

fn decode_permission(item: &Params) -> ApiResult<Permission> {
    let named = [
        item.string("Group").map(Permission::Group),
        item.string("UserId").map(Permission::User),
        item.string("OrganizationArn").map(Permission::Organization),
        item.string("OrganizationalUnitArn").map(Permission::OrganizationalUnit),
    ];
    let permission = named.into_iter().flatten().next();
    check_permission(permission.ok_or_else(|| ApiError::missing("LaunchPermission.Add.UserId"))?)
}

fn check_permission(permission: Permission) -> ApiResult<Permission> {
    match &permission {
        Permission::Group(name) if name != "all" => Err(ApiError::invalid_value("group", name)),
        Permission::User(id) if id.len() != 12 || !id.bytes().all(|it| it.is_ascii_digit()) => {
            let message = format!("Invalid user id: \"{id}\"");
            Err(ApiError::new("InvalidUserID.Malformed", message))
        }
        _ => Ok(permission),
    }
}

/// The permissions of the form that names the operation beside them.
fn decode_flat_permissions(params: &Params) -> ApiResult<Vec<Permission>> {
    let groups = params.list("UserGroup").into_iter().map(Permission::Group);
    let users = params.list("UserId").into_iter().map(Permission::User);
    let organizations = params.list("OrganizationArn").into_iter().map(Permission::Organization);
    let units = params.list("OrganizationalUnitArn").into_iter();
    let units = units.map(Permission::OrganizationalUnit);
    groups.chain(users).chain(organizations).chain(units).map(check_permission).collect()
}

pub(super) struct ResetImageAttribute {
    id: String,
}

impl Action for ResetImageAttribute {
    const REFERENCE: Reference = Reference {
        honours: &["ImageId", "Attribute"],
        notes: "The attribute is launchPermission.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let attribute = attribute_name(&params.required("Attribute")?);
        if attribute != "launchPermission" {
            return Err(ApiError::invalid_value("attribute", &attribute));
        }
        Ok(ResetImageAttribute { id: required_id::<Image>(params, "ImageId")? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.change(|state| {
            find_own_image(state, &self.id)?.permissions.clear();
            Ok(())
        })?;
        xml.text("return", true);
        Ok(())
    }
}
