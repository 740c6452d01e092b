//! Amazon Security Lake, and other data in the Open Cybersecurity Schema Framework (OCSF).
//!
//! Security Lake has a table of CloudTrail events for each version of its source: version 1 is OCSF 1.0.0-rc.2,
//! version 2 is OCSF 1.1.0. A member that an event lacks is null, as in a struct. Version 1 has no response.

use super::event::{Event, text_of, value_at};
use super::structs::java_text;
use super::table::{Table, flattened};
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// 1.0.0-rc.2
    V1_0,
    /// 1.1.0
    V1_1,
    /// 1.5.0
    V1_5,
}

use Version::{V1_0, V1_1, V1_5};

/// Maps of texts, which stay objects when structs are flattened.
const MAPS: &[&str] = &["unmapped"];

const TYPES: &[(&str, &str)] = &[
    ("class_uid", "integer"),
    ("category_uid", "integer"),
    ("activity_id", "integer"),
    ("severity_id", "integer"),
    ("status_id", "integer"),
    ("time_dt", "timestamp"),
    ("actor_session_created_time_dt", "timestamp"),
];

pub fn nested_1_0(events: &[Event]) -> Table {
    nested(V1_0, events)
}

pub fn flat_1_0(events: &[Event]) -> Table {
    flat(V1_0, events)
}

pub fn nested_1_1(events: &[Event]) -> Table {
    nested(V1_1, events)
}

pub fn flat_1_1(events: &[Event]) -> Table {
    flat(V1_1, events)
}

/// A CSV file of Athena's results, copied into columns of text: a struct is `{user={type=IAMUser, …}, …}`.
pub fn csv_1_1(events: &[Event]) -> Table {
    let text = |(key, value): (String, Value)| {
        let value = if value.is_null() { Value::Null } else { Value::from(java_text(&value)) };
        (key, value)
    };
    let objects: Vec<Map<_, _>> =
        events.iter().map(|event| object(V1_1, event).into_iter().map(text).collect()).collect();
    Table::of_objects(V1_1.table(), &[], &objects)
}

pub fn nested_1_5(events: &[Event]) -> Table {
    nested(V1_5, events)
}

pub fn flat_1_5(events: &[Event]) -> Table {
    flat(V1_5, events)
}

fn nested(version: Version, events: &[Event]) -> Table {
    let objects: Vec<Map<_, _>> = events.iter().map(|event| object(version, event)).collect();
    Table::of_objects(version.table(), TYPES, &objects)
}

fn flat(version: Version, events: &[Event]) -> Table {
    let objects: Vec<Map<_, _>> =
        events.iter().map(|event| flattened(&object(version, event), "_", MAPS)).collect();
    Table::of_objects(version.table(), TYPES, &objects)
}

impl Version {
    fn table(self) -> &'static str {
        match self {
            V1_0 => "amazon_security_lake_table_us_east_1_cloud_trail_mgmt_1_0",
            V1_1 => "amazon_security_lake_table_us_east_1_cloud_trail_mgmt_2_0",
            V1_5 => "ocsf_cloudtrail",
        }
    }

    fn name(self) -> &'static str {
        match self {
            V1_0 => "1.0.0-rc.2",
            V1_1 => "1.1.0",
            V1_5 => "1.5.0",
        }
    }
}

/// The class of an event.
struct Class {
    uid: i64,
    name: &'static str,
    category_uid: i64,
    category: &'static str,
    activity_id: i64,
    activity: String,
}

impl Class {
    fn of(version: Version, event: &Event) -> Self {
        let name = event.text("eventName").unwrap_or_default();
        let is_sign_in = name == "ConsoleLogin" || name.starts_with("AssumeRole");
        let (activity_id, activity) = match name.as_str() {
            _ if is_sign_in => (1, "Logon"),
            _ if name.starts_with("Create") => (1, "Create"),
            _ if ["Get", "List", "Describe", "Decrypt"].iter().any(|verb| name.starts_with(verb)) => {
                (2, "Read")
            }
            _ if name.starts_with("Update") => (3, "Update"),
            _ => (99, name.as_str()),
        };
        let activity = activity.to_owned();
        let iam = "Identity & Access Management";
        let (uid, name, category_uid, category) = if is_sign_in {
            (3002, "Authentication", 3, iam)
        } else if event.is("eventSource", "iam.amazonaws.com") && activity_id != 2 {
            (3001, "Account Change", 3, iam)
        } else if version == V1_0 {
            (3005, "API Activity", 3, "Audit Activity")
        } else {
            (6003, "API Activity", 6, "Application Activity")
        };
        Self { uid, name, category_uid, category, activity_id, activity }
    }
}

