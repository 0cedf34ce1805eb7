//! Parameters of Systems Manager, as far as they hold ids of images: text, in standard parameters
//! (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::actions::action::JsonAction;
use crate::ec2::Call;
use crate::engine;
use crate::model::{Image, Parameter, ParameterVersion, Resource, State, id_is_valid};
use crate::network;
use crate::protocol::{ApiError, ApiResult, Params, Reference};

/// The data type whose values are looked at before they count.
const IMAGE: &str = "aws:ec2:image";
/// The most names of one GetParameters.
const MOST_NAMES: usize = 10;
/// The most characters of a standard parameter's value.
const LONGEST_VALUE: usize = 4096;

pub(super) struct PutParameter {
    name: String,
    value: String,
    kind: Option<String>,
    data_type: String,
    overwrite: bool,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

impl JsonAction for PutParameter {
    const REFERENCE: Reference = Reference {
        honours: &["Name", "Value", "Type", "DataType", "Overwrite", "Tags"],
        ignores: &["Description", "Tags"],
        defaults: &[("Tier", "Standard")],
        filters: &[],
        notes: "A SecureString is refused: there is no KMS here. An AMI of the data type `aws:ec2:image` is looked \
                at after the answer, as by Systems Manager, and only takes effect if it is available.",
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let name = params.required("Name")?;
        check_name(&name)?;
        let value = params.required("Value")?;
        if value.chars().count() > LONGEST_VALUE {
            return Err(invalid(
                "Standard tier parameters support a maximum parameter value of 4096 characters.",
            ));
        }
        if value.contains("{{") {
            return Err(invalid(
                "Parameter value can't nest another parameter. Do not use \"{{}}\" in the value.",
            ));
        }
        if params.flag("Overwrite")? && !params.structures("Tags").is_empty() {
            return Err(invalid("Tags and overwrite can't be used together."));
        }
        let kind = params.string("Type");
        match kind.as_deref() {
            None | Some("String" | "StringList") => {}
            Some("SecureString") => return Err(invalid("A SecureString is not supported here")),
            Some(other) => return Err(invalid(format!("'{other}' is not a valid parameter type"))),
        }
        let data_type = params.string("DataType").unwrap_or_else(|| "text".into());
        match data_type.as_str() {
            "text" => {}
            IMAGE if !id_is_valid(&value, Image::PREFIX) => {
                return Err(invalid(format!("The value of data type {IMAGE} must be an AMI id")));
            }
            IMAGE => {}
            other => return Err(invalid(format!("The data type {other} is not supported here"))),
        }
        Ok(PutParameter { name, value, kind, data_type, overwrite: params.flag("Overwrite")? })
    }

    fn run(self, call: &Call) -> ApiResult<Value> {
        let key = Parameter::key(&call.region, &self.name);
        let version = call.ec2.change(|state| self.put(state, &call.region, &key))?;
        if self.data_type == IMAGE {
            engine::look_at_parameter(&call.ec2, key);
        }
        Ok(json!({ "Version": version, "Tier": "Standard" }))
    }
}

impl PutParameter {
    /// Notes the value, and returns the number of its version.
    fn put(&self, state: &mut State, region: &str, key: &str) -> ApiResult<usize> {
        if state.parameters.get(key).is_none() {
            let kind = self.kind.clone().ok_or_else(|| {
                invalid("A parameter type is required when you create a parameter.")
            })?;
            state.parameters.insert(Parameter {
                key: key.to_owned(),
                region: region.to_owned(),
                name: self.name.clone(),
                kind,
                versions: Vec::new(),
                pending: None,
            });
        } else if !self.overwrite {
            return Err(ApiError::new(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the \
                 request to true.",
            ));
        }
        let Some(parameter) = state.parameters.get_mut(key) else { return Ok(0) };
        if self.kind.as_ref().is_some_and(|kind| *kind != parameter.kind) {
            return Err(ApiError::new(
                "HierarchyTypeMismatchException",
                "The type of an existing parameter cannot be changed.",
            ));
        }
        if self.data_type == IMAGE {
            parameter.pending = Some(self.value.clone());
            return Ok(parameter.versions.len() + 1);
        }
        parameter.pending = None;
        parameter.versions.push(ParameterVersion {
            value: self.value.clone(),
            data_type: self.data_type.clone(),
            modified: Timestamp::now(),
        });
        Ok(parameter.versions.len())
    }
}

/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html>
fn check_name(name: &str) -> ApiResult<()> {
    let allowed = |it: char| it.is_ascii_alphanumeric() || "_.-/".contains(it);
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        let message =
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).";
        return Err(invalid(message));
    }
    if !name.chars().all(allowed) {
        let message =
            "Only a mix of letters, numbers and the following 4 symbols .-_/ are allowed.";
        return Err(invalid(message));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    Ok(())
}

