//! The commands that stop a credential, as text for an analyst to review and run: a script for `sh` and the AWS CLI.
//!
//! What stops a credential depends on its identity. A long-term key can be deactivated. A temporary key cannot: only a
//! policy that denies sessions issued before a time stops it. Each value from an event is one quoted word
//! ([`crate::shell`]), and no value stands in a comment unless it consists of harmless characters.

use crate::hidden::is_hidden;
use crate::shell::{is_plain, option, word};
use std::collections::HashSet;

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
enum Kind<'a> {
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
    /// Whoever uses an access key of which nothing else is known.
    pub fn of_key(access_key_id: &str) -> Self {
        Self { access_key_id: Some(access_key_id.to_owned()), ..Self::default() }
    }

    fn kind(&self) -> Kind<'_> {
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

    fn has_long_term_key(&self) -> bool {
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

/// What a script contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contained {
    /// The identities of the events at which the raised legs arrive.
    pub arrivals: Vec<Caller>,
    /// Those of the events at which the legs start, if these have other access keys.
    pub departures: Vec<Caller>,
    /// The identities that minted the keys of the legs, if these are temporary keys whose chain is known.
    pub issuers: Vec<Caller>,
    /// The legs have more identities than these.
    pub is_cut: bool,
    /// The keys that the credential issued. `None` if it is unknown whether there are any.
    pub issued: Option<Issued>,
}

/// The temporary keys that a credential issued, itself or through another such key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issued {
    /// The identities that used them.
    pub callers: Vec<Caller>,
    /// The keys that no event shows in use.
    pub unused: Vec<String>,
    /// There are more than were looked for.
    pub is_cut: bool,
}

/// Writes the commands that contain these callers, and the keys that they issued. A command that occurs again for the
/// same account is written once. `alert` names the policy for a user of IAM Identity Center.
pub fn script(alert: i64, contained: &Contained) -> String {
    let mut script = Script {
        alert,
        lines: Vec::new(),
        written: HashSet::new(),
        account: None,
        is_of_account: false,
        heading: None,
        policies: 0,
    };
    script.comment(&format!("Containment for alert {alert}. Review each command before you run it."));
    for caller in &contained.arrivals {
        script.contain(caller);
    }
    if contained.arrivals.is_empty() {
        script.comment("The alert names no identity, so no command can be given.");
    }
    script.section(
        "The legs start with other access keys. Either end of a leg can be the intruder, so contain these keys, too.",
        &contained.departures,
    );
    script.section(
        "Other credentials minted these keys. Contain them, too, unless you know that only the temporary keys are in other \
         hands.",
        &contained.issuers,
    );
    if contained.is_cut {
        script.comment(
            "The alert has more identities than these. Find them in the columns of travel.verdicts.",
        );
    }
    match &contained.issued {
        Some(issued) => script.contain_issued(issued),
        None => script.comment(
            "The events could not be read, so temporary keys that the credential issued are not contained here.",
        ),
    }
    let mut text = script.lines.join("\n");
    text.push('\n');
    text
}

struct Script<'a> {
    alert: i64,
    lines: Vec<String>,
    /// The steps that were written for each account, to write none twice.
    written: HashSet<(Option<&'a str>, String)>,
    /// The account of the next steps, if the events name it.
    account: Option<&'a str>,
    /// The next steps need the account, which is named above them.
    is_of_account: bool,
    /// The account that the last heading names.
    heading: Option<&'a str>,
    /// How many policies the script creates so far. Each has a name of its own.
    policies: u32,
}

/// The time until which sessions are denied, as the shell computes it when the script runs.
const SET_NOW: &str = "now=$(date -u +%Y-%m-%dT%H:%M:%SZ)";

/// A policy that denies everything to sessions that were issued before `$now`, as a word of the shell.
const DENY_OLDER: &str = r#"'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"'"$now"'"}}}]}'"#;

