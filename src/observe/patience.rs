//! Looks again where a server is only in trouble for now.

use super::{Eyes, ends_the_look};
use crate::error::{Class, Result, Retry};
use crate::model::reading::{Failure, Reading};
use std::time::Duration;

/// Looks at one side of a mailbox whose server is in trouble for now.
const LOOKS: u32 = 3;

/// Looks at one folder that brings trouble.
const TRIES: u32 = 2;

/// Folders in a row at which the line falls: more are not what is wrong, that is the server.
const FALLS: u32 = 3;

/// What comes of the folders of one side of a mailbox, one after the other.
#[derive(Debug)]
pub(super) struct Folders {
    /// No look comes after this one.
    last: bool,
    /// How often the present folder brought trouble.
    troubles: u32,
    /// Folders in a row at which the line fell each time.
    falls: u32,
}

impl Folders {
    pub(super) fn new(last: bool) -> Self {
        Self { last, troubles: 0, falls: 0 }
    }

    /// Returns what is known of a folder; `None` when it is to be looked at again, over a fresh
    /// line where this one is not `open` any more. Trouble that may be over at the next look is an
    /// error, and so is a line that falls at one folder after the other: both make the mailbox
    /// unreadable.
    pub(super) fn reading<T>(
        &mut self,
        looked: Result<T>,
        open: bool,
    ) -> Result<Option<Reading<T>>> {
        let error = match looked {
            Ok(seen) => {
                (self.troubles, self.falls) = (0, 0);
                return Ok(Some(Reading::Present(seen)));
            }
            Err(error) => error,
        };
        let passes = matches!(error.class, Class::Throttle | Class::Transient);
        if ends_the_look(&error) || (passes && !self.last) {
            return Err(error);
        }
        self.troubles += 1;
        if self.troubles < TRIES && (!open || error.class == Class::Line) {
            return Ok(None);
        }
        self.troubles = 0;
        self.falls = if open { 0 } else { self.falls + 1 };
        if self.falls >= FALLS {
            return Err(error);
        }
        Ok(Some(Reading::Unreadable(Failure::from(&error))))
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
