//! Source and destination: servers, limits and log-ins for all mailboxes.

use super::super::csv_file::{self, Row, path_finding};
use super::super::finding::Finding;
use super::super::migration_plan::{
    AdminLogin, AdminStyle, DestinationProduct, DestinationProfile, Imap, MigrationPlan, Passwords,
    SourceProduct,
};
use super::super::node::Place;
use super::super::spanned::{Field, Spanned};
use super::{Lowering, microsoft365};
use crate::desired::{Login, LoginStyle, Microsoft365, SecretRef, Side};
use crate::model::address::{Address, Domain};
use crate::model::server::{Endpoint, TlsMode};
use crate::model::words::shown;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Rackspace's own documentation names this host for IMAP with TLS.
const RACKSPACE_HOST: &str = "secure.emailsrvr.com";

/// Microsoft's own documentation names this host for IMAP, with TLS from the start.
const MICROSOFT_365_HOST: &str = "outlook.office365.com";

/// Dovecot lets one user connect ten times from one address unless told otherwise
/// (`mail_max_userip_connections`).
const CONNECTIONS: u16 = 10;
const CONNECTIONS_PER_MAILBOX: u16 = 2;

/// A side and how its mailboxes are signed in to.
#[derive(Debug)]
pub(super) struct LoweredSide {
    pub(super) side: Side,
    pub(super) login: SideLogin,
    pub(super) microsoft365: Option<Microsoft365>,
}

/// Log-ins that a side gives to its mailboxes.
#[derive(Debug, Default)]
pub(super) struct SideLogin {
    admin: Option<Admin>,
    passwords: BTreeMap<Address, (SecretRef, Option<String>)>,
    /// In a rehearsal, what stands for every password of a file that nobody reads.
    unread: Option<SecretRef>,
    /// The secret of the app that signs in.
    app: Option<SecretRef>,
    /// Something was said here and is wrong: no mailbox is blamed for the lack.
    pub(super) broken: bool,
}

#[derive(Debug)]
struct Admin {
    name: String,
    secret: SecretRef,
    style: AdminStyle,
}

impl SideLogin {
    /// Returns how to sign in to a mailbox that says nothing about its password itself.
    pub(super) fn of(&self, address: &Address, user: Option<&str>) -> Option<Login> {
        let mailbox = user.unwrap_or(address.as_str()).to_owned();
        if let Some(secret) = &self.app {
            let style = LoginStyle::XOAuth2 { user: mailbox };
            return Some(Login { style, secret: secret.clone() });
        }
        if let Some((secret, name)) = self.passwords.get(address) {
            let user = user.map(ToOwned::to_owned).or_else(|| name.clone()).unwrap_or(mailbox);
            return Some(Login { style: LoginStyle::Login { user }, secret: secret.clone() });
        }
        if let Some(secret) = &self.unread {
            let style = LoginStyle::Login { user: mailbox };
            return Some(Login { style, secret: secret.clone() });
        }
        let admin = self.admin.as_ref()?;
        let style = match admin.style {
            // Dovecot's `auth_master_user_separator` is `*` wherever it is set as documented.
            AdminStyle::MasterUser => {
                LoginStyle::Login { user: format!("{mailbox}*{}", admin.name) }
            }
            AdminStyle::SaslPlain => {
                LoginStyle::PlainAs { authorization: mailbox, authentication: admin.name.clone() }
            }
        };
        Some(Login { style, secret: admin.secret.clone() })
    }
}

pub(super) fn source(cx: &mut Lowering<'_>, plan: &MigrationPlan) -> Option<LoweredSide> {
    let given = plan.source.given()?;
    let (side, place) = (&given.value, given.place);
    let product = cx.need(&side.product, place, "product", "the source");
    let login = login(cx, &side.login, &side.passwords);
    let default_host = match product?.value {
        SourceProduct::RackspaceEmail => Some(RACKSPACE_HOST),
        SourceProduct::Imap => None,
    };
    let endpoint = endpoint(cx, &side.imap, place, default_host, "the source");
    let limits = side.limits.value();
    let connections = limits.map(|limits| (&limits.connections, &limits.connections_per_mailbox));
    let (connections, connections_per_mailbox) = numbers(cx, connections);
    let product = match product?.value {
        SourceProduct::RackspaceEmail => "rackspace-email",
        SourceProduct::Imap => "imap",
    };
    let side = Side {
        product: product.to_owned(),
        endpoint: endpoint?,
        connections,
        connections_per_mailbox,
        message_size: None,
        profile: None,
        transforms: None,
    };
    Some(LoweredSide { side, login, microsoft365: None })
}

