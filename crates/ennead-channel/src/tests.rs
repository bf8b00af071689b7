//! One end against the other, in one process.

use std::time::{Duration, Instant};

use crate::{
    Arming, CancelToken, Endpoint, Framing, Interest, Limits, Parameters, PeerParts, ReadError, ReadMode,
    Wait, WriteError, create,
};

mod basic;
mod hostile;
mod parts;
mod reserve;
mod sharing;

fn connect(framing: Framing, capacity: u32) -> (Endpoint, Endpoint) {
    let parameters = Parameters { framing, capacity_to_server: capacity, capacity_to_client: capacity };
    let (client, parts) = create(&parameters).unwrap();
    (client, Endpoint::accept(parts, &Limits::default()).unwrap())
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| ((at * 31 + seed * 17) >> 3) as u8 ^ at as u8).collect()
}
