//! The instance metadata service, version 2: each guest has its own, on a unix
//! socket that only its machine is connected to, so that no guest can ask for
//! another's data
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use qemu_machine::GuestNetwork;
use rand::RngExt;
use tokio::net::UnixListener;

use crate::ec2::Ec2;
use crate::model::Instance;
use crate::model::account::ACCOUNT;
use crate::network;

/// The header that carries a session's token.
const TOKEN: &str = "x-aws-ec2-metadata-token";
/// The header that asks for a token's life, in seconds.
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// The longest life of a token: six hours.
const LONGEST_TTL: u64 = 21600;
/// The versions that are served; all the same.
const VERSIONS: [&str; 6] =
    ["2009-04-04", "2016-09-02", "2018-09-24", "2020-10-27", "2021-03-23", "latest"];

/// Serves an instance's metadata on a socket, in place of an earlier service of it.
pub(crate) fn serve(ec2: Arc<Ec2>, instance_id: &str, socket: &Path) {
    ec2.metadata.end(instance_id);
    let _ = std::fs::create_dir_all(socket.parent().unwrap_or(socket));
    let _ = std::fs::remove_file(socket);
    let listener = match UnixListener::bind(socket) {
        Ok(listener) => listener,
        Err(error) => {
            return tracing::error!("no metadata service at {}: {error}", socket.display());
        }
    };
    let end = ec2.metadata.begin(instance_id);
    let service = Service { ec2, instance_id: instance_id.to_owned(), tokens: Mutex::default() };
    let router = Router::new().fallback(answer).with_state(Arc::new(service));
    tokio::spawn(async move {
        tokio::select! {
            _ = async { axum::serve(listener, router).await } => {}
            () = end.cancelled() => {}
        }
    });
}

struct Service {
    ec2: Arc<Ec2>,
    instance_id: String,
    tokens: Mutex<HashMap<String, Instant>>,
}

async fn answer(
    Shared(service): Shared<Arc<Service>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let is_token = method == Method::PUT && uri.path() == "/latest/api/token";
    let (status, body) = match method {
        Method::PUT if is_token => service.new_token(&headers),
        Method::GET if service.may_read(&headers) => service.get(uri.path()),
        Method::GET => plain(StatusCode::UNAUTHORIZED, "401 - Unauthorized"),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "405 - Method Not Allowed"),
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/plain")
        .header(header::SERVER, "EC2ws")
        // The relay in front of each connection lives as long as the connection.
        .header(header::CONNECTION, "close");
    // AWS' own SDKs want to be told how long their token lives.
    if let Some(ttl) = headers.get(TOKEN_TTL).filter(|_| is_token && status == StatusCode::OK) {
        response = response.header(TOKEN_TTL, ttl);
    }
    response.body(Body::from(body)).expect("these headers are valid")
}

fn plain(status: StatusCode, text: &'static str) -> (StatusCode, Bytes) {
    (status, Bytes::from_static(text.as_bytes()))
}

impl Service {
    fn new_token(&self, headers: &HeaderMap) -> (StatusCode, Bytes) {
        let ttl = headers.get(TOKEN_TTL).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let Some(ttl) = ttl.filter(|ttl| (1..=LONGEST_TTL).contains(ttl)) else {
            return plain(StatusCode::BAD_REQUEST, "400 - Bad Request");
        };
        // EC2 does not hand a token to a request that came through a proxy.
        if headers.contains_key("x-forwarded-for") {
            return plain(StatusCode::FORBIDDEN, "403 - Forbidden");
        }
        let token = URL_SAFE.encode(rand::rng().random::<[u8; 32]>());
        let now = Instant::now();
        let mut tokens = self.tokens.lock().expect("no panic holds this lock");
        tokens.retain(|_, end| *end > now);
        tokens.insert(token.clone(), now + Duration::from_secs(ttl));
        (StatusCode::OK, token.into())
    }

    /// With a token that holds; without one where the instance does not want any.
    fn may_read(&self, headers: &HeaderMap) -> bool {
        let Some(token) = headers.get(TOKEN) else {
            let instance = self.ec2.instance(&self.instance_id);
            return instance.is_some_and(|it| !it.options.wants_token);
        };
        let token = token.to_str().ok();
        let tokens = self.tokens.lock().expect("no panic holds this lock");
        token.and_then(|token| tokens.get(token)).is_some_and(|end| *end > Instant::now())
    }