/// An event as OCSF writes it.
fn object(version: Version, event: &Event) -> Map<String, Value> {
    let at = |path: &str| event.value(path).cloned().unwrap_or_default();
    let class = Class::of(version, event);
    let is_sign_in = class.uid == 3002;
    let failed = if event.is("eventName", "ConsoleLogin") {
        event.is("responseElements.ConsoleLogin", "Failure")
    } else {
        event.value("errorCode").is_some()
    };
    let mut profiles = vec!["cloud"];
    let product = json!({
        "version": at("eventVersion"), "name": "CloudTrail", "vendor_name": "AWS",
        "feature": {"name": at("eventCategory")},
    });
    let mut metadata = json!({"uid": at("eventID"), "version": version.name()});
    let mut object = json!({
        "time": event.time.0 * 1000,
        "class_uid": class.uid, "class_name": class.name,
        "category_uid": class.category_uid, "category_name": class.category,
        "activity_id": class.activity_id, "activity_name": class.activity,
        "type_uid": class.uid * 100 + class.activity_id,
        "type_name": format!("{}: {}", class.name, class.activity),
        "severity_id": 1, "severity": "Informational",
        "status": if failed { "Failure" } else { "Success" },
        "http_request": {"user_agent": at("userAgent")},
        "src_endpoint": {
            "uid": at("vpcEndpointId"),
            "ip": event.address().map(|address| address.to_string()),
            "domain": event.source_name(),
        },
        "resources": null,
        "accountid": at("recipientAccountId"),
        "region": at("awsRegion"),
    });
    let mut cloud = json!({"region": at("awsRegion"), "provider": "AWS"});
    let mut unmapped = unmapped(event);
    let mut user = json!({
        "type": at("userIdentity.type"), "name": at("userIdentity.userName"),
        "credential_uid": at("userIdentity.accessKeyId"),
    });
    let mut session = json!({"issuer": at("userIdentity.sessionContext.sessionIssuer.arn")});
    let mut response = json!({"error": at("errorCode"), "message": at("errorMessage")});
    let mfa =
        event.text("userIdentity.sessionContext.attributes.mfaAuthenticated").map(|text| text == "true");
    let created = event.text("userIdentity.sessionContext.attributes.creationDate");
    let sign_in_mfa = is_sign_in.then(|| event.is("additionalEventData.MFAUsed", "Yes"));
    if version == V1_0 {
        user["uid"] = at("userIdentity.principalId");
        user["uuid"] = at("userIdentity.arn");
        user["account_uid"] = at("userIdentity.accountId");
        session["mfa"] = json!(mfa);
        session["created_time"] =
            json!(created.as_deref().and_then(crate::time::Time::parse).map(|time| time.0 * 1000));
        object["status_id"] = json!(if failed { 2 } else { 1 });
        object["mfa"] = json!(sign_in_mfa);
        object["eventDay"] = json!(event.iso_time().map(|time| time[..10].replace('-', "")));
        unmapped.insert("eventType".to_owned(), at("eventType"));
    } else {
        profiles.push("datetime");
        user["uid"] = at("userIdentity.arn");
        user["uid_alt"] = at("userIdentity.principalId");
        user["account"] = json!({"uid": at("userIdentity.accountId")});
        session["is_mfa"] = json!(mfa);
        session["created_time_dt"] = json!(created.map(|time| time.replace('T', " ").replace('Z', ".000")));
        metadata["event_code"] = at("eventType");
        response["data"] = json!(event.json("responseElements"));
        object["time_dt"] = json!(event.plain_time());
        object["is_mfa"] = json!(sign_in_mfa);
        object["asl_version"] = json!((version == V1_1).then_some("2.0"));
        object["session"] = unless_empty(json!({
            "uid": at("responseElements.assumedRoleUser.arn"),
            "uid_alt": at("responseElements.assumedRoleUser.assumedRoleId"),
            "credential_uid": at("responseElements.credentials.accessKeyId"),
            "issuer": null,
        }));
        object["user"] = if is_sign_in {
            unless_empty(json!({
                "uid": at("userIdentity.arn"), "uid_alt": at("userIdentity.principalId"),
                "name": at("requestParameters.roleSessionName"),
            }))
        } else {
            Value::Null
        };
        object["dst_endpoint"] = unless_empty(json!({"svc_name": at("additionalEventData.LoginTo")}));
        object["observables"] = observables(event);
        if version == V1_5 {
            cloud["account"] = json!({"uid": at("recipientAccountId")});
            unmapped.remove("recipientAccountId");
        }
    }
    metadata["product"] = product;
    metadata["profiles"] = json!(profiles);
    object["metadata"] = metadata;
    object["cloud"] = cloud;
    object["unmapped"] = Value::Object(unmapped);
    object["actor"] = json!({
        "user": user, "session": unless_empty(session), "invoked_by": at("userIdentity.invokedBy"),
        "idp": unless_empty(json!({"name": at("userIdentity.identityProvider")})),
    });
    object["api"] = json!({
        "operation": at("eventName"), "version": at("apiVersion"), "service": {"name": at("eventSource")},
        "request": {"uid": at("requestID"), "data": event.json("requestParameters")},
        "response": unless_empty(response),
    });
    match object {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

/// An object, or null if all its members are null.
fn unless_empty(object: Value) -> Value {
    let is_empty = object.as_object().is_some_and(|entries| entries.values().all(Value::is_null));
    if is_empty { Value::Null } else { object }
}

/// What OCSF has no place for: a map of texts.
fn unmapped(event: &Event) -> Map<String, Value> {
    const PATHS: [&str; 7] = [
        "recipientAccountId",
        "readOnly",
        "managementEvent",
        "additionalEventData.MobileVersion",
        "sessionCredentialFromConsole",
        "userIdentity.sessionContext.sessionIssuer.type",
        "userIdentity.sessionContext.sessionIssuer.userName",
    ];
    PATHS
        .iter()
        .filter_map(|path| Some(((*path).to_owned(), Value::from(text_of(value_at(&event.record, path)?)))))
        .collect()
}

fn observables(event: &Event) -> Value {
    let source = match event.address() {
        Some(address) => json!({
            "name": "src_endpoint.ip", "value": address.to_string(), "type": "IP Address", "type_id": 2,
        }),
        None => json!({
            "name": "src_endpoint.domain", "value": event.source_name(), "type": "Hostname", "type_id": 1,
        }),
    };
    json!([source])
}
