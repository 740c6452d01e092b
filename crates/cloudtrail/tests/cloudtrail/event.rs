use serde_json::{Value, json};
use travel_cloudtrail::{Event, Outcome, SourceKind, event_time, parse, parse_lenient};

fn record() -> Value {
    json!({
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:alice", "accountId": "123456789012", "accessKeyId": "ASIAEXAMPLE",
            "arn": "arn:aws:sts::123456789012:assumed-role/Deploy/alice", "userName": "odd", "invokedBy": "athena.amazonaws.com",
            "sessionContext": {
                "attributes": {"creationDate": "2023-07-10T11:00:00Z", "mfaAuthenticated": "true"},
                "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::123456789012:role/Deploy", "userName": "Deploy"},
                "sourceIdentity": "alice@example.com"
            }
        },
        "eventTime": "2023-07-10T11:45:00Z", "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
        "awsRegion": "us-east-1", "sourceIPAddress": "::ffff:192.0.2.7", "userAgent": "aws-cli/2",
        "errorCode": "Throttling", "errorMessage": "slower", "requestParameters": {"eventID": "not this one"},
        "responseElements": {"credentials": {"accessKeyId": "ASIAISSUED", "sessionToken": "t"}},
        "additionalEventData": {"x": 1}, "eventID": "e1", "readOnly": true, "eventType": "AwsApiCall", "managementEvent": true,
        "recipientAccountId": "210987654321", "sharedEventID": "s1", "vpcEndpointId": "vpce-1", "eventCategory": "Management",
        "sessionCredentialFromConsole": "true", "requestID": "r1"
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut record = record();
    record[key] = value;
    record
}

#[test]
fn every_column_comes_from_its_place() {
    let record = record();
    let text = |text: &'static str| Some(text);
    let expected = Event {
        event_id: text("e1"),
        event_time: event_time("2023-07-10T11:45:00Z"),
        event_name: text("AssumeRole"),
        event_source: text("sts.amazonaws.com"),
        event_type: text("AwsApiCall"),
        event_category: text("Management"),
        aws_region: text("us-east-1"),
        account_id: Some("123456789012".into()),
        recipient_account_id: Some("210987654321".into()),
        shared_event_id: text("s1"),
        source_ip: "192.0.2.7".parse().ok(),
        source_text: text("::ffff:192.0.2.7"),
        source_kind: SourceKind::Public,
        identity_type: text("AssumedRole"),
        principal_id: text("AROAEXAMPLE:alice"),
        arn: text("arn:aws:sts::123456789012:assumed-role/Deploy/alice"),
        user_name: text("odd"),
        session_name: text("alice"),
        principal: text("arn:aws:iam::123456789012:role/Deploy"),
        actor: None,
        access_key_id: text("ASIAEXAMPLE"),
        issued_access_key_id: text("ASIAISSUED"),
        session_issuer_arn: text("arn:aws:iam::123456789012:role/Deploy"),
        source_identity: text("alice@example.com"),
        invoked_by: text("athena.amazonaws.com"),
        mfa_used: Some(true),
        from_console: Some(true),
        vpc_endpoint_id: text("vpce-1"),
        user_agent: text("aws-cli/2"),
        error_code: text("Throttling"),
        error_message: text("slower"),
        outcome: Outcome::Error,
        read_only: Some(true),
    };
    assert_eq!(parse(&record), Ok(expected.clone()));
    assert_eq!(parse_lenient(&record), expected);
}

#[test]
fn what_is_absent_null_empty_or_hidden_is_none() {
    let nothing = Event::default();
    assert_eq!(parse(&json!({})), Ok(nothing.clone()));
    for absent in [json!(null), json!(""), json!("HIDDEN_DUE_TO_SECURITY_REASONS")] {
        let mut emptied = record();
        for (key, value) in emptied.as_object_mut().unwrap() {
            *value = if key == "userIdentity" { json!({}) } else { absent.clone() };
        }
        assert_eq!(parse(&emptied), Ok(nothing.clone()), "{absent}");
        let identity =
            with("userIdentity", json!({"accessKeyId": absent, "userName": absent, "arn": absent}));
        let event = parse(&identity).unwrap();
        assert_eq!((event.access_key_id, event.user_name, event.arn), (None, None, None), "{absent}");
    }
}

#[test]
fn a_time_may_be_unix_time_as_a_number_or_in_quotes() {
    for time in
        [json!(1_688_989_500), json!("1688989500"), json!(1_688_989_500_000_i64), json!(1_688_989_500.0)]
    {
        let record = json!({"eventTime": time});
        assert_eq!(parse(&record).unwrap().event_time, Some(1_688_989_500_000_000), "{record}");
    }
}

