//! The HTTP server: reads requests and writes answers.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::{Request, Response, StatusCode, header};
use rand::RngExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::bootstrap::prepare;
use crate::config::{MachineKind, ServeError, ServerConfig};
use crate::connection::{CuttableListener, Cutter};
use crate::control::Control;
use crate::ec2::Ec2;
use crate::endpoint::Endpoint;
use crate::faults::FaultControl;
use crate::gates::Gates;
use crate::machines::{Machines, QemuMachines, QemuOptions, SimulatedMachines, is_installed};
use crate::protocol::auth::{self, AccessKey};
use crate::protocol::{Api, ApiError, json};
use crate::service::Service;
use crate::store::Store;
use crate::{engine, tunnel};

/// What a JSON request to Systems Manager names its action after.
const SSM_TARGET: &str = "AmazonSSM.";

/// EC2's requests are small; user data is the largest part, at most 16 KiB.
const LARGEST_REQUEST: usize = 1 << 20;

/// Serves until `end` is cancelled or the control socket asks for the end.
///
/// # Errors
/// When the folder or the port is in use, or the state cannot be read.
pub async fn serve(config: ServerConfig, end: CancellationToken) -> Result<(), ServeError> {
    let folder = config.folder.clone();
    let wrong = |source| ServeError::Folder { path: folder.path().to_owned(), source };
    folder.create().map_err(wrong)?;
    if config.machines == MachineKind::Qemu {
        check_qemu()?;
    }
    let Some(lock) = folder.lock().map_err(wrong)? else {
        return Err(ServeError::Running(folder.path().to_owned()));
    };
    let (listener, endpoint) = listen(&config).await?;
    let (store, state) = Store::open(&folder.database())?;
    let faults = Arc::new(FaultControl::default());
    let gates = Gates::new(config.ssh_port, config.packet_filters);
    let machines = machines(&config, &faults);
    let ec2 = Arc::new(Ec2::new(store, state, machines, faults, gates, config.recycle_bin, lock));
    prepare(&ec2, &config)?;
    engine::resume(&ec2).await;
    // Before the control socket listens: whoever gets an answer there reads the address next.
    folder.write_endpoint(&endpoint).map_err(wrong)?;
    let prepared = config.clone();
    Control { ec2: ec2.clone(), config: prepared, end: end.clone() }.listen().map_err(wrong)?;
    tracing::info!("serving {} from {}", endpoint.url(), folder.path().display());
    let service = Arc::new(Service {
        ec2: ec2.clone(),
        key: AccessKey { id: endpoint.access_key_id, secret: endpoint.secret_access_key },
        delay: match &config.machines {
            MachineKind::Qemu => Duration::ZERO,
            MachineKind::Simulated { delays, .. } => delays.api,
        },
    });
    let tunnels = axum::routing::get(tunnel::open);
    let router = Router::new().route(tunnel::PATH, tunnels).fallback(answer).with_state(service);
    let router = router.into_make_service_with_connect_info::<Cutter>();
    let listener = CuttableListener { listener, faults: ec2.faults.clone() };
    tokio::select! {
        served = async { axum::serve(listener, router).await } => {
            served.map_err(|source| ServeError::Port { port: endpoint.port, source })
        }
        () = engine::keep_scaled(ec2.clone()) => Ok(()),
        () = engine::forget_terminated(ec2) => Ok(()),
        () = end.cancelled() => Ok(()),
    }
}

/// Better now than at the first instance.
fn check_qemu() -> Result<(), ServeError> {
    let system = qemu_machine::Architecture::X86_64.system();
    let programs = [(system, "qemu-system-x86"), (qemu_machine::QEMU_IMG, "qemu-utils")];
    match programs.into_iter().find(|(program, _)| !is_installed(program)) {
        Some((program, package)) => Err(ServeError::NoQemu(program, package)),
        None => Ok(()),
    }
}

/// Binds the port that was requested, else the one of the last start, else a free one.
async fn listen(config: &ServerConfig) -> Result<(TcpListener, Endpoint), ServeError> {
    let folder = &config.folder;
    let earlier = folder
        .endpoint()
        .map_err(|source| ServeError::Folder { path: folder.path().to_owned(), source })?;
    let port = config.port.or(earlier.as_ref().map(|earlier| earlier.port)).unwrap_or(0);
    let bind = async |port| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
        Ok((listener, port))
    };
    let (listener, port) = bind(port).await.map_err(|source| ServeError::Port { port, source })?;
    let endpoint = match earlier {
        Some(earlier) => Endpoint { port, ..earlier },
        None => Endpoint::generate(port),
    };
    Ok((listener, endpoint))
}

fn machines(config: &ServerConfig, faults: &Arc<FaultControl>) -> Arc<dyn Machines> {
    match &config.machines {
        MachineKind::Qemu => Arc::new(QemuMachines::new(QemuOptions {
            layers: config.folder.layers(),
            run: config.folder.run(),
            inner_port: inner_port(config.ssh_port),
            metadata_relay: config.metadata_relay.clone(),
        })),
        MachineKind::Simulated { delays, answers } => {
            let faults = faults.clone();
            Arc::new(SimulatedMachines::new(*delays, answers.clone(), faults))
        }
    }
}

