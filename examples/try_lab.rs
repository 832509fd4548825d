//! The servers of `examples/try`: two Dovecots and BIND with sample mail, and a migration plan.
//!
//! Reads one word a line: `mail` delivers a message at the source, `mx` changes the zone as a
//! person would at the DNS provider. Answers `ok`. Ends, with everything it started, at the end
//! of its input.

#![allow(clippy::print_stdout)]

#[path = "../tests/lab/mod.rs"]
mod lab;

use lab::bind::Zone;
use lab::dovecot::MASTER;
use lab::seeds::{self, Mail};
use lab::{Lab, LabOptions};
use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::path::Path;

const USERS: [&str; 3] = ["ada@acme.example", "bob@acme.example", "carol@acme.example"];

/// What the zone holds once somebody has followed the plan.
const AFTER: [&str; 3] = [
    "@ 300 IN MX 10 mx.new.example.",
    "@ 3600 IN TXT \"v=spf1 include:spf.new.example -all\"",
    "autodiscover 3600 IN CNAME autodiscover.new.example.",
];

fn main() -> Result<(), Box<dyn Error>> {
    let work = std::env::args().nth(1).ok_or("usage: try_lab DIRECTORY")?;
    let work = Path::new(&work);
    let mut lab = Lab::start(LabOptions {
        zones: vec![Zone::rackspace("acme.example")],
        ..LabOptions::default()
    });
    lab.source.seed(USERS[0], &seeds::folders());
    lab.source.seed(USERS[1], &ordinary(40));
    lab.source.seed(USERS[2], &ordinary(15));
    fs::copy(&lab.ca_pem, work.join("ca.pem"))?;
    fs::write(work.join("plan.yaml"), plan(&lab)?)?;
    println!("ready {} {} {}", lab.source.port, lab.destination.port, MASTER.1);
    for line in io::stdin().lock().lines() {
        match line?.trim() {
            "mail" => lab.source.deliver(
                USERS[1],
                "INBOX",
                &[],
                "02-Jan-2025 09:00:00 +0000",
                &seeds::plain(900).bytes,
            ),
            "mx" => lab.dns.as_mut().ok_or("no name server")?.publish("acme.example", &AFTER),
            other => return Err(format!("`{other}` is neither `mail` nor `mx`").into()),
        }
        println!("ok");
        io::stdout().flush()?;
    }
    Ok(())
}

fn ordinary(count: usize) -> Vec<(&'static str, Vec<Mail>)> {
    vec![
        ("INBOX", (100..100 + count).map(seeds::plain).collect()),
        ("Sent", (200..210).map(seeds::plain).map(|mail| mail.flags(&["\\Seen"])).collect()),
        ("Trash", (300..303).map(seeds::plain).collect()),
        ("Customers/Müller & Söhne", (400..406).map(seeds::plain).collect()),
    ]
}

fn plan(lab: &Lab) -> Result<String, Box<dyn Error>> {
    let dns = lab.dns.as_ref().ok_or("no name server")?.address(1);
    Ok(format!(
        r#"# Three mailboxes from a server like Rackspace's to one with the folders of Exchange.
version: 1
name: acme-try
domains: [acme.example]

secrets:
  old-admin: {{ env: OLD_ADMIN_PASSWORD }}
  new-mailboxes: {{ env: NEW_PASSWORD }}

source:
  product: rackspace-email
  imap: {{ host: localhost, port: {source}, ca: ca.pem }}
  login: {{ admin: {master}, secret: old-admin, style: master-user }}

destination:
  product: imap
  imap: {{ host: localhost, port: {destination}, ca: ca.pem }}

folders:
  map: {{ Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email }}
  exclude: [ Projects/2020 ]

mailboxes:
  - address: ada@acme.example
    destination_secret: new-mailboxes
  - address: bob@acme.example
    destination_secret: new-mailboxes
  - address: carol@acme.example
    destination_secret: new-mailboxes

dns:
  provider: {{ kind: manual }}
  resolvers: [ "{dns}" ]
  zones:
    acme.example:
      servers: [ "{dns}" ]
      mx: [ {{ host: mx.new.example, preference: 10 }} ]
      spf: "v=spf1 include:spf.new.example -all"
      autodiscover: autodiscover.new.example
"#,
        source = lab.source.port,
        destination = lab.destination.port,
        master = MASTER.0,
    ))
}
