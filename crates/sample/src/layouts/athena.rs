//! The tables of Athena and AWS Glue over the files of a trail, and the event data stores of CloudTrail Lake.

use super::event::{Event, Field, always};
use super::structs::{
    Member, StructColumn, composite, composite_types, java_struct, java_text, members, struct_value, text,
    text_map, time,
};
use super::table::{Column, Table};

/// `userIdentity` in the table that AWS documents for Athena.
const IDENTITY: &[Member] = &[
    text("type", "type"),
    text("principalid", "principalId"),
    text("arn", "arn"),
    text("accountid", "accountId"),
    text("invokedby", "invokedBy"),
    text("accesskeyid", "accessKeyId"),
    text("username", "userName"),
    ON_BEHALF_OF,
    members(
        "sessioncontext",
        "sessionContext",
        &[
            members(
                "attributes",
                "attributes",
                &[text("mfaauthenticated", "mfaAuthenticated"), text("creationdate", "creationDate")],
            ),
            members("sessionissuer", "sessionIssuer", ISSUER),
            text("ec2roledelivery", "ec2RoleDelivery"),
            text("webidfederationdata", "webIdFederationData"),
        ],
    ),
];

const ON_BEHALF_OF: Member = members(
    "onbehalfof",
    "onBehalfOf",
    &[text("userid", "userId"), text("identitystorearn", "identityStoreArn")],
);

const ISSUER: &[Member] = &[
    text("type", "type"),
    text("principalid", "principalId"),
    text("arn", "arn"),
    text("accountid", "accountId"),
    text("username", "userName"),
];

const TLS: &[Member] = &[
    text("tlsversion", "tlsVersion"),
    text("ciphersuite", "cipherSuite"),
    text("clientprovidedhostheader", "clientProvidedHostHeader"),
];

/// `useridentity` of CloudTrail Lake.
const LAKE_IDENTITY: &[Member] = &[
    text("type", "type"),
    text("principalid", "principalId"),
    text("arn", "arn"),
    text("accountid", "accountId"),
    text("accesskeyid", "accessKeyId"),
    text("username", "userName"),
    members(
        "sessioncontext",
        "sessionContext",
        &[
            members(
                "attributes",
                "attributes",
                &[time("creationdate", "creationDate"), text("mfaauthenticated", "mfaAuthenticated")],
            ),
            members("sessionissuer", "sessionIssuer", ISSUER),
            text("webidfederationdata", "webIdFederationData"),
            text("sourceidentity", "sourceIdentity"),
            text("ec2roledelivery", "ec2RoleDelivery"),
            text("ec2issuedinvpc", "ec2IssuedInVpc"),
        ],
    ),
    ON_BEHALF_OF,
    text("inscopeof", "inScopeOf"),
    text("invokedby", "invokedBy"),
    text("identityprovider", "identityProvider"),
];

/// The columns that follow the time in every table.
const CALL: &[Column] = &[
    ("eventsource", "text", |event| event.text("eventSource")),
    ("eventname", "text", |event| event.text("eventName")),
    ("awsregion", "text", |event| event.text("awsRegion")),
    ("sourceipaddress", "text", |event| event.text("sourceIPAddress")),
    ("useragent", "text", |event| event.text("userAgent")),
    ("errorcode", "text", |event| event.text("errorCode")),
    ("errormessage", "text", |event| event.text("errorMessage")),
];

/// Athena's table with structs as jsonb, as a `CAST(useridentity AS JSON)` writes them.
pub fn athena_jsonb(events: &[Event]) -> Table {
    athena(
        events,
        ("jsonb", |event| {
            event.value("userIdentity").map(|object| struct_value(IDENTITY, object).to_string())
        }),
        ("jsonb", |event| event.value("tlsDetails").map(|object| struct_value(TLS, object).to_string())),
        "jsonb",
    )
}

/// The same table with structs as values of composite types, as a job of AWS Glue writes them.
pub fn athena_composite(events: &[Event]) -> Table {
    let table = athena(
        events,
        ("useridentity", |event| event.value("userIdentity").map(|object| composite(IDENTITY, object))),
        ("tlsdetails", |event| event.value("tlsDetails").map(|object| composite(TLS, object))),
        "text",
    );
    let types = [("useridentity", IDENTITY), ("tlsdetails", TLS)];
    let types = types.into_iter().flat_map(|(name, members)| composite_types(name, members)).collect();
    Table { types, ..table }
}

/// The same table as a CSV file of Athena's results, copied into columns of text. A struct is `{type=IAMUser, …}`.
pub fn athena_csv(events: &[Event]) -> Table {
    athena(
        events,
        ("text", |event| event.value("userIdentity").map(|object| java_struct(IDENTITY, object))),
        ("text", |event| event.value("tlsDetails").map(|object| java_struct(TLS, object))),
        "text",
    )
}

