//! What a private Dovecot is to look like, and its configuration.

use super::account::Account;
use std::fmt::Write as _;
use std::path::Path;

/// The master user of a server that has one: `ada@acme.example*migrator`.
pub const MASTER: (&str, &str) = ("migrator", "master-pw");

/// What makes one server unlike another.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The directory below the lab, and the name in messages.
    pub name: &'static str,
    /// Between the levels of a name.
    pub separator: char,
    /// Dovecot's `mail_location`.
    pub location: &'static str,
    /// Folders that every mailbox has, with their special use.
    pub folders: &'static [(&'static str, &'static str)],
    /// Whether [`MASTER`] may sign in as anybody.
    pub master: bool,
    /// Dovecot's `mail_max_userip_connections`.
    pub connections_per_user: u16,
    /// Dovecot's `quota_max_mail_size`, for example `1M`.
    pub message_size: Option<String>,
    /// What CAPABILITY shall say instead of Dovecot's own list.
    pub capability: Option<String>,
    /// Dovecot's `mail_fsync`; `never` is fast.
    pub fsync: &'static str,
}

impl Profile {
    /// Like Rackspace Email: Maildir++, `.`, Sent, Drafts, Trash, Spam, ten connections a user.
    pub fn rackspace() -> Self {
        Self {
            name: "source",
            separator: '.',
            location: "maildir:~/Maildir",
            folders: &[
                ("Sent", "\\Sent"),
                ("Drafts", "\\Drafts"),
                ("Trash", "\\Trash"),
                ("Spam", "\\Junk"),
            ],
            master: true,
            connections_per_user: 10,
            message_size: None,
            capability: None,
            fsync: "never",
        }
    }

    /// Like Exchange Online in names and separator; stores in mdbox.
    pub fn exchange() -> Self {
        Self {
            name: "destination",
            separator: '/',
            location: "mdbox:~/mdbox",
            folders: &[
                ("Sent Items", "\\Sent"),
                ("Drafts", "\\Drafts"),
                ("Deleted Items", "\\Trash"),
                ("Junk Email", "\\Junk"),
            ],
            master: false,
            connections_per_user: 20,
            message_size: None,
            capability: None,
            fsync: "never",
        }
    }

    /// What Exchange Online advertises after the sign-in: no MULTIAPPEND, no CONDSTORE, no
    /// SPECIAL-USE, no ESEARCH.
    #[must_use]
    pub fn with_capabilities_of_exchange(mut self) -> Self {
        let words =
            "IMAP4 IMAP4rev1 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+";
        self.capability = Some(words.to_owned());
        self
    }

    /// Writes `dovecot.conf`.
    pub fn configuration(
        &self,
        dir: &Path,
        account: &Account,
        plain_port: u16,
        port: u16,
    ) -> String {
        let dir = dir.display();
        let Account { user, group, .. } = account;
        let mut folders = String::new();
        for (name, special_use) in self.folders {
            let _ = write!(
                folders,
                "  mailbox \"{name}\" {{\n    auto = subscribe\n    special_use = {special_use}\n  }}\n"
            );
        }
        let mut more = String::new();
        if let Some(size) = &self.message_size {
            let _ = writeln!(more, "plugin {{\n  quota_max_mail_size = {size}\n}}");
        }
        if let Some(words) = &self.capability {
            let _ = writeln!(more, "imap_capability = {words}");
        }
        if self.master {
            let _ = writeln!(
                more,
                "auth_master_user_separator = *\npassdb {{\n  driver = passwd-file\n  args = {dir}/masters\n  master = yes\n  result_success = continue\n}}"
            );
        }
        format!(
            "\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_fsync = {fsync}
mail_location = {location}
mail_plugins = quota
protocol imap {{
  mail_plugins = quota imap_quota
  mail_max_userip_connections = {connections}
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=25G
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-urlauth-login {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
{more}passdb {{
  driver = passwd-file
  args = {dir}/users
}}
userdb {{
  driver = passwd-file
  args = {dir}/users
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
{folders}}}
",
            fsync = self.fsync,
            location = self.location,
            connections = self.connections_per_user,
            separator = self.separator,
        )
    }
}
