//! Each habit, provoked.

use crate::raw::{ADA, PASSWORD, Raw, TOKEN, mail, service, start};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mailferry::model::flags::Flags;
use mailferry::simulate::{
    Access, Condition, Delivery, Habit, Language, Message, Product, Service, Throttle,
};
use std::time::Duration;

/// Exchange that takes passwords, so that a test needs no token.
fn exchange() -> Product {
    Product::exchange_online().without(Habit::BasicAuthRefused)
}

fn xoauth2(user: &str, token: &str) -> String {
    let text = STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
    format!("AUTHENTICATE XOAUTH2 {text}")
}

fn inbox(service: &Service) -> Vec<Message> {
    service.oracle().messages(ADA, "INBOX").unwrap()
}

#[tokio::test(start_paused = true)]
async fn exchange_greets_and_announces_as_observed() {
    let service = service(Product::exchange_online());
    let (mut raw, greeting) = Raw::greeted(&service).await;
    assert!(greeting.starts_with("* OK The Microsoft Exchange IMAP4 service is ready. ["));
    let before = raw.ok("CAPABILITY").await.remove(0);
    assert!(before.contains("AUTH=XOAUTH2") && before.contains("LOGINDISABLED"), "{before}");
    assert!(!before.contains("AUTH=PLAIN"), "{before}");
    // A right password is refused all the same.
    assert_eq!(raw.command(&format!("LOGIN {ADA} {PASSWORD}")).await, ["NO LOGIN failed."]);
    let signed = raw.ok(&xoauth2(ADA, TOKEN)).await;
    assert_eq!(signed, ["OK AUTHENTICATE completed."]);
    let after = raw.ok("CAPABILITY").await.remove(0);
    assert!(after.contains("UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES"), "{after}");
    for absent in ["MULTIAPPEND", "CONDSTORE", "SPECIAL-USE", "APPENDLIMIT", "ESEARCH"] {
        assert!(!after.contains(absent), "{after}");
    }
    // What is not announced is not known.
    assert!(raw.command("ENABLE CONDSTORE").await[0].starts_with("BAD Command Error. 12"));
    assert!(raw.command("FETCH 1 FLAGS").await[0].starts_with("BAD Command received in Invalid"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_told_in_a_challenge() {
    let service = service(Product::exchange_online());
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.send(format!("a {}\r\n", xoauth2(ADA, "wrong")).as_bytes()).await;
    let challenge = raw.line().await.unwrap();
    let json = STANDARD.decode(challenge.strip_prefix("+ ").unwrap()).unwrap();
    assert!(String::from_utf8(json).unwrap().contains("\"status\":\"401\""));
    raw.send(b"\r\n").await;
    assert_eq!(raw.line().await.unwrap(), "a NO AUTHENTICATE failed.");
}

#[tokio::test(start_paused = true)]
async fn tokens_expire_at_the_log_in_and_in_a_session() {
    let service = service(Product::exchange_online());
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.ok(&xoauth2(ADA, TOKEN)).await;
    // Ten commands, so that the session is not idle for half an hour.
    for _ in 0..6 {
        raw.ok("NOOP").await;
        tokio::time::sleep(Duration::from_secs(601)).await;
    }
    let lines = raw.command("SELECT INBOX").await;
    assert_eq!(lines, ["BAD User is authenticated but not connected."]);
    assert_eq!(raw.line().await.unwrap(), "* BYE Session invalidated - AccessTokenExpired");
    assert!(raw.is_closed().await);
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.send(format!("a {}\r\n\r\n", xoauth2(ADA, TOKEN)).as_bytes()).await;
    assert!(raw.until("a ").await.last().unwrap().starts_with("a NO"));
}

#[tokio::test(start_paused = true)]
async fn authenticated_but_not_connected() {
    let service = service(Product::exchange_online());
    let end = start() + jiff::SignedDuration::from_hours(9);
    service.issue_token("app", Access::Mailboxes(vec![ADA.to_owned()]), end);
    // A mailbox that the application has no access to, or that is not there.
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.ok(&xoauth2("bob@acme.example", "app")).await;
    let lines = raw.command("LIST \"\" *").await;
    assert_eq!(lines, ["BAD User is authenticated but not connected."]);
    assert_eq!(raw.line().await.unwrap(), "* BYE Connection closed. 14");
    service.set_connectable(ADA, false);
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.ok(&xoauth2(ADA, "app")).await;
    assert!(raw.command("SELECT INBOX").await[0].starts_with("BAD User is authenticated"));
}

#[tokio::test(start_paused = true)]
async fn connections_are_counted_and_closed_ones_for_a_while() {
    let mut product = exchange();
    product.connections = 2;
    let service = service(product);
    let _one = Raw::signed_in(&service).await;
    let mut two = Raw::signed_in(&service).await;
    let mut three = Raw::signed_in(&service).await;
    assert!(three.command("LIST \"\" *").await[0].starts_with("BAD User is authenticated"));
    two.ok("LOGOUT").await;
    assert!(two.is_closed().await);
    let mut soon = Raw::signed_in(&service).await;
    assert!(soon.command("LIST \"\" *").await[0].starts_with("BAD User"), "it lingers");
    tokio::time::sleep(Duration::from_secs(11)).await;
    Raw::in_inbox(&service).await;

    let mut product = Product::rackspace();
    product.connections = 1;
    let service = crate::raw::service(product);
    let _one = Raw::signed_in(&service).await;
    let (mut two, _) = Raw::greeted(&service).await;
    let refused = two.command(&format!("LOGIN {ADA} {PASSWORD}")).await;
    assert!(refused[0].starts_with("NO [LIMIT] Maximum number of connections from user+IP"));
}

#[tokio::test(start_paused = true)]
async fn the_tenth_error_and_half_an_hour_of_silence_end_a_session() {
    let service = service(exchange());
    let mut raw = Raw::signed_in(&service).await;
    for _ in 0..10 {
        assert!(raw.command("NONSENSE").await[0].starts_with("BAD Command Error. 12"));
    }
    assert_eq!(raw.line().await.unwrap(), "* BYE Connection closed. 14");
    assert!(raw.is_closed().await);
    let mut raw = Raw::signed_in(&service).await;
    assert_eq!(raw.line().await.unwrap(), "* BYE Connection is closed. 13");
}

#[tokio::test(start_paused = true)]
async fn both_forms_of_throttling_tell_how_long() {
    let mut product = exchange();
    product.throttle = Some(Throttle {
        appends: 2,
        per: Duration::from_secs(60),
        backoff: Duration::from_millis(299_609),
    });
    let service = service(product);
    let mut raw = Raw::signed_in(&service).await;
    for number in 0..2 {
        assert!(raw.append("INBOX", &mail(number)).await.starts_with("OK"));
    }
    let text = "Request is throttled. Suggested Backoff Time: 299609 milliseconds";
    assert_eq!(raw.append("INBOX", &mail(2)).await, format!("NO {text}"));
    tokio::time::sleep(Duration::from_secs(299)).await;
    let shorter = raw.command("SELECT INBOX").await;
    assert_eq!(shorter, [text.replace("299609", "609")].map(|text| format!("NO {text}")));
    tokio::time::sleep(Duration::from_millis(610)).await;
    for number in 2..4 {
        assert!(raw.append("INBOX", &mail(number)).await.starts_with("OK"));
    }
    assert_eq!(raw.append("INBOX", &mail(4)).await, format!("BAD {text}"));
    assert_eq!(raw.line().await.unwrap(), "* BYE Connection closed. 14");
    assert_eq!(inbox(&service).len(), 4, "what is throttled is not stored");
}

#[tokio::test(start_paused = true)]
async fn names_of_folders() {
    let service = service(exchange());
    let mut raw = Raw::signed_in(&service).await;
    let list = raw.ok("LIST \"\" *").await.join("\n");
    for line in [
        "(\\HasNoChildren \\Sent) \"/\" \"Sent Items\"",
        "(\\HasNoChildren \\Trash) \"/\" \"Deleted Items\"",
        "(\\HasNoChildren \\Junk) \"/\" \"Junk Email\"",
        "(\\HasNoChildren) \"/\" \"Calendar\"",
        "(\\HasNoChildren) \"/\" \"Conversation History\"",
    ] {
        assert!(list.contains(line), "{line}: {list}");
    }
    assert_eq!(raw.command("CREATE \"sent items\"").await, ["NO Mailbox already exists"]);
    assert_eq!(raw.command("CREATE files").await, ["NO Folder name is reserved"]);
    raw.ok("CREATE &AMQ-rger").await;
    assert_eq!(raw.command("CREATE &AOQ-rger").await, ["NO Mailbox already exists"]);
    raw.append("\"SENT ITEMS\"", &mail(1)).await;
    assert_eq!(service.oracle().messages(ADA, "Sent Items").unwrap().len(), 1);
    let status = raw.ok("STATUS INBOX (MESSAGES)").await.remove(0);
    assert_eq!(status, "* STATUS \"INBOX\" (MESSAGES 0) ");

    let german = crate::raw::service(
        Product::exchange_online_in(Language::German).without(Habit::BasicAuthRefused),
    );
    let mut raw = Raw::signed_in(&german).await;
    let list = raw.ok("LIST \"\" *").await.join("\n");
    assert!(list.contains("\\Trash) \"/\" \"Gel&APY-schte Elemente\""), "{list}");
}

#[tokio::test(start_paused = true)]
async fn flags_are_fixed_and_some_are_seen_otherwise_by_others() {
    let service = service(exchange());
    let mut raw = Raw::signed_in(&service).await;
    assert_eq!(raw.append("INBOX ($Work)", &mail(0)).await, "NO APPEND failed.");
    raw.append("INBOX (\\Flagged $MDNSent)", &mail(1)).await;
    let select = raw.ok("SELECT INBOX").await.join("\n");
    let permanent = "[PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)]";
    assert!(select.contains(permanent), "{select}");
    let refused = raw.command("STORE 1 +FLAGS ($Forwarded)").await;
    assert_eq!(refused, ["BAD Command Argument Error. 11"]);
    let view = |service: &Service| service.oracle().other_view(&inbox(service)[0]);
    assert!(!view(&service).flagged, "other protocols have forgotten the flag");
    assert_eq!(view(&service).categories, ["$MDNSent"]);
    raw.ok("STORE 1 +FLAGS (\\Flagged)").await;
    assert!(view(&service).flagged);

    let refusing = crate::raw::service(exchange().with(Habit::DeletedAppendRefused));
    let mut raw = Raw::signed_in(&refusing).await;
    let answer = raw.append("INBOX (\\Deleted)", &mail(1)).await;
    assert_eq!(answer, "NO [CANNOT] APPEND Contains Deleted flag");
}

#[tokio::test(start_paused = true)]
async fn large_messages_and_long_lines_are_refused() {
    let mut product = exchange();
    product.append_limit = 50_000;
    let service = service(product.clone().without(Habit::LiteralRestAsCommands));
    let mut raw = Raw::signed_in(&service).await;
    let big = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(5_000));
    let text = "NO Maximum size of appendable message has been exceeded";
    assert_eq!(raw.append("INBOX", &big).await, text);
    let line = |length: usize| format!("Subject: x\r\n\r\n{}\r\nend\r\n", "x".repeat(length));
    assert!(raw.append("INBOX", &line(10_239)).await.starts_with("OK"));
    assert_eq!(raw.append("INBOX", &line(10_240)).await, "BAD Command Argument Error. 11");
    raw.ok("NOOP").await;

    // The rest of the message is read as commands: one that deletes does so.
    let service = crate::raw::service(product);
    let mut raw = Raw::signed_in(&service).await;
    raw.ok("CREATE precious").await;
    let mail = format!(
        "Subject: x\r\n\r\n{}\r\nReceived: from a\r\nx DELETE precious\r\n",
        "x".repeat(10_300)
    );
    assert_eq!(raw.append("INBOX", &mail).await, "BAD Command Argument Error. 11");
    let lines = raw.until("x ").await;
    assert!(lines.contains(&"Received: BAD Command Error. 10".to_owned()), "{lines:#?}");
    assert!(lines.last().unwrap().starts_with("x OK"), "{lines:#?}");
    assert!(service.oracle().messages(ADA, "precious").is_none());
    assert!(inbox(&service).is_empty());
}

#[tokio::test(start_paused = true)]
async fn appends_are_slow_one_after_another_and_sometimes_hang() {
    let mut product = exchange();
    product.hang_every = Some(3);
    let service = service(product);
    let mut one = Raw::signed_in(&service).await;
    let mut two = Raw::signed_in(&service).await;
    let begin = tokio::time::Instant::now();
    let (a, b) = (mail(1), mail(2));
    let (first, second) = tokio::join!(one.append("INBOX", &a), two.append("INBOX", &b));
    assert!(first.starts_with("OK") && second.starts_with("OK"));
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(300), "{took:?}");
    let third = mail(3);
    let answer =
        tokio::time::timeout(Duration::from_secs(3_600), one.append("INBOX", &third)).await;
    assert!(answer.is_err(), "it is never answered: {answer:?}");
    assert_eq!(inbox(&service).len(), 3, "and has happened");
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_is_unavailable() {
    let mut product = exchange();
    product.quota = Some(2_000);
    let service = service(product);
    let mut raw = Raw::signed_in(&service).await;
    let answer = raw.append("INBOX", &format!("Subject: x\r\n\r\n{}", "x\r\n".repeat(900))).await;
    assert_eq!(answer, "NO Server Unavailable. 15");
    assert_eq!(raw.line().await.unwrap(), "* BYE Connection closed. 14");
    let mut product = Product::rackspace();
    product.quota = Some(10);
    let mut raw = Raw::signed_in(&crate::raw::service(product)).await;
    assert!(raw.append("INBOX", &mail(1)).await.starts_with("NO [OVERQUOTA]"));
}

#[tokio::test(start_paused = true)]
async fn bodies_sizes_and_items_that_cannot_be_read() {
    let service = service(exchange());
    let hands = service.hands();
    for condition in [Condition::Whole, Condition::Broken, Condition::CalendarItem] {
        hands.deliver(ADA, "INBOX", Delivery { condition, ..Delivery::new(mail(1)) }).unwrap();
    }
    let mut raw = Raw::in_inbox(&service).await;
    let whole = raw.ok("UID FETCH 1 (UID FLAGS BODY.PEEK[])").await.join("\n");
    assert!(whole.starts_with("* 1 FETCH (BODY[] {"), "{whole}");
    assert!(whole.contains("\n UID 1 FLAGS (\\Recent))"), "{whole}");
    let served = inbox(&service)[0].served.len();
    let size = raw.ok("UID FETCH 1 (RFC822.SIZE)").await.remove(0);
    assert!(size.contains("RFC822.SIZE") && !size.contains(&format!("SIZE {served})")), "{size}");
    assert_eq!(raw.ok("UID FETCH 2 (BODY.PEEK[])").await, ["OK FETCH completed."]);
    assert!(raw.ok("UID FETCH 2 (FLAGS)").await[0].starts_with("* 2 FETCH"), "it is listed");
    let stub = raw.ok("UID FETCH 3 (BODY.PEEK[])").await.join("\n");
    let text = "Retrieval using the IMAP4 protocol failed for the following message: 3";
    assert!(stub.contains(text), "{stub}");
}

const REWRITTEN: &str = "Date: Mon, 3 Mar 2025 10:00:00 +0100 (CET)\r\nMessage-ID: <one@b.example>\r\nSubject: a\r\n long\r\n subject\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"old\"\r\n\r\npreamble\r\n--old\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ncaf\u{e9}  \r\n--old\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\nREVG\r\n--old--\r\nepilogue\r\n";

#[tokio::test(start_paused = true)]
async fn mime_and_headers_are_made_anew_and_each_rewrite_is_named() {
    let service = service(exchange());
    let mut raw = Raw::signed_in(&service).await;
    raw.append("INBOX", REWRITTEN).await;
    raw.append("INBOX", REWRITTEN).await;
    let stored = inbox(&service);
    assert_eq!(stored[0].given, REWRITTEN.as_bytes(), "the oracle knows what was given");
    let text = String::from_utf8(stored[1].served.to_vec()).unwrap();
    for there in [
        "Date: Mon, 3 Mar 2025 09:00:00 +0000\r\n",
        "X-MS-Exchange-Parent-Message-Id: <one@b.example>\r\n",
        "Subject: a long subject\r\n",
        "caf=C3=A9\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "QUJDREVG\r\n",
        "X-MS-Exchange-Organization-AuthAs: Internal\r\n",
    ] {
        assert!(text.contains(there), "{there}: {text}");
    }
    for gone in ["preamble", "epilogue", "--old", "Message-ID: <one@b.example>\r\nS"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert_eq!(
        stored[1].rewrites,
        [
            "rewrite-folding",
            "rewrite-date",
            "rewrite-message-id",
            "rewrite-trailing-blanks",
            "rewrite-transfer-encoding",
            "rewrite-boundary",
            "add-headers",
        ]
    );
    assert!(!stored[0].rewrites.contains(&"rewrite-message-id"), "the first one keeps its own");
    raw.append("INBOX", "Subject: x\n\nbare\n").await;
    assert!(inbox(&service)[2].rewrites.contains(&"rewrite-line-ends"));
    // A server without these habits changes nothing.
    let plain = crate::raw::service(Product::plain());
    let mut raw = Raw::signed_in(&plain).await;
    raw.append("INBOX", REWRITTEN).await;
    assert_eq!(inbox(&plain)[0].served, REWRITTEN.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn rackspace_purges_after_thirty_days_and_knows_a_master_user() {
    let service = service(Product::rackspace());
    service.set_master("migrator", "mpw");
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.ok(&format!("LOGIN \"{ADA}*migrator\" mpw")).await;
    let (mut other, _) = Raw::greeted(&service).await;
    let plain = STANDARD.encode(format!("{ADA}\0migrator\0mpw"));
    other.ok(&format!("AUTHENTICATE PLAIN {plain}")).await;
    let (mut wrong, _) = Raw::greeted(&service).await;
    assert!(wrong.command(&format!("LOGIN \"{ADA}*migrator\" pw-ada")).await[0].starts_with("NO"));
    for folder in ["Trash", "Spam", "Sent", "INBOX"] {
        let old = Delivery { flags: Flags::from_words(["\\Seen"]), ..Delivery::new(mail(1)) };
        service.hands().deliver(ADA, folder, old).unwrap();
    }
    let count = |folder: &str| service.oracle().messages(ADA, folder).unwrap().len();
    tokio::time::sleep(Duration::from_secs(29 * 86_400)).await;
    assert_eq!(["Trash", "Spam", "Sent", "INBOX"].map(count), [1, 1, 1, 1]);
    tokio::time::sleep(Duration::from_secs(86_401)).await;
    assert_eq!(["Trash", "Spam", "Sent", "INBOX"].map(count), [0, 0, 1, 1]);
    // The separator is a dot: a dot in a name is a folder below another.
    let mut raw = Raw::signed_in(&service).await;
    raw.ok("CREATE 1.Inbox").await;
    assert!(raw.ok("LIST \"\" 1*").await[0].contains("(\\HasChildren) \".\" \"1\""));
}

#[test]
fn products_have_the_habits_that_a_source_gives_them() {
    let exchange = Product::exchange_online();
    assert!(!exchange.has(Habit::DeletedAppendRefused), "no source says that Exchange has it");
    assert!(!exchange.has(Habit::MasterLogin) && !exchange.has(Habit::PurgeAfterDays));
    assert!(Product::plain().habits.is_empty());
}
