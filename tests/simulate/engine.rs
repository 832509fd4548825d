//! The engine on its own: a product without habits does what RFC 3501 and its extensions say.

use crate::raw::{ADA, PASSWORD, Raw, TOKEN, mail, service};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mailferry::simulate::{Authority, Delivery, Listener, Product};

fn says(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

#[tokio::test(start_paused = true)]
async fn a_session_from_the_greeting_to_the_farewell() {
    let service = service(Product::plain());
    let (mut raw, greeting) = Raw::greeted(&service).await;
    assert!(greeting.starts_with("* OK [CAPABILITY IMAP4rev1 "), "{greeting}");
    assert_eq!(raw.command("SELECT INBOX").await.len(), 1, "nothing is told before the log-in");
    assert!(raw.command("LOGIN ada wrong").await[0].starts_with("NO [AUTHENTICATIONFAILED]"));
    raw.ok(&format!("LOGIN \"{ADA}\" {PASSWORD}")).await;
    assert_eq!(raw.ok("NAMESPACE").await[0], "* NAMESPACE ((\"\" \"/\")) NIL NIL");
    assert!(raw.ok("ID (\"name\" \"x\" \"version\" NIL)").await[0].starts_with("* ID ("));
    let list = raw.ok("LIST \"\" *").await;
    assert!(says(&list, "* LIST (\\HasNoChildren) \"/\" \"INBOX\""), "{list:#?}");
    assert!(says(&list, "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\""), "{list:#?}");
    let select = raw.ok("SELECT inbox").await;
    for text in ["* 0 EXISTS", "* 0 RECENT", "[UIDNEXT 1]", "\\*)", "OK [READ-WRITE]"] {
        assert!(says(&select, text), "{text}: {select:#?}");
    }
    assert!(says(&raw.ok("EXAMINE INBOX").await, "[PERMANENTFLAGS ()]"));
    let end = raw.ok("LOGOUT").await;
    assert_eq!(end[0], "* BYE Logging out");
    assert!(raw.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn messages_are_kept_octet_by_octet_with_flags_dates_and_uids() {
    let service = service(Product::plain());
    let mut raw = Raw::signed_in(&service).await;
    let text = "Subject: x\r\n\r\nb\u{e9}\r\nno end";
    let answer = raw.append("INBOX (\\Seen $Work) \" 7-Feb-1994 21:52:25 -0800\"", text).await;
    assert!(answer.starts_with("OK [APPENDUID 1600000001 1]"), "{answer}");
    raw.ok("SELECT INBOX").await;
    let lines = raw
        .ok("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (Subject Date)] BODY.PEEK[]<2.4>)")
        .await
        .join("\r\n");
    let size = text.len();
    let wanted = format!(
        "* 1 FETCH (UID 1 FLAGS ($Work \\Seen \\Recent) INTERNALDATE \" 7-Feb-1994 21:52:25 -0800\" RFC822.SIZE {size} BODY[HEADER.FIELDS (SUBJECT DATE)] {{14}}\r\nSubject: x\r\n\r\n BODY[]<2> {{4}}\r\nbjec)"
    );
    assert!(lines.to_uppercase().starts_with(&wanted.to_uppercase()), "{lines}");
    let whole = raw.ok("FETCH 1 BODY[TEXT]").await.join("\r\n");
    assert!(whole.starts_with("* 1 FETCH (BODY[TEXT] {11}\r\nb\u{e9}\r\nno end)"), "{whole}");
    let truth = service.oracle().messages(ADA, "INBOX").unwrap();
    assert_eq!(truth[0].served, text.as_bytes());
    assert_eq!(truth[0].flags.to_string(), "$Work \\Seen");
    // A synchronising literal waits for the server.
    raw.send(b"s1 APPEND INBOX {3}\r\n").await;
    assert_eq!(raw.line().await.unwrap(), "+ OK");
    raw.send(b"abc\r\n").await;
    assert!(raw.until("s1 ").await.last().unwrap().starts_with("s1 OK [APPENDUID 1600000001 2]"));
    // Two in one command, all or none.
    let two = "MULTI {1+}\r\na {1+}\r\nb";
    assert!(raw.command(&format!("APPEND {two}")).await[0].starts_with("NO [TRYCREATE]"));
    let answer = raw.ok("APPEND INBOX {1+}\r\na (\\Seen) {1+}\r\nb").await;
    assert!(answer.last().unwrap().contains("APPENDUID 1600000001 3:4"), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn others_are_told_of_what_one_session_does() {
    let service = service(Product::plain());
    let mut one = Raw::in_inbox(&service).await;
    let mut other = Raw::in_inbox(&service).await;
    for number in 0..3 {
        one.append("INBOX", &mail(number)).await;
    }
    assert!(says(&other.ok("NOOP").await, "* 3 EXISTS"));
    one.ok("NOOP").await;
    one.ok("STORE 1:2 +FLAGS.SILENT (\\Deleted)").await;
    let told = other.ok("NOOP").await;
    assert!(says(&told, "* 1 FETCH (FLAGS (\\Deleted"), "{told:#?}");
    // UID EXPUNGE takes only what it names; the numbers that follow move up.
    assert_eq!(one.ok("UID EXPUNGE 2").await[0], "* 2 EXPUNGE");
    // No EXPUNGE while numbers are in use, and the message that is gone is not invented.
    let fetched = other.command("FETCH 1:3 (UID)").await;
    assert!(!says(&fetched, "EXPUNGE\r"), "{fetched:#?}");
    assert!(fetched.last().unwrap().starts_with("NO [EXPUNGEISSUED]"), "{fetched:#?}");
    assert_eq!(other.ok("NOOP").await[0], "* 2 EXPUNGE");
    assert_eq!(one.ok("EXPUNGE").await[0], "* 1 EXPUNGE");
    // IDLE tells at once.
    other.send(b"i1 IDLE\r\n").await;
    assert_eq!(other.line().await.unwrap(), "+ idling");
    assert_eq!(other.line().await.unwrap(), "* 1 EXPUNGE");
    service.hands().deliver(ADA, "INBOX", Delivery::new(mail(9))).unwrap();
    assert_eq!(other.line().await.unwrap(), "* 2 EXISTS");
    other.send(b"DONE\r\n").await;
    assert!(other.until("i1 ").await.last().unwrap().starts_with("i1 OK"));
    // A UIDVALIDITY that changes ends the session.
    service.hands().renumber(ADA, "INBOX").unwrap();
    assert!(says(&other.command("NOOP").await, "* BYE"));
}

#[tokio::test(start_paused = true)]
async fn copies_moves_and_searches_answer_with_uids() {
    let service = service(Product::plain());
    let mut raw = Raw::signed_in(&service).await;
    for number in 0..4 {
        raw.append("INBOX (\\Seen) \"01-Feb-2020 10:00:00 +0000\"", &mail(number)).await;
    }
    raw.append("INBOX", &mail(4)).await;
    raw.ok("SELECT INBOX").await;
    let copied = raw.ok("UID COPY 1:2 Sent").await.pop().unwrap();
    assert!(copied.contains("[COPYUID 1600000002 1:2 1:2]"), "{copied}");
    let moved = raw.ok("UID MOVE 3 Sent").await;
    assert!(moved[0].contains("[COPYUID 1600000002 3 3]"), "{moved:#?}");
    assert_eq!(moved[1], "* 3 EXPUNGE");
    for (keys, found) in [
        ("ALL", "1 2 4 5"),
        ("UNSEEN", "5"),
        ("SEEN BEFORE 1-Mar-2020 NOT UID 2", "1 4"),
        ("OR SUBJECT \"message 1\" BODY \"text 4\"", "2 5"),
        ("HEADER Message-ID <3@b.example>", "4"),
        ("(1:2 LARGER 1)", "1 2"),
        ("KEYWORD none", ""),
    ] {
        let line = raw.ok(&format!("UID SEARCH {keys}")).await.remove(0);
        assert_eq!(line, format!("* SEARCH {found}").trim_end(), "{keys}");
    }
    let truth = service.oracle().mailbox(ADA).unwrap();
    assert_eq!((truth["INBOX"].messages.len(), truth["Sent"].messages.len()), (4, 3));
    // A copy shares its octets.
    assert_eq!(
        truth["Sent"].messages[0].served.as_ptr(),
        truth["INBOX"].messages[0].served.as_ptr()
    );
}

#[tokio::test(start_paused = true)]
async fn conditional_store_and_changedsince() {
    let service = service(Product::plain());
    let mut raw = Raw::signed_in(&service).await;
    for number in 0..2 {
        raw.append("INBOX", &mail(number)).await;
    }
    let opened = raw.ok("SELECT INBOX (CONDSTORE)").await;
    assert!(says(&opened, "[HIGHESTMODSEQ 3]"), "{opened:#?}");
    raw.ok("UID STORE 1 +FLAGS (\\Seen)").await;
    let changed = raw.ok("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 3)").await;
    assert_eq!(changed.len(), 2, "{changed:#?}");
    assert!(says(&changed, "MODSEQ (4)"), "{changed:#?}");
    let refused = raw.ok("UID STORE 1:2 (UNCHANGEDSINCE 3) +FLAGS (\\Flagged)").await;
    assert!(refused.last().unwrap().starts_with("OK [MODIFIED 1]"), "{refused:#?}");
    let flags: Vec<String> = service
        .oracle()
        .messages(ADA, "INBOX")
        .unwrap()
        .iter()
        .map(|message| message.flags.to_string())
        .collect();
    assert_eq!(flags, ["\\Seen", "\\Flagged"]);
    assert!(says(&raw.ok("STATUS INBOX (HIGHESTMODSEQ SIZE MESSAGES)").await, "MESSAGES 2"));
}

#[tokio::test(start_paused = true)]
async fn folders_are_made_renamed_subscribed_and_deleted() {
    let service = service(Product::plain());
    let mut raw = Raw::signed_in(&service).await;
    raw.ok("CREATE a/b/c").await;
    raw.append("a/b", &mail(1)).await;
    raw.ok("SUBSCRIBE a/b").await;
    raw.ok("RENAME a x").await;
    let list = raw.ok("LIST \"\" x%").await;
    assert_eq!(list[0], "* LIST (\\HasChildren) \"/\" \"x\"");
    assert_eq!(service.oracle().messages(ADA, "x/b").unwrap().len(), 1);
    // The subscription is to a name, and stays: RFC 3501 section 6.3.6.
    let subscribed = raw.ok("LIST (SUBSCRIBED) \"\" \"a*\" RETURN (CHILDREN)").await;
    assert_eq!(subscribed[0], "* LIST (\\NonExistent \\Subscribed) \"/\" \"a/b\"");
    raw.ok("DELETE x/b").await;
    assert!(says(&raw.ok("LIST \"\" x/*").await, "(\\Noselect \\HasChildren) \"/\" \"x/b\""));
    assert!(raw.command("SELECT x/b").await[0].starts_with("NO"));
    assert!(raw.command("DELETE x/b").await[0].starts_with("NO"));
    assert!(raw.command("DELETE INBOX").await[0].starts_with("NO"));
    assert!(raw.command("CREATE Sent").await[0].starts_with("NO [ALREADYEXISTS]"));
    assert!(raw.command("CREATE &AG-").await[0].starts_with("NO [CANNOT]"), "not modified UTF-7");
    raw.append("INBOX", &mail(2)).await;
    raw.ok("RENAME INBOX old").await;
    let truth = service.oracle().mailbox(ADA).unwrap();
    assert_eq!((truth["INBOX"].messages.len(), truth["old"].messages.len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn sasl_with_and_without_initial_response() {
    let service = service(Product::plain());
    let plain = STANDARD.encode(format!("\0{ADA}\0{PASSWORD}"));
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.ok(&format!("AUTHENTICATE PLAIN {plain}")).await;
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.send(b"a AUTHENTICATE PLAIN\r\n").await;
    assert_eq!(raw.line().await.unwrap(), "+ ");
    raw.send(format!("{plain}\r\n").as_bytes()).await;
    assert!(raw.line().await.unwrap().starts_with("a OK"));
    let (mut raw, _) = Raw::greeted(&service).await;
    let token = STANDARD.encode(format!("user={ADA}\x01auth=Bearer {TOKEN}\x01\x01"));
    raw.ok(&format!("AUTHENTICATE XOAUTH2 {token}")).await;
    let (mut raw, _) = Raw::greeted(&service).await;
    raw.send(b"a AUTHENTICATE PLAIN\r\n*\r\n").await;
    assert!(raw.until("a ").await.last().unwrap().starts_with("a BAD"));
    let foreign = STANDARD.encode(format!("other\0{ADA}\0{PASSWORD}"));
    assert!(raw.command(&format!("AUTHENTICATE PLAIN {foreign}")).await[0].starts_with("NO"));
}

const IMAPLIB: &str = r#"
import imaplib, ssl, sys
port, ca, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
c = imaplib.IMAP4_SSL("localhost", port, ssl_context=ssl.create_default_context(cafile=ca))
c.login(user, password)
assert b"UIDPLUS" in c.capability()[1][0]
assert c.create('"Pro jects"')[0] == "OK"
body = b"Subject: from imaplib\r\n\r\nText.\r\n"
typ, data = c.append('"Pro jects"', "(\\Seen)", '" 2-Jan-2024 03:04:05 +0100"', body)
assert typ == "OK", data
assert c.select('"Pro jects"') == ("OK", [b"1"])
typ, data = c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
assert data[0][1] == body and b"2-Jan-2024 03:04:05 +0100" in data[0][0], data
assert c.uid("STORE", "1", "+FLAGS", "(\\Deleted)")[0] == "OK"
assert c.uid("SEARCH", None, "DELETED")[1] == [b"1"]
assert c.expunge() == ("OK", [b"1"])
assert c.status("INBOX", "(MESSAGES UIDNEXT)")[1] == [b'"INBOX" (MESSAGES 0 UIDNEXT 1)']
c.logout()
print("agreed")
"#;

/// A client that others wrote agrees with the server, through TLS on loopback.
#[tokio::test(flavor = "multi_thread")]
async fn pythons_imaplib_understands_the_server() {
    let service = service(Product::plain());
    let authority = Authority::create().unwrap();
    let listener = Listener::start(&service, &authority).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let port = listener.port().to_string();
    let output = tokio::process::Command::new("python3")
        .args(["-c", IMAPLIB, &port])
        .arg(&ca)
        .args([ADA, PASSWORD])
        .output()
        .await
        .expect("python3 can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "agreed", "{}", String::from_utf8_lossy(&output.stderr));
}