pub(super) fn destination(cx: &mut Lowering<'_>, plan: &MigrationPlan) -> Option<LoweredSide> {
    let given = plan.destination.given()?;
    let (side, place) = (&given.value, given.place);
    let product = cx.need(&side.product, place, "product", "the destination");
    let (mut login, mut microsoft365, mut default_host) = (SideLogin::default(), None, None);
    match product.map(|product| product.value) {
        Some(DestinationProduct::Microsoft365) => {
            microsoft365 = microsoft365::tenant(cx, given);
            login.app = microsoft365.as_ref().map(|tenant| tenant.secret.clone());
            login.broken = microsoft365.is_none();
            default_host = Some(MICROSOFT_365_HOST);
        }
        Some(DestinationProduct::Imap) => {
            microsoft365::no_tenant(cx, side);
            login = self::login(cx, &side.login, &side.passwords);
        }
        None => login = self::login(cx, &side.login, &side.passwords),
    }
    let endpoint = endpoint(cx, &side.imap, place, default_host, "the destination");
    let limits = side.limits.value();
    let connections = limits.map(|limits| (&limits.connections, &limits.connections_per_mailbox));
    let (connections, connections_per_mailbox) = numbers(cx, connections);
    let size = limits.and_then(|limits| limits.message_size.given());
    if let Some(size) = size.filter(|size| size.value.0.0 == 0) {
        cx.findings.add(
            Finding::error("P028", size.place, "a destination that takes no message")
                .hint("leave `message_size` out when there is no limit"),
        );
    }
    let is_tenant = product?.value == DestinationProduct::Microsoft365;
    let usual = is_tenant.then_some(DestinationProfile::ExchangeOnline);
    let side = Side {
        product: if is_tenant { "microsoft-365" } else { "imap" }.to_owned(),
        endpoint: endpoint?,
        connections,
        connections_per_mailbox,
        message_size: size.map(|size| size.value.0),
        profile: side.profile.value().copied().or(usual).map(|it| name_of(it).to_owned()),
        transforms: super::folders::transforms(plan),
    };
    Some(LoweredSide { side, login, microsoft365 })
}

const fn name_of(profile: DestinationProfile) -> &'static str {
    match profile {
        DestinationProfile::Dovecot => "dovecot",
        DestinationProfile::Cyrus => "cyrus",
        DestinationProfile::ExchangeOnline => "exchange-online",
        DestinationProfile::Generic => "generic",
    }
}

fn numbers(cx: &Lowering<'_>, given: Option<(&Field<u16>, &Field<u16>)>) -> (u16, u16) {
    let Some((all, each)) = given else { return (CONNECTIONS, CONNECTIONS_PER_MAILBOX) };
    for number in [all.given(), each.given()].into_iter().flatten() {
        if number.value == 0 {
            cx.findings.add(
                Finding::error("P028", number.place, "no connection is too few")
                    .hint("write 1 or more, or leave the key out"),
            );
        }
    }
    let connections = all.value().copied().unwrap_or(CONNECTIONS);
    if let Some(each) = each.given().filter(|each| each.value > connections) {
        let message = format!(
            "{} connections for one mailbox are more than the {connections} for all",
            each.value
        );
        cx.findings.add(Finding::error("P028", each.place, message).hint("raise `connections`"));
    }
    let each = each.value().copied().unwrap_or(CONNECTIONS_PER_MAILBOX.min(connections));
    (connections, each)
}

