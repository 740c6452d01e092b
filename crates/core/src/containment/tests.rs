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
        let shown: Vec<String> =
            arguments.into_iter().filter(|argument| !argument.starts_with("--policy-document=")).collect();
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
    let arn =
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef";
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
    assert!(all_with(&arrivals, |contained| contained.is_cut = true).contains("more identities than these"));
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
    for caller in [caller("Root", "", "AKIAROOT"), caller("", "arn:aws:iam::111122223333:root", "AKIAROOT")] {
        assert!(all_of(std::slice::from_ref(&caller)).contains("1. Sign in as the root user"), "{caller:?}");
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
    assert!(departures.contains("# The events name neither a user nor a role of access key ASIAGONE, so"));
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
        assert_eq!(calls[0][2..4], [format!("--user-name={name}"), format!("--access-key-id=AKIA{name}")]);
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
