//! What EC2 has no capacity for is not asked for again at once: another instance type or subnet is.

use aws_sdk_ec2::config::interceptors::InterceptorContext;
use aws_sdk_ec2::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::operation::run_instances::RunInstancesError;

/// EC2 answers with the status of a fault of its own, after which the SDK would wait and ask again
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
const NO_CAPACITY: [&str; 2] = ["InsufficientInstanceCapacity", "InsufficientHostCapacity"];

/// Tells the SDK so.
#[derive(Debug)]
pub(super) struct NoCapacity;

impl ClassifyRetry for NoCapacity {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(|it| it.as_operation_error());
        let error = error.and_then(|it| it.downcast_ref::<RunInstancesError>());
        match error.and_then(ProvideErrorMetadata::code) {
            Some(code) if NO_CAPACITY.contains(&code) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "no capacity"
    }
}
