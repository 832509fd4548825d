//! One connection to the scripted server.

use super::script::{ARRIVED, Answer, Message, State, Withheld};
use crate::lab::wire::{self, Token};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One connection of a client.
pub(super) struct Session {
    stream: BufReader<TcpStream>,
    state: Arc<Mutex<State>>,
    selected: Option<String>,
    errors: usize,
}

impl Session {
    pub(super) fn new(stream: TcpStream, state: Arc<Mutex<State>>) -> Self {
        Self { stream: BufReader::new(stream), state, selected: None, errors: 0 }
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(line.as_bytes())?;
        stream.write_all(b"\r\n")
    }

    fn note(&self, what: &str) {
        self.state.lock().unwrap().log.push((Instant::now(), what.to_owned()));
    }

    /// Reads a command with its literals.
    fn command(&mut self) -> io::Result<Vec<u8>> {
        let mut command = Vec::new();
        loop {
            let start = command.len();
            if self.stream.read_until(b'\n', &mut command)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if !command.ends_with(b"\n") {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            assert!(command.ends_with(b"\r\n"), "a bare line feed");
            let open = command[start..].iter().rposition(|octet| *octet == b'{');
            let length = open.and_then(|open| {
                let text = std::str::from_utf8(&command[start + open + 1..]).ok()?;
                text.strip_suffix("}\r\n").map(str::to_owned)
            });
            let Some(length) = length else {
                command.truncate(command.len() - 2);
                return Ok(command);
            };
            let asks = !length.ends_with('+');
            let length: usize = length.trim_end_matches('+').parse().expect("a length");
            let refuse = self.state.lock().unwrap().refuse.filter(|(size, _)| *size == length);
            if let (true, Some((_, words))) = (asks, refuse) {
                let tag = String::from_utf8_lossy(&command).split(' ').next().unwrap().to_owned();
                self.say(&format!("{tag} {words}"))?;
                command.clear();
                continue;
            }
            if asks {
                self.say("+ go on")?;
            }
            let open = start + open.expect("it was found");
            command.truncate(open);
            command.extend_from_slice(format!("{{{length}}}\r\n").as_bytes());
            let body = command.len();
            let end = self.state.lock().unwrap().end_in_literal.take();
            if let Some(octets) = end {
                self.stream.read_exact(&mut vec![0; octets.min(length)])?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            command.resize(body + length, 0);
            self.stream.read_exact(&mut command[body..])?;
        }
    }

    /// Answers until the client goes away or is sent away.
    pub(super) fn run(&mut self) -> io::Result<()> {
        self.note("connect");
        self.say("* OK ready")?;
        loop {
            let command = self.command()?;
            let tokens = wire::tokens(&command);
            let (tag, word) = (tokens[0].text(), tokens[1].text().to_uppercase());
            let shown = String::from_utf8_lossy(&command[..command.len().min(60)]).into_owned();
            self.note(&shown);
            let text = shown.split_once(' ').map_or("", |(_, text)| text);
            let meddled = match &mut self.state.lock().unwrap().meddle {
                Some(meddle) if word != "APPEND" => meddle(text),
                _ => None,
            };
            let answer = match meddled {
                None | Some(Answer::Store) => self.answer(&tag, &word, &tokens[2..])?,
                Some(Answer::Say(words)) => {
                    self.note("refused");
                    words.to_owned()
                }
                Some(Answer::SayAndClose(words)) => {
                    self.note("refused");
                    self.say(&format!("{tag} {words}"))?;
                    return self.close();
                }
                Some(Answer::Die) => {
                    self.note("refused");
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Some(Answer::StoreAndDie) => {
                    self.answer(&tag, &word, &tokens[2..])?;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Some(other) => panic!("{other:?} is no answer to {text}"),
            };
            self.say(&format!("{tag} {answer}"))?;
            self.errors += usize::from(answer.starts_with("NO ") || answer.starts_with("BAD "));
            let most = self.state.lock().unwrap().errors;
            if most.is_some_and(|most| self.errors >= most) {
                self.note("closed for its errors");
                return self.close();
            }
        }
    }

    /// Ends the connection as Exchange does.
    fn close(&mut self) -> io::Result<()> {
        self.say("* BYE Connection closed. 14")?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    fn answer(&mut self, tag: &str, word: &str, rest: &[Token]) -> io::Result<String> {
        match word {
            "CAPABILITY" => {
                let (uidplus, plus) = {
                    let state = self.state.lock().unwrap();
                    (state.uidplus, state.literal_plus)
                };
                let (uidplus, plus) = (
                    if uidplus { " UIDPLUS MOVE" } else { "" },
                    if plus { " LITERAL+" } else { "" },
                );
                self.say(&format!("* CAPABILITY IMAP4rev1 UNSELECT{uidplus}{plus}"))?;
            }
            "LOGIN" | "NOOP" => {}
            "SUBSCRIBE" => assert!(self.has(&rest[0].text()), "{rest:?}"),
            "LIST" | "LSUB" => {
                let named: Vec<(String, &str)> = {
                    let state = self.state.lock().unwrap();
                    let separator = |name| state.separators.get(name).copied().unwrap_or("/");
                    state.folders.keys().map(|name| (name.clone(), separator(name))).collect()
                };
                for (name, separator) in named {
                    self.say(&format!("* {word} () \"{separator}\" \"{name}\""))?;
                }
            }
            "CREATE" => {
                let name = rest[0].text();
                if self.has(&name) {
                    return Ok("NO [ALREADYEXISTS] it exists".to_owned());
                }
                self.state.lock().unwrap().folders.insert(name, Vec::new());
            }
            "SELECT" | "EXAMINE" => return self.select(word, &rest[0].text()),
            "UNSELECT" => self.selected = None,
            "STATUS" => {
                let name = rest[0].text();
                if self.is_shut(&name) {
                    return Ok("NO [NOPERM] not now".to_owned());
                }
                let (count, next) = self.counts(&name);
                self.say(&format!(
                    "* STATUS \"{name}\" (MESSAGES {count} UIDNEXT {next} UIDVALIDITY 7)"
                ))?;
            }
            "APPEND" => return self.append(tag, rest),
            "UID" if rest[0].text() == "FETCH" => {
                let text = format!("{:?}", rest[2]);
                self.fetch(&rest[1].text(), text.contains("BODY.PEEK[]"))?;
            }
            "UID" if rest[0].text() == "STORE" => {
                let Token::List(flags) = &rest[3] else { panic!("{rest:?}") };
                let flags: Vec<String> = flags.iter().map(Token::text).collect();
                self.change(&rest[1].text(), &rest[2].text(), &flags);
            }
            "UID" if rest[0].text() == "EXPUNGE" => {
                let set = rest[1].text();
                let name = self.selected.clone().expect("a folder is selected");
                let mut state = self.state.lock().unwrap();
                let messages = state.folders.get_mut(&name).expect("the folder");
                let last = messages.last().map_or(0, |message| message.uid);
                messages.retain(|message| {
                    let marked = message.flags.iter().any(|flag| flag == "\\Deleted");
                    !(marked && names(&set, message.uid, last))
                });
            }
            "UID" if rest[0].text() == "MOVE" => {
                return self.move_to(&rest[1].text(), &rest[2].text());
            }
            "LOGOUT" => {
                self.say("* BYE")?;
            }
            _ => return Ok(format!("BAD {word} is not known here")),
        }
        Ok("OK done".to_owned())
    }

    fn change(&self, set: &str, how: &str, flags: &[String]) {
        let name = self.selected.clone().expect("a folder is selected");
        let mut state = self.state.lock().unwrap();
        let messages = state.folders.get_mut(&name).expect("the folder");
        let last = messages.last().map_or(0, |message| message.uid);
        for message in messages.iter_mut().filter(|message| names(set, message.uid, last)) {
            message.flags.retain(|flag| !flags.contains(flag));
            if how.starts_with('+') {
                message.flags.extend_from_slice(flags);
            }
        }
    }

    fn move_to(&mut self, set: &str, to: &str) -> io::Result<String> {
        let from = self.selected.clone().expect("a folder is selected");
        let messages = self.state.lock().unwrap().folders[&from].clone();
        let last = messages.last().map_or(0, |message| message.uid);
        let (mut was, mut now) = (Vec::new(), Vec::new());
        for message in messages.into_iter().filter(|message| names(set, message.uid, last)) {
            was.push(message.uid.to_string());
            let mut state = self.state.lock().unwrap();
            state.folders.get_mut(&from).unwrap().retain(|there| there.uid != message.uid);
            drop(state);
            now.push(store(&self.state, to, message).to_string());
        }
        let mut state = self.state.lock().unwrap();
        if state.moves.0 > 0 {
            state.moves.0 -= 1;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let silent = state.moves.1 > 0;
        state.moves.1 = state.moves.1.saturating_sub(1);
        drop(state);
        if !silent {
            self.say(&format!("* OK [COPYUID 7 {} {}] moved", was.join(","), now.join(",")))?;
        }
        Ok("OK done".to_owned())
    }

    fn is_shut(&self, name: &str) -> bool {
        self.state.lock().unwrap().shut.iter().any(|shut| shut == name)
    }

    fn has(&self, name: &str) -> bool {
        self.state.lock().unwrap().folders.contains_key(name)
    }

    fn counts(&self, name: &str) -> (usize, u32) {
        let state = self.state.lock().unwrap();
        (state.folders[name].len(), state.uid_next(name))
    }

    fn select(&mut self, word: &str, name: &str) -> io::Result<String> {
        if !self.has(name) {
            return Ok("NO [NONEXISTENT] no such folder".to_owned());
        }
        if self.is_shut(name) {
            return Ok("NO [NOPERM] not now".to_owned());
        }
        let (count, next) = self.counts(name);
        self.selected = Some(name.to_owned());
        self.say("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)")?;
        self.say("* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] kept")?;
        self.say(&format!("* {count} EXISTS"))?;
        self.say("* OK [UIDVALIDITY 7] valid")?;
        self.say(&format!("* OK [UIDNEXT {next}] next"))?;
        let mode = if word == "SELECT" { "READ-WRITE" } else { "READ-ONLY" };
        Ok(format!("OK [{mode}] open"))
    }

    fn append(&mut self, tag: &str, rest: &[Token]) -> io::Result<String> {
        let name = rest[0].text();
        assert!(self.has(&name), "APPEND to {name}");
        let flags = rest.iter().find_map(|token| match token {
            Token::List(flags) => Some(flags.iter().map(Token::text).collect()),
            _ => None,
        });
        // Flags and date are both optional, RFC 3501 section 6.3.11.
        let mut between = rest[1..rest.len() - 1].iter();
        let date = between.find(|token| matches!(token, Token::Text(_)));
        let date = date.map(Token::text).unwrap_or_default();
        let bytes = rest.last().expect("a message").octets().to_vec();
        let mut message = Message { uid: 0, flags: flags.unwrap_or_default(), date, bytes };
        let (answer, uidplus) = {
            let mut state = self.state.lock().unwrap();
            let number = state.appends;
            state.appends += 1;
            let rejected = state.reject.as_ref().filter(|(pick, _)| pick(&message.bytes));
            let answer = match (state.refuse, rejected) {
                (Some((octets, words)), _) if octets == message.bytes.len() => Answer::Say(words),
                (_, Some((_, answer))) => answer.clone(),
                _ => (state.decide)(number),
            };
            if let Some(rewrite) = state.rewrite {
                message.bytes = rewrite(&message.bytes);
            }
            if (state.redate)(&message.date) {
                ARRIVED.clone_into(&mut message.date);
            }
            (answer, state.uidplus)
        };
        let dies = Err(io::ErrorKind::ConnectionAborted.into());
        match answer {
            Answer::Store => Ok(self.stored(&name, message, uidplus)),
            Answer::StoreLate(late) => {
                let answer = self.stored(&name, message, uidplus);
                std::thread::sleep(late);
                Ok(answer)
            }
            Answer::StoreAndBye => {
                let answer = self.stored(&name, message, uidplus);
                self.say(&format!("{tag} {answer}"))?;
                self.say("* BYE see you")?;
                dies
            }
            Answer::StoreAndHang => {
                store(&self.state, &name, message);
                // Until the client goes away; what it still sends is read and not executed.
                io::copy(&mut self.stream, &mut io::sink())?;
                dies
            }
            Answer::StoreAndDie => {
                store(&self.state, &name, message);
                dies
            }
            Answer::StoreElsewhereAndDie(folder) => {
                store(&self.state, folder, message);
                dies
            }
            Answer::DieAndStore(late) => {
                let state = Arc::clone(&self.state);
                std::thread::spawn(move || {
                    std::thread::sleep(late);
                    store(&state, &name, message);
                });
                dies
            }
            Answer::Say(words) => {
                self.note("refused");
                Ok(words.to_owned())
            }
            Answer::SayAndClose(words) => {
                self.note("refused");
                self.say(&format!("{tag} {words}"))?;
                self.close()?;
                dies
            }
            Answer::Die => {
                self.note("refused");
                dies
            }
            Answer::StoreUnsaid => Ok(self.stored(&name, message, false)),
            Answer::StoreUnder(validity) => {
                let uid = store(&self.state, &name, message);
                Ok(format!("OK [APPENDUID {validity} {uid}] stored"))
            }
            Answer::Bye(words) => {
                self.note("refused");
                self.say(&format!("* {words}"))?;
                dies
            }
            Answer::OtherTag => {
                store(&self.state, &name, message);
                self.say("Z99 OK stored")?;
                std::thread::sleep(Duration::from_millis(200));
                dies
            }
        }
    }

    fn stored(&self, name: &str, message: Message, uidplus: bool) -> String {
        let uid = store(&self.state, name, message);
        let code = if uidplus { format!("[APPENDUID 7 {uid}] ") } else { String::new() };
        format!("OK {code}stored")
    }

    fn fetch(&mut self, set: &str, bodies: bool) -> io::Result<()> {
        let name = self.selected.clone().expect("a folder is selected");
        let messages = self.state.lock().unwrap().folders[&name].clone();
        let last = messages.last().map_or(0, |message| message.uid);
        for (index, message) in messages.iter().enumerate() {
            let (number, uid) = (index + 1, message.uid);
            if !names(set, uid, last) {
                continue;
            }
            let withheld = self.state.lock().unwrap().withheld;
            let withheld = withheld.filter(|(of, _)| bodies && *of == uid);
            if let Some((_, how)) = withheld {
                match how {
                    Withheld::Silently => {}
                    Withheld::Nil => {
                        self.say(&format!("* {number} FETCH (UID {uid} BODY[] NIL)"))?;
                    }
                }
            } else if bodies {
                self.say(&format!(
                    "* {number} FETCH (UID {uid} BODY[] {{{}}}",
                    message.bytes.len()
                ))?;
                self.stream.get_mut().write_all(&message.bytes)?;
                self.say(")")?;
            } else {
                let size = match self.state.lock().unwrap().unsized_uid {
                    unsized_uid if unsized_uid == uid => "NIL".to_owned(),
                    _ => message.bytes.len().to_string(),
                };
                self.say(&format!(
                    "* {number} FETCH (UID {uid} FLAGS ({}) INTERNALDATE \"{}\" RFC822.SIZE {size})",
                    message.flags.join(" "),
                    message.date,
                ))?;
            }
        }
        Ok(())
    }
}

pub(super) fn store(state: &Mutex<State>, name: &str, mut message: Message) -> u32 {
    let mut state = state.lock().unwrap();
    let uid = state.uid_next(name);
    message.uid = uid;
    state.push(name, message);
    uid
}

/// Tells whether a set names a UID; `n:*` always names the last one.
pub(super) fn names(set: &str, uid: u32, last: u32) -> bool {
    let number = |text: &str| if text == "*" { last } else { text.parse().expect("a UID") };
    set.split(',').any(|part| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        let (from, to) = (number(from), number(to));
        (from.min(to)..=from.max(to)).contains(&uid)
    })
}
