use super::*;
use crate::clock::SystemClock;
use crate::error::ErrorKind;
use crate::ledger::current_owner;

fn held(ledger: SqliteLedger) -> SqliteLedger {
    ledger.acquire(&current_owner(&SystemClock, "apply")).unwrap();
    ledger
}

fn inbox() -> FolderKey {
    FolderKey { mailbox: "ada@acme.example".parse().unwrap(), folder: FolderPath::inbox() }
}

fn listed(uid: u32) -> Listed {
    Listed {
        uid: Uid(uid),
        size: 4_000,
        flags: Flags::from_words(["\\Seen"]),
        internal_date: None,
        modseq: None,
        headers: Some(crate::model::digest::Digest::of(&uid.to_be_bytes())),
    }
}

#[test]
fn a_checkpoint_is_synchronous_and_the_rest_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = held(SqliteLedger::open(&dir.path().join("ledger.sqlite")).unwrap());
    let level = |tx: &Transaction<'_>| -> Result<i64, Fault> {
        Ok(tx.pragma_query_value(None, "synchronous", |row| row.get(0))?)
    };
    assert_eq!(ledger.durable(level).unwrap(), 2, "FULL");
    assert_eq!(ledger.write(level).unwrap(), 1, "NORMAL");
}

#[test]
fn what_is_journaled_durably_is_synchronous() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = held(SqliteLedger::open(&dir.path().join("ledger.sqlite")).unwrap());
    let watch = "CREATE TEMP TABLE seen (level INTEGER);
         CREATE TEMP TRIGGER watch AFTER INSERT ON main.journal
             BEGIN INSERT INTO seen SELECT synchronous FROM pragma_synchronous; END";
    ledger.store().connection.execute_batch(watch).unwrap();
    let (at, action) = (Timestamp::UNIX_EPOCH, "removal/ada@acme.example".to_owned());
    let entry = JournalEntry { at, action, step: "intent".to_owned(), note: String::new() };
    ledger.journal(&entry).unwrap();
    ledger.journal_durably(&entry).unwrap();
    let seen = ledger.read(|tx| {
        let mut statement = tx.prepare("SELECT level FROM seen ORDER BY rowid")?;
        let levels = statement.query_map([], |row| row.get(0))?;
        Ok(levels.collect::<Result<Vec<i64>, _>>()?)
    });
    assert_eq!(seen.unwrap(), [1, 2], "NORMAL, FULL");
}

#[test]
fn a_full_disk_is_named_and_what_was_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let ledger = held(SqliteLedger::open(&path).unwrap());
    ledger.list(&inbox(), UidValidity(1), &[listed(1)]).unwrap();
    let pages: i64 =
        ledger.read(|tx| Ok(tx.pragma_query_value(None, "page_count", |row| row.get(0))?)).unwrap();
    ledger.store().connection.pragma_update(None, "max_page_count", pages).unwrap();
    let many: Vec<Listed> = (2..5_000).map(listed).collect();
    let error = ledger.list(&inbox(), UidValidity(1), &many).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Failed, "E125"));
    assert!(error.message.contains("ledger.sqlite"), "{error}");
    assert!(error.message.contains("full"), "{error}");
    assert_eq!(error.words, None, "no server said it");
    assert_eq!(ledger.rows(&inbox(), UidValidity(1), Uid(1), 9_999).unwrap().len(), 1);
}

#[test]
fn a_file_of_another_kind_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "x".repeat(5_000)).unwrap();
    let foreign = dir.path().join("other.sqlite");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    for path in [text, foreign] {
        let before = std::fs::read(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions();
        for outcome in
            [SqliteLedger::open(&path).map(|_| ()), SqliteLedger::open_read_only(&path).map(|_| ())]
        {
            let error = outcome.unwrap_err();
            assert_eq!(error.code, "E122", "{error:?}");
            assert!(error.message.contains(&path.display().to_string()), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions(), mode);
    }
}

#[test]
fn a_newer_ledger_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let ledger = SqliteLedger::open(&path).unwrap();
    ledger.store().connection.pragma_update(None, "user_version", 99).unwrap();
    drop(ledger);
    for outcome in
        [SqliteLedger::open(&path).map(|_| ()), SqliteLedger::open_read_only(&path).map(|_| ())]
    {
        let error = outcome.unwrap_err();
        assert_eq!(error.code, "E122");
        assert!(error.message.contains("version 99"), "{error}");
    }
}

#[test]
fn a_ledger_of_the_first_version_keeps_its_messages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let first = Connection::open(&path).unwrap();
    first.execute_batch(include_str!("../schema/0001.sql")).unwrap();
    first
        .execute_batch(
            "INSERT INTO source_folder (id, mailbox, path, uid_validity) \
             VALUES (1, 'ada@acme.example', 'INBOX', 3); \
             INSERT INTO message (folder, uid_validity, uid, size, flags, generation, state, reason) \
             VALUES (1, 3, 9, 12, '[]', 1, 3, 'too-large: x'); \
             PRAGMA application_id = 0x6d666c79; PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(first);
    let ledger = held(SqliteLedger::open(&path).unwrap());
    let rows = ledger.rows(&inbox(), UidValidity(3), Uid(1), 9).unwrap();
    assert_eq!(rows[0].listed.uid, Uid(9));
    assert_eq!(rows[0].state, MessageState::Excepted("too-large: x".to_owned()));
    assert_eq!(rows[0].proven_at, None);
}

