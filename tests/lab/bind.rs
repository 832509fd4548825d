//! A private BIND 9.

use super::account::Account;
use super::daemon::Daemon;
use super::ports::Port;
use super::relay::Relay;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where BIND is installed on Debian.
const PROGRAM: &str = "/usr/sbin/named";

/// The key that UPDATEs are signed with, hmac-sha256.
pub const KEY: (&str, &[u8]) = ("update.lab.example", b"a secret of thirty-two octets...");

/// A zone as a name server holds it.
#[derive(Clone, Debug)]
pub struct Zone {
    /// For example `acme.example`.
    pub name: String,
    /// Lines of a zone file besides SOA, NS and the addresses of the name servers, for example
    /// `@ 3600 IN MX 10 mx1.emailsrvr.com.`
    pub records: Vec<String>,
    /// How many authoritative servers its NS names: `ns1` on 127.0.0.1, `ns2` on 127.0.0.2.
    pub servers: usize,
    /// Takes UPDATEs that are signed with [`KEY`].
    pub updates: bool,
    /// The first server has not the zone itself but asks this one for it, and keeps the answers.
    pub forward: Option<SocketAddr>,
}

impl Zone {
    /// A zone whose mail goes to Rackspace.
    pub fn rackspace(name: &str) -> Self {
        let records = [
            "@ 3600 IN MX 10 mx1.emailsrvr.com.",
            "@ 3600 IN MX 20 mx2.emailsrvr.com.",
            "@ 3600 IN TXT \"v=spf1 include:emailsrvr.com ~all\"",
            "autodiscover 3600 IN CNAME autodiscover.emailsrvr.com.",
        ];
        Self {
            name: name.to_owned(),
            records: records.iter().map(ToString::to_string).collect(),
            servers: 1,
            updates: false,
            forward: None,
        }
    }

    /// Returns the zone file.
    pub fn text(&self, serial: u32) -> String {
        let mut text =
            format!("$TTL 3600\n@ 3600 IN SOA ns1 hostmaster {serial} 3600 600 86400 300\n");
        for server in 1..=self.servers {
            let _ =
                writeln!(text, "@ 3600 IN NS ns{server}\nns{server} 3600 IN A 127.0.0.{server}");
        }
        for record in &self.records {
            let _ = writeln!(text, "{record}");
        }
        text
    }
}

/// Authoritative servers for zones; the first also answers as a recursive resolver for them.
#[derive(Debug)]
pub struct NameServer {
    /// UDP and TCP, the same on each address.
    pub port: u16,
    _port: Port,
    /// Configuration, zones and logs.
    pub dir: PathBuf,
    servers: Vec<Server>,
    serial: u32,
    account: Account,
}

#[derive(Debug)]
struct Server {
    dir: PathBuf,
    /// Where BIND itself listens, on 127.0.0.1.
    port: Port,
    zones: Vec<Zone>,
    refuse: bool,
    daemon: Option<Daemon>,
    relay: Option<Relay>,
}

impl NameServer {
    /// Starts as many servers as the zone with the most of them asks for.
    pub fn start(dir: &Path, zones: &[Zone], account: &Account) -> Self {
        assert!(
            Path::new(PROGRAM).exists(),
            "{PROGRAM} is missing: install the Debian package bind9 (tests/run does)"
        );
        let dir = dir.join("dns");
        fs::create_dir(&dir).expect("a directory for the name server");
        account.own(&dir);
        let port = Port::reserve();
        let count = zones.iter().map(|zone| zone.servers).max().expect("at least one zone");
        let servers = (1..=count)
            .map(|number| {
                let zones = zones.iter().filter(|zone| zone.servers >= number).cloned().collect();
                let dir = dir.join(format!("ns{number}"));
                fs::create_dir(&dir).expect("a directory for one server");
                account.own(&dir);
                Server {
                    dir,
                    port: Port::reserve(),
                    zones,
                    refuse: false,
                    daemon: None,
                    relay: None,
                }
            })
            .collect();
        let mut name_server = Self {
            port: port.number,
            dir,
            servers,
            serial: 1,
            account: account.clone(),
            _port: port,
        };
        for number in 1..=count {
            name_server.run(number);
        }
        name_server
    }

