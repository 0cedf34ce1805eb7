//! The actions: one file a kind of resource. Each action is a type that is decoded
//! from the parameters and then run.

mod identity;
mod images;
mod instances;
mod key_pairs;
mod launch;
mod places;
mod snapshots;
mod tags;
mod volumes;

use crate::ec2::Call;
use crate::protocol::{ApiError, ApiResult, EC2_VERSION, Params, Xml};

pub(crate) use images::{NewImage, check_image_name, insert_image};

/// One action of the API.
trait Action: Sized {
    /// Reads and checks the parameters.
    fn decode(params: &Params) -> ApiResult<Self>;

    /// Does it, and writes what goes into the answer.
    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()>;
}

/// Decodes and runs one action and writes its whole answer.
fn perform<A: Action>(
    call: &Call,
    params: &Params,
    name: &str,
    request_id: &str,
) -> ApiResult<String> {
    let action = A::decode(params)?;
    let dry_run = params.flag("DryRun")?;
    params.finish()?;
    if dry_run {
        return Err(ApiError::dry_run());
    }
    let mut xml = Xml::new();
    let mut outcome = Ok(());
    let namespace = format!("http://ec2.amazonaws.com/doc/{EC2_VERSION}/");
    xml.root(&format!("{name}Response"), &namespace, |xml| {
        xml.text("requestId", request_id);
        outcome = action.run(call, xml);
    });
    outcome.map(|()| xml.finish())
}

/// Answers one request.
pub(crate) fn dispatch(call: &Call, params: &Params, request_id: &str) -> ApiResult<String> {
    let name = params
        .required("Action")
        .map_err(|_| ApiError::new("MissingAction", "The request is missing an action"))?;
    macro_rules! actions {
        ($($action:literal => $kind:ty,)*) => {
            match name.as_str() {
                $($action => perform::<$kind>(call, params, &name, request_id),)*
                "GetCallerIdentity" => identity::get_caller_identity(request_id),
                _ => Err(invalid_action(&name)),
            }
        };
    }
    actions! {
        "CreateImage" => images::CreateImage,
        "CreateTags" => tags::CreateTags,
        "DeleteKeyPair" => key_pairs::DeleteKeyPair,
        "DeleteSnapshot" => snapshots::DeleteSnapshot,
        "DeleteTags" => tags::DeleteTags,
        "DeregisterImage" => images::DeregisterImage,
        "DescribeAvailabilityZones" => places::DescribeAvailabilityZones,
        "DescribeImages" => images::DescribeImages,
        "DescribeInstances" => instances::DescribeInstances,
        "DescribeKeyPairs" => key_pairs::DescribeKeyPairs,
        "DescribeRegions" => places::DescribeRegions,
        "DescribeSnapshots" => snapshots::DescribeSnapshots,
        "DescribeVolumes" => volumes::DescribeVolumes,
        "GetConsoleOutput" => instances::GetConsoleOutput,
        "ImportKeyPair" => key_pairs::ImportKeyPair,
        "RebootInstances" => instances::RebootInstances,
        "RegisterImage" => images::RegisterImage,
        "RunInstances" => launch::RunInstances,
        "StartInstances" => instances::StartInstances,
        "StopInstances" => instances::StopInstances,
        "TerminateInstances" => instances::TerminateInstances,
    }
}

fn invalid_action(name: &str) -> ApiError {
    tracing::warn!("the action {name} is not served here");
    ApiError::new("InvalidAction", format!("The action {name} is not valid for this web service."))
}

/// An id must have its kind's prefix and hexadecimal digits.
fn check_id(id: &str, prefix: &str, kind: &str) -> ApiResult<()> {
    let digits = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    let valid = digits.is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    if valid {
        return Ok(());
    }
    Err(ApiError::new(format!("{kind}.Malformed"), format!("Invalid id: \"{id}\"")))
}

/// How many rows a page of a Describe action may ask for.
struct Page {
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Page {
    fn decode(params: &Params) -> ApiResult<Page> {
        let max_results: Option<usize> = params.parsed("MaxResults")?;
        if let Some(max) = max_results.filter(|max| !(1..=1000).contains(max)) {
            return Err(ApiError::invalid_value("maxResults", &max.to_string()));
        }
        Ok(Page { max_results, next_token: params.string("NextToken") })
    }
}
