use super::*;
use crate::error::{Error, ErrorKind};
use crate::model::server::TlsMode;
use secrecy::ExposeSecret;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn event(&self, event: &Event) {
        if let Event::Notice { message } = event {
            self.0.lock().unwrap().push(message.clone());
        }
    }
}

#[derive(Debug)]
struct Says {
    yes: bool,
    asked: AtomicUsize,
    last: Mutex<String>,
}

impl Says {
    fn new(yes: bool) -> Arc<Self> {
        Arc::new(Self { yes, asked: AtomicUsize::new(0), last: Mutex::default() })
    }
}

impl Prompt for Says {
    fn ask(&self, question: &str) -> std::io::Result<bool> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        question.clone_into(&mut self.last.lock().unwrap());
        Ok(self.yes)
    }
}

fn endpoint(host: &str, port: u16) -> Endpoint {
    Endpoint { host: host.to_owned(), port, tls: TlsMode::Implicit, ca: None }
}

fn own() -> Endpoint {
    endpoint("secure.emailsrvr.com", 993)
}

fn mail() -> Endpoint {
    endpoint("mail.acme.example", 993)
}

fn variable() -> SecretRef {
    SecretRef::Env("SECRET".to_owned())
}

fn store() -> BoundSecrets {
    BoundSecrets::new(Arc::new(Heard::default())).with_environment(|name| match name {
        "SECRET" => Some("hunter2".into()),
        "EMPTY" => Some("".into()),
        _ => None,
    })
}

async fn revealed(store: &BoundSecrets, reference: &SecretRef, at: &Endpoint) -> String {
    store.reveal(reference, at).await.unwrap().expose_secret().to_owned()
}

async fn refused(store: &BoundSecrets, reference: &SecretRef, at: &Endpoint) -> Error {
    let error = store.reveal(reference, at).await.unwrap_err();
    let all = format!("{error:?} {error} {store:?}");
    assert!(!all.contains("hunter2"), "{all}");
    error
}

