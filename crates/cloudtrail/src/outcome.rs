//! What came of a call, and whether it proved that the caller holds the credential.

/// The service whose events are sign-ins.
const SIGN_IN: &str = "signin.amazonaws.com";

/// Error codes of a caller who did not prove the credential: anyone can name an access key.
const UNPROVEN: [&str; 5] = [
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Success,
    /// The credential was proved, the call was not allowed.
    Denied,
    Error,
    /// A sign-in that failed, or a request without a valid signature: no possession of the credential is proved.
    FailedAuth,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Denied => "denied",
            Outcome::Error => "error",
            Outcome::FailedAuth => "failed_auth",
        }
    }
}

/// `response` is what `responseElements` holds under the event's own name: `Success` or `Failure` of a sign-in.
pub fn outcome(event_source: Option<&str>, response: Option<&str>, error_code: Option<&str>) -> Outcome {
    if is_sign_in(event_source) && (error_code.is_some() || response == Some("Failure")) {
        return Outcome::FailedAuth;
    }
    match error_code {
        None => Outcome::Success,
        Some(code) if UNPROVEN.contains(&code) => Outcome::FailedAuth,
        Some(code) if is_denial(code) => Outcome::Denied,
        Some(_) => Outcome::Error,
    }
}

pub(crate) fn is_sign_in(event_source: Option<&str>) -> bool {
    event_source == Some(SIGN_IN)
}

fn is_denial(code: &str) -> bool {
    code.starts_with("AccessDenied")
        || code.ends_with(".AccessDenied")
        || code.ends_with("UnauthorizedOperation")
        || code.contains("NotAuthorized")
}
