//! CloudFormation stacks that have an AMI as a parameter
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html>).

use aws_sdk_cloudformation::types::{Capability, Parameter};

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::CloudError;

/// A stack as it is.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// Its id, which stays when another one gets the name.
    pub(crate) id: String,
    /// As CloudFormation names it, such as `UPDATE_COMPLETE`.
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    /// Parameters with their values, and what those of SSM lead to.
    parameters: Vec<(String, String, Option<String>)>,
    capabilities: Vec<Capability>,
}

impl Stack {
    /// The value of a parameter, and what that leads to if it is the name of another parameter.
    pub(crate) fn parameter(&self, key: &str) -> Option<(&str, Option<&str>)> {
        let found = self.parameters.iter().find(|(name, _, _)| name == key)?;
        Some((&found.1, found.2.as_deref()))
    }

    /// The names of its parameters.
    pub(crate) fn parameter_names(&self) -> Vec<&str> {
        self.parameters.iter().map(|(name, _, _)| name.as_str()).collect()
    }

    /// CloudFormation is at work on it.
    pub(crate) fn is_in_progress(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS")
    }

    /// The last update was done.
    pub(crate) fn is_updated(&self) -> bool {
        self.status == "UPDATE_COMPLETE"
    }
}

impl Cloud {
    /// A stack by its name or id; `None` where there is none.
    pub(crate) async fn stack(&self, name: &str) -> Result<Option<Stack>, CloudError> {
        let request = self.cloudformation.describe_stacks().stack_name(name);
        let answer = match self.call(Action::DescribeStacks, name, request.send()).await {
            Ok(answer) => answer,
            // There is no code of its own for it.
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let stack = answer.stacks.unwrap_or_default().into_iter().next();
        Ok(stack.map(|stack| {
            let parameters = stack.parameters.unwrap_or_default().into_iter().map(|it| {
                let value = it.parameter_value.unwrap_or_default();
                (it.parameter_key.unwrap_or_default(), value, it.resolved_value)
            });
            Stack {
                parameters: parameters.collect(),
                id: stack.stack_id.unwrap_or_default(),
                status: stack.stack_status.map(|it| it.as_str().to_owned()).unwrap_or_default(),
                reason: stack.stack_status_reason,
                capabilities: stack.capabilities.unwrap_or_default(),
            }
        }))
    }

    /// Gives one parameter of a stack another value: template, all other parameters and capabilities stay.
    /// `token` is the same for who asks twice. Returns whether there was anything to be done.
    pub(crate) async fn update_stack(
        &self,
        stack: &Stack,
        (key, value): (&str, &str),
        token: &str,
    ) -> Result<bool, CloudError> {
        let parameters = stack.parameter_names().into_iter().map(|name| {
            let parameter = Parameter::builder().parameter_key(name);
            match name == key {
                true => parameter.parameter_value(value).build(),
                false => parameter.use_previous_value(true).build(),
            }
        });
        let request = self
            .cloudformation
            .update_stack()
            .stack_name(&stack.id)
            .use_previous_template(true)
            .set_parameters(Some(parameters.collect()))
            .set_capabilities(Some(stack.capabilities.clone()))
            .client_request_token(token);
        match self.call(Action::UpdateStack, (&stack.id, value), request.send()).await {
            Ok(_) => Ok(true),
            Err(error) if error.to_string().contains("No updates are to be performed") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What failed in a stack's update with a token, the first failure first.
    pub(crate) async fn stack_failures(
        &self,
        stack: &str,
        token: &str,
    ) -> Result<Vec<String>, CloudError> {
        let request = self.cloudformation.describe_stack_events().stack_name(stack);
        let answer = self.call(Action::DescribeStackEvents, stack, request.send()).await?;
        let events = answer.stack_events.unwrap_or_default().into_iter().rev();
        let failures = events.filter_map(|event| {
            let is_of_update = event.client_request_token.as_deref() == Some(token);
            let status = event.resource_status?;
            let has_failed = status.as_str().ends_with("_FAILED");
            let name = event.logical_resource_id.unwrap_or_default();
            let why = event.resource_status_reason.unwrap_or_default();
            (is_of_update && has_failed).then(|| format!("{name}: {why}"))
        });
        Ok(failures.collect())
    }
}

/// Whether a stack is not there: CloudFormation has no code of its own for it.
fn is_missing(error: &CloudError) -> bool {
    error.code.as_deref() == Some("ValidationError") && error.to_string().contains("does not exist")
}