fn endpoint(
    cx: &Lowering<'_>,
    imap: &Field<Imap>,
    place: Place,
    default_host: Option<&str>,
    side: &str,
) -> Option<Endpoint> {
    let none = Imap::default();
    let (imap, place) = match imap {
        Field::Given(given) => (&given.value, given.place),
        Field::Wrong => return None,
        Field::Absent if default_host.is_some() => (&none, place),
        Field::Absent => {
            cx.missing(place, "imap", side);
            return None;
        }
    };
    let host = match (&imap.host, default_host) {
        (Field::Absent, Some(host)) => Some(host.to_owned()),
        (field, _) => cx
            .need(field, place, "host", &format!("`imap` of {side}"))
            .and_then(|given| host(cx, given)),
    };
    let tls = imap.tls.value().copied().unwrap_or(TlsMode::Implicit);
    let standard = if tls == TlsMode::Implicit { 993 } else { 143 };
    let port = imap.port.value().copied().unwrap_or(standard);
    if let Some(port) = imap.port.given().filter(|port| port.value == 0) {
        cx.findings
            .add(Finding::error("P004", port.place, "0 is no port").hint("IMAP with TLS has 993"));
    }
    let ca = match imap.ca.given() {
        None => None,
        Some(given) => match cx.files.resolve(&given.value, !cx.rehearsing) {
            Ok(path) => Some(path),
            Err(error) => {
                cx.findings.add(path_finding(given, &error));
                return None;
            }
        },
    };
    let host = host?;
    if let Some(given) = imap.tls.given().filter(|_| tls == TlsMode::None && !is_loopback(&host)) {
        let message = format!("`tls: none` would send passwords to {host} in the clear");
        cx.findings.add(
            Finding::error("P026", given.place, message)
                .hint("use `implicit` or `starttls`; without TLS only loopback is reached"),
        );
    }
    Some(Endpoint { host, port, tls, ca })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host(cx: &Lowering<'_>, given: &Spanned<String>) -> Option<String> {
    let text = given.value.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    if let Ok(domain) = text.parse::<Domain>() {
        return Some(domain.as_str().to_owned());
    }
    // `user:password@host` is how some tools write it.
    let message = if text.contains('@') {
        cx.findings.mask(given.place);
        "a host stands here without user, password or scheme".to_owned()
    } else {
        format!("`{}` is not a host name or IP address", shown(text.as_bytes()))
    };
    cx.findings.add(
        Finding::error("P004", given.place, message)
            .hint("write for example `host: imap.acme.example`, and the port as `port: 993`"),
    );
    None
}

fn login(
    cx: &mut Lowering<'_>,
    login: &Field<AdminLogin>,
    passwords: &Field<Passwords>,
) -> SideLogin {
    let mut side = SideLogin::default();
    match login {
        Field::Absent => {}
        Field::Wrong => side.broken = true,
        Field::Given(given) => {
            side.admin = admin(cx, given);
            side.broken |= side.admin.is_none();
        }
    }
    match passwords {
        Field::Absent => {}
        Field::Wrong => side.broken = true,
        Field::Given(given) if cx.rehearsing => {
            let named = cx.need(&given.value.csv, given.place, "csv", "`passwords`");
            let named = named.and_then(|csv| cx.files.resolve(&csv.value, false).ok());
            side.broken |= named.is_none();
            side.unread = named.map(|file| SecretRef::Csv { file, row: 1 });
        }
        Field::Given(given) => match read_passwords(cx, given) {
            Some(passwords) => side.passwords = passwords,
            None => side.broken = true,
        },
    }
    side
}

fn admin(cx: &mut Lowering<'_>, given: &Spanned<AdminLogin>) -> Option<Admin> {
    let (login, place) = (&given.value, given.place);
    let name = cx.need(&login.admin, place, "admin", "`login`");
    let secret = cx.need(&login.secret, place, "secret", "`login`");
    let style = cx.need(&login.style, place, "style", "`login`");
    let reference = secret.and_then(|secret| cx.secrets.get(&secret.value));
    Some(Admin { name: name?.value.clone(), secret: reference?, style: style?.value })
}

fn read_passwords(
    cx: &mut Lowering<'_>,
    given: &Spanned<Passwords>,
) -> Option<BTreeMap<Address, (SecretRef, Option<String>)>> {
    let csv = cx.need(&given.value.csv, given.place, "csv", "`passwords`")?;
    let table = csv_file::read(csv, cx.files, cx.findings, &mut cx.digest)?;
    let mut passwords = BTreeMap::new();
    let mut seen: BTreeMap<&Address, &Row> = BTreeMap::new();
    for row in &table.rows {
        if let Some(first) = seen.insert(&row.address, row) {
            let message = format!("row {}: {} has two rows", row.number, row.address);
            cx.findings.add(
                Finding::error("P018", row.place, message)
                    .other(first.place, "first here")
                    .hint("remove the row with the old password"),
            );
        }
        if row.has_password {
            let secret = SecretRef::Csv { file: table.path.clone(), row: row.number };
            passwords.insert(row.address.clone(), (secret, row.user.clone()));
        }
    }
    Some(passwords)
}
