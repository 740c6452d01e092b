//! `userIdentity`: who made the call, and the names that are derived from it.

use std::borrow::Cow;

use crate::json::Json;
use crate::value::{account_id, known, says, text};

/// The prefix of the names of the roles that IAM Identity Center makes: their session names are people.
const SSO_ROLE: &str = "AWSReservedSSO_";

/// The values that AWS writes as account or principal of an unsigned request. Amazon S3 writes `ANONYMOUS_PRINCIPAL` or
/// `anonymous`; Amazon Cognito writes `Anonymous`.
pub const NOBODY: [&str; 2] = ["anonymous", "anonymous_principal"];

/// The types whose `userName` is the user: of an IAM user the name, of the others the subject that the identity provider
/// vouches for. Root's is the alias of the account.
const NAMED: [&str; 4] = ["IAMUser", "WebIdentityUser", "SAMLUser", "Directory"];

type Text<'a> = Option<&'a str>;

#[derive(Default)]
pub(crate) struct Identity<'a> {
    pub identity_type: Text<'a>,
    pub account_id: Option<Cow<'a, str>>,
    pub principal_id: Text<'a>,
    pub arn: Text<'a>,
    pub user_name: Text<'a>,
    pub access_key_id: Text<'a>,
    pub invoked_by: Text<'a>,
    pub session_issuer_arn: Text<'a>,
    session_issuer_name: Text<'a>,
    pub source_identity: Text<'a>,
    on_behalf_of: Text<'a>,
    pub mfa: Option<bool>,
}

impl<'a> Identity<'a> {
    pub fn read<J: Json<'a>>(node: J) -> Self {
        let mut identity = Self::default();
        for (key, value) in node.entries() {
            match key {
                "type" => identity.identity_type = text(value),
                "accountId" => identity.account_id = account_id(value),
                "principalId" => identity.principal_id = text(value),
                "arn" => identity.arn = text(value),
                "userName" => identity.user_name = text(value),
                "accessKeyId" => identity.access_key_id = text(value),
                "invokedBy" => identity.invoked_by = text(value),
                "onBehalfOf" => identity.on_behalf_of = value.get("userId").and_then(text),
                "sessionContext" => identity.read_session(value),
                _ => {}
            }
        }
        identity.forget_nobody();
        identity
    }

    /// Unauthenticated callers are not one caller: nothing that they have in common names them.
    fn forget_nobody(&mut self) {
        let ids = [self.account_id.as_deref(), self.principal_id, self.arn];
        if ids.into_iter().flatten().any(is_nobody) {
            self.account_id = None;
            (self.principal_id, self.arn, self.user_name) = (None, None, None);
        }
    }

    fn read_session<J: Json<'a>>(&mut self, node: J) {
        for (key, value) in node.entries() {
            match key {
                "attributes" => {
                    self.mfa = value.get("mfaAuthenticated").and_then(|truth| says(truth, "true"));
                }
                "sessionIssuer" => {
                    self.session_issuer_arn = value.get("arn").and_then(text);
                    self.session_issuer_name = value.get("userName").and_then(text);
                }
                "sourceIdentity" => self.source_identity = text(value),
                _ => {}
            }
        }
    }

    /// The name of a user that has one; else what follows `:` in the principal id; else the last segment of the ARN.
    pub fn session_name(&self) -> Text<'a> {
        let is_named = self.identity_type.is_some_and(|name| NAMED.contains(&name));
        let user = if is_named { self.user_name } else { None };
        // The principal id of a web identity is provider:audience:subject, and the provider may be an ARN: where the
        // subject begins cannot be told.
        if self.identity_type == Some("WebIdentityUser") {
            return user;
        }
        user.or_else(|| after_colon(self.principal_id?)).or_else(|| last_segment(self.arn?))
    }

    /// Who holds the rights: the role without its session, the user, root.
    pub fn principal(&self) -> Text<'a> {
        self.session_issuer_arn.or(self.arn)
    }

    /// The person, where the record knows of one.
    pub fn actor(&self, session_name: Text<'a>) -> Text<'a> {
        match self.identity_type {
            Some("IAMUser") => self.arn,
            Some("IdentityCenterUser") => self.on_behalf_of,
            _ if self.is_sso_session() => session_name,
            _ => None,
        }
    }

    /// Only the role's name decides: a session's name is whatever its maker chose.
    fn is_sso_session(&self) -> bool {
        let role = self
            .session_issuer_name
            .or_else(|| last_segment(self.session_issuer_arn?))
            .or_else(|| assumed_role(self.arn?));
        role.is_some_and(|role| role.starts_with(SSO_ROLE))
    }
}

fn is_nobody(id: &str) -> bool {
    NOBODY.iter().any(|nobody| id.eq_ignore_ascii_case(nobody))
}

/// None where the principal id is an ARN, which would lose its head.
fn after_colon(principal_id: &str) -> Option<&str> {
    let (head, rest) = principal_id.split_once(':')?;
    known(rest).filter(|_| head != "arn")
}

/// Users' ARNs may have a path (`user/path/alice`), root's has no segment but `root`.
fn last_segment(arn: &str) -> Option<&str> {
    known(arn.rsplit(['/', ':']).next()?)
}

/// `arn:aws:sts::123456789012:assumed-role/ROLE/SESSION`
fn assumed_role(arn: &str) -> Option<&str> {
    arn.split_once(":assumed-role/")?.1.split('/').next()
}
