//! What goes wrong between a client and a tenant.

use std::time::Duration;

/// Which of the hosts is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// login.microsoftonline.com.
    Login,
    /// graph.microsoft.com.
    Graph,
}

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebMischief {
    /// It is answered with this status, these words as Retry-After, and not done.
    Patience(u16, Option<String>),
    /// The connection ends, and it was not done.
    CloseBefore,
    /// It is done, and the connection ends without an answer.
    CloseAfter,
    /// It is done, and the connection ends within the body of the answer.
    CloseWithin,
    /// It is done this much later.
    Delay(Duration),
    /// Somebody in between answers with a page in HTML.
    Page(u16),
    /// It is answered with this status and this body in JSON, and not done.
    Refusal(u16, String),
}

/// One fault; it strikes once, at the nth request to a host from when it was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebFault {
    /// Where.
    pub door: Door,
    /// Counts from 1.
    pub nth: u64,
    /// What happens.
    pub what: WebMischief,
}
