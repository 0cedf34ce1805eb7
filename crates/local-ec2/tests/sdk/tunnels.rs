//! Tunnels of EC2 Instance Connect Endpoints.

use std::time::{Duration, SystemTime};

use futures::{SinkExt, StreamExt};
use local_ec2::Endpoint;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::bench::{Bench, eventually};
use crate::raw::presigned_path;

/// Opens a tunnel, as a client does that signed the request at a time; else the answer's status
/// and text.
async fn open(
    endpoint: &Endpoint,
    query: &str,
    time: SystemTime,
) -> Result<WebSocketStream<TcpStream>, (u16, String)> {
    let path = format!("/openTunnel?{query}");
    let path = presigned_path(endpoint, "ec2-instance-connect", ("localhost", &path), time);
    let url = format!("ws://localhost{path}");
    let stream = TcpStream::connect(("127.0.0.1", endpoint.port)).await.unwrap();
    match tokio_tungstenite::client_async(url, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            Err((answer.status().as_u16(), String::from_utf8(body).unwrap()))
        }
        Err(error) => panic!("{error}"),
    }
}

/// A private instance, and the query that asks for a tunnel to it.
async fn private(bench: &Bench) -> String {
    let subnet = bench.private_subnet().await;
    let endpoint = bench.connect_endpoint(&subnet).await;
    let id = bench.launch_in(&subnet).await;
    bench.wait_for_state(&id, "running").await;
    let address = bench.instance(&id).await.private_ip_address.unwrap();
    format!("instanceConnectEndpointId={endpoint}&privateIpAddress={address}&remotePort=22")
}

#[tokio::test]
async fn a_tunnel_carries_the_bytes_of_sshd_where_the_groups_let_the_endpoint_in() {
    let bench = Bench::new().await;
    // Both are in the default group, whose members reach one another.
    let query = private(&bench).await;
    let mut socket = open(&bench.endpoint, &query, SystemTime::now()).await.unwrap();
    let greeting = socket.next().await.unwrap().unwrap();
    assert!(greeting.into_data().starts_with(b"SSH-2.0-"));
    socket.send(Message::Binary(b"nonsense\r\n".to_vec().into())).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            return;
        }
    }
    panic!("sshd ends a connection that speaks no SSH, and the tunnel says so");
}

#[tokio::test]
async fn a_tunnel_ends_when_its_time_is_over() {
    let bench = Bench::new().await;
    let query = format!("{}&maxTunnelDuration=1", private(&bench).await);
    let mut socket = open(&bench.endpoint, &query, SystemTime::now()).await.unwrap();
    let mut last = None;
    while let Some(Ok(message)) = socket.next().await {
        last = Some(message);
    }
    let Some(Message::Close(Some(frame))) = last else { panic!("{last:?}") };
    assert_eq!(frame.reason.as_str(), "its longest duration is over");
}

#[tokio::test]
async fn a_tunnel_wants_a_fresh_signature_a_rule_and_sshds_port() {
    let bench = Bench::new().await;
    let query = private(&bench).await;
    let refused = async |query: &str, time| open(&bench.endpoint, query, time).await.unwrap_err();
    let early = SystemTime::now() - Duration::from_secs(90);
    let (status, text) = refused(&query, early).await;
    assert!(status == 400 && text.starts_with("RequestExpired"), "{status} {text}");
    let forged = Endpoint { secret_access_key: "x".into(), ..bench.endpoint.clone() };
    assert_eq!(open(&forged, &query, SystemTime::now()).await.unwrap_err().0, 401);
    let (_, text) = refused(&query.replace("Port=22", "Port=80"), SystemTime::now()).await;
    assert!(text.starts_with("InvalidParameterValue"), "{text}");
    let groups = bench.client.describe_security_groups().group_names("default").send().await;
    let group = groups.unwrap().security_groups()[0].clone();
    let revoke = bench.client.revoke_security_group_ingress().set_group_id(group.group_id);
    revoke.set_ip_permissions(group.ip_permissions).send().await.unwrap();
    eventually(async || {
        let (_, text) = open(&bench.endpoint, &query, SystemTime::now()).await.err()?;
        text.starts_with("ConnectionTimeout").then_some(())
    })
    .await;
}
