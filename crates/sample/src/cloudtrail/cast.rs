//! The cast of the story: credentials, and the people and machines that hold them.

use super::record::{Identity, SessionAttributes, SessionContext, SessionIssuer};
use crate::time::{Time, march};

pub const PRODUCTION: &str = "111122223333";
pub const DEVELOPMENT: &str = "444455556666";

/// A credential in use: the fields that all of its records have in common.
#[derive(Clone, Debug)]
pub struct Credential {
    pub identity: Identity,
    pub account: &'static str,
    pub region: &'static str,
    pub user_agent: &'static str,
}

impl Credential {
    /// An IAM user with a long-term key.
    pub fn user(account: &'static str, region: &'static str, name: &str, key: &str) -> Self {
        let identity = Identity {
            kind: "IAMUser",
            principal_id: Some(principal_id("AIDA", name)),
            arn: Some(format!("arn:aws:iam::{account}:user/{name}")),
            account_id: Some(account),
            access_key_id: Some(key.to_owned()),
            user_name: Some(name.to_owned()),
            ..Identity::default()
        };
        Self { identity, account, region, user_agent: CLI }
    }

    /// A session of a role, with a temporary key that is its own.
    pub fn session(
        account: &'static str,
        region: &'static str,
        role: Role<'_>,
        session: &str,
        key: String,
        since: Time,
    ) -> Self {
        let role_id = principal_id("AROA", role.name);
        let identity = Identity {
            kind: "AssumedRole",
            principal_id: Some(format!("{role_id}:{session}")),
            arn: Some(format!("arn:aws:sts::{account}:assumed-role/{}/{session}", role.name)),
            account_id: Some(account),
            access_key_id: Some(key),
            session_context: Some(SessionContext {
                session_issuer: Some(SessionIssuer {
                    kind: "Role",
                    principal_id: role_id,
                    arn: format!("arn:aws:iam::{account}:role/{}{}", role.path, role.name),
                    account_id: account,
                    user_name: role.name.to_owned(),
                }),
                attributes: SessionAttributes {
                    creation_date: since.to_string(),
                    mfa_authenticated: "false",
                },
                ec2_role_delivery: session.starts_with("i-").then_some("2.0"),
            }),
            ..Identity::default()
        };
        Self { identity, account, region, user_agent: SDK }
    }

    /// A session that IAM Identity Center gave a person for a day.
    pub fn sso(
        account: &'static str,
        region: &'static str,
        permission_set: &str,
        person: &str,
        key: String,
        since: Time,
    ) -> Self {
        let name = format!("AWSReservedSSO_{permission_set}_0123456789abcdef");
        let role = Role { path: "aws-reserved/sso.amazonaws.com/", name: &name };
        Self { user_agent: CONSOLE, ..Self::session(account, region, role, person, key, since) }
    }

    pub fn root(account: &'static str, region: &'static str, key: &str) -> Self {
        let identity = Identity {
            kind: "Root",
            principal_id: Some(account.to_owned()),
            arn: Some(format!("arn:aws:iam::{account}:root")),
            account_id: Some(account),
            access_key_id: Some(key.to_owned()),
            ..Identity::default()
        };
        Self { identity, account, region, user_agent: CONSOLE }
    }

    /// An AWS service that acts for itself: no key, no person.
    pub fn service(account: &'static str, region: &'static str, service: &'static str) -> Self {
        let identity = Identity { kind: "AWSService", invoked_by: Some(service), ..Identity::default() };
        Self { identity, account, region, user_agent: service }
    }

    /// The same credential used by a service on behalf of its holder.
    pub fn invoked_by(&self, service: &'static str) -> Self {
        let identity = Identity { invoked_by: Some(service), ..self.identity.clone() };
        Self { identity, user_agent: service, ..self.clone() }
    }
}

pub fn alice() -> Credential {
    Credential::user(PRODUCTION, "eu-west-1", "alice", "AKIAALICE0001EXAMPLE")
}

pub fn bob() -> Credential {
    Credential::user(PRODUCTION, "us-east-1", "bob", "AKIABOB000001EXAMPLE")
}

pub fn carol(day: i64) -> Credential {
    let key = daily_key("carol", day);
    Credential::sso(
        PRODUCTION,
        "eu-west-1",
        "AdministratorAccess",
        "carol@example.com",
        key,
        march(day, 7, 40, 0),
    )
}

pub fn erin() -> Credential {
    Credential::user(PRODUCTION, "us-east-1", "erin", "AKIAERIN00001EXAMPLE")
}

pub fn heidi() -> Credential {
    Credential::user(DEVELOPMENT, "us-east-1", "heidi", "AKIAHEIDI0001EXAMPLE")
}

/// Identity Center's session of the one who looks after the others.
pub fn oscar(day: i64) -> Credential {
    let key = daily_key("oscar", day);
    Credential::sso(PRODUCTION, "eu-west-1", "SecurityAudit", "oscar@example.com", key, march(day, 8, 0, 0))
}

pub fn web_server(day: i64) -> Credential {
    let role = Role { path: "", name: "web-server" };
    let key = daily_key("web", day);
    Credential::session(DEVELOPMENT, "us-east-1", role, "i-0a1b2c3d4e5f67890", key, march(day, 0, 0, 0))
}

/// A role's path and name.
#[derive(Clone, Copy, Debug)]
pub struct Role<'a> {
    pub path: &'static str,
    pub name: &'a str,
}

/// A temporary key of one day: `ASIA`, nine characters, `EXAMPLE`.
pub fn daily_key(owner: &str, day: i64) -> String {
    format!("ASIA{:0<7}{day:02}EXAMPLE", owner.to_uppercase())
}

pub const CLI: &str =
    "aws-cli/2.22.7 md/awscrt#0.23.3 ua/2.0 os/linux#6.8.0 md/arch#x86_64 lang/python#3.12.6";
pub const SDK: &str =
    "Boto3/1.35.71 md/Botocore#1.35.71 ua/2.0 os/linux#6.1.0 md/arch#x86_64 lang/python#3.11.2";
pub const CONSOLE: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0";
pub const THIEF: &str =
    "aws-cli/1.38.9 md/Botocore#1.37.9 ua/2.0 os/linux#6.6.9-kali md/arch#x86_64 lang/python#3.11.8";

/// AWS's identifiers are a prefix and 16 or 17 capitals and digits; these can be read.
fn principal_id(prefix: &str, name: &str) -> String {
    let name = name.trim_start_matches("AWSReservedSSO_");
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_uppercase();
    format!("{prefix}{:0<10.10}EXAMPLE", letters)
}