    fn get(&self, path: &str) -> (StatusCode, Bytes) {
        let not_found = || plain(StatusCode::NOT_FOUND, "404 - Not Found");
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            return (StatusCode::OK, VERSIONS.join("\n").into());
        }
        let (version, rest) = path.split_once('/').unwrap_or((path, ""));
        let Some(instance) = self.ec2.instance(&self.instance_id) else { return not_found() };
        if !VERSIONS.contains(&version) {
            return not_found();
        }
        if rest == "user-data" {
            let decoded = instance.user_data.and_then(|text| STANDARD.decode(text).ok());
            return decoded.map_or_else(not_found, |data| (StatusCode::OK, data.into()));
        }
        let tree = self.tree(&instance);
        match look_up(&tree, rest) {
            Some(text) => (StatusCode::OK, text.into()),
            None => not_found(),
        }
    }

    /// Everything under a version, by path.
    fn tree(&self, instance: &Instance) -> BTreeMap<String, String> {
        let mut tree = BTreeMap::new();
        let mut add = |path: &str, value: String| tree.insert(format!("meta-data/{path}"), value);
        let hostname = network::private_dns_name(instance.address);
        add("ami-id", instance.image_id.clone());
        add("ami-launch-index", instance.launch_index.to_string());
        add("ami-manifest-path", "(unknown)".into());
        add("block-device-mapping/ami", instance.root_device_name.clone());
        add("block-device-mapping/root", instance.root_device_name.clone());
        add("hostname", hostname.clone());
        add("instance-action", "none".into());
        add("instance-id", instance.id.clone());
        add("instance-life-cycle", "on-demand".into());
        add("instance-type", instance.instance_type.clone());
        add("local-hostname", hostname.clone());
        add("local-ipv4", GuestNetwork::GUEST.to_string());
        add("mac", instance.mac.clone());
        let card = format!("network/interfaces/macs/{}", instance.mac);
        add(&format!("{card}/device-number"), "0".into());
        add(&format!("{card}/local-hostname"), hostname);
        add(&format!("{card}/local-ipv4s"), GuestNetwork::GUEST.to_string());
        add(&format!("{card}/mac"), instance.mac.clone());
        add(&format!("{card}/owner-id"), ACCOUNT.into());
        add("placement/availability-zone", network::zone(&instance.region));
        add("placement/region", instance.region.clone());
        if instance.is_public {
            add("public-hostname", network::public_dns_name(instance.address));
            add("public-ipv4", instance.address.to_string());
        }
        add("reservation-id", instance.reservation_id.clone());
        add("security-groups", self.group_names(instance).join("\n"));
        if let Some((name, key)) = self.public_key(instance) {
            add(&format!("public-keys/0={name}"), key);
        }
        if instance.tags_in_metadata {
            for (key, value) in &instance.tags {
                tree.insert(format!("meta-data/tags/instance/{key}"), value.clone());
            }
        }
        tree.insert("dynamic/instance-identity/document".into(), identity_document(instance));
        tree
    }

    fn group_names(&self, instance: &Instance) -> Vec<String> {
        self.ec2.read(|state| {
            let groups = instance.groups.iter().filter_map(|id| state.security_groups.get(id));
            groups.map(|group| group.name.clone()).collect()
        })
    }

    fn public_key(&self, instance: &Instance) -> Option<(String, String)> {
        let name = instance.key_name.as_ref()?;
        self.ec2.read(|state| {
            let key = state.key_pairs.iter().find(|key| key.name == *name)?;
            Some((name.clone(), key.public_key.clone()))
        })
    }
}

/// A value, or the listing of a folder: names one a line, those of folders with a
/// slash. Public keys are listed as `0=name` and read as `0/openssh-key`.
fn look_up(tree: &BTreeMap<String, String>, path: &str) -> Option<String> {
    let path = path.trim_end_matches('/');
    if let Some(rest) = path.strip_prefix("meta-data/public-keys/0") {
        let key = tree.iter().find(|(key, _)| key.starts_with("meta-data/public-keys/0="));
        return match rest {
            "" => key.map(|_| "openssh-key".into()),
            "/openssh-key" => key.map(|(_, value)| value.clone()),
            _ => None,
        };
    }
    if let Some(value) = tree.get(path) {
        return Some(value.clone());
    }
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut names: Vec<String> = Vec::new();
    for key in tree.keys() {
        let Some(rest) = key.strip_prefix(&prefix) else { continue };
        let name = match rest.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => rest.to_owned(),
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join("\n"))
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html>
fn identity_document(instance: &Instance) -> String {
    serde_json::json!({
        "accountId": ACCOUNT,
        "architecture": instance.options.architecture,
        "availabilityZone": network::zone(&instance.region),
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "pendingTime": instance.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "privateIp": GuestNetwork::GUEST,
        "region": instance.region,
        "version": "2017-09-30",
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> BTreeMap<String, String> {
        [
            ("dynamic/instance-identity/document", "{}"),
            ("meta-data/instance-id", "i-1"),
            ("meta-data/placement/region", "us-east-1"),
            ("meta-data/public-keys/0=ci", "ssh-ed25519 AAAA"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn folders_list_what_is_in_them() {
        let tree = tree();
        let look = |path| look_up(&tree, path);
        assert_eq!(look(""), Some("dynamic/\nmeta-data/".into()));
        assert_eq!(look("meta-data/"), Some("instance-id\nplacement/\npublic-keys/".into()));
        assert_eq!(look("meta-data/placement/region"), Some("us-east-1".into()));
        assert_eq!(look("meta-data/none"), None);
    }

    #[test]
    fn public_keys_are_listed_and_read_as_on_ec2() {
        let tree = tree();
        assert_eq!(look_up(&tree, "meta-data/public-keys/"), Some("0=ci".into()));
        assert_eq!(look_up(&tree, "meta-data/public-keys/0/"), Some("openssh-key".into()));
        let key = look_up(&tree, "meta-data/public-keys/0/openssh-key");
        assert_eq!(key, Some("ssh-ed25519 AAAA".into()));
    }
}