/// The port beside the one that clients use.
fn inner_port(ssh_port: u16) -> u16 {
    if ssh_port == u16::MAX { ssh_port - 1 } else { ssh_port + 1 }
}

async fn answer(
    Shared(service): Shared<Arc<Service>>,
    ConnectInfo(cutter): ConnectInfo<Cutter>,
    request: Request<Body>,
) -> Response<Body> {
    let request_id = new_request_id();
    let started = std::time::Instant::now();
    tokio::time::sleep(service.delay).await;
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_REQUEST).await;
    let service_name = auth::claimed_service(&parts).unwrap_or_default();
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let json_action = target.map(|target| target.strip_prefix(SSM_TARGET).ok_or(target));
    let (api, action, params) = match (json_action, &body) {
        (Some(Err(target)), _) => return refuse_json(target, &request_id),
        (Some(Ok(action)), Ok(body)) => (Api::Ssm, action.to_owned(), json::parameters(body)),
        (Some(Ok(action)), Err(_)) => (Api::Ssm, action.to_owned(), Ok(Vec::new())),
        (None, body) => {
            let params = body.as_ref().map(|body| decode(&parts, body)).unwrap_or_default();
            let action = params.iter().find(|(name, _)| name == "Action");
            let action = action.map(|(_, action)| action.clone()).unwrap_or_default();
            if action.is_empty() && !matches!(service_name.as_str(), "" | "ec2") {
                return refuse_rest(&service_name, &parts, &request_id);
            }
            (Api::of_query(&service_name, &action), action, Ok(params))
        }
    };
    let outcome = match (&body, params) {
        (Ok(body), Ok(params)) => {
            service.perform(&parts, body, (api, &action), params, &request_id).await
        }
        (Ok(_), Err(error)) => Some(Err(error)),
        (Err(_), _) => {
            let message = "The request is larger than 1 MiB";
            Some(Err(ApiError::new("RequestEntityTooLarge", message)))
        }
    };
    let (status, text) = match outcome {
        Some(Ok(text)) => (StatusCode::OK, text),
        Some(Err(error)) => {
            tracing::info!("{action} refused: {error}");
            // A service that is not served at all is answered as its clients read it.
            let of = match service_name.as_str() {
                "" | "ec2" | "autoscaling" | "ssm" => api,
                _ => Api::Sts,
            };
            (error.status, of.error_body(&error, &request_id))
        }
        None => {
            tracing::info!("{action}: the connection is cut, as requested");
            cutter.cut();
            (StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
    };
    tracing::debug!("{action} {status} in {:?}", started.elapsed());
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, api.content_type())
        .header("x-amzn-requestid", &request_id)
        .body(Body::from(text))
        .expect("these headers are valid")
}

/// Other services that speak JSON: their clients cannot read anything else.
fn refuse_json(target: &str, request_id: &str) -> Response<Body> {
    tracing::warn!("the action {target} is not served here");
    let body = serde_json::json!({
        "__type": "UnknownOperationException",
        "message": format!("The action {target} is not served by a local EC2 endpoint."),
    });
    Response::builder()
        .status(StatusCode::BAD_REQUEST)
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amzn-requestid", request_id)
        .body(Body::from(body.to_string()))
        .expect("these headers are valid")
}

/// Services whose actions are paths: S3's clients read XML of its own, all others JSON.
fn refuse_rest(
    service: &str,
    parts: &axum::http::request::Parts,
    request_id: &str,
) -> Response<Body> {
    let what = format!("{} {}", parts.method, parts.uri.path());
    tracing::warn!("{what} of {service} is not served here");
    let message = format!("{what} of {service} is not served by a local EC2 endpoint.");
    let answer = Response::builder().header("x-amzn-requestid", request_id);
    let answer = match service {
        "s3" => {
            let error = ApiError::new("NotImplemented", message);
            answer
                .status(StatusCode::NOT_IMPLEMENTED)
                .header(header::CONTENT_TYPE, "application/xml")
                .body(Body::from(error.s3_body(request_id)))
        }
        _ => answer
            .status(StatusCode::BAD_REQUEST)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-amzn-errortype", "UnknownOperationException")
            .body(Body::from(serde_json::json!({ "message": message }).to_string())),
    };
    answer.expect("these headers are valid")
}

/// Parameters come in the body of a POST, or in the query of a GET, where the signature may be, too.
fn decode(parts: &axum::http::request::Parts, body: &[u8]) -> Vec<(String, String)> {
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let query = form_urlencoded::parse(query).into_owned();
    let query = query.filter(|(name, _)| !name.starts_with("X-Amz-"));
    let all = query.chain(form_urlencoded::parse(body).into_owned());
    // Auto Scaling's lists are `Names.member.1` where EC2's are `Name.1`.
    all.map(|(name, value)| (name.replace(".member.", "."), value)).collect()
}

/// A request id in EC2's form, a UUID.
fn new_request_id() -> String {
    let bits: u128 = rand::rng().random();
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
