//! The commands that stop a credential, as text for an analyst to review and run: a script for `sh` and the AWS CLI.
//!
//! What stops a credential depends on its identity. A long-term key can be deactivated. A temporary key cannot: only a
//! policy that denies sessions issued before a time stops it. Each value from an event is one quoted word
//! ([`crate::shell`]), and no value stands in a comment unless it consists of harmless characters.

mod caller;

pub use caller::Caller;

use crate::hidden::is_hidden;
use crate::shell::{is_plain, option, word};
use caller::Kind;
use std::collections::HashSet;

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

// The tests run sh, which Miri cannot.
#[cfg(all(test, not(miri)))]
mod tests;