#[test]
fn a_value_that_cannot_be_what_it_must_be_is_an_error_that_names_it() {
    let cases = [
        (
            "eventTime",
            json!("yesterday"),
            "eventTime must be a time in ISO 8601 or Unix time, not \"yesterday\" (event e1)",
        ),
        (
            "eventTime",
            json!(20_230_710_114_500_i64),
            "eventTime must be a time in ISO 8601 or Unix time, not \"20230710114500\" (event e1)",
        ),
        (
            "eventTime",
            json!({}),
            "eventTime must be a time in ISO 8601 or Unix time, not \"an object\" (event e1)",
        ),
        ("readOnly", json!("maybe"), "readOnly must be a boolean, not \"maybe\" (event e1)"),
        ("readOnly", json!(0), "readOnly must be a boolean, not \"0\" (event e1)"),
        (
            "sessionCredentialFromConsole",
            json!([]),
            "sessionCredentialFromConsole must be a boolean, not \"an array\" (event e1)",
        ),
        ("userIdentity", json!(true), "userIdentity must be an object, not \"true\" (event e1)"),
    ];
    for (key, value, expected) in cases {
        let bad = with(key, value);
        assert_eq!(parse(&bad).unwrap_err().to_string(), expected);
        assert_eq!(parse_lenient(&bad).event_id, Some("e1"), "the rest is read");
    }
}

#[test]
fn what_is_no_object_has_no_fields() {
    for nothing in [
        json!([]),
        json!([{"eventID": "e1"}]),
        json!(7),
        json!("eventID"),
        json!(null),
        json!(true),
        json!({}),
    ] {
        assert_eq!(parse(&nothing).unwrap(), Event::default(), "{nothing}");
        assert_eq!(parse_lenient(&nothing), Event::default(), "{nothing}");
    }
    assert_eq!(parse_lenient(&json!([])), Event::default());
}

#[test]
fn errors_quote_no_more_than_fits_a_message() {
    let error = parse(&with("eventTime", json!("é".repeat(1000)))).unwrap_err();
    assert_eq!(error.value, "é".repeat(60) + "...");
}

#[test]
fn numbers_are_taken_for_the_texts_that_they_stand_for() {
    let event = with("userIdentity", json!({"accountId": 23_456_789_012_i64, "principalId": 7}));
    let event = parse(&event).unwrap();
    assert_eq!(event.account_id.as_deref(), Some("023456789012"), "an account id has twelve digits");
    assert_eq!(event.principal_id, Some("7"));
    for other in [json!(true), json!([]), json!({"a": 1})] {
        assert_eq!(parse(&with("userAgent", other)).unwrap().user_agent, None);
    }
}

#[test]
fn booleans_may_be_quoted() {
    for (value, expected) in [
        (json!(true), Some(true)),
        (json!("true"), Some(true)),
        (json!("True"), Some(true)),
        (json!(false), Some(false)),
        (json!("false"), Some(false)),
        (json!(""), None),
        (json!(null), None),
    ] {
        assert_eq!(parse(&with("readOnly", value.clone())).unwrap().read_only, expected, "{value}");
        let console = with("sessionCredentialFromConsole", value.clone());
        assert_eq!(parse(&console).unwrap().from_console, expected, "{value}");
    }
}

#[test]
fn mfa_is_used_if_either_place_says_so_and_not_if_one_is_there() {
    let mfa = |attribute: Value, used: Value| {
        parse(&json!({
            "userIdentity": {"sessionContext": {"attributes": {"mfaAuthenticated": attribute}}},
            "additionalEventData": {"MFAUsed": used}
        }))
        .unwrap()
        .mfa_used
    };
    let (yes, no, none) = (Some(true), Some(false), None);
    for (attribute, used, expected) in [
        (json!("true"), json!("No"), yes),
        (json!(true), json!(null), yes),
        (json!("false"), json!("Yes"), yes),
        (json!(null), json!("Yes"), yes),
        (json!("false"), json!("No"), no),
        (json!(false), json!(null), no),
        (json!(null), json!("No"), no),
        (json!(null), json!(null), none),
        (json!(""), json!(""), none),
    ] {
        assert_eq!(mfa(attribute.clone(), used.clone()), expected, "{attribute} {used}");
    }
    assert_eq!(parse(&json!({"additionalEventData": "text"})).unwrap().mfa_used, None);
}

fn outcome(source: &str, code: Option<&str>, response: Value) -> &'static str {
    let record = json!({"eventSource": source, "eventName": "ConsoleLogin", "errorCode": code, "responseElements": response});
    parse(&record).unwrap().outcome.into_str()
}

