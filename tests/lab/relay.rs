//! Makes a server reachable under another loopback address: BIND listens only on addresses that
//! an interface has, and `lo` has 127.0.0.1 alone although all of 127/8 works.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a thread looks whether it shall end.
const TICK: Duration = Duration::from_millis(20);

/// Passes UDP and TCP on until it is dropped; then the ports are closed.
#[derive(Debug)]
pub struct Relay {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Listens on `from` and passes everything on to `to`.
    pub fn start(from: SocketAddr, to: SocketAddr) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let udp = UdpSocket::bind(from).expect("the UDP port is free");
        let tcp = TcpListener::bind(from).expect("the TCP port is free");
        udp.set_read_timeout(Some(TICK)).expect("a timeout");
        tcp.set_nonblocking(true).expect("no blocking");
        let (udp_end, tcp_end) = (Arc::clone(&end), Arc::clone(&end));
        let threads = vec![
            std::thread::spawn(move || datagrams(&udp, to, &udp_end)),
            std::thread::spawn(move || connections(&tcp, to, &tcp_end)),
        ];
        Self { end, threads }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn datagrams(socket: &UdpSocket, to: SocketAddr, end: &AtomicBool) {
    std::thread::scope(|scope| {
        let mut question = vec![0; 65_535];
        while !end.load(Ordering::Relaxed) {
            let Ok((length, asker)) = socket.recv_from(&mut question) else { continue };
            let question = question[..length].to_vec();
            scope.spawn(move || {
                let answer = || -> io::Result<Vec<u8>> {
                    let out = UdpSocket::bind("127.0.0.1:0")?;
                    out.set_read_timeout(Some(Duration::from_secs(1)))?;
                    out.send_to(&question, to)?;
                    let mut answer = vec![0; 65_535];
                    let length = out.recv(&mut answer)?;
                    answer.truncate(length);
                    Ok(answer)
                };
                // A server that says nothing is passed on as silence.
                if let Ok(answer) = answer() {
                    let _ = socket.send_to(&answer, asker);
                }
            });
        }
    });
}

fn connections(listener: &TcpListener, to: SocketAddr, end: &AtomicBool) {
    while !end.load(Ordering::Relaxed) {
        let Ok((inner, _)) = listener.accept() else {
            std::thread::sleep(TICK);
            continue;
        };
        let _ = inner.set_nonblocking(false);
        let Ok(outer) = TcpStream::connect(to) else { continue };
        let (Ok(inner_too), Ok(outer_too)) = (inner.try_clone(), outer.try_clone()) else {
            continue;
        };
        std::thread::spawn(move || pass(inner, outer));
        std::thread::spawn(move || pass(outer_too, inner_too));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
