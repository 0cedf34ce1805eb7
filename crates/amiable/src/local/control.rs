//! What a running endpoint is asked.

use local_ec2::{Endpoint, Folder, Reply, Request};

use crate::failure::{Failure, chain};

/// Asks the server; its own refusals become failures.
pub(super) async fn ask(folder: &Folder, request: &Request) -> Result<Reply, Failure> {
    match local_ec2::call(folder, request).await {
        Ok(Reply::Failed(message)) => Err(Failure::failed(message)),
        Ok(reply) => Ok(reply),
        Err(error) => Err(Failure::failed(chain(&error))),
    }
}

/// A server of another version may misunderstand a request.
pub(super) fn other_answer() -> Failure {
    Failure::failed("the local endpoint answered a different request")
        .hint("run `amiable local stop`; the next command starts one of this version")
}

pub(super) async fn is_running(folder: &Folder) -> bool {
    ask(folder, &Request::Status).await.is_ok()
}

pub(super) fn read_endpoint(folder: &Folder) -> Result<Endpoint, Failure> {
    let endpoint = folder.endpoint().ok().flatten();
    endpoint.ok_or_else(|| Failure::failed(format!("{} has no endpoint", folder.path().display())))
}