impl<'a> Script<'a> {
    fn contain(&mut self, caller: &'a Caller) {
        let kind = caller.kind();
        self.account = caller.account_id.as_deref().filter(|account| is_plain(account));
        self.is_of_account = kind != Kind::Unknown && kind != Kind::OtherAccount;
        match kind {
            Kind::Root => self.root(),
            Kind::User { name } => self.user(caller, name),
            Kind::Role { is_of_service: true, .. } => self.step(
                "An AWS service uses this role, and its sessions cannot be denied. Find out what uses the service.",
                &[],
            ),
            Kind::Role { name, .. } => self.role(caller, name),
            Kind::IdentityCenter { user } => self.identity_center(caller, user),
            Kind::OtherAccount => self.step(
                "The credential belongs to another account. Ask its owner to revoke it, and deny it in your own \
                 policies of resources and trust.",
                &[],
            ),
            Kind::Unknown => self.unknown(caller),
        }
    }

    fn contain_issued(&mut self, issued: &'a Issued) {
        self.section(
            "The credential issued temporary keys since then. Contain those who used them, too.",
            &issued.callers,
        );
        let unused = issued.unused.len();
        if unused > 0 {
            self.lines.push(String::new());
            self.comment(&format!(
                "No event shows {unused} more of the temporary keys that the credential issued. Deny the sessions of the \
                 roles that its AssumeRole calls name, too:"
            ));
            let named: Vec<&str> =
                issued.unused.iter().map(String::as_str).filter(|key| is_plain(key)).take(10).collect();
            if !named.is_empty() {
                self.comment(&named.join(", "));
            }
        }
        if issued.is_cut {
            self.comment("The credential issued more keys than these. Find them in issued_access_key_id.");
        }
    }

    /// Contains more callers under a comment, if they take other steps than those before.
    fn section(&mut self, comment: &str, callers: &'a [Caller]) {
        let begin = self.lines.len();
        self.lines.push(String::new());
        self.comment(comment);
        let heading = self.lines.len();
        for caller in callers {
            self.contain(caller);
        }
        if self.lines.len() == heading {
            self.lines.truncate(begin);
        }
    }

    /// Says in which account the next commands run, if it is another one than before.
    fn name_account(&mut self) {
        if !self.is_of_account || self.account == self.heading {
            return;
        }
        self.heading = self.account;
        self.lines.push(String::new());
        self.comment(&match self.account {
            Some(account) => format!(
                "Account {account}: run these as an administrator, not with the credentials in question."
            ),
            None => "The events do not name the account of the next commands.".to_owned(),
        });
    }

    fn unknown(&mut self, caller: &Caller) {
        let key = caller.access_key_id.as_deref();
        let is_long_term = caller.has_long_term_key();
        if let Some(key) = key.filter(|_| is_long_term).and_then(|key| self.option("access-key-id", key)) {
            return self.step(
                "The events do not say whose this access key is. Find the user, and deactivate the key of this user.",
                &[format!("aws iam get-access-key-last-used {key} --query=UserName")],
            );
        }
        let of_key = key.filter(|key| is_plain(key)).map(|key| format!(" of access key {key}"));
        self.step(
            &format!(
                "The events name neither a user nor a role{}, so no command can be given. Find out who holds the \
                 credential, and revoke it there.",
                of_key.unwrap_or_default()
            ),
            &[],
        );
    }

    fn user(&mut self, caller: &Caller, name: &str) {
        let Some(user) = self.option("user-name", name) else { return };
        if let Some(key) = caller.access_key_id.as_deref().filter(|_| caller.has_long_term_key())
            && let Some(key) = self.option("access-key-id", key)
        {
            self.step(
                "Deactivate the access key: AWS then refuses its calls. --status=Active undoes it.",
                &[format!("aws iam update-access-key {user} {key} --status=Inactive")],
            );
        }
        self.set_now();
        self.step(
            "Deny the user's sessions that were issued before now. Temporary keys outlive the key or the sign-in that \
             they come from. The access keys of the user are not affected.",
            &[format!(
                "aws iam put-user-policy {user} --policy-name=AWSRevokeOlderSessions --policy-document={DENY_OLDER}"
            )],
        );
        if !caller.has_long_term_key() {
            self.step(
                "Remove the console password, so nobody signs in as the user until you set another one.",
                &[format!("aws iam delete-login-profile {user}")],
            );
        }
        self.step(
            "List all access keys of the user. Deactivate each one that may be in other hands, too.",
            &[format!("aws iam list-access-keys {user}")],
        );
    }

