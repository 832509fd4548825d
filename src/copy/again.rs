//! Tries again what failed and may succeed later, and gives up when it does not.

use crate::copy::desk::Desk;
use crate::copy::stop::Stop;
use crate::error::{Class, Error, Retry};
use crate::executor::event::Event;
use std::time::Duration;

/// Rounds in a row that may fail without a single message moving on.
const FRUITLESS: u32 = 5;

/// The same for rounds that end because the server asks for patience; Exchange was seen to keep
/// that up for 50 minutes, in waits of up to five.
const THROTTLED: u32 = 20;

/// Counts the rounds in a row that came to nothing.
#[derive(Debug, Default)]
pub struct Again {
    fruitless: u32,
    throttled: u32,
}

impl Again {
    /// Something moved on: counting begins anew.
    pub fn moved_on(&mut self) {
        *self = Self::default();
    }

    /// Waits before the next try: 1, 2, 4 … seconds. For as long as a server wants, the next
    /// connections wait by themselves ([`crate::throttle`]). Gives up with [`Stop::Failed`], and
    /// ends with [`Stop::Interrupted`] when the run shall end.
    pub async fn hold(&mut self, desk: &Desk, error: Error) -> Result<(), Stop> {
        let (count, most) = match error.class {
            Class::Throttle => (&mut self.throttled, THROTTLED),
            _ => (&mut self.fruitless, FRUITLESS),
        };
        *count += 1;
        let attempt = *count;
        if attempt > most {
            return Err(Stop::Failed(
                error.hint(format!("Tried {most} times in a row without a message moving on.")),
            ));
        }
        if matches!(error.retry, Retry::AtOnce | Retry::After(_)) {
            return match desk.go_on() {
                // The hours ended this very moment; the next round waits for them.
                Err(Stop::Again(_)) => Ok(()),
                other => other,
            };
        }
        let wait = Duration::from_secs(1 << attempt.saturating_sub(1).min(6));
        desk.tell(&Event::Holding {
            side: "server",
            object: error.message.clone(),
            seconds: wait.as_secs(),
            words: error.words.clone().unwrap_or_default(),
        });
        desk.rest(wait).await
    }
}

/// Does something that is done as a whole or not at all, as often as [`Again`] allows.
pub async fn until_done<T>(
    desk: &Desk,
    mut attempt: impl AsyncFnMut() -> Result<T, Stop>,
) -> Result<T, Stop> {
    let mut again = Again::default();
    loop {
        desk.go_on()?;
        match attempt().await {
            Err(Stop::Again(error)) => again.hold(desk, error).await?,
            ended => return ended,
        }
    }
}
