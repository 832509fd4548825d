//! What a consent covers: one secret at one server, reached in one way.

use super::fault::Fault;
use crate::desired::SecretRef;
use crate::model::digest::Digest;
use crate::model::server::{Endpoint, TlsMode};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The servers of the products themselves, as their vendors name them to every customer.
const OWN_HOSTS: [&str; 3] =
    ["secure.emailsrvr.com", "outlook.office365.com", "login.microsoftonline.com"];

/// A secret, by its name, and where it goes. All texts are escaped and can be shown.
///
/// Its text form is one line of the trust file: host, port, TLS mode, CA, and the name of the
/// secret, which alone may hold blanks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binding {
    pub(super) secret: String,
    pub(super) host: String,
    pub(super) port: u16,
    tls: TlsMode,
    /// `None` for the system's own trust store.
    ca: Option<Digest>,
}

impl Binding {
    /// Names the binding of a secret to a server; reads the file of a private CA.
    pub(super) fn of(reference: &SecretRef, endpoint: &Endpoint) -> Result<Self, Fault> {
        let digest = |path: &PathBuf| {
            std::fs::read(path)
                .map(|octets| Digest::of(&octets))
                .map_err(|error| Fault::File { path: path.clone(), words: error.to_string() })
        };
        Ok(Self {
            secret: name(reference)?,
            host: host_name(&endpoint.host),
            port: endpoint.port,
            tls: endpoint.tls,
            ca: endpoint.ca.as_ref().map(digest).transpose()?,
        })
    }

    /// Tells whether the server is a product's own, with public trust.
    pub(super) fn is_own_host(&self) -> bool {
        OWN_HOSTS.contains(&self.host.as_str())
            && self.ca.is_none()
            && matches!(self.tls, TlsMode::Implicit | TlsMode::Starttls)
    }

    /// Describes the server and how it is reached.
    pub(super) fn server(&self) -> String {
        let tls = match self.tls {
            TlsMode::Implicit => "TLS",
            TlsMode::Starttls => "STARTTLS",
            TlsMode::None => "no TLS",
        };
        let ca = self.ca.map_or_else(
            || "public CAs".to_owned(),
            |digest| format!("private CA {}", digest.short()),
        );
        format!("{} ({tls}, {ca})", self.address())
    }

    /// Returns the flag that consents to it.
    pub(super) fn flag(&self) -> String {
        format!("--trust {}", self.address())
    }

    fn address(&self) -> String {
        if self.host.contains(':') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
    }
}

/// Writes a host in the form in which hosts are compared: lower case, no final dot.
pub(super) fn host_name(text: &str) -> String {
    escaped(&text.strip_suffix('.').unwrap_or(text).to_lowercase()).replace(' ', "\\u{20}")
}

/// Names a secret for people and for the trust file. All rows of a CSV file are one secret:
/// somebody who trusts a server with one of them trusts it with the file.
fn name(reference: &SecretRef) -> Result<String, Fault> {
    let text = match reference {
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::File(path) => format!("file:{}", absolute(path)?.display()),
        SecretRef::Csv { file, .. } => format!("csv:{}", absolute(file)?.display()),
        // Each argument is quoted, so that two commands never have one name.
        SecretRef::Command(words) => format!("command:{words:?}"),
    };
    Ok(escaped(&text))
}

fn absolute(path: &Path) -> Result<PathBuf, Fault> {
    std::path::absolute(path)
        .map_err(|error| Fault::File { path: path.to_owned(), words: error.to_string() })
}

/// Escapes what could break a line of the trust file, or make one read as another. Unlike
/// [`crate::model::words::shown`] it cuts nothing and gives different texts for different ones.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if c == '\\' {
            out.push_str("\\\\");
        } else if c.is_control() || turns || (c.is_whitespace() && c != ' ') {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = match self.tls {
            TlsMode::Implicit => "implicit",
            TlsMode::Starttls => "starttls",
            TlsMode::None => "none",
        };
        let ca = self.ca.map_or_else(|| "system".to_owned(), |digest| format!("sha256:{digest}"));
        write!(f, "{} {} {tls} {ca} {}", self.host, self.port, self.secret)
    }
}

impl FromStr for Binding {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut fields = line.splitn(5, ' ');
        let mut field =
            |what: &str| fields.next().filter(|f| !f.is_empty()).ok_or(format!("no {what}"));
        let host = field("host")?.to_owned();
        let port = field("port")?.parse().map_err(|_| "the port is no number".to_owned())?;
        let tls = match field("TLS mode")? {
            "implicit" => TlsMode::Implicit,
            "starttls" => TlsMode::Starttls,
            "none" => TlsMode::None,
            other => return Err(format!("`{other}` is no TLS mode")),
        };
        let ca = match field("CA")? {
            "system" => None,
            other => {
                let digits = other.strip_prefix("sha256:").unwrap_or(other);
                Some(digits.parse()?)
            }
        };
        Ok(Self { secret: field("secret")?.to_owned(), host, port, tls, ca })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str) -> Endpoint {
        Endpoint { host: host.to_owned(), port: 993, tls: TlsMode::Implicit, ca: None }
    }

    #[test]
    fn a_binding_survives_its_line_and_cannot_make_a_second_one() {
        for reference in [
            SecretRef::Env("RACKSPACE".to_owned()),
            SecretRef::File("/etc/a b\nevil 1 none system env:X\u{202e}".into()),
            SecretRef::Command(vec!["pass".to_owned(), "a b".to_owned()]),
            SecretRef::Csv { file: "/x.csv".into(), row: 3 },
        ] {
            let binding = Binding::of(&reference, &endpoint("IMAP.acme.example.")).unwrap();
            let line = binding.to_string();
            assert!(line.starts_with("imap.acme.example 993 implicit system "), "{line}");
            assert_eq!(line.lines().count(), 1);
            assert_eq!(line.parse(), Ok(binding));
        }
        let odd = Binding::of(&SecretRef::Env("X".to_owned()), &endpoint("a 993 none")).unwrap();
        assert_eq!(odd.to_string().parse(), Ok(odd));
        let words = |words: &[&str]| SecretRef::Command(words.iter().map(|&w| w.into()).collect());
        let name = |words| Binding::of(&words, &endpoint("a")).unwrap().secret;
        assert_ne!(name(words(&["a", "b c"])), name(words(&["a", "b", "c"])));
    }

    #[test]
    fn only_a_products_own_host_with_public_trust_needs_no_consent() {
        let of = |endpoint| Binding::of(&SecretRef::Env("X".to_owned()), &endpoint).unwrap();
        assert!(of(endpoint("Secure.EmailSrvr.com")).is_own_host());
        assert!(of(endpoint("outlook.office365.com.")).is_own_host());
        assert!(of(endpoint("login.microsoftonline.com")).is_own_host());
        assert!(!of(endpoint("microsoftonline.com")).is_own_host());
        assert!(!of(endpoint("secure.emailsrvr.com.evil.example")).is_own_host());
        let plain = Endpoint { tls: TlsMode::None, ..endpoint("secure.emailsrvr.com") };
        assert!(!of(plain).is_own_host());
        let file = tempfile::NamedTempFile::new().unwrap();
        let ca = Some(file.path().to_owned());
        let private = of(Endpoint { ca, ..endpoint("secure.emailsrvr.com") });
        assert!(!private.is_own_host());
        assert_eq!(private.to_string().parse(), Ok(private.clone()));
        std::fs::write(file.path(), "another CA").unwrap();
        let ca = Some(file.path().to_owned());
        assert_ne!(of(Endpoint { ca, ..endpoint("secure.emailsrvr.com") }), private);
    }
}