#[test]
fn a_sign_in_fails_by_its_answer_or_by_any_error() {
    let sign_in = "signin.amazonaws.com";
    assert_eq!(outcome(sign_in, None, json!({"ConsoleLogin": "Success"})), "success");
    assert_eq!(outcome(sign_in, None, json!({"ConsoleLogin": "Failure"})), "failed_auth");
    assert_eq!(outcome(sign_in, Some("AccessDenied"), json!(null)), "failed_auth");
    assert_eq!(outcome(sign_in, None, json!({"CheckMfa": "Failure"})), "success", "another event's answer");
    assert_eq!(outcome("iam.amazonaws.com", None, json!({"ConsoleLogin": "Failure"})), "success");
}

#[test]
fn a_sign_in_event_before_a_credential_was_accepted_proves_none() {
    let outcome = |name: &str, more: Value| {
        let mut record = json!({"eventSource": "signin.amazonaws.com", "eventName": name});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parse(&record).unwrap().outcome.into_str()
    };
    let answered = |key: &str, name: &str, answer: &str| json!({key: {name: answer}});
    for name in ["CredentialChallenge", "CheckMfa", "PasswordRecoveryRequested"] {
        assert_eq!(outcome(name, json!({})), "failed_auth", "{name}");
        for key in ["responseElements", "serviceEventDetails"] {
            assert_eq!(outcome(name, answered(key, name, "Success")), "failed_auth", "{name}");
        }
    }
    let proving = [
        "ConsoleLogin",
        "UserAuthentication",
        "GetSigninToken",
        "SwitchRole",
        "RenewRole",
        "ExitRole",
        "PasswordRecoveryCompleted",
        "PasswordUpdated",
        "EmailUpdated",
    ];
    for name in proving {
        assert_eq!(outcome(name, json!({})), "success", "{name}");
        assert_eq!(outcome(name, answered("responseElements", name, "Success")), "success", "{name}");
        assert_eq!(outcome(name, answered("responseElements", name, "Failure")), "failed_auth", "{name}");
        assert_eq!(outcome(name, json!({"errorMessage": "Failed authentication"})), "failed_auth", "{name}");
    }
    // What is not known, or can turn out either way, has to say that it succeeded.
    for name in ["CredentialVerification", "SomethingNew"] {
        assert_eq!(outcome(name, json!({})), "failed_auth", "{name}");
        assert_eq!(outcome(name, answered("serviceEventDetails", name, "Success")), "success", "{name}");
        assert_eq!(outcome(name, answered("serviceEventDetails", name, "Failure")), "failed_auth", "{name}");
        assert_eq!(
            outcome(name, answered("serviceEventDetails", "Another", "Success")),
            "failed_auth",
            "{name}"
        );
    }
    assert_eq!(outcome("", json!({"responseElements": {"": "Success"}})), "failed_auth");
}

#[test]
fn an_unproven_credential_is_told_from_a_denial_and_from_an_error() {
    for (code, expected) in [
        ("SignatureDoesNotMatch", "failed_auth"),
        ("InvalidSignatureException", "failed_auth"),
        ("IncompleteSignature", "failed_auth"),
        ("InvalidClientTokenId", "failed_auth"),
        ("UnrecognizedClientException", "failed_auth"),
        ("InvalidAccessKeyId", "failed_auth"),
        ("MissingAuthenticationToken", "failed_auth"),
        ("InvalidIdentityToken", "failed_auth"),
        ("IDPRejectedClaim", "failed_auth"),
        ("AccessDenied", "denied"),
        ("AccessDeniedException", "denied"),
        ("Client.AccessDenied", "denied"),
        ("Client.UnauthorizedOperation", "denied"),
        ("UnauthorizedOperation", "denied"),
        ("NotAuthorizedException", "denied"),
        ("UserNotAuthorizedForThis", "denied"),
        ("NoSuchBucket", "error"),
        ("ClientAccessDenied", "error"),
        ("", "success"),
    ] {
        assert_eq!(outcome("s3.amazonaws.com", Some(code), json!(null)), expected, "{code}");
    }
}

#[test]
fn odd_sources_keep_their_text() {
    for (text, kind, is_address) in [
        ("10.1.2.3", "private", true),
        ("2001:db8::1", "public", true),
        ("cloudformation.amazonaws.com", "aws_service", false),
        ("AWS Internal/3", "aws_internal", false),
        ("075.050.255.67", "malformed", false),
    ] {
        let record = with("sourceIPAddress", json!(text));
        let event = parse(&record).unwrap();
        assert_eq!(event.source_text, Some(text));
        assert_eq!((event.source_kind.into_str(), event.source_ip.is_some()), (kind, is_address), "{text}");
    }
}
