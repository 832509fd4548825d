//! Numbers and names as people read them.

use crate::model::words;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Writes a number with a comma between thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a time span with its two largest units.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Escapes what a server could have named to move a cursor.
pub(super) fn safe(text: &str) -> String {
    words::shown(text.as_bytes())
}

/// Cuts or fills a text to a number of terminal columns.
pub(super) fn column(text: &str, width: usize) -> String {
    let text = safe(text);
    if text.width() <= width {
        return format!("{text}{}", " ".repeat(width - text.width()));
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if used + next + 1 > width {
            break;
        }
        used += next;
        cut.push(c);
    }
    format!("{cut}…{}", " ".repeat(width.saturating_sub(used + 1)))
}

/// Draws how much of something is done.
pub(super) fn bar(done: u64, all: u64, width: u64) -> String {
    let full = if all == 0 {
        width
    } else {
        // Rounded down: it is full only when everything is done.
        u64::try_from(u128::from(done.min(all)) * u128::from(width) / u128::from(all)).unwrap_or(0)
    };
    (0..width).map(|place| if place < full { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_are_easy_to_read() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), text);
        }
        for (seconds, text) in [
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_599, "59 min 59 s"),
            (7_260, "2 h 1 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn a_column_has_its_width_whatever_the_script() {
        assert_eq!(column("ada", 5), "ada  ");
        assert_eq!(column("adalove", 5), "adal…");
        assert_eq!(column("日本語", 6), "日本語");
        assert_eq!(column("日本語", 5), "日本…");
        assert_eq!(column("日本語", 4), "日… ");
        assert_eq!(column("\u{1b}x", 7), "\\u{1b}x");
    }

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        assert_eq!(bar(0, 4, 4), "░░░░");
        assert_eq!(bar(999, 1_000, 4), "███░");
        assert_eq!(bar(1_000, 1_000, 4), "████");
        assert_eq!(bar(0, 0, 2), "██");
        assert_eq!(bar(u64::MAX, u64::MAX, 2), "██");
    }
}
