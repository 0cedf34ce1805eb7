//! From a signed request to the text of its answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;

use crate::ec2::{Call, Ec2};
use crate::faults::{Fate, Strike};
use crate::protocol::auth::{self, AccessKey, Scope};
use crate::protocol::{Api, ApiError, ApiResult, EC2_VERSION, Params};
use crate::{actions, network};

/// What answers requests.
pub(crate) struct Service {
    pub(crate) ec2: Arc<Ec2>,
    pub(crate) key: AccessKey,
    /// Added to every call, for simulated machines.
    pub(crate) delay: Duration,
}

impl Service {
    /// The answer; `None` when there is to be none.
    pub(crate) async fn perform(
        &self,
        parts: &axum::http::request::Parts,
        body: &Bytes,
        (api, action): (Api, &str),
        params: Vec<(String, String)>,
        request_id: &str,
    ) -> Option<ApiResult<String>> {
        let scope = match auth::check(parts, body, &self.key, SystemTime::now()) {
            Ok(scope) => scope,
            Err(error) => return Some(Err(error)),
        };
        let fate = self.ec2.faults.fate(action, &scope.region);
        match &fate {
            Fate::Before(Strike::Error(code)) => return Some(Err(ApiError::injected(code))),
            Fate::Before(Strike::Cut) => return None,
            Fate::Before(Strike::Wait(time)) => tokio::time::sleep(*time).await,
            Fate::Passes | Fate::After(_) => {}
        }
        if let Err(error) = check_scope(&scope, (api, action), &params) {
            return Some(Err(error));
        }
        let call = Call { ec2: self.ec2.clone(), region: scope.region };
        let answer = self.dispatch(&call, (api, action), params, request_id);
        match fate {
            Fate::After(Strike::Error(code)) => Some(Err(ApiError::injected(&code))),
            Fate::After(Strike::Cut) => None,
            Fate::After(Strike::Wait(time)) => {
                tokio::time::sleep(time).await;
                Some(answer)
            }
            Fate::Passes | Fate::Before(_) => Some(answer),
        }
    }

    fn dispatch(
        &self,
        call: &Call,
        (api, action): (Api, &str),
        params: Vec<(String, String)>,
        request_id: &str,
    ) -> ApiResult<String> {
        // Nobody needs a right to ask who they are.
        if action != "GetCallerIdentity" {
            self.ec2.faults.authorize(action)?;
        }
        self.ec2.faults.throttle(actions::demand(action, &params))?;
        actions::check_known(api, action)?;
        if api == Api::Ec2 {
            actions::check_all_found(call, &params)?;
        }
        actions::dispatch(call, Params::new(params), action, request_id)
    }
}

/// Whether a signature is for this service and a region that may exist
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>), and the
/// version one that there is.
fn check_scope(
    scope: &Scope,
    (api, action): (Api, &str),
    params: &[(String, String)],
) -> ApiResult<()> {
    let refused = |message: String| Err(ApiError { message, ..ApiError::auth_failure() });
    if !network::region_is_valid(&scope.region) {
        let region = &scope.region;
        return refused(format!("Credential should be scoped to a valid region, not '{region}'."));
    }
    let serves = api.service();
    let is_known = actions::check_known(api, action).is_ok();
    if is_known && scope.service != serves {
        return refused(format!("Credential should be scoped to correct service: '{serves}'."));
    }
    let version = params.iter().find(|(name, _)| name == "Version").map(|(_, value)| value);
    match version {
        Some(version) if is_known && api == Api::Ec2 && !is_version(version) => {
            let message =
                format!("The requested version ({version}) of service AmazonEC2 does not exist");
            Err(ApiError::new("NoSuchVersion", message))
        }
        _ => Ok(()),
    }
}

/// Old clients ask for old versions, and are answered as by the last one. EC2's first is of 2006.
fn is_version(text: &str) -> bool {
    let day: Result<jiff::civil::Date, _> = text.parse();
    text.len() == 10 && ("2006-06-26"..=EC2_VERSION).contains(&text) && day.is_ok()
}