/// The parameter of `NAME`, `NAME:VERSION` or its ARN, and the number of the version; `None` where
/// there is none.
pub(super) fn select<'s>(
    state: &'s State,
    region: &str,
    wanted: &str,
) -> Option<(&'s Parameter, usize)> {
    let name = match wanted.strip_prefix("arn:") {
        Some(arn) => arn.split_once(":parameter")?.1,
        None => wanted,
    };
    let (name, version) = match name.split_once(':') {
        Some((name, version)) => (name, Some(version.parse::<usize>().ok()?)),
        None => (name, None),
    };
    let parameter = state.parameters.get(&Parameter::key(region, name)).or_else(|| {
        // The ARN of a name without levels has a slash all the same.
        state.parameters.get(&Parameter::key(region, name.strip_prefix('/')?))
    })?;
    let version = version.unwrap_or(parameter.versions.len());
    (1..=parameter.versions.len()).contains(&version).then_some((parameter, version))
}

fn answer(parameter: &Parameter, version: usize) -> Value {
    let held = &parameter.versions[version - 1];
    let resource = format!("parameter/{}", parameter.name.trim_start_matches('/'));
    json!({
        "Name": parameter.name,
        "Type": parameter.kind,
        "Value": held.value,
        "Version": version,
        "LastModifiedDate": held.modified.as_millisecond() as f64 / 1000.0,
        "ARN": network::arn("ssm", &parameter.region, &resource),
        "DataType": held.data_type,
    })
}

pub(super) struct GetParameter(String);

impl JsonAction for GetParameter {
    const REFERENCE: Reference = Reference {
        honours: &["Name"],
        ignores: &["WithDecryption"],
        notes: "There are no labels, and no public parameters of AWS.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(GetParameter(params.required("Name")?))
    }

    fn run(self, call: &Call) -> ApiResult<Value> {
        call.ec2.view(|state| match select(state, &call.region, &self.0) {
            Some((parameter, version)) => Ok(json!({ "Parameter": answer(parameter, version) })),
            None => {
                // A version that is not there, of a parameter that is.
                let name = self.0.rsplit_once(':').filter(|(_, it)| it.parse::<usize>().is_ok());
                let is_there = |(name, _)| select(state, &call.region, name).is_some();
                if name.is_some_and(is_there) {
                    let message = format!("Systems Manager could not find version of {}.", self.0);
                    return Err(ApiError::new("ParameterVersionNotFound", message));
                }
                Err(not_found(&self.0))
            }
        })
    }
}

fn not_found(name: &str) -> ApiError {
    ApiError::new("ParameterNotFound", format!("Parameter {name} not found."))
}

pub(super) struct GetParameters(Vec<String>);

impl JsonAction for GetParameters {
    const REFERENCE: Reference =
        Reference { honours: &["Names"], ignores: &["WithDecryption"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let names = params.list("Names");
        if !(1..=MOST_NAMES).contains(&names.len()) {
            return Err(invalid(format!("Names must have 1 to {MOST_NAMES} members")));
        }
        Ok(GetParameters(names))
    }

    fn run(self, call: &Call) -> ApiResult<Value> {
        call.ec2.view(|state| {
            let (mut found, mut missing) = (Vec::new(), Vec::new());
            for name in &self.0 {
                match select(state, &call.region, name) {
                    Some((parameter, version)) => found.push(answer(parameter, version)),
                    None => missing.push(name),
                }
            }
            Ok(json!({ "Parameters": found, "InvalidParameters": missing }))
        })
    }
}

pub(super) struct DeleteParameter(String);

impl JsonAction for DeleteParameter {
    const REFERENCE: Reference = Reference { honours: &["Name"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DeleteParameter(params.required("Name")?))
    }

    fn run(self, call: &Call) -> ApiResult<Value> {
        call.ec2.change(|state| {
            let removed = state.parameters.remove(&Parameter::key(&call.region, &self.0));
            removed.map(|_| json!({})).ok_or_else(|| not_found(&self.0))
        })
    }
}
