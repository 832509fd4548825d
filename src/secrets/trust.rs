//! Consents from outside the migration plan: the flag, and the user's own file.

use super::binding::{Binding, host_name};
use super::fault::Fault;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

const HEAD: &str = "\
# Servers that mailferry may send secrets to, one a line: host, port, TLS, CA, secret.
# Written when you say yes or give --trust. Delete a line to take a consent back.
";

/// A value of `--trust`: `HOST` for every port of it, or `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedHost {
    host: String,
    port: Option<u16>,
}

impl TrustedHost {
    pub(super) fn covers(&self, binding: &Binding) -> bool {
        self.host == binding.host && self.port.is_none_or(|port| port == binding.port)
    }
}

impl FromStr for TrustedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not HOST or HOST:PORT");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']').ok_or_else(wrong)? {
                (host, "") => (host, None),
                (host, port) => (host, Some(port.strip_prefix(':').ok_or_else(wrong)?)),
            },
            // More than one colon is an IPv6 address without a port.
            None if text.matches(':').count() > 1 => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@[]".contains(c)) {
            return Err(wrong());
        }
        let port = port.map(|port| port.parse().map_err(|_| wrong())).transpose()?;
        Ok(Self { host: host_name(host), port })
    }
}

impl fmt::Display for TrustedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// Returns the place of the user's trust file: `$XDG_CONFIG_HOME/mailferry/trusted`, else
/// `~/.config/mailferry/trusted`; `None` without a home.
///
/// `environment` looks a variable up, usually `std::env::var_os`.
pub fn trust_file(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| {
        // The specification has relative paths ignored.
        environment(name).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    let configuration =
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))?;
    Some(configuration.join("mailferry").join("trusted"))
}

/// Reads the recorded bindings; none when there is no file.
pub(super) fn read(path: &Path) -> Result<BTreeSet<Binding>, Fault> {
    let fault = |why: String| Fault::TrustFile { path: path.to_owned(), why };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(fault(error.to_string())),
    };
    if written_by_others(&file).map_err(|error| fault(error.to_string()))? {
        return Err(fault("others than you can write to it (chmod 600)".to_owned()));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| fault(error.to_string()))?;
    let mut bindings = BTreeSet::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let binding = line.parse().map_err(|why| fault(format!("line {number}: {why}")))?;
        bindings.insert(binding);
    }
    Ok(bindings)
}

/// Adds a binding; the file is replaced as a whole or not at all.
pub(super) fn add(path: &Path, binding: &Binding) -> Result<(), Fault> {
    let mut bindings = read(path)?;
    bindings.insert(binding.clone());
    let mut text = HEAD.to_owned();
    for binding in bindings {
        text.push_str(&binding.to_string());
        text.push('\n');
    }
    replace(path, &text)
        .map_err(|error| Fault::TrustFile { path: path.to_owned(), why: error.to_string() })
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let outcome = written.and_then(|()| std::fs::rename(&beside, path));
    if outcome.is_err() {
        // What is left of a failed attempt would stand in the way of the next one.
        let _ = std::fs::remove_file(&beside);
    }
    outcome
}

#[cfg(unix)]
fn written_by_others(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    let own = [rustix::process::geteuid().as_raw(), 0].contains(&metadata.uid());
    Ok(metadata.mode() & 0o022 != 0 || !own)
}

#[cfg(not(unix))]
fn written_by_others(_: &File) -> std::io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_host_is_read_with_and_without_its_port() {
        for (text, host, port) in [
            ("IMAP.acme.example", "imap.acme.example", None),
            ("imap.acme.example.:993", "imap.acme.example", Some(993)),
            ("[::1]:1143", "::1", Some(1143)),
            ("[::1]", "::1", None),
            ("::1", "::1", None),
        ] {
            let expected = TrustedHost { host: host.to_owned(), port };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for wrong in ["", ":993", "host:", "host:x", "host:99999", "a b", "imap://host", "[::1"] {
            assert!(wrong.parse::<TrustedHost>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_trust_file_is_in_the_users_configuration() {
        let with = |pairs: &'static [(&str, &str)]| {
            trust_file(move |name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
            })
        };
        assert_eq!(
            with(&[("XDG_CONFIG_HOME", "/c"), ("HOME", "/h")]),
            Some("/c/mailferry/trusted".into())
        );
        assert_eq!(
            with(&[("XDG_CONFIG_HOME", "here"), ("HOME", "/h")]),
            Some("/h/.config/mailferry/trusted".into())
        );
        assert_eq!(with(&[]), None);
    }
}
