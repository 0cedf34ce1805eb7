//! `amiable report --serve`: the page as it is now, for browsers of this machine that are given its URL.

use std::net::Ipv4Addr;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::failure::{Failure, Outcome};
use crate::report::failed_page;

/// Who waits for a page.
type Waiting = oneshot::Sender<Result<String, String>>;

/// A browser asks again after so many seconds.
const REFRESH: &str = "60";

/// Serves what `look` shows, until the program is ended. Whoever asks while a page is made waits for the
/// next one and shares it. `port` 0 is a free one; `started` is given the URL.
///
/// The URL has a secret in its path: neither other users of this machine nor pages of other sites can ask.
pub(super) async fn serve(
    port: u16,
    look: impl AsyncFn() -> Result<String, Failure>,
    started: impl FnOnce(&str),
) -> Outcome {
    let failed = |error| Failure::failed(format!("failed to serve on port {port}: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let path = format!("/{:032x}/", rand::random::<u128>());
    let url = format!("http://{}{path}", listener.local_addr().map_err(failed)?);
    let (ask, mut asked) = mpsc::unbounded_channel::<Waiting>();
    let router = axum::Router::new().route(&path, get(page)).with_state(ask);
    started(&url);
    let answers = async {
        while let Some(first) = asked.recv().await {
            let mut waiting = vec![first];
            while let Ok(next) = asked.try_recv() {
                waiting.push(next);
            }
            // A browser that is gone needs no answer.
            waiting.retain(|it| !it.is_closed());
            if waiting.is_empty() {
                continue;
            }
            let answer = look().await.map_err(|failure| failure.text());
            for waiting in waiting {
                let _ = waiting.send(answer.clone());
            }
        }
    };
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served.map_err(failed),
        () = answers => Ok(()),
    }
}

async fn page(State(ask): State<mpsc::UnboundedSender<Waiting>>) -> Response {
    let (waiting, answer) = oneshot::channel();
    let _ = ask.send(waiting);
    let (status, page) = match answer.await {
        Ok(Ok(page)) => (StatusCode::OK, page),
        Ok(Err(text)) => (StatusCode::BAD_GATEWAY, failed_page(&text)),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::REFRESH, REFRESH),
    ];
    (status, headers, Html(page)).into_response()
}
