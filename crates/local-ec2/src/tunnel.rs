//! The tunnels of EC2 Instance Connect Endpoints: a WebSocket whose binary messages are the bytes
//! of a connection to an instance's sshd
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/permissions-for-ec2-instance-connect-endpoint.html>;
//! the request is as `aws ec2-instance-connect open-tunnel` makes it).

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State as Shared};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::ec2::Ec2;
use crate::faults::{Fate, Strike};
use crate::machines::Line;
use crate::model::{ConnectEndpoint, Instance, Resource};
use crate::protocol::{ApiError, ApiResult, auth};
use crate::service::Service;

/// Where clients open them.
pub(crate) const PATH: &str = "/openTunnel";
/// The action that IAM knows it by.
const ACTION: &str = "OpenTunnel";
/// The longest life of a tunnel, and the usual one, in seconds.
const LONGEST: u64 = 3600;
/// Bytes of one message.
const MESSAGE: usize = 16 * 1024;

/// What a client asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tunnel {
    instance_connect_endpoint_id: String,
    private_ip_address: Ipv4Addr,
    remote_port: u16,
    max_tunnel_duration: Option<u64>,
}

/// Answers a request for a tunnel.
pub(crate) async fn open(
    Shared(service): Shared<Arc<Service>>,
    Query(tunnel): Query<Tunnel>,
    upgrade: WebSocketUpgrade,
    parts: Parts,
) -> Response {
    let ec2 = service.ec2.clone();
    match accept(&service, &parts, &tunnel).await {
        Ok((instance, limit)) => {
            upgrade.on_upgrade(async move |socket| carry(&ec2, &instance, socket, limit).await)
        }
        Err(error) => {
            tracing::info!("{ACTION} refused: {error}");
            (error.status, error.to_string()).into_response()
        }
    }
}

/// The instance's id, and how long the tunnel may be open.
async fn accept(
    service: &Service,
    parts: &Parts,
    tunnel: &Tunnel,
) -> ApiResult<(String, Duration)> {
    let scope = auth::check_presigned(parts, &service.key, SystemTime::now())?;
    let ec2 = &service.ec2;
    match ec2.faults.fate(ACTION, &scope.region) {
        Fate::Before(Strike::Error(code)) | Fate::After(Strike::Error(code)) => {
            return Err(ApiError::injected(&code));
        }
        Fate::Before(Strike::Wait(time)) | Fate::After(Strike::Wait(time)) => {
            tokio::time::sleep(time).await;
        }
        Fate::Before(Strike::Cut) | Fate::After(Strike::Cut) => {
            return Err(ApiError::injected("InternalError"));
        }
        Fate::Passes => {}
    }
    ec2.faults.authorize(ACTION)?;
    let limit = tunnel.max_tunnel_duration.unwrap_or(LONGEST);
    if !(1..=LONGEST).contains(&limit) {
        return Err(ApiError::invalid_value("maxTunnelDuration", &limit.to_string()));
    }
    if !ec2.gates.is_sshd(tunnel.remote_port) {
        return Err(ApiError::invalid_value("remotePort", &tunnel.remote_port.to_string()));
    }
    let (endpoint, instance) = find(ec2, &scope.region, tunnel)?;
    if !ec2.admits(&instance.id, endpoint.address) {
        let message = format!(
            "No rule lets {} in to {}: it does not answer",
            endpoint.address, instance.address
        );
        return Err(ApiError::new("ConnectionTimeout", message));
    }
    Ok((instance.id, Duration::from_secs(limit)))
}

fn find(ec2: &Ec2, region: &str, tunnel: &Tunnel) -> ApiResult<(ConnectEndpoint, Instance)> {
    let id = &tunnel.instance_connect_endpoint_id;
    ec2.read(|state| {
        let endpoint = state.connect_endpoints.get(id).filter(|it| it.is_in(region));
        let endpoint = endpoint.ok_or_else(|| ApiError::not_found::<ConnectEndpoint>(id))?;
        if !endpoint.is_complete() {
            let message = format!("The endpoint {id} is being created");
            return Err(ApiError::new("IncorrectState", message));
        }
        let has_address =
            |it: &&Instance| it.address == tunnel.private_ip_address && it.state.is_live();
        let instance = state.instances.of_region(region).find(has_address).ok_or_else(|| {
            ApiError::invalid_value("privateIpAddress", &tunnel.private_ip_address.to_string())
        })?;
        Ok((endpoint.clone(), instance.clone()))
    })
}

/// Carries a connection until either side ends it, or its time is over.
async fn carry(ec2: &Ec2, instance: &str, socket: WebSocket, limit: Duration) {
    ec2.machines.until_sshd_listens(instance).await;
    let (mut to_client, mut from_client) = socket.split();
    let Line { stream, cut } = match ec2.machines.connect(instance).await {
        Ok(line) => line,
        Err(error) => {
            tracing::debug!("no connection to {instance}: {error}");
            let _ = to_client.send(close("the instance refuses the connection")).await;
            return;
        }
    };
    let (mut from_machine, mut to_machine) = tokio::io::split(stream);
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            match message {
                Message::Binary(bytes) if to_machine.write_all(&bytes).await.is_ok() => {}
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Binary(_) | Message::Text(_) | Message::Close(_) => break,
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; MESSAGE];
        while let Ok(size @ 1..) = from_machine.read(&mut buffer).await {
            let bytes = buffer[..size].to_vec();
            if to_client.send(Message::Binary(bytes.into())).await.is_err() {
                return;
            }
        }
    };
    let reason = tokio::select! {
        () = up => "the client has closed it",
        () = down => "the instance has closed the connection",
        () = cut.cancelled() => "the instance is gone",
        () = tokio::time::sleep(limit) => "its longest duration is over",
    };
    tracing::debug!("a tunnel to {instance} ends: {reason}");
    let _ = to_client.send(close(reason)).await;
}

fn close(reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: close_code::NORMAL, reason: reason.into() }))
}