fn private(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    set_mode(&path, 0o600);
    path
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

#[tokio::test]
async fn a_variable_is_read_and_an_unset_or_empty_one_is_named() {
    assert_eq!(revealed(&store(), &variable(), &own()).await, "hunter2");
    for name in ["UNSET", "EMPTY"] {
        let error = refused(&store(), &SecretRef::Env(name.to_owned()), &own()).await;
        assert_eq!((error.kind, error.code), (ErrorKind::Failed, "E111"));
        assert!(error.message.contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_file_gives_its_first_line() {
    let dir = tempfile::tempdir().unwrap();
    for (content, expected) in [
        (&b"hunter2"[..], "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\nsecond\n", "hunter2"),
        (b" hunter2 \n", " hunter2 "),
        (b"\xef\xbb\xbfhunter2\n", "hunter2"),
    ] {
        let file = SecretRef::File(private(dir.path(), "secret", content));
        assert_eq!(revealed(&store(), &file, &own()).await, expected);
    }
    let large = vec![b'x'; value::LIMIT + 10];
    for content in [&b""[..], b"\nhunter2\n", b"\xffhunter2", &large] {
        let path = private(dir.path(), "secret", content);
        let error = refused(&store(), &SecretRef::File(path.clone()), &own()).await;
        assert_eq!(error.code, "E112");
        assert!(error.message.contains(&path.display().to_string()), "{error}");
    }
    let error = refused(&store(), &SecretRef::File(dir.path().join("none")), &own()).await;
    assert_eq!(error.code, "E112");
    assert!(error.words.is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = private(dir.path(), "secret", b"Password\nhunter2\n");
    for mode in [0o640, 0o604, 0o620] {
        set_mode(&path, mode);
        let csv = SecretRef::Csv { file: path.clone(), row: 2 };
        for reference in [SecretRef::File(path.clone()), csv] {
            let error = refused(&store(), &reference, &own()).await;
            assert!(error.hints.concat().contains("chmod 600"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_row_of_a_csv_file_is_counted_from_its_header() {
    let dir = tempfile::tempdir().unwrap();
    for content in [
        "EmailAddress,UserName,Password\r\na@x,a,first\r\nb@x,b,\"hunter2,\"\"x\"\r\n",
        "\u{feff}EmailAddress;password\na@x;first\nb@x;\"hunter2,\"\"x\"",
    ] {
        let file = private(dir.path(), "passwords.csv", content.as_bytes());
        let cell = |row| SecretRef::Csv { file: file.clone(), row };
        assert_eq!(revealed(&store(), &cell(2), &own()).await, "first");
        assert_eq!(revealed(&store(), &cell(3), &own()).await, "hunter2,\"x");
        for row in [0, 1, 4] {
            let error = refused(&store(), &cell(row), &own()).await;
            assert_eq!(error.code, "E114");
            assert!(error.message.contains(&format!("row {row}")), "{error}");
        }
    }
    let file = private(dir.path(), "x.csv", b"a,Password\nx,\ny\n\xff,hunter2\n");
    for row in [2, 3, 4] {
        let error = refused(&store(), &SecretRef::Csv { file: file.clone(), row }, &own()).await;
        assert_eq!(error.code, "E112", "row {row}: {error}");
    }
    let file = private(dir.path(), "y.csv", b"a,b\nhunter2,x\n");
    let error = refused(&store(), &SecretRef::Csv { file, row: 2 }, &own()).await;
    assert_eq!(error.code, "E114");
}

#[cfg(unix)]
mod commands {
    use super::*;

    fn shell(script: &str) -> SecretRef {
        SecretRef::Command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()])
    }

    #[tokio::test]
    async fn a_program_runs_only_when_allowed_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        // Not in the arguments, which are the name of such a secret and are shown.
        let file = private(dir.path(), "secret", b"hunter2\nmore\n");
        let script = format!("echo x >> {}; cat {}", count.display(), file.display());
        let error = refused(&store(), &shell(&script), &own()).await;
        assert_eq!((error.kind, error.code), (ErrorKind::Declined, "E115"));
        assert!(!count.exists());

        let store = store().allowing_commands(true);
        let reference = shell(&script);
        let at = own();
        let (one, two) =
            tokio::join!(revealed(&store, &reference, &at), revealed(&store, &reference, &at));
        assert_eq!((one.as_str(), two.as_str()), ("hunter2", "hunter2"));
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
    }

    #[tokio::test]
    async fn a_program_that_fails_shows_its_complaint_and_never_its_output() {
        let store = store().allowing_commands(true);
        for (script, words) in [
            ("echo hunter2; printf 'no \\033[2Jkey\\n' >&2; exit 3", Some("no \\u{1b}[2Jkey")),
            ("printf '\\nhunter2\\n'", None),
            ("head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2", None),
        ] {
            let error = refused(&store, &shell(script), &own()).await;
            assert_eq!(error.code, "E113", "{error}");
            assert!(error.message.contains("`sh`"), "{error}");
            if words.is_some() {
                assert_eq!(error.words.as_deref(), words);
            }
        }
        let missing = SecretRef::Command(vec!["/nonexistent/program".to_owned()]);
        assert_eq!(refused(&store, &missing, &own()).await.code, "E113");
        let nothing = SecretRef::Command(Vec::new());
        assert_eq!(refused(&store, &nothing, &own()).await.code, "E113");
    }

    #[tokio::test]
    async fn a_program_gets_no_input_and_no_endless_time() {
        let mut store = store().allowing_commands(true);
        assert_eq!(revealed(&store, &shell("cat; echo hunter2"), &own()).await, "hunter2");
        store.patience = Duration::from_millis(200);
        let error = refused(&store, &shell("exec sleep 60"), &own()).await;
        assert!(error.message.contains("did not end"), "{error}");
    }
}

#[tokio::test]
async fn without_consent_no_other_server_gets_a_secret() {
    let error = refused(&store(), &variable(), &mail()).await;
    assert_eq!((error.kind, error.code), (ErrorKind::Declined, "E110"));
    assert!(error.message.contains("env:SECRET"), "{error}");
    assert!(error.message.contains("mail.acme.example:993 (TLS, public CAs)"), "{error}");
    assert!(error.hints.concat().contains("--trust mail.acme.example:993"), "{error:?}");
    let plain = Endpoint { tls: TlsMode::None, ..own() };
    assert_eq!(refused(&store(), &variable(), &plain).await.code, "E110");
}

#[tokio::test]
async fn the_flag_consents_and_is_remembered_for_exactly_that_binding() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config").join("trusted");
    let first = store()
        .trusting(vec!["mail.acme.example:993".parse().unwrap()])
        .remembering(Some(file.clone()));
    let other_port = endpoint("mail.acme.example", 994);
    assert_eq!(refused(&first, &variable(), &other_port).await.code, "E110");
    assert_eq!(revealed(&first, &variable(), &mail()).await, "hunter2");
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with("\nmail.acme.example 993 implicit system env:SECRET\n"), "{text}");
    assert!(!text.contains("hunter2"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // A later run, without the flag.
    let later = store().remembering(Some(file.clone()));
    assert_eq!(revealed(&later, &variable(), &mail()).await, "hunter2");
    let starttls = Endpoint { tls: TlsMode::Starttls, ..mail() };
    let ca = private(dir.path(), "ca.pem", b"a CA");
    let private_ca = Endpoint { ca: Some(ca), ..mail() };
    for changed in [endpoint("evil.example", 993), other_port.clone(), starttls, private_ca] {
        let says = Says::new(true);
        let asking = store().remembering(Some(file.clone())).asking(Some(says.clone()));
        let error = refused(&asking, &variable(), &changed).await;
        assert_eq!((error.kind, error.code), (ErrorKind::Declined, "E110"));
        assert!(error.message.contains("until now it went to mail.acme.example:993"), "{error}");
        assert_eq!(says.asked.load(Ordering::SeqCst), 0, "a change is not waved through");
    }
    let moved = store()
        .trusting(vec!["mail.acme.example".parse().unwrap()])
        .remembering(Some(file.clone()));
    assert_eq!(revealed(&moved, &variable(), &other_port).await, "hunter2");
    let after = store().remembering(Some(file));
    assert_eq!(revealed(&after, &variable(), &other_port).await, "hunter2");
    assert_eq!(revealed(&after, &variable(), &mail()).await, "hunter2");
}

#[tokio::test]
async fn a_person_is_asked_once_and_a_yes_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trusted");
    let no = Says::new(false);
    let refusing = store().asking(Some(no.clone())).remembering(Some(file.clone()));
    for _ in 0..3 {
        let error = refused(&refusing, &variable(), &mail()).await;
        assert_eq!((error.kind, error.code), (ErrorKind::Declined, "E110"));
        assert!(error.message.contains("declined"), "{error}");
    }
    assert_eq!(no.asked.load(Ordering::SeqCst), 1);
    assert!(!file.exists());

    let yes = Says::new(true);
    let willing = store().asking(Some(yes.clone())).remembering(Some(file.clone()));
    let (reference, at) = (variable(), mail());
    tokio::join!(revealed(&willing, &reference, &at), revealed(&willing, &reference, &at));
    assert_eq!(yes.asked.load(Ordering::SeqCst), 1);
    let question = yes.last.lock().unwrap().clone();
    assert!(question.contains("env:SECRET") && question.contains("mail.acme.example:993"));
    let later = store().remembering(Some(file));
    assert_eq!(revealed(&later, &variable(), &mail()).await, "hunter2");
}

#[cfg(unix)]
#[tokio::test]
async fn a_consent_that_cannot_be_recorded_holds_for_the_run_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    // Reads like no file, and nothing can be made in it.
    let nowhere = dir.path().join("nowhere");
    std::os::unix::fs::symlink(dir.path().join("gone").join("gone"), &nowhere).unwrap();
    for place in [None, Some(nowhere.join("trusted"))] {
        let heard = Arc::new(Heard::default());
        let store = BoundSecrets::new(heard.clone())
            .with_environment(|_| Some("hunter2".into()))
            .trusting(vec!["mail.acme.example".parse().unwrap()])
            .remembering(place);
        assert_eq!(revealed(&store, &variable(), &mail()).await, "hunter2");
        assert_eq!(revealed(&store, &variable(), &mail()).await, "hunter2");
        let notices = heard.0.lock().unwrap().clone();
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert!(notices.concat().contains("this run only"));
        assert!(!notices.concat().contains("hunter2"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_trust_file_that_others_can_write_or_that_is_broken_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let line = b"mail.acme.example 993 implicit system env:SECRET\n";
    let file = private(dir.path(), "trusted", line);
    let store_with = || store().remembering(Some(file.clone()));
    assert_eq!(revealed(&store_with(), &variable(), &mail()).await, "hunter2");
    set_mode(&file, 0o666);
    let error = refused(&store_with(), &variable(), &mail()).await;
    assert_eq!(error.code, "E116");
    assert!(error.message.contains("chmod 600"), "{error}");
    private(dir.path(), "trusted", b"# mine\nmail.acme.example 993\n");
    let error = refused(&store_with(), &variable(), &mail()).await;
    assert!(error.message.contains("line 2"), "{error}");
}

#[tokio::test]
async fn an_unreadable_ca_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let at = Endpoint { ca: Some(dir.path().join("none.pem")), ..mail() };
    let error = refused(&store(), &variable(), &at).await;
    assert!(error.message.contains("none.pem"), "{error}");
}
