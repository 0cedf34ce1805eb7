//! From the `[cloud]` table to a connection.

use std::time::Duration;

use ami_lifecycle::{Cloud, Consumers, JenkinsServer};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::config::{CloudEndpoint, CloudSettings, Config};
use crate::console::Console;
use crate::failure::Failure;
use crate::{local, surroundings};

/// The region of the local endpoint where none is configured.
const LOCAL_REGION: &str = "us-east-1";

/// Throttling, 5xx and lost connections are tried again, after pauses that grow and are
/// drawn at random. Each call that makes something may be made twice without harm:
/// RunInstances by its client token, an image and a key pair by their names, which are
/// taken then; tags, stops and deletions do the same again.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(6)
        .with_initial_backoff(Duration::from_millis(500))
        .with_max_backoff(Duration::from_secs(10))
}

/// An answer that has not come by then is lost, and is asked for again.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(60))
        .build()
}

/// Connects. The local endpoint is started when it is not running; from there on it
/// is an endpoint like any other.
pub(crate) async fn cloud(settings: &CloudSettings, console: &Console) -> Result<Cloud, Failure> {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .retry_config(retries())
        .timeout_config(timeouts());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    match &settings.endpoint {
        CloudEndpoint::Aws => {}
        CloudEndpoint::Url(url) => loader = loader.endpoint_url(url),
        CloudEndpoint::Local => {
            let endpoint = local::ensure_running(console).await?;
            let key = Credentials::new(
                &endpoint.access_key_id,
                &endpoint.secret_access_key,
                None,
                None,
                "local",
            );
            let region = settings.region.clone().unwrap_or_else(|| LOCAL_REGION.into());
            loader = loader
                .endpoint_url(endpoint.url())
                .credentials_provider(key)
                .region(Region::new(region));
        }
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(Failure::usage("no region is configured")
            .hint("set `region` under [cloud], or AWS_REGION, or a region in the AWS profile"));
    }
    Ok(Cloud::new(&config, settings.limits))
}

/// The running Jenkins of the configuration, with the token that the environment has.
pub(crate) fn jenkins(config: &Config) -> Option<JenkinsServer> {
    let settings = config.jenkins.as_ref()?;
    Some(JenkinsServer {
        url: settings.url.clone(),
        user: settings.user.clone(),
        token: surroundings::variable(&settings.token_env),
        token_env: settings.token_env.clone(),
    })
}

/// All consumers of the configuration.
pub(crate) fn consumers<'c>(
    config: &'c Config,
    jenkins: Option<&'c JenkinsServer>,
) -> Consumers<'c> {
    Consumers { templates: &config.templates, jenkins }
}
