//! Microsoft Entra gives no token. None of these is tried again in the same run.
//!
//! Microsoft says that its codes may change; what no row knows is told in its own words.

use super::row::{Pattern, Product, Row, Scope, seen};
use crate::error::Class::Credential;

const CODES: &str = "Microsoft, Microsoft Entra authentication and authorization error codes";

const fn row(
    code: &'static str,
    texts: &'static [&'static [&'static str]],
    sentence: &'static str,
    next: &'static [&'static str],
    examples: &'static [super::Example],
) -> Row {
    Row {
        code,
        products: &[Product::Entra],
        class: Credential,
        scope: Scope::Account,
        pattern: Pattern::of(&[], texts),
        sentence,
        next,
        examples,
    }
}

pub(super) const ROWS: &[Row] = &[
    row(
        "E191",
        &[&["aadsts7000215"]],
        "WHO says that the secret of the app is wrong",
        &[
            "Put the value of a client secret of this app (not its secret ID) where `destination.app.secret` is read from, then run the same command again.",
        ],
        &[seen(
            "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app 'a8fdfbd0-da97-42d9-8f1a-fd6a7cb650b4'.",
            "github.com/OfficeDev/microsoft-365-agents-toolkit issue 8621",
        )],
    ),
    row(
        "E192",
        &[&["aadsts7000222"]],
        "WHO says that the secret of the app has expired",
        &[
            "Add a new client secret to the app in the Microsoft Entra admin center and put its value where `destination.app.secret` is read from, then run the same command again.",
        ],
        &[seen(
            "AADSTS7000222: The provided client secret keys are expired.",
            "github.com/Azure-Samples/ms-identity-python-webapp issue 67",
        )],
    ),
    row(
        "E193",
        &[&["aadsts700016"]],
        "WHO knows no such app in the tenant",
        &[
            "Correct `destination.app.client_id` (the Application (client) ID) or `destination.tenant`.",
            "An app of another tenant: an administrator of this one has to consent to it first.",
        ],
        &[seen(
            "AADSTS700016: UnauthorizedClient_DoesNotMatchRequest - The application wasn't found in the directory/tenant.",
            CODES,
        )],
    ),
    row(
        "E194",
        &[&["aadsts90002"], &["aadsts900023"]],
        "WHO knows no such tenant",
        &["Correct `destination.tenant`: the tenant's identifier, or one of its domains."],
        &[
            seen(
                "AADSTS90002: InvalidTenantName - The tenant name wasn't found in the data store.",
                CODES,
            ),
            seen("AADSTS900023", "the source of CIPP, Get-NormalizedError"),
        ],
    ),
    row(
        "E195",
        &[&["aadsts65001"], &["aadsts650051"]],
        "WHO says that nobody consented to what the app asks for",
        &[
            "Give the app the application permissions `IMAP.AccessAsApp` (Office 365 Exchange Online) and, where `dns` has zones, `Domain.Read.All` (Microsoft Graph), and have an administrator of the tenant grant consent.",
        ],
        &[
            seen(
                "AADSTS65001: DelegationDoesNotExist - The user or administrator has not consented to use the application with ID X.",
                CODES,
            ),
            seen("AADSTS650051", "the source of CIPP, Get-NormalizedError"),
        ],
    ),
    row(
        "E196",
        &[&["aadsts53003"], &["aadsts7000112"]],
        "WHO does not let the app in",
        &[
            "Look at the app's sign-in logs in the Microsoft Entra admin center: a policy of Conditional Access blocks it, or it is disabled.",
        ],
        &[
            seen(
                "AADSTS53003: BlockedByConditionalAccess - Access has been blocked by Conditional Access policies.",
                CODES,
            ),
            seen(
                "AADSTS7000112: UnauthorizedClientApplicationDisabled - The application is disabled.",
                CODES,
            ),
        ],
    ),
    row(
        "E190",
        &[
            &["aadsts"],
            &["invalid_client"],
            &["unauthorized_client"],
            &["invalid_request"],
            &["invalid_scope"],
            &["invalid_grant"],
            &["access_denied"],
        ],
        "WHO gives the app no token",
        &[
            "The words are Microsoft's own; what they name is in the app registration or the tenant. The number after AADSTS can be looked up at https://login.microsoftonline.com/error.",
        ],
        &[
            seen(
                "AADSTS70011: The provided value for the input parameter 'scope' isn't valid.",
                CODES,
            ),
            seen("unauthorized_client", "RFC 6749 section 5.2"),
        ],
    ),
];
