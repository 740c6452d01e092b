//! The stage of the story: a character acts at a time from an address, which makes a record.

use super::calls::{CONSOLE_LOGIN, Call, EVERYDAY};
use super::cast::{CONSOLE, Credential};
use super::record::{Record, TlsDetails};
use crate::rng::Rng;
use crate::time::Time;
use serde_json::{Value, json};

/// The records so far.
pub struct Stage {
    pub rng: Rng,
    pub records: Vec<Record>,
}

impl Stage {
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), records: Vec::new() }
    }

    /// `count` everyday calls from one address, somewhere between two moments.
    pub fn stretch(&mut self, who: &Credential, from: Time, to: Time, address: &str, count: usize) {
        for _ in 0..count {
            let time = self.between(from, to);
            let call = *self.rng.pick(EVERYDAY);
            self.act(who, time, address, call);
        }
    }

    pub fn between(&mut self, from: Time, to: Time) -> Time {
        Time(from.0 + self.rng.below((to.0 - from.0) as u64) as i64)
    }

    pub fn fail(
        &mut self,
        who: &Credential,
        time: Time,
        address: &str,
        call: Call,
        code: Option<&'static str>,
    ) {
        let arn = who.identity.arn.clone().unwrap_or_default();
        let record = self.act(who, time, address, call);
        record.error_code = code;
        record.error_message =
            Some(format!("User: {arn} is not authorized to perform: {}:{}", call.service, call.name));
    }

    /// A sign-in to the console. A failed sign-in has no user name, because the typed text may have been a password.
    pub fn sign_in(&mut self, who: &Credential, time: Time, address: &str, success: bool) {
        let who = Credential { user_agent: CONSOLE, ..who.clone() };
        let record = self.act(&who, time, address, CONSOLE_LOGIN);
        record.event_type = "AwsConsoleSignIn";
        record.request_id = None;
        record.user_identity.access_key_id = None;
        record.response_elements = json!({"ConsoleLogin": if success { "Success" } else { "Failure" }});
        record.additional_event_data = Some(json!({
            "LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No",
            "MFAUsed": if success { "Yes" } else { "No" },
        }));
        if !success {
            record.error_message = Some("Failed authentication".to_owned());
            record.user_identity.arn = None;
            record.user_identity.access_key_id = Some(String::new());
            record.user_identity.user_name = Some("HIDDEN_DUE_TO_SECURITY_REASONS".to_owned());
        }
    }

    pub fn act(&mut self, who: &Credential, time: Time, address: &str, call: Call) -> &mut Record {
        let region = if call.is_global() { "us-east-1" } else { who.region };
        let host = match call.service {
            "signin" => "signin.aws.amazon.com".to_owned(),
            "iam" => "iam.amazonaws.com".to_owned(),
            service => format!("{service}.{region}.amazonaws.com"),
        };
        let parameters: serde_json::Map<_, _> =
            call.parameters.iter().map(|&(name, value)| (name.to_owned(), Value::from(value))).collect();
        let of_a_service = who.identity.invoked_by.is_some();
        let record = Record {
            time,
            event_version: "1.11",
            user_identity: who.identity.clone(),
            event_time: time.to_string(),
            event_source: format!("{}.amazonaws.com", call.service),
            event_name: call.name.to_owned(),
            aws_region: region.to_owned(),
            source_ip_address: address.to_owned(),
            user_agent: who.user_agent.to_owned(),
            error_code: None,
            error_message: None,
            request_parameters: if parameters.is_empty() { Value::Null } else { Value::Object(parameters) },
            response_elements: Value::Null,
            additional_event_data: None,
            request_id: Some(self.rng.uuid().to_string()),
            event_id: Some(self.rng.uuid().to_string()),
            read_only: call.read_only,
            event_type: "AwsApiCall",
            management_event: true,
            recipient_account_id: who.account,
            vpc_endpoint_id: None,
            event_category: "Management",
            tls_details: (!of_a_service).then_some(TlsDetails {
                tls_version: "TLSv1.3",
                cipher_suite: "TLS_AES_128_GCM_SHA256",
                client_provided_host_header: host,
            }),
            session_credential_from_console: (who.user_agent == CONSOLE && call.service != "signin")
                .then_some("true"),
        };
        self.records.push(record);
        let last = self.records.len() - 1;
        &mut self.records[last]
    }
}
