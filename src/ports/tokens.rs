//! Tokens that sign in in place of passwords.

use crate::error::Result;
use secrecy::SecretString;

/// A token, and which one it is.
#[derive(Clone, Debug)]
pub struct Token {
    /// What is shown to a server; never to a person.
    pub value: SecretString,
    /// Counts from 1 in the order in which they were issued in this run.
    pub number: u64,
    /// It was issued for an earlier call.
    pub kept: bool,
}

/// Gives tokens for one service, and keeps each until shortly before its end.
#[async_trait::async_trait]
pub trait Tokens: Send + Sync + std::fmt::Debug {
    /// Reveals what tokens are asked for with, so that consents are asked for before the work
    /// begins.
    async fn consent(&self) -> Result<()>;

    /// Returns a token that is valid for a while.
    async fn token(&self) -> Result<Token>;

    /// Returns another token than one that was refused, or an error when there is none.
    async fn instead_of(&self, refused: &Token) -> Result<Token>;
}
