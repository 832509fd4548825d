//! Looks again where a server is only in trouble for now.

use super::{Eyes, ends_the_look};
use crate::error::{Class, Result, Retry};
use crate::model::reading::{Failure, Reading};
use std::time::Duration;

/// Looks at one side of a mailbox whose server is in trouble for now.
const LOOKS: u32 = 3;

/// What is known of one folder. A lost line, and trouble that may be over at the next look, make the
/// mailbox unreadable and not the folder that was asked for just then.
pub(super) fn folder_reading<T>(looked: Result<T>, last: bool) -> Result<Reading<T>> {
    match looked {
        Ok(seen) => Ok(Reading::Present(seen)),
        Err(error) if ends_the_look(&error) || error.class == Class::Line => Err(error),
        Err(error) if matches!(error.class, Class::Throttle | Class::Transient) && !last => {
            Err(error)
        }
        Err(error) => Ok(Reading::Unreadable(Failure::from(&error))),
    }
}

impl Eyes {
    /// Looks at one side of a mailbox, again when its server is only in trouble for now. Only what
    /// ends the whole look is an error; `look` is told whether it is the last one.
    pub(super) async fn patiently<T>(
        &self,
        look: impl AsyncFn(bool) -> Result<T>,
    ) -> Result<Reading<T>> {
        let mut looks = 0;
        loop {
            looks += 1;
            let error = match look(looks >= LOOKS).await {
                Ok(seen) => return Ok(Reading::Present(seen)),
                Err(error) if ends_the_look(&error) => return Err(error),
                Err(error) => error,
            };
            if looks >= LOOKS || error.retry == Retry::Never {
                return Ok(Reading::Unreadable(Failure::from(&error)));
            }
            match error.class {
                // The next connection waits by itself.
                Class::Throttle => {}
                Class::Transient => {
                    self.accounts.throttle().sleep(Duration::from_secs(1 << (looks - 1))).await?;
                }
                _ => return Ok(Reading::Unreadable(Failure::from(&error))),
            }
        }
    }
}
