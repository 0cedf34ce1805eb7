//! Whose account is used: the profile of the configuration, else what the environment says, as the SDK
//! and `aws` have it.
//!
//! What the configuration names wins, as with `aws --profile`: a key in the environment may belong to
//! another account.

use std::borrow::Cow;
use std::fmt;

use ami_lifecycle::{NotSignedIn, chain};
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};

use crate::failure::Failure;
use crate::surroundings;

/// The AWS profiles of this machine, as far as they could be read.
pub(crate) struct Profiles {
    set: Result<ProfileSet, String>,
    /// The one that the configuration names.
    named: Option<String>,
}

impl Profiles {
    /// Reads `~/.aws/config` and `~/.aws/credentials`, or the files that the environment names.
    pub(crate) async fn read(named: Option<&str>) -> Profiles {
        let selected = named.map(|name| Cow::Owned(name.to_owned()));
        let (fs, env) = (Fs::real(), Env::real());
        let set = aws_config::profile::load(&fs, &env, &Default::default(), selected).await;
        // Which file it is, which line of it, and what is wrong there.
        let one_line = |text: String| text.split_whitespace().collect::<Vec<&str>>().join(" ");
        let set = set.map_err(|error| one_line(chain(&error)));
        Profiles { set, named: named.map(String::from) }
    }

    /// Refuses what could only end in the wrong account: a profile that is not there, or files that could
    /// not be read although they are needed.
    pub(crate) fn check(&self, has_region: bool) -> Result<(), Failure> {
        let has_keys = surroundings::variable("AWS_ACCESS_KEY_ID").is_some();
        match (&self.set, &self.named) {
            (Ok(set), Some(name)) if set.get_profile(name).is_none() => {
                let mut known: Vec<&str> = set.profiles().collect();
                known.sort_unstable();
                let hint = if known.is_empty() {
                    "`aws configure --profile NAME` creates one".to_owned()
                } else {
                    format!("there are {}", known.join(", "))
                };
                Err(Failure::usage(format!("there is no AWS profile `{name}`")).hint(hint))
            }
            (Err(error), named) if named.is_some() || !has_region || !has_keys => {
                Err(Failure::usage(error.clone()).hint(
                    "in AWS' configuration files a line is `[profile NAME]` or `key = value`; a \
                     line that begins with a space continues the one above it",
                ))
            }
            _ => Ok(()),
        }
    }

    /// The command that begins a session of the profile in use, where that has sessions.
    fn sign_in(&self) -> Option<String> {
        let set = self.set.as_ref().ok()?;
        let mut name = set.selected_profile().to_owned();
        // A role may be assumed from another profile; no chain is this long.
        for _ in 0..16 {
            let profile = set.get_profile(&name)?;
            if profile.get("sso_session").or(profile.get("sso_start_url")).is_some() {
                return Some(format!("aws sso login --profile {name}"));
            }
            if profile.get("login_session").is_some() {
                return Some(format!("aws login --profile {name}"));
            }
            let source = profile.get("source_profile").filter(|source| *source != name)?;
            name = source.to_owned();
        }
        None
    }
}

/// Takes the credentials of the profile that the configuration names, and says how a session is begun
/// where there is none.
pub(crate) fn provide(
    config: SdkConfig,
    profiles: &Profiles,
    http: SharedHttpClient,
    region: Option<Region>,
) -> SdkConfig {
    let chosen = profiles.named.as_ref().map(|name| {
        let settings = ProviderConfig::without_region().with_http_client(http).with_region(region);
        let provider = ProfileFileCredentialsProvider::builder();
        let provider = provider.configure(&settings).profile_name(name.clone()).build();
        SharedCredentialsProvider::new(provider)
    });
    let Some(inner) = chosen.or(config.credentials_provider()) else { return config };
    let session = Session { inner, command: profiles.sign_in() };
    let provider = SharedCredentialsProvider::new(session);
    config.into_builder().credentials_provider(provider).build()
}

/// Credentials, with the command that renews them.
struct Session {
    inner: SharedCredentialsProvider,
    command: Option<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("command", &self.command).finish_non_exhaustive()
    }
}

impl ProvideCredentials for Session {
    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt()
    }

    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let provided = self.inner.provide_credentials().await;
            provided.map_err(|error| match &self.command {
                Some(command) => CredentialsError::provider_error(NotSignedIn {
                    cause: chain(&error),
                    command: command.clone(),
                }),
                None => error,
            })
        })
    }
}
