//! Parameters of Systems Manager.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;

/// Parameters that one GetParameters takes
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>).
pub(crate) const PARAMETERS: usize = 10;

/// The type of a parameter that is one text.
pub(crate) const STRING: &str = "String";

/// A parameter as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) value: String,
    /// `String`, `StringList` or `SecureString`.
    pub(crate) kind: String,
    /// `text`, or `aws:ec2:image`.
    pub(crate) data_type: String,
}

impl Cloud {
    /// The value of an SSM parameter.
    pub(crate) async fn parameter(&self, name: &str) -> Result<String, CloudError> {
        let request = self.ssm.get_parameter().name(name);
        let answer = self.call(Action::GetParameter, name, request.send()).await?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value
            .ok_or_else(|| CloudError::answer(Action::GetParameter, format!("{name} has no value")))
    }

    /// The values of SSM parameters by name; `None` for those that do not exist.
    pub(crate) async fn parameters(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Option<String>>, CloudError> {
        let mut found: BTreeMap<String, Option<String>> =
            names.iter().map(|name| (name.clone(), None)).collect();
        for names in names.chunks(PARAMETERS) {
            let request = self.ssm.get_parameters().set_names(Some(names.to_vec()));
            let answer = self.call(Action::GetParameters, names, request.send()).await?;
            for parameter in answer.parameters.unwrap_or_default() {
                found.insert(parameter.name.unwrap_or_default(), parameter.value);
            }
        }
        Ok(found)
    }

    /// A parameter as it is; `None` where there is none.
    pub(crate) async fn held_parameter(&self, name: &str) -> Result<Option<Parameter>, CloudError> {
        let request = self.ssm.get_parameter().name(name);
        let answer = match self.call(Action::GetParameter, name, request.send()).await {
            Ok(answer) => answer,
            Err(error) if error.code.as_deref() == Some("ParameterNotFound") => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(answer.parameter.map(|parameter| Parameter {
            value: parameter.value.unwrap_or_default(),
            kind: parameter.r#type.unwrap_or(ParameterType::String).as_str().to_owned(),
            data_type: parameter.data_type.unwrap_or_default(),
        }))
    }

    /// Gives a parameter a value, whether it is there or not.
    pub(crate) async fn put_parameter(
        &self,
        name: &str,
        value: &str,
        data_type: &str,
    ) -> Result<(), CloudError> {
        let put = self.ssm.put_parameter().name(name).value(value).overwrite(true);
        let put = put.r#type(ParameterType::String).data_type(data_type);
        self.call(Action::PutParameter, (name, value), put.send()).await.map(drop)
    }
}
