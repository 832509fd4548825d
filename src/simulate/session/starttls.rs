//! What is said in the clear before TLS.

use crate::simulate::command::Wrong;
use crate::simulate::product::Product;
use crate::simulate::voice;
use crate::simulate::wire::{Line, Wire};
use std::io;
use tokio::net::TcpStream;

/// Greets and answers in the clear; tells whether the client asked for TLS. No log-in is taken, as
/// RFC 2595 section 2.3 has it.
pub(crate) async fn agree_on_tls(product: &Product, stream: &mut TcpStream) -> io::Result<bool> {
    let mut wire = Wire::new(stream);
    let capabilities = "IMAP4rev1 STARTTLS LOGINDISABLED";
    wire.say(&format!("* OK [CAPABILITY {capabilities}] Simulated server ready.\r\n"));
    wire.flush().await?;
    loop {
        let Some(Line::Whole(line)) = wire.line().await? else { return Ok(false) };
        let line = String::from_utf8_lossy(&line).into_owned();
        let (tag, verb) = line.split_once(' ').unwrap_or((line.as_str(), ""));
        let verb = verb.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "STARTTLS" => wire.say(&format!("{tag} OK Begin TLS negotiation now.\r\n")),
            "CAPABILITY" => wire.say(&format!(
                "* CAPABILITY {capabilities}\r\n{tag} OK {}\r\n",
                voice::completed(product.voice, &verb)
            )),
            "LOGOUT" => wire.say(&format!("* BYE Logging out\r\n{tag} OK Logout completed.\r\n")),
            _ => wire.say(&format!(
                "{tag} BAD {}\r\n",
                voice::wrong(product.voice, &verb, Wrong::Unknown)
            )),
        }
        wire.flush().await?;
        match verb.as_str() {
            "STARTTLS" => return Ok(true),
            "LOGOUT" => return Ok(false),
            _ => {}
        }
    }
}
