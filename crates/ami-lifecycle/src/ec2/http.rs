//! The HTTP client for all that is not AWS' API.

use std::sync::Once;
use std::time::Duration;

use reqwest::redirect::Policy;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A client whose requests take no longer than `limit`. It follows no redirection.
///
/// # Errors
/// When this machine has no trusted certificates.
pub(crate) fn client(limit: Duration) -> Result<reqwest::Client, reqwest::Error> {
    static PROVIDER: Once = Once::new();
    // Whoever came first has set the same.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(limit)
        .build()
}
