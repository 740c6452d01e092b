//! The outcome of a call, and whether the call proved that the caller holds the credential.

use strum::IntoStaticStr;

use crate::json::Json;

/// The service of sign-in events. Calls that a person makes in the console are invoked by it, too.
pub const CONSOLE: &str = "signin.amazonaws.com";

/// Sign-in events that CloudTrail records before a credential is accepted. Anyone who types a user name causes them,
/// and the success that they record only means that the prompt was shown.
const ASKING: [&str; 3] = ["CredentialChallenge", "CheckMfa", "PasswordRecoveryRequested"];

/// Sign-in events that happen only with a credential or within a session, unless they record a failure.
const PROVING: [&str; 11] = [
    "ConsoleLogin",
    "UserAuthentication",
    "GetSigninToken",
    "SwitchRole",
    "RenewRole",
    "ExitRole",
    "PasswordRecoveryCompleted",
    "PasswordUpdated",
    "EmailUpdated",
    "AuthorizeOAuth2Access",
    "CreateOAuth2Token",
];

/// Error codes of callers who did not prove that they hold the credential. Anyone can name an access key, or present a
/// token that no identity provider signed.
const UNPROVEN: [&str; 11] = [
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "InvalidIdentityToken",
    "InvalidIdentityTokenException",
    "IDPRejectedClaim",
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Outcome {
    #[default]
    Success,
    /// The caller holds the credential, but the call was not allowed.
    Denied,
    Error,
    /// The sign-in failed or was not completed, or the request had no valid signature. The caller did not prove that
    /// they hold a credential.
    FailedAuth,
}

/// The parts of an event that determine its outcome. Empty and hidden texts are `None`.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a, J> {
    pub event_source: Option<&'a str>,
    pub event_name: Option<&'a str>,
    pub error_code: Option<&'a str>,
    pub error_message: Option<&'a str>,
    /// `responseElements`. Only that of a sign-in is read.
    pub response: Option<J>,
    /// `serviceEventDetails`. Only that of a sign-in is read.
    pub service_details: Option<J>,
}

/// The outcome of an event, whether it comes from a record or from the columns of a table.
pub fn outcome<'j, J: Json<'j>>(report: &Report<'_, J>) -> Outcome {
    if is_sign_in(report.event_source) {
        return if proves_sign_in(report) { Outcome::Success } else { Outcome::FailedAuth };
    }
    match report.error_code {
        None => Outcome::Success,
        Some(code) if UNPROVEN.contains(&code) => Outcome::FailedAuth,
        Some(code) if is_denial(code) => Outcome::Denied,
        Some(_) => Outcome::Error,
    }
}

/// Returns whether an event of this service is a sign-in.
pub fn is_sign_in(event_source: Option<&str>) -> bool {
    event_source == Some(CONSOLE)
}

/// Returns whether a sign-in event proves possession of a credential. An unknown event does only if it records a
/// success: a false proof would teach the baseline a stranger's location, while a missed one costs little, because the
/// events of the session follow.
fn proves_sign_in<'j, J: Json<'j>>(report: &Report<'_, J>) -> bool {
    // The result, `Success` or `Failure`, stands under the name of the event: that of a console sign-in in the
    // response, that of IAM Identity Center in the service details.
    let result = |node: Option<J>| node.and_then(|node| node.get(report.event_name?)?.as_str());
    let result = result(report.response).or_else(|| result(report.service_details));
    let answers = |text: &str| result.is_some_and(|result| result.eq_ignore_ascii_case(text));
    let is_one_of = |names: &[&str]| report.event_name.is_some_and(|name| names.contains(&name));
    // A failed ConsoleLogin has a message and no code.
    let failed = report.error_code.is_some() || report.error_message.is_some() || answers("Failure");
    !failed && !is_one_of(&ASKING) && (is_one_of(&PROVING) || answers("Success"))
}

fn is_denial(code: &str) -> bool {
    code.starts_with("AccessDenied")
        || code.ends_with(".AccessDenied")
        || code.ends_with("UnauthorizedOperation")
        || code.contains("NotAuthorized")
}