fn athena(events: &[Event], identity: StructColumn, tls: StructColumn, array: &'static str) -> Table {
    let first: &[Column] = &[
        ("eventversion", "text", |event| event.text("eventVersion")),
        ("useridentity", identity.0, identity.1),
        ("eventtime", "text", Event::iso_time),
    ];
    let last: &[Column] = &[
        // JSON text in the files' own form, whatever becomes of the structs.
        ("requestparameters", "text", |event| event.json("requestParameters")),
        ("responseelements", "text", |event| event.json("responseElements")),
        ("additionaleventdata", "text", |event| event.json("additionalEventData")),
        ("requestid", "text", |event| event.text("requestID")),
        ("eventid", "text", |event| event.text("eventID")),
        ("readonly", "text", |event| event.text("readOnly")),
        ("resources", array, |_| None),
        ("eventtype", "text", |event| event.text("eventType")),
        ("apiversion", "text", |event| event.text("apiVersion")),
        ("recipientaccountid", "text", |event| event.text("recipientAccountId")),
        ("serviceeventdetails", "text", |event| event.json("serviceEventDetails")),
        ("sharedeventid", "text", |event| event.text("sharedEventID")),
        ("vpcendpointid", "text", |event| event.text("vpcEndpointId")),
        ("vpcendpointaccountid", "text", |event| event.text("vpcEndpointAccountId")),
        ("eventcategory", "text", |event| event.text("eventCategory")),
        ("sessioncredentialfromconsole", "text", |event| event.text("sessionCredentialFromConsole")),
        ("edgedevicedetails", "text", |event| event.json("edgeDeviceDetails")),
        ("tlsdetails", tls.0, tls.1),
        ("region", "text", |event| event.text("awsRegion")),
        ("timestamp", "text", |event| event.iso_time()?.get(..10).map(|date| date.replace('-', "/"))),
    ];
    Table::of("cloudtrail_logs", &[first, CALL, last].concat(), events)
}

/// An event data store of CloudTrail Lake, with structs and maps as jsonb. The values of a map are texts. `eventjson`
/// is the record.
pub fn lake(events: &[Event]) -> Table {
    let first: &[Column] = &[
        ("eventversion", "text", |event| event.text("eventVersion")),
        ("useridentity", "jsonb", |event| {
            event.value("userIdentity").map(|object| struct_value(LAKE_IDENTITY, object).to_string())
        }),
        ("eventtime", "timestamp", Event::plain_time),
    ];
    let last: &[Column] = &[
        ("requestparameters", "jsonb", |event| map(event, "requestParameters")),
        ("responseelements", "jsonb", |event| map(event, "responseElements")),
        ("additionaleventdata", "jsonb", |event| map(event, "additionalEventData")),
        ("requestid", "text", |event| event.text("requestID")),
        ("eventid", "text", |event| event.text("eventID")),
        ("readonly", "boolean", |event| event.text("readOnly")),
        ("resources", "jsonb", |_| None),
        ("eventtype", "text", |event| event.text("eventType")),
        ("apiversion", "text", |event| event.text("apiVersion")),
        ("managementevent", "boolean", |event| event.text("managementEvent")),
        ("recipientaccountid", "text", |event| event.text("recipientAccountId")),
        ("sharedeventid", "text", |event| event.text("sharedEventID")),
        ("annotation", "text", |_| None),
        ("vpcendpointid", "text", |event| event.text("vpcEndpointId")),
        ("vpcendpointaccountid", "text", |event| event.text("vpcEndpointAccountId")),
        ("serviceeventdetails", "jsonb", |event| map(event, "serviceEventDetails")),
        ("addendum", "jsonb", |_| None),
        ("edgedevicedetails", "jsonb", |_| None),
        ("insightdetails", "jsonb", |_| None),
        ("eventcategory", "text", |event| event.text("eventCategory")),
        ("tlsdetails", "jsonb", |event| {
            event.value("tlsDetails").map(|object| struct_value(TLS, object).to_string())
        }),
        ("sessioncredentialfromconsole", "text", |event| event.text("sessionCredentialFromConsole")),
        ("eventjson", "text", |event| Some(event.text.clone())),
        ("eventjsonchecksum", "text", |_| always("")),
    ];
    Table::of("cloudtrail_lake", &[first, CALL, last].concat(), events)
}

/// Some columns of an event data store as a CSV file of results, copied into columns of text: structs and maps are
/// `{key=value, …}`. `eventjson` was not selected.
pub fn lake_csv(events: &[Event]) -> Table {
    let first: &[Column] = &[
        ("eventid", "text", |event| event.text("eventID")),
        ("eventtime", "text", |event| Some(format!("{}.000", event.plain_time()?))),
    ];
    let last: &[Column] = &[
        ("useridentity", "text", |event| {
            event.value("userIdentity").map(|object| java_struct(LAKE_IDENTITY, object))
        }),
        ("responseelements", "text", |event| event.value("responseElements").map(text_map_text)),
        ("additionaleventdata", "text", |event| event.value("additionalEventData").map(text_map_text)),
        ("recipientaccountid", "text", |event| event.text("recipientAccountId")),
        ("eventtype", "text", |event| event.text("eventType")),
        ("readonly", "text", |event| event.text("readOnly")),
    ];
    Table::of("cloudtrail_lake_results", &[first, CALL, last].concat(), events)
}

fn map(event: &Event, key: &str) -> Field {
    event.value(key).map(|object| text_map(object).to_string())
}

fn text_map_text(object: &serde_json::Value) -> String {
    java_text(&text_map(object))
}
