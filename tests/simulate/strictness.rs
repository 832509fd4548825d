//! What a real server refuses is refused, and harms nothing.

use crate::raw::{ADA, Raw, mail, service};
use mailferry::simulate::Product;

#[tokio::test(start_paused = true)]
async fn malformed_commands_are_bad_and_change_nothing() {
    let service = service(Product::plain());
    let mut raw = Raw::in_inbox(&service).await;
    raw.append("INBOX", &mail(1)).await;
    raw.ok("NOOP").await;
    for command in [
        "",
        "NONSENSE",
        "NOOP ",
        "NOOP x",
        "SELECT",
        "SELECT  INBOX",
        "SELECT INBOX x",
        "SELECT \"INBOX",
        "SELECT \"a\\b\"",
        "SELECT b\u{e9}",
        "SELECT \"b\u{e9}\"",
        "SELECT a%",
        "LOGIN a",
        "LIST \"\"",
        "LIST \"\" \"*\" RETURN (NONE)",
        "STATUS INBOX",
        "STATUS INBOX ()",
        "STATUS INBOX (MESSAGES  UIDNEXT)",
        "STATUS INBOX (NONE)",
        "FETCH 0 FLAGS",
        "FETCH 01 FLAGS",
        "FETCH 1,, FLAGS",
        "FETCH 2 FLAGS",
        "FETCH 1 (FLAGS",
        "FETCH 1 ()",
        "FETCH 1 (FLAGS UID )",
        "FETCH 1 BODY.PEEK[HEADER.FIELDS ()]",
        "FETCH 1 BODY[]<0.0>",
        "FETCH 1 (ENVELOPE)",
        "FETCH 1 X-GM-LABELS",
        "UID",
        "UID NOOP",
        "UID FETCH 1",
        "STORE 1 FLAGS",
        "STORE 1 ++FLAGS (\\Seen)",
        "STORE 1 +FLAGS (\\Recent)",
        "STORE 1 +FLAGS (\\Unknown)",
        "STORE 1 +FLAGS (a]b)",
        "STORE 1 +FLAGS (\\Seen",
        "SEARCH",
        "SEARCH NONSENSE",
        "SEARCH BEFORE 32-Jan-2020",
        "SEARCH CHARSET KOI8-R ALL",
        "APPEND INBOX",
        "APPEND INBOX \"text\"",
        "APPEND INBOX (\\Seen) {1+}\r\na x",
        "APPEND INBOX (\\Recent) {1+}\r\na",
        "APPEND INBOX \"1-Jan-2020 00:00:00 +0000\" {1+}\r\na",
        "APPEND INBOX \"32-Jan-2020 00:00:00 +0000\" {1+}\r\na",
        "APPEND INBOX \"01-Jan-2020 00:00:00 GMT\" {1+}\r\na",
        "COPY 1",
        "UID EXPUNGE",
        "ENABLE",
        "ID",
        "ID (\"a\")",
        "STARTTLS",
        "AUTHENTICATE",
    ] {
        let answer = raw.command(command).await;
        assert!(
            answer.last().is_some_and(|last| last.starts_with("BAD")),
            "`{command}`: {answer:?}"
        );
    }
    // Lines that are no command at all.
    for line in ["\r\n", "+ x\r\n", "* NOOP\r\n", "(a) NOOP\r\n"] {
        raw.send(line.as_bytes()).await;
        let answer = raw.line().await.unwrap();
        assert!(answer.starts_with("* BAD"), "{line:?}: {answer}");
    }
    raw.send(b"b1 NOOP\n").await;
    assert!(raw.line().await.unwrap().starts_with("b1 BAD"), "a bare LF ends no command");
    let truth = service.oracle().messages(ADA, "INBOX").unwrap();
    assert_eq!(truth.len(), 1);
    assert!(truth[0].flags.is_empty());
    raw.ok("NOOP").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_refused_without_being_kept() {
    let mut product = Product::plain().with(mailferry::simulate::Habit::AppendSizeLimit);
    product.append_limit = 1_000;
    let service = service(product);
    let mut raw = Raw::signed_in(&service).await;
    // A literal that waits is refused before a single octet of it.
    assert!(raw.command("APPEND INBOX {1001}").await[0].starts_with("NO [LIMIT]"));
    assert!(raw.append("INBOX", &"x".repeat(1_001)).await.starts_with("NO [LIMIT]"));
    assert!(raw.append("INBOX", &"x".repeat(1_000)).await.starts_with("OK"));
    // A literal that is no message is small, and a line has an end.
    assert!(raw.command("SELECT {70000}").await[0].starts_with("NO"));
    assert!(raw.command(&format!("SELECT {}", "x".repeat(70_000))).await[0].starts_with("BAD"));
    assert_eq!(service.oracle().messages(ADA, "INBOX").unwrap().len(), 1);
    assert!(raw.append("INBOX", "a\0b").await.starts_with("NO"));
    assert!(raw.append("INBOX", "").await.starts_with("NO"));
    raw.ok("NOOP").await;
}

#[tokio::test(start_paused = true)]
async fn commands_may_be_sent_ahead_and_are_answered_in_order() {
    let service = service(Product::plain());
    let mut raw = Raw::signed_in(&service).await;
    let mut octets = Vec::new();
    for number in 0..50 {
        let text = mail(number);
        let line = format!("p{number} APPEND INBOX {{{}+}}\r\n{text}\r\n", text.len());
        octets.extend_from_slice(line.as_bytes());
    }
    // Cut where no line ends.
    for piece in octets.chunks(97) {
        raw.send(piece).await;
        tokio::task::yield_now().await;
    }
    for number in 0..50 {
        let line = raw.line().await.unwrap();
        assert!(line.starts_with(&format!("p{number} OK [APPENDUID")), "{line}");
    }
    let truth = service.oracle().messages(ADA, "INBOX").unwrap();
    assert!(truth.iter().enumerate().all(|(at, message)| message.served == mail(at).as_bytes()));
}
