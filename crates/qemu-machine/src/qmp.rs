//! The QEMU Machine Protocol: JSON lines over a unix socket
//! (<https://www.qemu.org/docs/master/interop/qmp-spec.html>).

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{oneshot, watch};

use crate::Error;

/// The longest path a unix socket may have: `sun_path` holds 108 bytes with its end (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;

type Answer = Result<Value, String>;

/// What the machine has told of its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Life {
    /// The `reason` of the last SHUTDOWN event.
    pub(crate) shutdown_reason: Option<String>,
    /// The guest stands still, because the host had no room for what it wrote.
    pub(crate) stuck: bool,
    /// The connection is closed: the process is gone.
    pub(crate) ended: bool,
}

/// A connection to one machine's monitor.
#[derive(Debug)]
pub(crate) struct Monitor {
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    pending: Arc<Mutex<Pending>>,
    pub(crate) life: watch::Receiver<Life>,
}

#[derive(Debug, Default)]
struct Pending {
    next_id: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Monitor {
    /// Connects and leaves capabilities negotiation.
    pub(crate) async fn connect(path: &Path) -> Result<Monitor, Error> {
        if path.as_os_str().len() > LONGEST_SOCKET_PATH {
            return Err(Error::SocketPath(path.into()));
        }
        let stream = UnixStream::connect(path).await.map_err(Error::io("connect to", path))?;
        let (reader, writer) = stream.into_split();
        let (life, life_receiver) = watch::channel(Life::default());
        let pending = Arc::new(Mutex::new(Pending::default()));
        tokio::spawn(read_all(reader, pending.clone(), life));
        let monitor = Monitor { writer: writer.into(), pending, life: life_receiver };
        monitor.execute("qmp_capabilities", json!({})).await?;
        Ok(monitor)
    }

    /// Runs one command and returns what it answers.
    pub(crate) async fn execute(&self, command: &str, arguments: Value) -> Result<Value, Error> {
        let (sender, receiver) = oneshot::channel();
        let id = {
            let mut pending = self.pending.lock().expect("no panic holds this lock");
            pending.next_id += 1;
            let id = pending.next_id;
            pending.waiting.insert(id, sender);
            id
        };
        let line =
            json!({ "execute": command, "arguments": arguments, "id": id }).to_string() + "\n";
        let sent = self.writer.lock().await.write_all(line.as_bytes()).await;
        if sent.is_err() || self.life.borrow().ended {
            return Err(Error::Ended);
        }
        match receiver.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(message)) => Err(Error::Refused { command: command.into(), message }),
            Err(_) => Err(Error::Ended),
        }
    }
}

/// Reads until the machine ends, hands out answers and keeps the reason of the end.
async fn read_all(reader: OwnedReadHalf, pending: Arc<Mutex<Pending>>, life: watch::Sender<Life>) {
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if let Some(id) = message["id"].as_u64() {
            let sender = pending.lock().expect("no panic holds this lock").waiting.remove(&id);
            if let Some(sender) = sender {
                let _ = sender.send(answer(&message));
            }
            continue;
        }
        match message["event"].as_str() {
            Some("SHUTDOWN") => {
                let reason = message["data"]["reason"].as_str().map(String::from);
                life.send_modify(|life| life.shutdown_reason = reason);
            }
            Some("BLOCK_IO_ERROR")
                if message["data"]["nospace"] == true && message["data"]["action"] == "stop" =>
            {
                life.send_modify(|life| life.stuck = true);
            }
            Some("RESUME") => life.send_modify(|life| life.stuck = false),
            _ => {}
        }
    }
    life.send_modify(|life| life.ended = true);
    // Dropping the senders tells everyone who still waits.
    pending.lock().expect("no panic holds this lock").waiting.clear();
}

fn answer(message: &Value) -> Answer {
    match message.get("error") {
        Some(error) => Err(error["desc"].as_str().unwrap_or("unknown error").to_owned()),
        None => Ok(message["return"].clone()),
    }
}
