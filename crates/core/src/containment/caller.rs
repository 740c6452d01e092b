//! The identity behind an event, and what kind of identity it is, which decides what stops it.

/// The identity behind an event, as the columns of a finding have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    pub identity_type: Option<String>,
    pub account_id: Option<String>,
    /// The ARN of the user, or of the role without its session.
    pub principal: Option<String>,
    /// The ARN with its session.
    pub arn: Option<String>,
    pub user_name: Option<String>,
    pub session_name: Option<String>,
    pub access_key_id: Option<String>,
}

/// A caller as its containment needs it.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    Root,
    User {
        name: &'a str,
    },
    /// A session of a person, whose role IAM Identity Center manages.
    IdentityCenter {
        user: &'a str,
    },
    Role {
        name: &'a str,
        is_of_service: bool,
    },
    OtherAccount,
    Unknown,
}

/// The prefix of the roles that IAM Identity Center creates.
const SSO_ROLE: &str = "AWSReservedSSO_";

impl Caller {
    /// The holder of an access key of which nothing else is known.
    pub fn of_key(access_key_id: &str) -> Self {
        Self { access_key_id: Some(access_key_id.to_owned()), ..Self::default() }
    }

    pub(super) fn kind(&self) -> Kind<'_> {
        let principal = self.principal.as_deref().unwrap_or_default();
        let arn = self.arn.as_deref().unwrap_or_default();
        let identity_type = self.identity_type.as_deref().unwrap_or_default();
        if identity_type == "Root" || principal.ends_with(":root") {
            return Kind::Root;
        }
        if matches!(identity_type, "AWSAccount" | "AWSService") {
            return Kind::OtherAccount;
        }
        let role = role_in(principal).or_else(|| role_in(arn));
        if let Some(name) = role {
            return match self.session_name.as_deref() {
                Some(user) if name.starts_with(SSO_ROLE) => Kind::IdentityCenter { user },
                _ => Kind::Role { name, is_of_service: principal.contains(":role/aws-service-role/") },
            };
        }
        // The sessions of GetFederationToken have the permissions of the user who asked for them.
        let user = if identity_type == "IAMUser" { self.user_name.as_deref() } else { None };
        match user.or_else(|| user_in(principal)) {
            Some(name) => Kind::User { name },
            None => Kind::Unknown,
        }
    }

    pub(super) fn has_long_term_key(&self) -> bool {
        self.access_key_id.as_deref().is_some_and(|key| key.starts_with("AKIA"))
    }
}

/// The name of the role in the ARN of a role or of a session of one.
fn role_in(arn: &str) -> Option<&str> {
    let name = match arn.split_once(":assumed-role/") {
        Some((_, rest)) => rest.split('/').next(),
        None => arn.split_once(":role/")?.1.rsplit('/').next(),
    };
    name.filter(|name| !name.is_empty())
}

/// The name of the user in the ARN of an IAM user, which may have a path.
fn user_in(arn: &str) -> Option<&str> {
    arn.split_once(":user/")?.1.rsplit('/').next().filter(|name| !name.is_empty())
}
