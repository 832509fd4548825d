//! Lines of a message that arrives in pieces, whatever its line ends.

/// Octets of a line that are looked at together. A boundary has at most 70 octets, RFC 2046 section
/// 5.1.1, and a header line 998; what is longer comes in pieces.
const TOGETHER: usize = 8 * 1024;

/// The end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// CR LF.
    Crlf,
    /// LF alone.
    Lf,
    /// The line goes on, or the message ends here.
    None,
}

impl End {
    pub(super) const fn octets(self) -> &'static [u8] {
        match self {
            Self::Crlf => b"\r\n",
            Self::Lf => b"\n",
            Self::None => b"",
        }
    }
}

/// A line or a piece of a very long one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Without its end.
    pub(super) text: &'a [u8],
    pub(super) end: End,
    /// The piece before it had no end.
    pub(super) goes_on: bool,
}

impl Line<'_> {
    /// A line that is here from its start to its end.
    pub(super) const fn is_whole(&self) -> bool {
        !self.goes_on
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.goes_on
    }
}

/// Cuts octets into lines; where the pieces were cut makes no difference.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    goes_on: bool,
}

impl Lines {
    pub(super) fn feed(&mut self, octets: &[u8], mut each: impl FnMut(Line<'_>)) {
        for &octet in octets {
            self.held.push(octet);
            if octet == b'\n' {
                let crlf = self.held.ends_with(b"\r\n");
                let cut = self.held.len() - if crlf { 2 } else { 1 };
                let end = if crlf { End::Crlf } else { End::Lf };
                each(Line { text: &self.held[..cut], end, goes_on: self.goes_on });
                self.held.clear();
                self.goes_on = false;
            } else if self.held.len() > TOGETHER {
                // The last octet may be the CR of a line end.
                let keep = self.held.len() - 1;
                each(Line { text: &self.held[..keep], end: End::None, goes_on: self.goes_on });
                self.held.drain(..keep);
                self.goes_on = true;
            }
        }
    }

    pub(super) fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        if !self.held.is_empty() {
            each(Line { text: &self.held, end: End::None, goes_on: self.goes_on });
            self.held.clear();
        }
    }
}