#[test]
fn a_damaged_page_is_an_error_and_never_an_empty_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let ledger = held(SqliteLedger::open(&path).unwrap());
    let many: Vec<Listed> = (1..2_000).map(listed).collect();
    ledger.list(&inbox(), UidValidity(1), &many).unwrap();
    drop(ledger);
    let mut octets = std::fs::read(&path).unwrap();
    // The first page holds the schema and stays.
    octets.get_mut(4_096..).unwrap().fill(0xa5);
    std::fs::write(&path, octets).unwrap();
    let ledger = SqliteLedger::open_read_only(&path).unwrap().unwrap();
    let error = ledger.tallies().unwrap_err();
    assert_eq!(error.code, "E123", "{error:?}");
    assert!(error.message.contains("ledger.sqlite"));
}

#[test]
fn a_value_that_was_never_written_here_is_damage() {
    let ledger = held(SqliteLedger::in_memory().unwrap());
    ledger.list(&inbox(), UidValidity(1), &[listed(1)]).unwrap();
    ledger.store().connection.execute("UPDATE message SET flags = 'x'", []).unwrap();
    let error = ledger.rows(&inbox(), UidValidity(1), Uid(1), 1).unwrap_err();
    assert_eq!(error.code, "E123");
}

#[test]
fn what_does_not_exist_or_was_never_written_is_none_to_a_reader() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    assert!(SqliteLedger::open_read_only(&path).unwrap().is_none());
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    assert!(SqliteLedger::open_read_only(&path).unwrap().is_none());
}

#[test]
fn a_place_where_nothing_can_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let path = file.join("ledger.sqlite");
    let error = SqliteLedger::open(&path).unwrap_err();
    assert_eq!(error.code, "E124");
    assert!(error.message.contains(&path.display().to_string()), "{error}");
    let error = SqliteLedger::open_read_only(&path).unwrap_err();
    assert_eq!(error.code, "E124", "not a folder is not the same as no ledger");
}

#[test]
fn a_closed_ledger_can_be_read_where_no_log_can_be_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let writer = held(SqliteLedger::open(&path).unwrap());
    writer.list(&inbox(), UidValidity(1), &[listed(1)]).unwrap();
    assert!(open::has_log(&path).unwrap(), "not while a log holds what the file lacks");
    drop(writer);
    assert!(!open::has_log(&path).unwrap());
    let (connection, _) = open::open_to_read(&path, "immutable=1").unwrap();
    let reader = SqliteLedger::over("x".to_owned(), connection);
    assert_eq!(reader.rows(&inbox(), UidValidity(1), Uid(1), 9).unwrap().len(), 1);
    let made = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(made, 1, "nothing was made beside it");
}

#[test]
fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd name?#%.sqlite");
    let writer = held(SqliteLedger::open(&path).unwrap());
    let reader = SqliteLedger::open_read_only(&path).unwrap().unwrap();
    writer.list(&inbox(), UidValidity(1), &[listed(1)]).unwrap();
    assert_eq!(reader.rows(&inbox(), UidValidity(1), Uid(1), 9).unwrap().len(), 1);
    writer.release().unwrap();
    let error = reader.acquire(&current_owner(&SystemClock, "apply")).unwrap_err();
    assert_eq!(error.code, "E124", "{error:?}");
}

#[test]
fn a_million_rows_stay_usable() {
    // A tenth of it here; `MAILFERRY_LEDGER_ROWS=1000000` for the whole.
    let total: u32 =
        std::env::var("MAILFERRY_LEDGER_ROWS").map_or(100_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let ledger = held(SqliteLedger::open(&dir.path().join("ledger.sqlite")).unwrap());
    ledger.begin_listing(&inbox(), UidValidity(1)).unwrap();
    let mut next = 1;
    while next <= total {
        let rows: Vec<Listed> = (next..next + 5_000).map(listed).collect();
        ledger.list(&inbox(), UidValidity(1), &rows).unwrap();
        next += 5_000;
    }
    ledger.end_listing(&inbox(), UidValidity(1)).unwrap();
    let plan: String = ledger
        .read(|tx| {
            Ok(tx.query_row(
                "EXPLAIN QUERY PLAN SELECT destination_uid FROM message WHERE destination = 1
                 AND destination_uid_validity = 1 AND destination_uid >= 1",
                [],
                |row| row.get(3),
            )?)
        })
        .unwrap();
    assert!(plan.contains("message_at_destination"), "{plan}");
    let tally = ledger.tallies().unwrap();
    assert_eq!(tally.get(&inbox()).unwrap().pending, u64::from(next - 1));
    let page = ledger.rows(&inbox(), UidValidity(1), Uid(total - 10), 5).unwrap();
    assert_eq!(page.len(), 5);
}

#[cfg(unix)]
#[test]
fn only_the_user_may_read_the_file_and_its_new_folder() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new").join("ledger.sqlite");
    let ledger = held(SqliteLedger::open(&path).unwrap());
    ledger.list(&inbox(), UidValidity(1), &[listed(1)]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("sqlite-wal")), 0o600);
    drop(ledger);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    SqliteLedger::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
}
