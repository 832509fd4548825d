//! Free ports on loopback, without two labs ever taking the same one.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which the kernel takes ports for outgoing connections (32,768 and up on
/// Linux), so that no client of another test sits on them.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
/// Another loopback address: a listener there is a lock that the kernel gives back when its
/// process ends, and it leaves 127.0.0.1 to the server.
const LOCK: Ipv4Addr = Ipv4Addr::new(127, 77, 77, 77);

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of 127.0.0.1 and 127.0.0.2, TCP and UDP, that no other lab uses while this lives.
#[derive(Debug)]
pub struct Port {
    /// The number.
    pub number: u16,
    _lock: TcpListener,
}

impl Port {
    /// Reserves a port on which nothing listens.
    pub fn reserve() -> Self {
        // Processes start at different places, so that they seldom meet.
        let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT))
            .expect("below COUNT");
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            let number = FIRST + (start + step) % COUNT;
            let Ok(lock) = TcpListener::bind((LOCK, number)) else { continue };
            let free = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)].iter().all(|ip| {
                TcpListener::bind((*ip, number)).is_ok() && UdpSocket::bind((*ip, number)).is_ok()
            });
            if free {
                return Self { number, _lock: lock };
            }
        }
        panic!("no free port between {FIRST} and {}", FIRST + COUNT);
    }
}
