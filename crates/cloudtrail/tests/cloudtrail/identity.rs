//! Every type of `userIdentity`, and the names that are derived from it.

use serde_json::{Value, json};
use travel_cloudtrail::{Event, parse};

/// The names in the order `(session_name, principal, actor)`.
fn names(identity: &Value) -> [Option<String>; 3] {
    let record = json!({"eventID": "e1", "userIdentity": identity});
    let Event { session_name, principal, actor, .. } = parse(&record).unwrap();
    [session_name, principal, actor].map(|name| name.map(str::to_owned))
}

fn assert_names(identity: Value, expected: [&str; 3]) {
    let expected = expected.map(|name| (!name.is_empty()).then(|| name.to_owned()));
    assert_eq!(names(&identity), expected, "{identity}");
}

const USER: &str = "arn:aws:iam::123456789012:user/staff/alice";
const ROLE: &str = "arn:aws:iam::123456789012:role/Deploy";
const SSO: &str = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef";

#[test]
fn an_iam_user_is_its_name_and_its_arn() {
    assert_names(
        json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": USER, "userName": "alice"}),
        ["alice", USER, USER],
    );
    assert_names(
        json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": USER}),
        ["alice", USER, USER],
    );
    assert_names(json!({"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}), ["", "", ""]);
}

#[test]
fn root_has_an_arn_and_no_person() {
    let arn = "arn:aws:iam::123456789012:root";
    assert_names(json!({"type": "Root", "principalId": "123456789012", "arn": arn}), ["root", arn, ""]);
}

#[test]
fn an_assumed_role_is_its_session_and_the_role_that_issued_it() {
    assert_names(
        json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:i-0abc", "arn": "arn:aws:sts::123456789012:assumed-role/Deploy/i-0abc",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE, "userName": "Deploy"}}}),
        ["i-0abc", ROLE, ""],
    );
    let session = "arn:aws:sts::123456789012:assumed-role/Deploy/nightly";
    assert_names(
        json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:", "arn": session}),
        ["nightly", session, ""],
    );
    assert_names(json!({"type": "Role", "principalId": "AROAEXAMPLE", "arn": ROLE}), ["Deploy", ROLE, ""]);
}

#[test]
fn an_identity_center_session_is_a_person_by_the_roles_name() {
    let session =
        "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice@example.com";
    let principal_id = "AROAEXAMPLE:alice@example.com";
    let by_name = json!({"arn": SSO, "userName": "AWSReservedSSO_Admin_0123456789abcdef"});
    for issuer in [by_name, json!({"arn": SSO})] {
        assert_names(
            json!({"type": "AssumedRole", "principalId": principal_id, "arn": session, "sessionContext": {"sessionIssuer": issuer}}),
            ["alice@example.com", SSO, "alice@example.com"],
        );
    }
    assert_names(
        json!({"type": "AssumedRole", "principalId": principal_id, "arn": session}),
        ["alice@example.com", session, "alice@example.com"],
    );
}

#[test]
fn a_session_cannot_name_itself_a_person() {
    let session = "arn:aws:sts::123456789012:assumed-role/Deploy/AWSReservedSSO_Admin_0";
    assert_names(
        json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:AWSReservedSSO_Admin_0", "arn": session}),
        ["AWSReservedSSO_Admin_0", session, ""],
    );
}

#[test]
fn an_identity_center_user_is_on_behalf_of_its_id() {
    assert_names(
        json!({"type": "IdentityCenterUser", "accountId": "123456789012",
            "onBehalfOf": {"userId": "544894e8-80c1-707f-60e3-3ba6510dfac1", "identityStoreArn": "arn:aws:identitystore::123456789012:identitystore/d-1"},
            "credentialId": "c1"}),
        ["", "", "544894e8-80c1-707f-60e3-3ba6510dfac1"],
    );
}

#[test]
fn federated_users_are_what_follows_the_colon() {
    let arn = "arn:aws:sts::123456789012:federated-user/bob";
    assert_names(
        json!({"type": "FederatedUser", "principalId": "123456789012:bob", "arn": arn,
            "sessionContext": {"sessionIssuer": {"type": "IAMUser", "arn": USER, "userName": "alice"}}}),
        ["bob", USER, ""],
    );
    assert_names(
        json!({"type": "SAMLUser", "principalId": "NameQualifier:bob@example.com", "userName": "bob@example.com"}),
        ["bob@example.com", "", ""],
    );
}

#[test]
fn a_web_identity_is_its_subject_and_never_an_arn_without_its_head() {
    let subject = "repo:example/app:ref:refs/heads/main";
    let provider = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let principal_id = format!("{provider}:sts.amazonaws.com:{subject}");
    assert_names(
        json!({"type": "WebIdentityUser", "principalId": principal_id, "userName": subject}),
        [subject, "", ""],
    );
    assert_names(
        json!({"type": "WebIdentityUser", "principalId": "accounts.google.com:app:user", "userName": "user"}),
        ["user", "", ""],
    );
    // The application's id alone would make one session of all its users.
    for principal_id in [principal_id.as_str(), "accounts.google.com:app:user"] {
        assert_names(json!({"type": "WebIdentityUser", "principalId": principal_id}), ["", "", ""]);
    }
    for kind in ["SAMLUser", "Directory", "FederatedUser", "Unknown"] {
        assert_names(json!({"type": kind, "principalId": principal_id}), ["", "", ""]);
    }
    assert_names(json!({"type": "SAMLUser", "principalId": "NameQualifier:bob"}), ["bob", "", ""]);
    assert_names(
        json!({"type": "SAMLUser", "principalId": principal_id, "userName": "bob"}),
        ["bob", "", ""],
    );
}

#[test]
fn an_anonymous_caller_is_nobody() {
    let anonymous = [
        json!({"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}),
        json!({"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}),
        json!({"type": "Unknown", "principalId": "Anonymous"}),
        json!({"type": "Unknown", "principalId": "Anonymous", "accountId": "111122223333", "userName": "x"}),
        json!({"type": "IAMUser", "arn": "anonymous", "userName": "anonymous"}),
    ];
    for identity in anonymous {
        let record = json!({"eventID": "e1", "userIdentity": identity});
        let event = parse(&record).unwrap();
        let ids = [event.account_id.as_deref(), event.principal_id, event.arn, event.user_name];
        let names = [event.session_name, event.principal, event.actor, event.access_key_id];
        assert_eq!((ids, names), ([None; 4], [None; 4]), "{identity}");
        assert!(event.identity_type.is_some());
    }
    // A user may have such a name.
    let user = "arn:aws:iam::123456789012:user/anonymous";
    assert_names(
        json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": user, "userName": "anonymous"}),
        ["anonymous", user, user],
    );
}

#[test]
fn other_types_have_the_names_that_they_bring() {
    assert_names(json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}), ["", "", ""]);
    assert_names(
        json!({"type": "AWSAccount", "principalId": "AROAEXAMPLE:ci", "accountId": "210987654321"}),
        ["ci", "", ""],
    );
    assert_names(
        json!({"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": "210987654321"}),
        ["", "", ""],
    );
    assert_names(json!({"type": "Directory", "userName": "bob"}), ["bob", "", ""]);
    assert_names(
        json!({"type": "Unknown", "principalId": "HIDDEN_DUE_TO_SECURITY_REASONS", "arn": ""}),
        ["", "", ""],
    );
    assert_names(json!({"accountId": "ANONYMOUS_PRINCIPAL"}), ["", "", ""]);
    assert_names(json!({}), ["", "", ""]);
    assert_names(json!(null), ["", "", ""]);
}
