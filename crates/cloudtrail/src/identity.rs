//! `userIdentity`: who made the call, and the names that are derived from it.

use std::borrow::Cow;

use crate::json::Json;
use crate::value::{account_id, known, says, text};

/// The prefix of the roles that IAM Identity Center creates. The session names of these roles are people.
const SSO_ROLE: &str = "AWSReservedSSO_";

/// The values that AWS writes as account or principal of an unsigned request. Amazon S3 writes `ANONYMOUS_PRINCIPAL` or
/// `anonymous`; Amazon Cognito writes `Anonymous`.
pub const NOBODY: [&str; 2] = ["anonymous", "anonymous_principal"];

/// The identity types whose `userName` identifies the user: the name of an IAM user, or the subject for which the
/// identity provider vouches. The `userName` of Root is the alias of the account.
const NAMED: [&str; 4] = ["IAMUser", "WebIdentityUser", "SAMLUser", "Directory"];

type Text<'a> = Option<&'a str>;

/// The fields of `userIdentity`, from a record or from the columns of a table.
#[derive(Clone, Debug, Default)]
pub struct Identity<'a> {
    pub identity_type: Text<'a>,
    pub account_id: Option<Cow<'a, str>>,
    pub principal_id: Text<'a>,
    pub arn: Text<'a>,
    pub user_name: Text<'a>,
    pub access_key_id: Text<'a>,
    pub invoked_by: Text<'a>,
    pub session_issuer_arn: Text<'a>,
    pub source_identity: Text<'a>,
    /// The ID of the IAM Identity Center user on whose behalf the call was made.
    pub on_behalf_of: Text<'a>,
    pub mfa: Option<bool>,
}

impl<'a> Identity<'a> {
    pub(crate) fn read<J: Json<'a>>(node: J) -> Self {
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

    /// The identity without texts that are empty, hidden, or the name of an unauthenticated caller. An identity that
    /// was read from a record has none.
    pub fn known(mut self) -> Self {
        let texts = [
            &mut self.identity_type,
            &mut self.principal_id,
            &mut self.arn,
            &mut self.user_name,
            &mut self.access_key_id,
            &mut self.invoked_by,
            &mut self.session_issuer_arn,
            &mut self.source_identity,
            &mut self.on_behalf_of,
        ];
        for text in texts {
            *text = text.and_then(known);
        }
        self.forget_nobody();
        self
    }

    /// Clears the names of unauthenticated callers. They are many callers, and what they share does not identify one.
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
                "sessionIssuer" => self.session_issuer_arn = value.get("arn").and_then(text),
                "sourceIdentity" => self.source_identity = text(value),
                _ => {}
            }
        }
    }

    /// The name of the session: the name of the user if there is one, otherwise the part of the principal id after `:`,
    /// otherwise the last segment of the ARN.
    pub fn session_name(&self) -> Text<'a> {
        let is_named = self.identity_type.is_some_and(|name| NAMED.contains(&name));
        let user = if is_named { self.user_name } else { None };
        // The principal id of a web identity is provider:audience:subject. The provider may be an ARN, so the beginning
        // of the subject cannot be found.
        if self.identity_type == Some("WebIdentityUser") {
            return user;
        }
        user.or_else(|| after_colon(self.principal_id?)).or_else(|| last_segment(self.arn?))
    }

    /// The principal that holds the permissions: the role without its session, the user, or root.
    pub fn principal(&self) -> Text<'a> {
        self.session_issuer_arn.or(self.arn)
    }

    /// The person behind the call, if the record identifies one.
    pub fn actor(&self, session_name: Text<'a>) -> Text<'a> {
        match self.identity_type {
            Some("IAMUser") => self.arn,
            Some("IdentityCenterUser") => self.on_behalf_of,
            _ if self.is_sso_session() => session_name,
            _ => None,
        }
    }

    /// Only the name of the role decides, because the caller who assumes a role chooses the name of the session.
    fn is_sso_session(&self) -> bool {
        let role = self.session_issuer_arn.and_then(last_segment).or_else(|| assumed_role(self.arn?));
        role.is_some_and(|role| role.starts_with(SSO_ROLE))
    }
}

fn is_nobody(id: &str) -> bool {
    NOBODY.iter().any(|nobody| id.eq_ignore_ascii_case(nobody))
}

/// `None` if the principal id is an ARN, whose beginning would be cut off.
fn after_colon(principal_id: &str) -> Option<&str> {
    let (head, rest) = principal_id.split_once(':')?;
    known(rest).filter(|_| head != "arn")
}

/// The ARN of a user may have a path (`user/path/alice`). The ARN of root has no segment except `root`.
fn last_segment(arn: &str) -> Option<&str> {
    known(arn.rsplit(['/', ':']).next()?)
}

/// `arn:aws:sts::123456789012:assumed-role/ROLE/SESSION`
fn assumed_role(arn: &str) -> Option<&str> {
    arn.split_once(":assumed-role/")?.1.split('/').next()
}
