//! The way into an instance: a listener at its address, which lets through whom the instance's
//! security groups admit, and carries the connection to the machine. Rules are for port 22, or
//! for the port of the address that stands for it here, as clients take it for sshd's.
//!
//! What no rule admits is dropped before there is a connection, by a packet filter on the
//! listening socket: the client gets no answer, as from a port that a security group filters. Where
//! the kernel allows packet filters to root only, the client gets a connection, but no answer on it.
//! A connection that stands outlives the rule that let it in, as connection tracking has it
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html>).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use socket2::{Domain, SockFilter, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::ec2::Ec2;
use crate::gates::is_for_sshd;
use crate::machines::Line;
use crate::model::{Instance, Peer, State};
use crate::network;

/// Who is not let in is looked at again after so long.
const AGAIN: Duration = Duration::from_millis(250);

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// Lets connections in to a machine that runs, until it ends.
pub(crate) fn open(ec2: &Arc<Ec2>, id: &str, address: Ipv4Addr) {
    let (ec2, id) = (ec2.clone(), id.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            _ = ec2.machines.exited(&id) => {}
            () = serve(&ec2, &id, address) => {}
        }
    });
}

async fn serve(ec2: &Arc<Ec2>, id: &str, address: Ipv4Addr) {
    ec2.machines.until_sshd_listens(id).await;
    let at = SocketAddr::from((address, ec2.gates.port));
    // The rules may change while the socket is made: what is kept is refreshed.
    let filter = ec2.gates.with_filters.then(|| filter(&ec2.admitted(id)));
    let (listener, is_filtered) = match listen(at, filter.as_deref()) {
        Ok((listener, is_filtered)) => (Arc::new(listener), is_filtered),
        Err(error) => return tracing::warn!("nobody reaches {id} at {at}: {error}"),
    };
    if is_filtered {
        ec2.gates.keep(id, &listener);
    }
    let _forget = Forget { ec2, id, listener: &listener };
    ec2.refresh_gate(id);
    while let Ok((stream, from)) = listener.accept().await {
        let (ec2, id) = (ec2.clone(), id.to_owned());
        tokio::spawn(async move {
            if is_filtered || is_let_in(&ec2, &id, &stream, from).await {
                carry(&ec2, &id, stream).await;
            }
        });
    }
}

/// Waits until a rule admits a client, as the SYN that it would send again would pass then; `false`
/// when it gives up, or the machine ends.
async fn is_let_in(ec2: &Ec2, id: &str, stream: &TcpStream, from: SocketAddr) -> bool {
    let SocketAddr::V4(from) = from else { return false };
    while !ec2.admits(id, *from.ip()) {
        tokio::select! {
            _ = ec2.machines.exited(id) => return false,
            () = tokio::time::sleep(AGAIN) => {}
        }
        let mut first = [0];
        let seen = tokio::time::timeout(Duration::ZERO, stream.peek(&mut first)).await;
        if matches!(seen, Ok(Ok(0) | Err(_))) {
            return false;
        }
    }
    true
}

/// Forgets a gate when it is not served any more, for whatever reason.
struct Forget<'a> {
    ec2: &'a Ec2,
    id: &'a str,
    listener: &'a Arc<TcpListener>,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.ec2.gates.forget(self.id, self.listener);
    }
}

/// Carries one connection until either side ends it.
async fn carry(ec2: &Ec2, id: &str, mut stream: TcpStream) {
    let _ = SockRef::from(&stream).detach_filter();
    // As OpenSSH does for what is typed: else an answer in two parts takes 40 ms.
    let _ = stream.set_nodelay(true);
    match ec2.machines.connect(id).await {
        Ok(Line { stream: mut inner, cut }) => tokio::select! {
            () = cut.cancelled() => {}
            _ = tokio::io::copy_bidirectional(&mut stream, &mut inner) => {}
        },
        Err(error) => tracing::debug!("no connection to {id}: {error}"),
    }
}

/// The listener, and whether it has the filter: some kernels allow it to root only.
fn listen(at: SocketAddr, filter: Option<&[SockFilter]>) -> io::Result<(TcpListener, bool)> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())?;
    let is_filtered = match filter.map(|filter| socket.attach_filter(filter)) {
        None => false,
        Some(Ok(())) => true,
        Some(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::debug!("{at} answers whom no rule admits, and holds them: {error}");
            false
        }
        Some(Err(error)) => return Err(error),
    };
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((TcpListener::from_std(socket.into())?, is_filtered))
}

impl Ec2 {
    /// Lets changed rules and memberships take effect at once.
    pub(crate) fn refresh_gates(&self) {
        let ids: Vec<String> = {
            let open = self.gates.open.lock().expect("no panic holds this lock");
            open.keys().cloned().collect()
        };
        ids.iter().for_each(|id| self.refresh_gate(id));
    }

    fn refresh_gate(&self, id: &str) {
        let open = self.gates.open.lock().expect("no panic holds this lock");
        let Some(listener) = open.get(id) else { return };
        if let Err(error) = SockRef::from(&**listener).attach_filter(&filter(&self.admitted(id))) {
            tracing::error!("{id} keeps the rules that it had: {error}");
        }
    }