    fn role(&mut self, caller: &Caller, name: &str) {
        let Some(role) = self.option("role-name", name) else { return };
        self.set_now();
        self.step(
            "Deny the role's sessions that were issued before now. This affects all sessions of the role: people and \
             applications must assume it again.",
            &[format!(
                "aws iam put-role-policy {role} --policy-name=AWSRevokeOlderSessions --policy-document={DENY_OLDER}"
            )],
        );
        if caller.session_name.as_deref().is_some_and(|session| session.starts_with("i-")) {
            self.step(
                "The session belongs to an EC2 instance, which gets new credentials that the policy does not deny. If \
                 the instance may be compromised, isolate it.",
                &[],
            );
        }
        self.step(
            "The policy keeps nobody from assuming the role again. See who may assume it.",
            &[format!("aws iam get-role {role} --query=Role.AssumeRolePolicyDocument")],
        );
    }

    fn identity_center(&mut self, caller: &Caller, user: &str) {
        let name =
            serde_json::json!({"UniqueAttribute": {"AttributePath": "userName", "AttributeValue": user}});
        // JSON would hide some of the characters that have no place in a word.
        let identifier = Some(name.to_string()).filter(|_| !user.contains(is_hidden));
        let identifier = self.or_say(identifier.and_then(|name| word(&name)));
        let target = caller.account_id.as_deref().and_then(|account| self.option("target-id", account));
        if let (Some(identifier), Some(target)) = (identifier, target)
            && self.written.insert((self.account, format!("user {user}")))
        {
            self.policies += 1;
            let number = if self.policies == 1 { String::new() } else { format!("-{}", self.policies) };
            self.step(
                "A user of IAM Identity Center. Run these commands in the management account of the organization, in \
                 the Region of IAM Identity Center. They look up the user, and deny the user everything in the account, \
                 in present and new sessions, by a service control policy. If the user is not found, they stop. \
                 detach-policy undoes it. It has no effect in the management account itself.",
                // Each command runs only if the one before it succeeded: a policy for a user who was not found would
                // deny nobody.
                &[format!(
                    "store=$(aws sso-admin list-instances --query='Instances[0].IdentityStoreId' --output=text) &&\n\
                     user=$(aws identitystore get-user-id --identity-store-id=\"$store\" \
                     --alternate-identifier={identifier} --query=UserId --output=text) &&\n\
                     policy=$(aws organizations create-policy --type=SERVICE_CONTROL_POLICY \
                     --name=impossible-travel-alert-{}{number} \
                     --description='Denies one user of IAM Identity Center' \
                     --content={} --query=Policy.PolicySummary.Id --output=text) &&\n\
                     aws organizations attach-policy --policy-id=\"$policy\" {target}",
                    self.alert,
                    r#"'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"StringEquals":{"identitystore:userId":"'"$user"'"}}}]}'"#
                )],
            );
        }
        self.step(
            "No command ends a session of the access portal. In the console of IAM Identity Center, open the user, \
             delete the active sessions, and disable the access. Reset the password at your identity provider.",
            &[],
        );
    }

    fn root(&mut self) {
        for line in [
            "The root user has no policy that could deny its sessions. By hand:",
            "1. Sign in as the root user, and change its password.",
            "2. Under Security credentials, deactivate and delete all access keys of the root user.",
            "3. Remove MFA devices that you do not know, and register your own.",
            "4. Check the email address, the telephone numbers and the alternate contacts of the account.",
            "5. If you cannot sign in, ask AWS Support. In an organization, the management account can remove the root \
             credentials of a member account, and deny the root user with a service control policy.",
        ] {
            self.step(line, &[]);
        }
    }

    /// An option, or a comment that its value cannot be in a command.
    fn option(&mut self, name: &str, value: &str) -> Option<String> {
        self.or_say(option(name, value))
    }

