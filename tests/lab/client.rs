//! A small blocking IMAP client: the judge of what mailferry did, and its seeder.

use super::wire::{self, Token, decode_name, encode_name};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A message as it is at a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// UID.
    pub uid: u32,
    /// Flags and keywords without `\Recent`.
    pub flags: BTreeSet<String>,
    /// INTERNALDATE in seconds since 1970.
    pub date: i64,
    /// The octets of BODY[].
    pub bytes: Vec<u8>,
}

/// A folder as LIST and LSUB show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Folder {
    /// Decoded, with `/` between the levels whatever the server has.
    pub path: String,
    /// Attributes such as `\Sent` and `\Noselect`.
    pub attributes: BTreeSet<String>,
    /// In the subscription list.
    pub subscribed: bool,
}

impl Folder {
    /// Returns true when the folder can hold messages.
    pub fn selectable(&self) -> bool {
        !self.attributes.iter().any(|attribute| {
            attribute.eq_ignore_ascii_case("\\Noselect")
                || attribute.eq_ignore_ascii_case("\\NonExistent")
        })
    }
}

/// A signed-in connection without TLS on loopback. Errors carry the server's words.
pub struct Session {
    stream: BufReader<TcpStream>,
    separator: char,
    tag: u32,
}

impl Session {
    /// Connects and signs in.
    pub fn open(port: u16, separator: char, user: &str, password: &str) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_nodelay(true)?;
        let mut session = Self { stream: BufReader::new(stream), separator, tag: 0 };
        wire::read_response(&mut session.stream)?;
        session.command(&format!("LOGIN {} {}", quote(user), quote(password)))?;
        Ok(session)
    }

    /// Sends a command and returns the untagged responses; NO and BAD are errors.
    pub fn command(&mut self, command: &str) -> io::Result<Vec<Vec<u8>>> {
        self.send(command, None)
    }

    fn send(&mut self, command: &str, literal: Option<&[u8]>) -> io::Result<Vec<Vec<u8>>> {
        self.tag += 1;
        let tag = format!("f{}", self.tag);
        write!(self.stream.get_mut(), "{tag} {command}\r\n")?;
        let mut untagged = Vec::new();
        let mut literal = literal;
        loop {
            let response = wire::read_response(&mut self.stream)?;
            if response.starts_with(b"+") {
                let octets = literal.take().ok_or_else(|| io::Error::other("unasked +"))?;
                let stream = self.stream.get_mut();
                stream.write_all(octets)?;
                stream.write_all(b"\r\n")?;
            } else if let Some(rest) = response.strip_prefix(format!("{tag} ").as_bytes()) {
                if rest.starts_with(b"OK") {
                    untagged.push(rest.to_vec());
                    return Ok(untagged);
                }
                return Err(io::Error::other(String::from_utf8_lossy(rest).into_owned()));
            } else {
                untagged.push(response);
            }
        }
    }

    /// Writes a path as this server wants it: its separator, modified UTF-7, quoted.
    pub fn name(&self, path: &str) -> String {
        quote(&encode_name(&path.replace('/', &self.separator.to_string())))
    }

    /// Lists all folders in the order of their paths.
    pub fn folders(&mut self) -> io::Result<Vec<Folder>> {
        let subscribed: BTreeSet<String> =
            self.listing("LSUB")?.into_iter().map(|(path, _)| path).collect();
        let mut folders: Vec<Folder> = self
            .listing("LIST")?
            .into_iter()
            .map(|(path, attributes)| Folder {
                subscribed: subscribed.contains(&path),
                path,
                // Whether there is news since somebody last looked is no property of the folder.
                attributes: attributes
                    .into_iter()
                    .filter(|word| !matches!(word.as_str(), "\\Marked" | "\\UnMarked"))
                    .collect(),
            })
            .collect();
        folders.sort();
        Ok(folders)
    }

    fn listing(&mut self, command: &str) -> io::Result<Vec<(String, BTreeSet<String>)>> {
        let mut found = Vec::new();
        for response in self.command(&format!("{command} \"\" \"*\""))? {
            if !response.starts_with(format!("* {command} ").as_bytes()) {
                continue;
            }
            let tokens = wire::tokens(&response);
            if let [_, _, attributes, _, name] = tokens.as_slice() {
                let path = decode_name(&name.text()).replace(self.separator, "/");
                found.push((path, attributes.list().iter().map(Token::text).collect()));
            }
        }
        Ok(found)
    }

    /// Creates a folder; an error when it exists.
    pub fn create(&mut self, path: &str) -> io::Result<()> {
        self.command(&format!("CREATE {}", self.name(path))).map(drop)
    }

    /// Deletes a folder with its messages.
    pub fn delete(&mut self, path: &str) -> io::Result<()> {
        self.command(&format!("DELETE {}", self.name(path))).map(drop)
    }

    /// Renames a folder.
    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.command(&format!("RENAME {} {}", self.name(from), self.name(to))).map(drop)
    }

    /// Subscribes to a folder.
    pub fn subscribe(&mut self, path: &str) -> io::Result<()> {
        self.command(&format!("SUBSCRIBE {}", self.name(path))).map(drop)
    }

    /// Appends a message. The date is an INTERNALDATE such as `17-Jul-1996 02:44:25 -0700`.
    pub fn append(
        &mut self,
        path: &str,
        flags: &[&str],
        date: Option<&str>,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.appended(path, flags, date, bytes).map(drop)
    }

    /// Appends a message and returns its UID; the server must have UIDPLUS.
    pub fn append_uid(
        &mut self,
        path: &str,
        flags: &[&str],
        date: Option<&str>,
        bytes: &[u8],
    ) -> io::Result<u32> {
        let said = self.appended(path, flags, date, bytes)?;
        let said = String::from_utf8_lossy(said.last().expect("the tagged answer")).into_owned();
        let code = said.split_once("[APPENDUID ").and_then(|(_, rest)| rest.split_once(']'));
        let uid = code.and_then(|(numbers, _)| numbers.split(' ').nth(1)?.parse().ok());
        uid.ok_or_else(|| io::Error::other(format!("no APPENDUID in: {said}")))
    }

    fn appended(
        &mut self,
        path: &str,
        flags: &[&str],
        date: Option<&str>,
        bytes: &[u8],
    ) -> io::Result<Vec<Vec<u8>>> {
        let mut command = format!("APPEND {} ({}) ", self.name(path), flags.join(" "));
        if let Some(date) = date {
            // A day of one digit is padded with a space, RFC 3501 `date-day-fixed`.
            let _ = write!(command, "\"{date:>26}\" ");
        }
        let _ = write!(command, "{{{}}}", bytes.len());
        self.send(&command, Some(bytes))
    }

    /// Returns the UIDs of a folder without changing anything.
    pub fn uids(&mut self, path: &str) -> io::Result<BTreeSet<u32>> {
        self.command(&format!("EXAMINE {}", self.name(path)))?;
        let found = self.command("UID SEARCH ALL")?;
        self.command("UNSELECT")?;
        let line = found.iter().find_map(|line| line.strip_prefix(b"* SEARCH"));
        let text = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
        Ok(text.split_whitespace().map(|uid| uid.parse().expect("a UID")).collect())
    }

    /// Moves messages to another folder, RFC 6851.
    pub fn move_to(&mut self, from: &str, uids: &BTreeSet<u32>, to: &str) -> io::Result<()> {
        let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        self.command(&format!("SELECT {}", self.name(from)))?;
        self.command(&format!("UID MOVE {set} {}", self.name(to)))?;
        self.command("UNSELECT").map(drop)
    }

    /// Appends a message that holds NUL, as a literal8 of RFC 3516.
    pub fn append_binary(&mut self, path: &str, date: &str, bytes: &[u8]) -> io::Result<()> {
        let name = self.name(path);
        let command = format!("APPEND {name} \"{date:>26}\" ~{{{}}}", bytes.len());
        self.send(&command, Some(bytes)).map(drop)
    }

    /// Reads every message of a folder without changing anything, in the order of UIDs.
    pub fn dump(&mut self, path: &str) -> io::Result<Vec<Stored>> {
        self.command(&format!("EXAMINE {}", self.name(path)))?;
        let mut found = Vec::new();
        for response in
            self.command("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")?
        {
            // Other responses have free text, which is no sequence of tokens.
            if response.splitn(4, |octet| *octet == b' ').nth(2) != Some(b"FETCH") {
                continue;
            }
            let tokens = wire::tokens(&response);
            if let [_, _, _, items] = tokens.as_slice() {
                found.extend(stored(items.list()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Changes flags: `how` is `FLAGS`, `+FLAGS` or `-FLAGS`.
    pub fn store(&mut self, path: &str, uid: u32, how: &str, flags: &[&str]) -> io::Result<()> {
        self.command(&format!("SELECT {}", self.name(path)))?;
        self.command(&format!("UID STORE {uid} {how} ({})", flags.join(" ")))?;
        self.command("UNSELECT").map(drop)
    }

    /// Removes one message for good.
    pub fn remove(&mut self, path: &str, uid: u32) -> io::Result<()> {
        self.store(path, uid, "+FLAGS", &["\\Deleted"])?;
        self.command(&format!("SELECT {}", self.name(path)))?;
        self.command(&format!("UID EXPUNGE {uid}"))?;
        self.command("UNSELECT").map(drop)
    }

    /// Returns UIDVALIDITY, UIDNEXT and the number of messages.
    pub fn status(&mut self, path: &str) -> io::Result<(u32, u32, u32)> {
        let command = format!("STATUS {} (UIDVALIDITY UIDNEXT MESSAGES)", self.name(path));
        let responses = self.command(&command)?;
        let tokens = wire::tokens(&responses[0]);
        let items = tokens.last().expect("items").list();
        let number = |name: &str| -> u32 {
            let at = items.iter().position(|item| item.text() == name).expect("the item");
            items[at + 1].text().parse().expect("a number")
        };
        Ok((number("UIDVALIDITY"), number("UIDNEXT"), number("MESSAGES")))
    }
}

/// Reads the items of a FETCH; `None` for one that carries no body, such as a flag update.
fn stored(items: &[Token]) -> Option<Stored> {
    let item = |name: &str| {
        items.chunks_exact(2).find(|pair| pair[0].text().eq_ignore_ascii_case(name)).map(|p| &p[1])
    };
    let bytes = item("BODY[]")?.octets().to_vec();
    assert_eq!(item("RFC822.SIZE")?.text(), bytes.len().to_string(), "the server's own size");
    Some(Stored {
        uid: item("UID")?.text().parse().expect("a UID"),
        flags: item("FLAGS")?.list().iter().map(Token::text).filter(|f| f != "\\Recent").collect(),
        date: wire::seconds(&item("INTERNALDATE")?.text()),
        bytes,
    })
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
