//! What happens in the simulation, and the CloudTrail record of it.

use crate::rng::Rng;
use crate::time::Time;
use serde_json::{Value, json};
use std::rc::Rc;

/// A credential in use.
#[derive(Clone, Debug)]
pub struct Credential {
    /// `IAMUser`, `AssumedRole` or `Root`.
    pub kind: &'static str,
    pub account: String,
    /// The name of the user or, in a session, of the role.
    pub name: String,
    /// The name of the session of a role.
    pub session: Option<String>,
    pub key: String,
}

/// What someone calls.
#[derive(Clone, Debug)]
pub enum Call {
    Api(&'static str, &'static str),
    SignIn {
        mfa: bool,
    },
    /// A stranger types a wrong password.
    FailedSignIn,
    /// Mints a session whose temporary key is this one.
    AssumeRole(String),
    /// A service acts on behalf of the credential.
    OnBehalf(&'static str),
}

/// One call.
#[derive(Clone, Debug)]
pub struct Act {
    pub time: i64,
    /// The person or machine that owns the credential.
    pub subject: usize,
    /// The number of the intruder who makes the call, if one does.
    pub intruder: Option<usize>,
    /// Where the caller really is.
    pub city: usize,
    pub address: String,
    pub who: Rc<Credential>,
    pub call: Call,
}

/// Calls that anyone makes: the service and its operation.
pub const EVERYDAY: &[(&str, &str)] = &[
    ("ec2", "DescribeInstances"),
    ("s3", "ListBuckets"),
    ("logs", "DescribeLogGroups"),
    ("sts", "GetCallerIdentity"),
    ("lambda", "ListFunctions"),
];

impl Act {
    /// The record, and its event ID.
    pub fn record(&self, rng: &mut Rng) -> (String, Value) {
        let id = rng.uuid().to_string();
        let (source, name) = match &self.call {
            Call::Api(source, name) => (*source, *name),
            Call::SignIn { .. } | Call::FailedSignIn => ("signin", "ConsoleLogin"),
            Call::AssumeRole(_) => ("sts", "AssumeRole"),
            Call::OnBehalf(service) => (*service, "DescribeResources"),
        };
        let mut record = json!({
            "eventVersion": "1.11", "eventID": id, "eventTime": Time(self.time).to_string(),
            "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "awsRegion": "us-east-1",
            "sourceIPAddress": self.address, "eventType": "AwsApiCall", "readOnly": true,
            "userAgent": if self.intruder.is_some() { "aws-cli/1.38.9" } else { "aws-cli/2.22.7" },
            "recipientAccountId": self.who.account, "userIdentity": self.identity(),
        });
        match &self.call {
            Call::SignIn { mfa } => {
                record["eventType"] = json!("AwsConsoleSignIn");
                record["responseElements"] = json!({"ConsoleLogin": "Success"});
                record["additionalEventData"] = json!({"MFAUsed": if *mfa { "Yes" } else { "No" }});
            }
            Call::FailedSignIn => {
                record["eventType"] = json!("AwsConsoleSignIn");
                record["errorMessage"] = json!("Failed authentication");
                record["responseElements"] = json!({"ConsoleLogin": "Failure"});
                record["additionalEventData"] = json!({"MFAUsed": "No"});
            }
            Call::AssumeRole(key) => {
                record["responseElements"] = json!({"credentials": {"accessKeyId": key}});
            }
            Call::OnBehalf(service) => {
                record["userIdentity"]["invokedBy"] = json!(format!("{service}.amazonaws.com"));
                record["sourceIPAddress"] = json!(format!("{service}.amazonaws.com"));
            }
            Call::Api(..) => {}
        }
        (id, record)
    }

    fn identity(&self) -> Value {
        let Credential { kind, account, name, session, key } = &*self.who;
        let mut identity = json!({"type": kind, "accountId": account});
        match session {
            Some(session) => {
                identity["principalId"] = json!(format!("AROA{name}:{session}"));
                identity["arn"] = json!(format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"));
                identity["sessionContext"] = json!({
                    "sessionIssuer": {
                        "type": "Role", "arn": format!("arn:aws:iam::{account}:role/{name}"), "userName": name,
                    },
                    "attributes": {"mfaAuthenticated": "false"},
                });
            }
            None if *kind == "Root" => identity["arn"] = json!(format!("arn:aws:iam::{account}:root")),
            None => {
                identity["principalId"] = json!(format!("AIDA{name}"));
                identity["arn"] = json!(format!("arn:aws:iam::{account}:user/{name}"));
                identity["userName"] = json!(name);
            }
        }
        // A sign-in comes before there is a key.
        if !matches!(self.call, Call::SignIn { .. } | Call::FailedSignIn) {
            identity["accessKeyId"] = json!(key);
        }
        identity
    }
}
