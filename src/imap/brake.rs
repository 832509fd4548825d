//! Who is asked before a command goes out, and hears what the server answered.

use crate::imap::error::ImapError;
use async_trait::async_trait;

/// Holds commands back for as long as a server wants. Shared by every connection of an account.
#[async_trait]
pub trait Brake: Send + Sync + std::fmt::Debug {
    /// Waits until a command may go out; [`ImapError::Interrupted`] when the run shall end first.
    async fn pass(&self) -> Result<(), ImapError>;

    /// Hears a refusal or the words of a BYE, at once when they come and before anybody else.
    fn heard(&self, error: &ImapError);

    /// Tells whether a command that got this answer is to be sent again after the next
    /// [`Brake::pass`]: the server only asked for patience.
    fn again(&self, error: &ImapError) -> bool;
}
