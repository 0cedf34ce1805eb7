//! The endpoint's heart: the state, the machines, and how one follows the other.
//!
//! Actions change the state and return at once, as EC2 does; what takes time is
//! done afterwards by the [`crate::engine`].

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::RngExt;

use crate::faults::FaultControl;
use crate::gates::Gates;
use crate::lag::Lagging;
use crate::machines::Machines;
use crate::metadata_services::MetadataServices;
use crate::model::{Instance, State, Subnet, unreachable_layers};
use crate::protocol::{ApiError, ApiResult};
use crate::store::Store;
use crate::{default_vpc, network};

/// How long is waited before what could not be written is tried again.
const INSISTENCE: Duration = Duration::from_secs(2);

/// One endpoint.
pub(crate) struct Ec2 {
    books: Mutex<Books>,
    store: Store,
    pub(crate) machines: Arc<dyn Machines>,
    pub(crate) metadata: MetadataServices,
    pub(crate) gates: Gates,
    pub(crate) faults: Arc<FaultControl>,
    /// How long the Recycle Bin keeps what is deleted, where there is one.
    pub(crate) recycle_bin: Option<Duration>,
    /// Auto Scaling groups are left alone: all instances are to be ended or stopped.
    pub(crate) scaling_is_off: AtomicBool,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// The folder's lock, given back when the store has been closed: it is the last field.
    _folder: File,
}

/// The state, and what clients are shown of it.
struct Books {
    state: State,
    lagging: Lagging,
}

/// One call of the API.
pub(crate) struct Call {
    pub(crate) ec2: Arc<Ec2>,
    /// The region that the request was signed for: any is served, each with resources of its
    /// own.
    pub(crate) region: String,
}

impl Ec2 {
    pub(crate) fn new(
        store: Store,
        state: State,
        machines: Arc<dyn Machines>,
        faults: Arc<FaultControl>,
        gates: Gates,
        recycle_bin: Option<Duration>,
        folder: File,
    ) -> Self {
        Ec2 {
            books: Mutex::new(Books { state, lagging: Lagging::default() }),
            store,
            machines,
            metadata: MetadataServices::default(),
            gates,
            faults,
            recycle_bin,
            scaling_is_off: AtomicBool::new(false),
            locks: Mutex::default(),
            _folder: folder,
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("a panic while the state is held is a bug that must not go on")
    }

    /// Looks at the state.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.books().state)
    }

    /// Looks at what clients are shown: the state, or what it was some time ago.
    pub(crate) fn view<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        let mut books = self.books();
        let Books { state, lagging } = &mut *books;
        look(lagging.shown().unwrap_or(state))
    }

    /// Lets clients see changes so much later, and new resources even later than that.
    pub(crate) fn set_lag(&self, lag: Duration, not_found: Duration) {
        let mut books = self.books();
        books.lagging = Lagging::new(&books.state, lag, not_found);
    }

    /// Whether a resource is so new that it is not found yet.
    pub(crate) fn is_not_found_yet(&self, id: &str) -> bool {
        self.books().lagging.is_not_found_yet(id)
    }

    /// Changes the state: all of the change becomes durable, or none is made.
    pub(crate) fn change<R>(
        &self,
        change: impl FnOnce(&mut State) -> ApiResult<R>,
    ) -> ApiResult<R> {
        let mut books = self.books();
        let Books { state, lagging } = &mut *books;
        let result = change(state).and_then(|value| {
            if state.is_changed() {
                self.store.save(state).map_err(ApiError::internal)?;
            }
            Ok(value)
        });
        match &result {
            Ok(_) => lagging.note(state.keep()),
            Err(_) => state.undo(),
        }
        result
    }

    /// Makes a change that has happened already, such as the end of a machine, durable:
    /// when the disk is full it waits until there is room.
    pub(crate) async fn insist(&self, what: &str, change: impl Fn(&mut State)) {
        let attempt = || {
            self.change(|state| {
                change(state);
                Ok(())
            })
        };
        while let Err(error) = attempt() {
            tracing::error!("failed to note that {what}, and trying again: {error}");
            tokio::time::sleep(INSISTENCE).await;
        }
    }

    /// One transition at a time for each instance.
    pub(crate) async fn lock(&self, instance_id: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().expect("no panic holds this lock");
            // Those that nobody holds or waits for are of no use any more.
            locks.retain(|id, lock| id == instance_id || Arc::strong_count(lock) > 1);
            locks.entry(instance_id.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }

    pub(crate) fn instance(&self, id: &str) -> Option<Instance> {
        self.read(|state| state.instances.get(id).cloned())
    }

    /// An address of a subnet that nobody has.
    pub(crate) fn free_address(
        &self,
        state: &State,
        subnet: &Subnet,
        taken: &HashSet<Ipv4Addr>,
    ) -> ApiResult<Ipv4Addr> {
        let used: HashSet<Ipv4Addr> = default_vpc::addresses_in_use(state).collect();
        let (first, last) = network::usable(subnet.cidr);
        let mut random = rand::rng();
        for _ in 0..1000 {
            let address = Ipv4Addr::from(random.random_range(first..=last));
            if !used.contains(&address)
                && !taken.contains(&address)
                && self.gates.is_free(address)
                && self.machines.address_is_free(address)
            {
                return Ok(address);
            }
        }
        Err(ApiError::new("InsufficientFreeAddressesInSubnet", "No loopback address is free"))
    }

    /// Deletes the layers that nothing stands on any more.
    pub(crate) async fn collect_layers(&self) {
        let gone = self.change(|state| {
            let gone: BTreeSet<String> = unreachable_layers(state);
            for layer in &gone {
                state.layers.remove(layer);
            }
            Ok(gone)
        });
        match gone {
            Ok(gone) => {
                for layer in gone {
                    self.machines.delete_layer(&layer).await;
                }
            }
            Err(error) => tracing::error!("failed to give up unused layers: {error}"),
        }
    }
}
