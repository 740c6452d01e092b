//! The columns of a record.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::identity::Identity;
use crate::json::{Json, Kind};
use crate::outcome::{Outcome, Report, outcome};
use crate::source::{SourceKind, source};
use crate::time::event_time;
use crate::unix_time::unix_time_of_text;
use crate::value::{account_id, boolean, known, quoted, says, text};

pub type Text<'a> = Option<&'a str>;

/// An event: the columns of `travel.event`, in its order. Texts are borrowed from the record, except account ids that
/// the record writes as numbers. An empty or hidden text is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event<'a> {
    pub event_id: Text<'a>,
    /// Microseconds since the Unix epoch.
    pub event_time: Option<i64>,
    pub event_name: Text<'a>,
    pub event_source: Text<'a>,
    pub event_type: Text<'a>,
    pub event_category: Text<'a>,
    pub aws_region: Text<'a>,
    pub account_id: Option<Cow<'a, str>>,
    pub recipient_account_id: Option<Cow<'a, str>>,
    pub shared_event_id: Text<'a>,
    /// The address as a host. It may be private.
    pub source_ip: Option<IpAddr>,
    pub source_text: Text<'a>,
    pub source_kind: SourceKind,
    pub identity_type: Text<'a>,
    pub principal_id: Text<'a>,
    pub arn: Text<'a>,
    pub user_name: Text<'a>,
    pub session_name: Text<'a>,
    pub principal: Text<'a>,
    pub actor: Text<'a>,
    pub access_key_id: Text<'a>,
    pub issued_access_key_id: Text<'a>,
    pub session_issuer_arn: Text<'a>,
    pub source_identity: Text<'a>,
    pub invoked_by: Text<'a>,
    pub mfa_used: Option<bool>,
    pub from_console: Option<bool>,
    pub vpc_endpoint_id: Text<'a>,
    pub user_agent: Text<'a>,
    pub error_code: Text<'a>,
    pub error_message: Text<'a>,
    pub outcome: Outcome,
    pub read_only: Option<bool>,
}

/// The error for a value that is present but invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The key in the record, or `record` for the record itself.
    pub field: &'static str,
    pub expected: &'static str,
    /// The value, cut to a length that fits a message.
    pub value: String,
    pub event_id: Option<String>,
}

/// Reads a record. Absent values are `None`. An invalid value is an error.
pub fn parse<'a, J: Json<'a>>(record: J) -> Result<Event<'a>, ParseError> {
    let mut event = Event::default();
    match event.read(record) {
        None => Ok(event),
        Some(fault) => Err(ParseError {
            field: fault.field,
            expected: fault.expected,
            value: quoted(fault.node),
            event_id: event.event_id.map(str::to_owned),
        }),
    }
}

/// Reads a record as [`parse`] does, but an invalid value is `None`, too.
pub fn parse_lenient<'a, J: Json<'a>>(record: J) -> Event<'a> {
    let mut event = Event::default();
    event.read(record);
    event
}

/// The first invalid value. It is described only when a caller needs the error.
struct Fault<J> {
    field: &'static str,
    expected: &'static str,
    node: J,
}

impl<'a> Event<'a> {
    /// Fills the columns of an event that has none yet, in one pass over the record's keys.
    fn read<J: Json<'a>>(&mut self, record: J) -> Option<Fault<J>> {
        let mut identity = Identity::default();
        let mut fault = None;
        let mut blame = |field, expected, node| {
            fault.get_or_insert(Fault { field, expected, node });
        };
        let mut response = None;
        let mut service_details = None;
        let mut additional_mfa = None;
        // Only an object has entries. Anything else leaves the event empty.
        for (key, value) in record.entries() {
            match key {
                "eventID" => self.event_id = text(value),
                "eventTime" => match time(value) {
                    Ok(time) => self.event_time = time,
                    Err(()) => blame("eventTime", "a time in ISO 8601 or Unix time", value),
                },
                "eventName" => self.event_name = text(value),
                "eventSource" => self.event_source = text(value),
                "eventType" => self.event_type = text(value),
                "eventCategory" => self.event_category = text(value),
                "awsRegion" => self.aws_region = text(value),
                "recipientAccountId" => self.recipient_account_id = account_id(value),
                "sharedEventID" => self.shared_event_id = text(value),
                "sourceIPAddress" => self.source_text = text(value),
                "userIdentity" => match value.kind() {
                    Kind::Object => identity = Identity::read(value),
                    Kind::Null => {}
                    _ => blame("userIdentity", "an object", value),
                },
                "userAgent" => self.user_agent = text(value),
                "errorCode" => self.error_code = text(value),
                "errorMessage" => self.error_message = text(value),
                "responseElements" => response = Some(value),
                "serviceEventDetails" => service_details = Some(value),
                "additionalEventData" => {
                    additional_mfa = value.get("MFAUsed").and_then(|used| says(used, "yes"));
                }
                "readOnly" => match boolean(value) {
                    Ok(truth) => self.read_only = truth,
                    Err(()) => blame("readOnly", "a boolean", value),
                },
                "sessionCredentialFromConsole" => match boolean(value) {
                    Ok(truth) => self.from_console = truth,
                    Err(()) => blame("sessionCredentialFromConsole", "a boolean", value),
                },
                "vpcEndpointId" => self.vpc_endpoint_id = text(value),
                _ => {}
            }
        }
        (self.source_ip, self.source_kind) = source(self.source_text);
        self.mfa_used = either(identity.mfa, additional_mfa);
        self.add_response(response, service_details);
        self.add_identity(identity);
        fault
    }

    fn add_response<J: Json<'a>>(&mut self, response: Option<J>, service_details: Option<J>) {
        self.issued_access_key_id =
            response.and_then(|node| node.get("credentials")?.get("accessKeyId")).and_then(text);
        self.outcome = outcome(&Report {
            event_source: self.event_source,
            event_name: self.event_name,
            error_code: self.error_code,
            error_message: self.error_message,
            response,
            service_details,
        });
    }

    fn add_identity(&mut self, identity: Identity<'a>) {
        self.session_name = identity.session_name();
        self.principal = identity.principal();
        self.actor = identity.actor(self.session_name);
        self.account_id = identity.account_id;
        self.identity_type = identity.identity_type;
        self.principal_id = identity.principal_id;
        self.arn = identity.arn;
        self.user_name = identity.user_name;
        self.access_key_id = identity.access_key_id;
        self.session_issuer_arn = identity.session_issuer_arn;
        self.source_identity = identity.source_identity;
        self.invoked_by = identity.invoked_by;
    }
}

/// Reads a time. `Ok(None)` if the value is absent.
fn time<'a, J: Json<'a>>(node: J) -> Result<Option<i64>, ()> {
    match node.as_str() {
        Some(text) => known(text).map(|text| event_time(text).ok_or(())).transpose(),
        None if node.kind() == Kind::Null => Ok(None),
        // Some programs that copy records write Unix time instead.
        None => {
            node.number_text().and_then(|number| unix_time_of_text(number.as_bytes())).map(Some).ok_or(())
        }
    }
}

/// `true` if either value is true, `false` if at least one is present and none is true.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one || other),
        (one, other) => one.or(other),
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} must be {}, not \"{}\"", self.field, self.expected, self.value)?;
        match &self.event_id {
            Some(id) => write!(out, " (event {id})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}
