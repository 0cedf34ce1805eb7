//! Which layers are given up.

use std::collections::BTreeSet;

use super::state::State;

/// The layers that neither a volume nor a snapshot reaches any more.
pub(crate) fn unreachable_layers(state: &State) -> BTreeSet<String> {
    let binned = state.binned_snapshots.iter().map(|binned| &binned.row);
    let snapshots = state.snapshots.iter().chain(binned);
    let snapshots = snapshots.filter_map(|snapshot| snapshot.layer.as_deref());
    let volumes = state.volumes.iter().filter_map(|volume| volume.layer.as_deref());
    let parents = state.volumes.iter().filter_map(|volume| volume.parent_layer.as_deref());
    let switches = state.volumes.iter().filter_map(|volume| volume.switch.as_ref());
    let switches = switches.map(|switch| switch.next_layer.as_str());
    let mut reached = BTreeSet::new();
    for mut id in snapshots.chain(volumes).chain(parents).chain(switches) {
        while reached.insert(id) {
            match state.layers.get(id).and_then(|layer| layer.parent.as_deref()) {
                Some(parent) => id = parent,
                None => break,
            }
        }
    }
    let all = state.layers.iter().map(|layer| layer.id.as_str());
    all.filter(|id| !reached.contains(id)).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Layer, Snapshot, SnapshotState, Tags};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn snapshot(layer: &str) -> Snapshot {
        Snapshot {
            owner: String::new(),
            id: format!("snap-{layer}"),
            volume_id: "vol-1".into(),
            size_gib: 1,
            state: SnapshotState::Completed,
            started: Timestamp::UNIX_EPOCH,
            description: String::new(),
            layer: Some(layer.into()),
            region: String::new(),
            kms_key: None,
            users: Vec::new(),
            tags: Tags::new(),
        }
    }

    proptest! {
        /// Whatever the forest of layers and whichever snapshots remain, nothing a
        /// snapshot stands on is given up, and all else is.
        #[test]
        fn exactly_what_no_snapshot_stands_on_is_unreachable(
            parents in proptest::collection::vec(any::<proptest::sample::Index>(), 1..30),
            kept in proptest::collection::vec(any::<bool>(), 30),
        ) {
            let mut state = State::default();
            let mut chain: Vec<Vec<usize>> = Vec::new();
            for (number, parent) in parents.iter().enumerate() {
                let parent = (number > 0 && number % 3 != 0).then(|| parent.index(number));
                let below = parent.map(|parent| chain[parent].clone()).unwrap_or_default();
                chain.push([vec![number], below].concat());
                let layer = Layer { id: number.to_string(), parent: parent.map(|p| p.to_string()) };
                state.layers.insert(layer);
            }
            let mut needed = BTreeSet::new();
            for number in 0..parents.len() {
                if kept[number] {
                    state.snapshots.insert(snapshot(&number.to_string()));
                    needed.extend(chain[number].iter().map(|layer| layer.to_string()));
                }
            }
            let all: BTreeSet<String> = (0..parents.len()).map(|number| number.to_string()).collect();
            prop_assert_eq!(unreachable_layers(&state), &all - &needed);
        }
    }
}
