//! Under which address this machine is seen by the instances that it logs in to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::ec2::http;

/// AWS's own service that answers with the caller's public address.
const CHECK: &str = "https://checkip.amazonaws.com";

/// An address that no route but one to the whole Internet leads to: it is for documentation
/// (<https://www.rfc-editor.org/rfc/rfc3849>).
pub(crate) const ANY_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// It answers within a second, or not at all.
const LIMIT: Duration = Duration::from_secs(10);

/// The address from which this machine reaches another, as its routes have it. Nothing is sent.
///
/// # Errors
/// When no route leads there.
pub(crate) fn towards(other: IpAddr) -> Result<IpAddr, String> {
    let any: IpAddr = match other {
        IpAddr::V4(_) => [0; 4].into(),
        IpAddr::V6(_) => [0u16; 8].into(),
    };
    let look = || {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(SocketAddr::new(other, 22))?;
        Ok(socket.local_addr()?.ip())
    };
    look().map_err(|error: std::io::Error| format!("no route leads to {other}: {error}"))
}

/// The address from which this machine reaches the host of a URL.
///
/// # Errors
/// When there is no such host, or no route to it.
pub(crate) async fn towards_url(url: &str) -> Result<IpAddr, String> {
    let wrong = |reason: &dyn std::fmt::Display| format!("{url}: {reason}");
    let url = reqwest::Url::parse(url).map_err(|error| wrong(&error))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let mut found = tokio::net::lookup_host((host, 0)).await.map_err(|error| wrong(&error))?;
    towards(found.next().ok_or_else(|| wrong(&"it has no address"))?.ip())
}

/// The public address under which AWS sees this machine.
///
/// # Errors
/// When there is no answer, or it is no address.
pub(crate) async fn public() -> Result<IpAddr, String> {
    answer_of(CHECK).await
}

async fn answer_of(url: &str) -> Result<IpAddr, String> {
    let ask = async {
        let answer = http::client(LIMIT)?.get(url).send().await?.error_for_status()?;
        answer.text().await
    };
    let text = ask.await.map_err(|error| crate::ec2::error::chain(&error))?;
    text.trim().parse().map_err(|_| format!("{url} answered with something other than an address"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn what_is_on_this_machine_is_reached_from_this_machine() {
        let loopback = "127.0.0.1".parse().unwrap();
        assert_eq!(towards("127.70.1.2".parse().unwrap()), Ok(loopback));
    }

    async fn answered_with(body: &'static str) -> Result<IpAddr, String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        });
        answer_of(&url).await
    }

    #[tokio::test]
    async fn the_answer_is_an_address_or_an_error() {
        assert_eq!(answered_with("203.0.113.9\n").await, Ok("203.0.113.9".parse().unwrap()));
        let error = answered_with("<html>sign in</html>").await.unwrap_err();
        assert!(error.ends_with("answered with something other than an address"), "{error}");
    }
}
