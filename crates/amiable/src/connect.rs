//! From the `[cloud]` table to a connection.

use std::sync::Arc;
use std::time::Duration;

use ami_lifecycle::{
    Actor, CancellationToken, Cloud, Consumers, Context, Holdings, JenkinsServer, Observer, Place,
    Programs,
};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::config::settings::{CloudEndpoint, CloudSettings, Config};
use crate::console::Console;
use crate::credentials::{self, Profiles};
use crate::failure::Failure;
use crate::{guard, local, surroundings};

/// By this `aws` knows the endpoint, too
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

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

/// Connects, to the region where the configuration's AMIs are baked.
pub(crate) async fn cloud(config: &Config, console: &Console) -> Result<Cloud, Failure> {
    let cloud = cloud_of(&config.cloud, console).await?;
    cloud.check_account(&config.cloud.accounts).await?;
    for template in &config.templates {
        let first = template.distribution.first.as_deref();
        if let Some(first) = first.filter(|first| *first != cloud.region()) {
            let (name, region) = (&template.name, cloud.region());
            let text = format!(
                "template {name}: the first of its regions is {first}, but AMIs are baked in \
                 {region}"
            );
            return Err(Failure::usage(text)
                .hint("`region` under [cloud], AWS_REGION or the AWS profile decides where"));
        }
    }
    Ok(cloud)
}

/// A failure in a region.
pub(crate) fn failure_in(place: &Place, error: impl Into<Failure>) -> Failure {
    place.failed(error).into()
}

/// Adds the region to a result, where it is not the first.
pub(crate) fn mark(place: &Place, mut value: serde_json::Value) -> serde_json::Value {
    if let Some(region) = &place.region {
        value["region"] = region.clone().into();
    }
    value
}

/// Connects. The local endpoint is started when it is not running; from there on it
/// is an endpoint like any other.
pub(crate) async fn cloud_of(
    settings: &CloudSettings,
    console: &Console,
) -> Result<Cloud, Failure> {
    let http = http_client(&settings.endpoint);
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http.clone())
        .retry_config(retries())
        .timeout_config(timeouts());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    let is_local = settings.endpoint == CloudEndpoint::Local;
    let profiles =
        if is_local { None } else { Some(Profiles::read(settings.profile.as_deref()).await) };
    let mut variables = Vec::new();
    match &settings.endpoint {
        CloudEndpoint::Aws => {}
        CloudEndpoint::Url(url) => {
            variables.push((ENDPOINT, Some(url.clone())));
            loader = loader.endpoint_url(url);
        }
        CloudEndpoint::Local => {
            let endpoint = local::ensure_running(console).await?;
            let (id, secret) = (&endpoint.access_key_id, &endpoint.secret_access_key);
            let key = Credentials::new(id, secret, None, None, "local");
            variables = vec![
                (ENDPOINT, Some(endpoint.url())),
                ("AWS_ACCESS_KEY_ID", Some(id.clone())),
                ("AWS_SECRET_ACCESS_KEY", Some(secret.clone())),
                ("AWS_SESSION_TOKEN", None),
                ("AWS_PROFILE", None),
            ];
            let region = settings.region.clone().unwrap_or_else(|| LOCAL_REGION.into());
            loader = loader
                .endpoint_url(endpoint.url())
                .credentials_provider(key)
                .region(Region::new(region));
        }
    }
    let mut config = loader.load().await;
    if let Some(profiles) = &profiles {
        profiles.check(config.region().is_some())?;
        let region = config.region().cloned();
        config = credentials::provide(config, profiles, http, region);
    }
    if config.region().is_none() {
        return Err(Failure::usage("no region is configured")
            .hint("set `region` under [cloud], or AWS_REGION, or a region in the AWS profile"));
    }
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
    let programs = Programs {
        guard: guard::command(),
        profile: settings.profile.clone(),
        variables: variables.collect(),
    };
    Ok(Cloud::new(&config, settings.limits, programs))
}

fn http_client(endpoint: &CloudEndpoint) -> SharedHttpClient {
    match endpoint {
        // It has no TLS, and reading the trusted certificates would cost each command time. No
        // proxy leads to it.
        CloudEndpoint::Local => Builder::new().build_http(),
        CloudEndpoint::Aws | CloudEndpoint::Url(_) => {
            Builder::new().build_with_connector_fn(through_proxy)
        }
    }
}

/// Connects by way of the proxies that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name, in capitals or
/// not. TLS is there also where the endpoint has none: the credentials may come by it.
fn through_proxy(
    settings: Option<&HttpConnectorSettings>,
    components: Option<&RuntimeComponents>,
) -> Connector {
    let builder = Connector::builder().proxy_config(ProxyConfig::from_env());
    let mut builder = builder.tls_provider(Provider::Rustls(CryptoMode::Ring));
    builder.set_connector_settings(settings.cloned());
    if let Some(components) = components {
        builder.set_sleep_impl(components.sleep_impl());
    }
    builder.build()
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

/// Who works where, for what makes an AMI or lets something follow it.
pub(crate) fn context<'c>(
    config: &'c Config,
    cloud: &'c Cloud,
    actor: Actor<'c>,
    observer: Arc<dyn Observer>,
    (holdings, cancel): (&Holdings, &CancellationToken),
) -> Context<'c> {
    let (namespace, version) = (&config.namespace, env!("CARGO_PKG_VERSION"));
    let (holdings, cancel) = (holdings.clone(), cancel.clone());
    let environment = &surroundings::variable;
    Context { cloud, namespace, actor, version, observer, holdings, environment, cancel }
}

/// All consumers of the configuration.
pub(crate) fn consumers<'c>(
    config: &'c Config,
    jenkins: Option<&'c JenkinsServer>,
) -> Consumers<'c> {
    let written = surroundings::written_folder();
    Consumers { namespace: &config.namespace, templates: &config.templates, jenkins, written }
}