    /// Whether an instance's rules let an address in.
    pub(crate) fn admits(&self, id: &str, from: Ipv4Addr) -> bool {
        self.admitted(id).iter().any(|net| net.contains(&from))
    }

    fn admitted(&self, id: &str) -> Vec<Ipv4Net> {
        let port = self.gates.port;
        self.read(|state| {
            state.instances.get(id).map(|it| admitted(state, it, port)).unwrap_or_default()
        })
    }
}

/// From where an instance's groups let in to its sshd. Pure. One without a public address is
/// reached from inside the VPC only.
fn admitted(state: &State, instance: &Instance, port: u16) -> Vec<Ipv4Net> {
    let groups = instance.groups.iter().filter_map(|id| state.security_groups.get(id));
    let rules = groups.flat_map(|group| &group.rules).filter(|rule| is_for_sshd(rule, port));
    let nets = rules.flat_map(|rule| match &rule.peer {
        Peer::Cidr(cidr) => cidr.parse().into_iter().collect::<Vec<Ipv4Net>>(),
        Peer::Cidr6(_) => Vec::new(),
        Peer::Group(id) => members(state, id),
    });
    if instance.is_public {
        return nets.collect();
    }
    nets.filter_map(|net| common(net, network::CIDR)).collect()
}

/// The addresses of what is in a security group.
fn members(state: &State, group: &String) -> Vec<Ipv4Net> {
    let instances = state.instances.iter().filter(|it| it.groups.contains(group));
    let endpoints = state.connect_endpoints.iter().filter(|it| it.groups.contains(group));
    let addresses = instances.map(|it| it.address).chain(endpoints.map(|it| it.address));
    addresses.map(Ipv4Net::from).collect()
}

/// What is in both.
fn common(one: Ipv4Net, other: Ipv4Net) -> Option<Ipv4Net> {
    let narrow = if one.prefix_len() >= other.prefix_len() { one } else { other };
    (one.contains(&narrow) && other.contains(&narrow)).then_some(narrow)
}

/// A packet filter that lets through what comes from these, in the language of
/// <https://www.kernel.org/doc/html/latest/networking/filter.html>.
fn filter(nets: &[Ipv4Net]) -> Vec<SockFilter> {
    // Load a word, at a place in the IP header; combine with a mask; compare; return.
    const LOAD: u16 = 0x20;
    const AND: u16 = 0x54;
    const IS_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    /// SKF_NET_OFF, and the source address's place.
    const SOURCE: u32 = 0xfff0_0000 + 12;
    let step = |code, skipped, value| SockFilter::new(code, 0, skipped, value);
    let mut program = Vec::new();
    for net in nets {
        program.push(step(LOAD, 0, SOURCE));
        program.push(step(AND, 0, net.netmask().into()));
        program.push(step(IS_EQUAL, 1, net.network().into()));
        program.push(step(RETURN, 0, u32::MAX));
    }
    program.push(step(RETURN, 0, 0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connects(to: SocketAddr) -> bool {
        let connected = TcpStream::connect(to);
        tokio::time::timeout(Duration::from_millis(300), connected).await.is_ok_and(|it| it.is_ok())
    }

    #[tokio::test]
    #[expect(clippy::print_stderr, reason = "what is left out is told")]
    async fn what_no_rule_admits_gets_no_answer_and_a_connection_outlives_its_rule() {
        let nets = |cidr: &str| [cidr.parse().unwrap()];
        let (listener, is_filtered) =
            listen("127.0.0.1:0".parse().unwrap(), Some(&filter(&[]))).unwrap();
        if !is_filtered {
            eprintln!("not tested: this kernel allows packet filters to root only");
            return;
        }
        let at = listener.local_addr().unwrap();
        assert!(!connects(at).await);
        for (cidr, admits) in [("10.0.0.0/8", false), ("127.0.0.0/8", true), ("0.0.0.0/0", true)] {
            SockRef::from(&listener).attach_filter(&filter(&nets(cidr))).unwrap();
            assert_eq!(connects(at).await, admits, "{cidr}");
        }
        while tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_ok() {}
        let client = TcpStream::connect(at).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        SockRef::from(&server).detach_filter().unwrap();
        SockRef::from(&listener).attach_filter(&filter(&[])).unwrap();
        client.writable().await.unwrap();
        assert_eq!(client.try_write(b"x").unwrap(), 1);
        server.readable().await.unwrap();
        assert_eq!(server.try_read(&mut [0; 8]).unwrap(), 1);
    }

    #[test]
    fn what_is_in_both_networks_is_the_narrower_one_or_nothing() {
        for (one, other, both) in [
            ("0.0.0.0/0", "127.64.0.0/10", Some("127.64.0.0/10")),
            ("127.64.0.9/32", "127.64.0.0/10", Some("127.64.0.9/32")),
            ("127.0.0.1/32", "127.64.0.0/10", None),
        ] {
            let both: Option<Ipv4Net> = both.map(|net| net.parse().unwrap());
            assert_eq!(common(one.parse().unwrap(), other.parse().unwrap()), both, "{one}");
        }
    }
}
