//! The octets of one connection, with a place to cut it in either direction.

use bytes::{Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest line of a command without its literals; Dovecot's default is 64 KiB.
const LONGEST_LINE: usize = 64 * 1024;
/// How much is kept of a line that is too long: its tag and its verb.
const BEGINNING: usize = 64;
/// How many octets of answers are gathered before they are written.
const GATHER: usize = 64 * 1024;
/// How much is read at once.
const ROOM: u64 = 32 * 1024;

/// A line as it came.
#[derive(Debug)]
pub(crate) enum Line {
    /// Without its CRLF.
    Whole(Vec<u8>),
    /// It ended in a bare LF, which no command may.
    BareFeed(Vec<u8>),
    /// It was longer than any command; its rest up to the line end is gone. This is its beginning.
    TooLong(Vec<u8>),
}

pub(crate) struct Wire<S> {
    stream: S,
    input: BytesMut,
    output: Vec<u8>,
    /// How many octets more may come from the client.
    from_client: Option<u64>,
    /// How many octets more may go to the client.
    to_client: Option<u64>,
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was cut by a fault")
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: Vec::new(),
            from_client: None,
            to_client: None,
        }
    }

    /// Cuts the connection after so many octets more from the client.
    pub(crate) fn cut_from_client(&mut self, octets: u64) {
        self.from_client = Some(octets);
    }

    /// Cuts the connection after so many octets more to the client.
    pub(crate) fn cut_to_client(&mut self, octets: u64) {
        self.to_client = Some(octets);
    }

    /// Reads more; `false` at the end of the stream. Nothing is lost when this is cancelled.
    async fn fill(&mut self) -> io::Result<bool> {
        let room = self.from_client.unwrap_or(ROOM).min(ROOM);
        if room == 0 {
            return Err(cut());
        }
        let mut limited = (&mut self.stream).take(room);
        let read = limited.read_buf(&mut self.input).await?;
        if let Some(left) = &mut self.from_client {
            *left = left.saturating_sub(read as u64);
        }
        Ok(read > 0)
    }

    /// Returns the next line; `None` at the end of the stream, where a begun line is lost.
    pub(crate) async fn line(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(end) = self.input.iter().position(|&octet| octet == b'\n') {
                let mut line = self.input.split_to(end + 1).to_vec();
                if line.len() > LONGEST_LINE {
                    line.truncate(BEGINNING);
                    return Ok(Some(Line::TooLong(line)));
                }
                line.pop();
                let whole = line.pop_if(|octet| *octet == b'\r').is_some();
                return Ok(Some(if whole { Line::Whole(line) } else { Line::BareFeed(line) }));
            }
            if self.input.len() > LONGEST_LINE {
                let start = self.input.split_to(BEGINNING).to_vec();
                self.skip_line().await?;
                return Ok(Some(Line::TooLong(start)));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    async fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = self.input.iter().position(|&octet| octet == b'\n') {
                let _ = self.input.split_to(end + 1);
                return Ok(());
            }
            self.input.clear();
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Returns at least one octet and at most `most`.
    pub(crate) async fn some(&mut self, most: u64) -> io::Result<Bytes> {
        if self.input.is_empty() && !self.fill().await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::try_from(most).unwrap_or(usize::MAX).min(self.input.len());
        Ok(self.input.split_to(size).freeze())
    }

    /// Gives octets back that were taken with [`Wire::some`].
    pub(crate) fn give_back(&mut self, octets: &[u8]) {
        let mut input = BytesMut::from(octets);
        input.extend_from_slice(&self.input);
        self.input = input;
    }

    /// Adds to the answer.
    pub(crate) fn say(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }

    /// Adds octets to the answer and writes it when it has grown.
    pub(crate) async fn pour(&mut self, octets: &[u8]) -> io::Result<()> {
        for piece in octets.chunks(GATHER) {
            self.output.extend_from_slice(piece);
            if self.output.len() >= GATHER {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Writes what was said.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        let mut output = std::mem::take(&mut self.output);
        let mut ends = false;
        if let Some(left) = &mut self.to_client {
            let most = usize::try_from(*left).unwrap_or(usize::MAX);
            ends = output.len() >= most;
            output.truncate(most);
            *left = left.saturating_sub(output.len() as u64);
        }
        self.stream.write_all(&output).await?;
        self.stream.flush().await?;
        output.clear();
        self.output = output;
        if ends { Err(cut()) } else { Ok(()) }
    }

    /// Says nothing any more and waits until the client leaves.
    pub(crate) async fn ignore(&mut self) {
        loop {
            self.input.clear();
            match self.fill().await {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Ends the connection in order.
    pub(crate) async fn close(&mut self) {
        // The client may be gone already, which is as good.
        let _ = self.stream.shutdown().await;
    }
}