    /// Says that no command can be given, if there is no text for one.
    fn or_say(&mut self, text: Option<String>) -> Option<String> {
        if text.is_none() {
            self.step(
                "The events have a name that the AWS CLI would take for a file or a URL, or that has control or \
                 invisible characters, so no command can be given. AWS allows no such name.",
                &[],
            );
        }
        text
    }

    fn set_now(&mut self) {
        self.step("", &[SET_NOW.to_owned()]);
    }

    /// Writes commands with a comment above them, unless they were written for this account before.
    fn step(&mut self, comment: &str, commands: &[String]) {
        let what = if commands.is_empty() { comment.to_owned() } else { commands.join("\n") };
        if !self.written.insert((self.account, what)) {
            return;
        }
        self.name_account();
        if !comment.is_empty() {
            self.comment(comment);
        }
        self.lines.extend_from_slice(commands);
    }

    fn comment(&mut self, text: &str) {
        self.lines.push(format!("# {text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::tests::{HIDDEN, HOSTILE, calls_of_aws};

    fn caller(identity_type: &str, principal: &str, key: &str) -> Caller {
        Caller {
            identity_type: Some(identity_type.to_owned()),
            account_id: Some("111122223333".to_owned()),
            principal: Some(principal.to_owned()),
            access_key_id: Some(key.to_owned()).filter(|key| !key.is_empty()),
            ..Caller::default()
        }
    }

    fn user(name: &str, key: &str) -> Caller {
        let arn = format!("arn:aws:iam::111122223333:user/{name}");
        Caller { user_name: Some(name.to_owned()), ..caller("IAMUser", &arn, key) }
    }

    fn role(arn: &str, session: &str) -> Caller {
        Caller { session_name: Some(session.to_owned()), ..caller("AssumedRole", arn, "ASIA0EXAMPLE") }
    }

    /// The script for callers who issued no keys.
    fn all_of(callers: &[Caller]) -> String {
        all_with(callers, |_| ())
    }

    fn all_with(callers: &[Caller], change: impl FnOnce(&mut Contained)) -> String {
        let issued = Some(Issued::default());
        let mut contained = Contained { arrivals: callers.to_vec(), issued, ..Contained::default() };
        change(&mut contained);
        script(7, &contained)
    }

    /// The commands of a script, without the options of those that only look something up.
    fn commands(callers: &[Caller]) -> Vec<String> {
        let call = |arguments: Vec<String>| {
            let shown: Vec<String> = arguments
                .into_iter()
                .filter(|argument| !argument.starts_with("--policy-document="))
                .collect();
            shown.join(" ")
        };
        calls_of_aws(&all_of(callers)).into_iter().map(call).collect()
    }

    #[test]
    fn a_long_term_key_is_deactivated_and_the_sessions_of_its_user_are_denied() {
        assert_eq!(
            commands(&[user("erin", "AKIAERIN")]),
            [
                "iam update-access-key --user-name=erin --access-key-id=AKIAERIN --status=Inactive",
                "iam put-user-policy --user-name=erin --policy-name=AWSRevokeOlderSessions",
                "iam list-access-keys --user-name=erin",
            ]
        );
    }

    #[test]
    fn a_temporary_key_of_a_user_is_denied_with_the_password_that_may_have_issued_it() {
        assert_eq!(
            commands(&[user("erin", "ASIAERIN")]),
            [
                "iam put-user-policy --user-name=erin --policy-name=AWSRevokeOlderSessions",
                "iam delete-login-profile --user-name=erin",
                "iam list-access-keys --user-name=erin",
            ]
        );
        // A federated session has the permissions of the user in its issuer.
        let federated = caller("FederatedUser", "arn:aws:iam::111122223333:user/ops/broker", "ASIAFED");
        assert_eq!(
            commands(&[federated])[0],
            "iam put-user-policy --user-name=broker --policy-name=AWSRevokeOlderSessions"
        );
    }

    #[test]
    fn the_sessions_of_a_role_issued_before_now_are_denied() {
        let script = all_of(&[role("arn:aws:iam::111122223333:role/service/deploy", "build-7")]);
        let calls = calls_of_aws(&script);
        let document = calls[0].last().unwrap().strip_prefix("--policy-document=").unwrap();
        let policy: serde_json::Value = serde_json::from_str(document).unwrap();
        assert_eq!(policy["Statement"][0]["Effect"], "Deny");
        assert_eq!(
            policy["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"],
            "2026-03-05T15:00:00Z"
        );
        assert_eq!(calls[0][..3], ["iam", "put-role-policy", "--role-name=deploy"]);
        assert!(!script.contains("EC2 instance"));
        // The session's own ARN serves as well, and an instance is named as one.
        let of_instance =
            role("arn:aws:sts::111122223333:assumed-role/web/i-0a1b2c3d4e5f67890", "i-0a1b2c3d4e5f67890");
        let script = all_of(&[of_instance]);
        assert!(script.contains("--role-name='web'") && script.contains("EC2 instance"), "{script}");
    }

    #[test]
    fn two_sessions_of_a_role_are_denied_by_one_command() {
        let arn = "arn:aws:iam::111122223333:role/deploy";
        assert_eq!(commands(&[role(arn, "a"), role(arn, "b")]).len(), 2);
        assert_eq!(commands(&[user("erin", "AKIA1"), user("erin", "AKIA2")]).len(), 4);
    }

    #[test]
    fn a_user_of_identity_center_is_denied_by_a_service_control_policy() {
        let arn = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef";
        let calls = calls_of_aws(&all_of(&[role(arn, "carol@example.com")]));
        let verbs: Vec<&str> = calls.iter().map(|call| call[1].as_str()).collect();
        assert_eq!(verbs, ["list-instances", "get-user-id", "create-policy", "attach-policy"]);
        let content = calls[2].iter().find_map(|option| option.strip_prefix("--content=")).unwrap();
        let policy: serde_json::Value = serde_json::from_str(content).unwrap();
        // The stub answers every question with "answer".
        assert_eq!(policy["Statement"][0]["Condition"]["StringEquals"]["identitystore:userId"], "answer");
        assert_eq!(calls[3].last().unwrap(), "--target-id=111122223333");
    }

    #[test]
    fn the_same_name_in_another_account_has_commands_of_its_own() {
        let in_account = |account: &str| {
            let arn = format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole");
            Caller { account_id: Some(account.to_owned()), ..role(&arn, "x") }
        };
        let callers = [in_account("444455556666"), in_account("777788889999"), in_account("444455556666")];
        let text = all_of(&callers);
        assert_eq!(calls_of_aws(&text).len(), 4, "{text}");
        assert_eq!(text.matches("# Account ").count(), 2, "{text}");
        // Where the account is unknown, the commands are not under the heading of another one.
        let unknown = Caller { account_id: None, ..in_account("777788889999") };
        let text = all_of(&[in_account("444455556666"), unknown]);
        assert!(text.contains("do not name the account"), "{text}");
        assert_eq!(calls_of_aws(&text).len(), 4, "{text}");
    }

    #[test]
    fn each_user_of_identity_center_is_denied_in_each_account() {
        let of = |account: &str, user: &str| {
            let arn = format!("arn:aws:iam::{account}:role/AWSReservedSSO_Admin_0123456789abcdef");
            Caller { account_id: Some(account.to_owned()), ..role(&arn, user) }
        };
        let callers = [of("1", "carol"), of("1", "dave"), of("2", "carol"), of("1", "carol")];
        let calls = calls_of_aws(&all_of(&callers));
        let names: Vec<&str> =
            calls.iter().flatten().filter_map(|option| option.strip_prefix("--name=")).collect();
        assert_eq!(
            names,
            ["impossible-travel-alert-7", "impossible-travel-alert-7-2", "impossible-travel-alert-7-3"]
        );
        assert_eq!(calls.iter().filter(|call| call[1] == "attach-policy").count(), 3);
    }

    #[test]
    fn a_user_of_identity_center_who_is_not_found_gets_no_policy() {
        let arn = "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef";
        let text = all_of(&[role(arn, "carol"), user("erin", "AKIAERIN")]);
        let calls = calls_of_aws(&format!("FAILS=get-user-id\n{text}"));
        let verbs: Vec<&str> = calls.iter().map(|call| call[1].as_str()).collect();
        let of_erin = ["update-access-key", "put-user-policy", "list-access-keys"];
        assert_eq!(verbs, [&["list-instances", "get-user-id"], &of_erin[..]].concat());
    }

    #[test]
    fn those_who_used_the_keys_that_the_credential_issued_are_contained_too() {
        let issued = Issued {
            callers: vec![role("arn:aws:iam::444455556666:role/admin", "x"), user("erin", "AKIAERIN")],
            unused: vec!["ASIAUNUSED".to_owned(), "$(id)\n".to_owned()],
            is_cut: true,
        };
        let text = all_with(&[user("erin", "AKIAERIN")], |contained| contained.issued = Some(issued));
        let calls = calls_of_aws(&text);
        assert_eq!(calls.len(), 5, "{text}");
        assert_eq!(calls[3][..3], ["iam", "put-role-policy", "--role-name=admin"]);
        assert!(
            text.contains("# ASIAUNUSED\n") && text.contains("shows 2 more") && !text.contains("$(id)"),
            "{text}"
        );
        assert!(text.contains("more keys than these"));
        assert!(all_with(&[], |contained| contained.issued = None).contains("could not be read"));
    }

    #[test]
    fn the_keys_at_which_the_legs_start_are_contained_too() {
        let arrivals = [user("erin", "AKIA1")];
        let departures = vec![user("erin", "AKIA2"), role("arn:aws:iam::111122223333:role/admin", "x")];
        let text = all_with(&arrivals, |contained| contained.departures = departures);
        let calls = calls_of_aws(&text);
        let keys: Vec<&str> =
            calls.iter().flatten().filter_map(|option| option.strip_prefix("--access-key-id=")).collect();
        assert_eq!(keys, ["AKIA1", "AKIA2"]);
        assert!(calls.iter().any(|call| call[2] == "--role-name=admin"), "{text}");
        assert!(text.contains("# The legs start with other access keys."), "{text}");
        // Nothing is said of a key that takes no other command.
        let same = all_with(&arrivals, |contained| contained.departures = vec![user("erin", "AKIA1")]);
        assert_eq!(same, all_of(&arrivals));
        assert!(
            !same.contains("The legs start") && !same.contains("since then") && !same.ends_with("\n\n"),
            "{same}"
        );
        assert!(!same.contains("more identities"));
        assert!(
            all_with(&arrivals, |contained| contained.is_cut = true).contains("more identities than these")
        );
    }

    #[test]
    fn a_name_with_hidden_characters_gets_no_command_and_is_not_shown() {
        for name in HIDDEN {
            let arn = "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef";
            let of_role = role(&format!("arn:aws:iam::111122223333:role/a{name}"), "x");
            let of_account = Caller { account_id: Some(name.to_owned()), ..role(arn, "carol") };
            for caller in [user(name, "AKIA1"), of_role, role(arn, name), of_account] {
                let text = all_of(std::slice::from_ref(&caller));
                assert!(text.contains("invisible characters"), "{caller:?}");
                assert!(text.lines().all(|line| line.starts_with("# ") || line.is_empty()), "{text:?}");
                assert!(!text.contains(|c| is_hidden(c) && c != '\n'), "{text:?}");
            }
            let of_key = all_of(&[user("erin", &format!("AKIA{name}"))]);
            assert!(!of_key.contains("update-access-key") && !of_key.contains(|c| is_hidden(c) && c != '\n'));
        }
    }

    #[test]
    fn those_who_minted_the_credential_are_contained_before_the_keys_that_it_issued() {
        let third = role("arn:aws:iam::111122223333:role/third", "x");
        let text = all_with(&[role("arn:aws:iam::111122223333:role/second", "erin")], |contained| {
            contained.issuers =
                vec![user("erin", "AKIAERIN"), role("arn:aws:iam::111122223333:role/first", "erin")];
            contained.issued = Some(Issued { callers: vec![third], ..Issued::default() });
        });
        let names: Vec<String> = calls_of_aws(&text).into_iter().map(|call| call[2].clone()).collect();
        let of_erin = ["--user-name=erin"; 3];
        let of_roles = ["second", "first", "third"]
            .map(|name| [format!("--role-name={name}"), format!("--role-name={name}")]);
        let expected =
            [&of_roles[0][..], &of_erin.map(str::to_owned)[..], &of_roles[1][..], &of_roles[2][..]].concat();
        assert_eq!(names, expected, "{text}");
        assert_eq!(text.matches("# Other credentials minted these keys.").count(), 1);
    }

    #[test]
    fn the_type_or_the_principal_says_that_it_is_the_root_user() {
        for caller in
            [caller("Root", "", "AKIAROOT"), caller("", "arn:aws:iam::111122223333:root", "AKIAROOT")]
        {
            assert!(
                all_of(std::slice::from_ref(&caller)).contains("1. Sign in as the root user"),
                "{caller:?}"
            );
        }
    }

    #[test]
    fn a_key_of_which_nothing_else_is_known_gets_no_commands_for_another_identity() {
        let contained = Contained {
            arrivals: vec![role("arn:aws:iam::111122223333:role/admin", "alice")],
            departures: ["AKIAGONE", "ASIAGONE", "ASIA GONE", "AKIA'GONE"].map(Caller::of_key).to_vec(),
            ..Contained::default()
        };
        let text = script(1, &contained);
        let (_, departures) = text.split_once("# The legs start with other access keys.").unwrap();
        let commands: Vec<&str> = departures.lines().filter(|line| line.starts_with("aws ")).collect();
        assert_eq!(
            commands,
            [
                "aws iam get-access-key-last-used --access-key-id='AKIAGONE' --query=UserName",
                r"aws iam get-access-key-last-used --access-key-id='AKIA'\''GONE' --query=UserName",
            ]
        );
        assert!(
            departures.contains("# The events name neither a user nor a role of access key ASIAGONE, so")
        );
        assert!(!departures.contains("ASIA GONE"), "{departures}");
    }

    #[test]
    fn root_and_identities_without_a_name_get_comments_only() {
        for caller in [
            caller("Root", "arn:aws:iam::111122223333:root", "AKIAROOT"),
            caller("AWSAccount", "", ""),
            caller("Unknown", "", "ASIA1"),
            Caller::default(),
            role("arn:aws:iam::1:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", "x"),
            user("file:///etc/passwd", "AKIA1"),
        ] {
            let text = all_of(std::slice::from_ref(&caller));
            assert!(text.lines().all(|line| line.is_empty() || line.starts_with("# ")), "{text}");
            assert!(text.lines().count() >= 2, "{text}");
        }
        assert!(all_of(&[]).contains("no identity"));
    }

    #[test]
    fn hostile_names_reach_the_commands_as_they_are_and_do_nothing_else() {
        for name in HOSTILE {
            let calls = calls_of_aws(&all_of(&[user(name, &format!("AKIA{name}"))]));
            assert_eq!(
                calls[0][2..4],
                [format!("--user-name={name}"), format!("--access-key-id=AKIA{name}")]
            );
            assert_eq!(calls.len(), 3, "{name}");
            // A name with a slash would be a path.
            if !name.contains('/') {
                let arn = format!("arn:aws:iam::111122223333:role/{name}");
                let calls = calls_of_aws(&all_of(&[role(&arn, name)]));
                assert_eq!(calls[0][2], format!("--role-name={name}"));
                assert_eq!(calls.len(), 2, "{name}");
            }
            let arn = "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef";
            let hostile = Caller { account_id: Some((*name).to_owned()), ..role(arn, name) };
            let calls = calls_of_aws(&all_of(&[hostile]));
            let identifier =
                calls[1].iter().find_map(|option| option.strip_prefix("--alternate-identifier=")).unwrap();
            let identifier: serde_json::Value = serde_json::from_str(identifier).unwrap();
            assert_eq!(identifier["UniqueAttribute"]["AttributeValue"], *name);
            assert_eq!(calls[3].last().unwrap(), &format!("--target-id={name}"));
            assert_eq!(calls.len(), 4, "{name}");
        }
    }
}
