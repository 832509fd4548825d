//! Time.

/// Tells the time. Nothing else in the crate may.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the present time.
    fn now(&self) -> jiff::Timestamp;
}
