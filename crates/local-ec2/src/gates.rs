//! The ways into instances that are open.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use crate::model::{Direction, Rule};

/// The port of sshd on EC2.
const SSHD: i32 = 22;

/// All that are open.
#[derive(Debug)]
pub(crate) struct Gates {
    /// The port of an instance's address that leads to its sshd.
    pub(crate) port: u16,
    /// Whether packet filters are to be used.
    pub(crate) with_filters: bool,
    pub(crate) open: Mutex<HashMap<String, Arc<TcpListener>>>,
}

impl Gates {
    pub(crate) fn new(port: u16, with_filters: bool) -> Self {
        Gates { port, with_filters, open: Mutex::default() }
    }

    /// Whether a port stands for sshd's.
    pub(crate) fn is_sshd(&self, port: u16) -> bool {
        port == self.port || i32::from(port) == SSHD
    }

    /// Whether an address can be given to a new instance.
    pub(crate) fn is_free(&self, address: Ipv4Addr) -> bool {
        std::net::TcpListener::bind((address, self.port)).is_ok()
    }

    pub(crate) fn keep(&self, id: &str, listener: &Arc<TcpListener>) {
        let mut open = self.open.lock().expect("no panic holds this lock");
        open.insert(id.to_owned(), listener.clone());
    }

    /// Forgets a gate, unless the instance has another by now.
    pub(crate) fn forget(&self, id: &str, listener: &Arc<TcpListener>) {
        let mut open = self.open.lock().expect("no panic holds this lock");
        if open.get(id).is_some_and(|other| Arc::ptr_eq(other, listener)) {
            open.remove(id);
        }
    }
}

pub(crate) fn is_for_sshd(rule: &Rule, port: u16) -> bool {
    let has = |port: i32| rule.ports.is_some_and(|(from, to)| (from..=to).contains(&port));
    let is_for_tcp = rule.protocol == "tcp" && (has(SSHD) || has(port.into()));
    rule.direction == Direction::Ingress && (rule.protocol == "-1" || is_for_tcp)
}