    /// Returns the address of server 1, 2, …
    pub fn address(&self, number: usize) -> SocketAddr {
        let last = u8::try_from(number).expect("few servers");
        SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), self.port))
    }

    /// Replaces the records of a zone on every server and waits until each answers with them.
    pub fn publish(&mut self, zone: &str, records: &[&str]) {
        let all: Vec<usize> = (1..=self.servers.len()).collect();
        self.publish_on(&all, zone, records);
    }

    /// Replaces the records of a zone on some servers only; the others lag behind.
    pub fn publish_on(&mut self, numbers: &[usize], zone: &str, records: &[&str]) {
        self.serial += 1;
        for number in numbers {
            let server = &mut self.servers[number - 1];
            let Some(zone) = server.zones.iter_mut().find(|held| held.name == zone) else {
                continue;
            };
            zone.records = records.iter().map(ToString::to_string).collect();
            let name = zone.name.clone();
            self.write(*number);
            // BIND compares times of whole seconds, so a second change within one could be
            // missed; a new name for the file cannot.
            self.servers[number - 1].daemon.as_ref().expect("it runs").signal(Signal::HUP);
            self.wait_for_serial(*number, &name);
        }
    }

    /// Makes a server answer REFUSED to everything.
    pub fn refuse(&mut self, number: usize) {
        self.servers[number - 1].refuse = true;
        self.stop(number);
        self.run(number);
    }

    /// Makes a server forget a zone, as one does that is named by mistake (a lame delegation).
    pub fn drop_zone(&mut self, number: usize, zone: &str) {
        self.servers[number - 1].zones.retain(|held| held.name != zone);
        self.stop(number);
        self.run(number);
    }

    /// Ends a server; its port then refuses.
    pub fn stop(&mut self, number: usize) {
        let server = &mut self.servers[number - 1];
        server.relay = None;
        server.daemon = None;
    }

    /// Stops a server from answering without closing its port.
    pub fn freeze(&self, number: usize) {
        self.servers[number - 1].daemon.as_ref().expect("it runs").signal_all(Signal::STOP);
    }

    /// Starts a server that was stopped.
    pub fn run(&mut self, number: usize) {
        self.write(number);
        let address = self.address(number);
        let server = &mut self.servers[number - 1];
        let configuration = server.dir.join("named.conf");
        let program = program(&server.dir);
        let arguments = ["-g", "-n", "1", "-c", configuration.to_str().expect("a path in UTF-8")];
        let log = server.dir.join("log");
        let mut daemon = Daemon::start(&program, &arguments, &self.account, &log);
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port.number));
        daemon.wait_for(&[own]);
        server.daemon = Some(daemon);
        server.relay = Some(Relay::start(address, own));
        if !server.refuse
            && let Some(zone) = server.zones.first()
            && zone.forward.is_none()
        {
            let name = zone.name.clone();
            self.wait_for_serial(number, &name);
        }
    }

    fn write(&self, number: usize) {
        let server = &self.servers[number - 1];
        let mut zones = String::new();
        for zone in &server.zones {
            if let Some(to) = zone.forward {
                let _ = writeln!(
                    zones,
                    "zone \"{}\" {{ type forward; forward only; forwarders {{ {} port {}; }}; }};",
                    zone.name,
                    to.ip(),
                    to.port()
                );
                continue;
            }
            let file = server.dir.join(format!("{}.{}", zone.name, self.serial));
            fs::write(&file, zone.text(self.serial)).expect("the zone can be written");
            self.account.own(&file);
            let _ = writeln!(
                zones,
                "zone \"{}\" {{ type primary; file \"{}\"; allow-update {{ {}; }}; }};",
                zone.name,
                file.display(),
                if zone.updates { format!("key \"{}\"", KEY.0) } else { "none".to_owned() }
            );
        }
        let allowed = if server.refuse { "none" } else { "any" };
        // The first one also serves as a resolver. It knows the zones and asks nobody else:
        // tests stay on loopback.
        let text = format!(
            "\
options {{
  directory \"{dir}\";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  lock-file none;
  session-keyfile none;
  recursion {recursion};
  allow-query {{ {allowed}; }};
  forward only;
  forwarders {{ 127.0.0.3 port 9; }};
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
  minimal-responses no;
}};
controls {{ }};
key \"{key}\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};
{zones}",
            key = KEY.0,
            secret = STANDARD.encode(KEY.1),
            dir = server.dir.display(),
            port = server.port.number,
            recursion = if number == 1 { "yes; allow-recursion { any; }" } else { "no" },
        );
        let file = server.dir.join("named.conf");
        fs::write(&file, text).expect("named.conf can be written");
        self.account.own(&file);
    }

    fn wait_for_serial(&self, number: usize, zone: &str) {
        let start = Instant::now();
        while serial(self.address(number), zone) != Some(self.serial) {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "name server {number} does not serve {zone} with serial {}:\n{}",
                self.serial,
                fs::read_to_string(self.servers[number - 1].dir.join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Returns the program to run. The `AppArmor` that Debian switches on confines `/usr/sbin/named` to
/// its own directories by its path; a copy is not confined.
fn program(dir: &Path) -> PathBuf {
    let enabled = fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    if !enabled.is_ok_and(|text| text.starts_with('Y')) {
        return PathBuf::from(PROGRAM);
    }
    let copy = dir.join("named");
    fs::copy(PROGRAM, &copy).expect("named can be copied");
    copy
}

/// Asks for the SOA by hand and returns its serial.
fn serial(address: SocketAddr, zone: &str) -> Option<u32> {
    let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
    socket.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    let mut query = vec![0x4d, 0x46, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in zone.split('.') {
        query.push(u8::try_from(label.len()).expect("a short label"));
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 6, 0, 1]);
    socket.send_to(&query, address).ok()?;
    let mut answer = [0; 512];
    let (length, _) = socket.recv_from(&mut answer).ok()?;
    // The serial stands 20 octets before the end of the SOA data; with `minimal-responses no` more
    // records follow, so the data is found by its place: question, then the compressed owner.
    let answer = answer.get(..length)?;
    if answer.get(7)? == &0 {
        return None;
    }
    let record = query.len();
    let data_length =
        usize::from(u16::from_be_bytes([*answer.get(record + 10)?, *answer.get(record + 11)?]));
    let serial = record + 12 + data_length - 20;
    Some(u32::from_be_bytes(answer.get(serial..serial + 4)?.try_into().ok()?))
}
