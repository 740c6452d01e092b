use travel_cloudtrail::{SourceKind, number, plain_decimal, source_kind};

fn kind(text: &str) -> &'static str {
    source_kind(Some(text)).into_str()
}

#[test]
fn an_address_is_public_or_private() {
    let with_more = ["192.0.2.1/32", "2001:db8::1/128", "192.0.2.1:443", "[2001:db8::1]:443", " 192.0.2.1"];
    for text in ["8.8.8.8", "192.0.2.1", "2001:db8::1", "::ffff:8.8.8.8"].into_iter().chain(with_more) {
        assert_eq!(kind(text), "public", "{text}");
    }
    for text in [
        "10.0.0.1",
        "10.0.0.1/32",
        "[fe80::1]:443",
        "100.64.0.1",
        "127.0.0.1",
        "fe80::1",
        "::",
        "::ffff:192.168.1.1",
        "0.0.0.0",
    ] {
        assert_eq!(kind(text), "private", "{text}");
    }
}

#[test]
fn services_are_an_open_set_of_names_under_awss_domains() {
    let services = [
        "cloudformation.amazonaws.com",
        "ec2.eu-west-1.amazonaws.com",
        "anything-new.amazonaws.com",
        "EC2.AmazonAWS.com",
        "s3.cn-north-1.amazonaws.com.cn",
        "ec2.eusc-de-east-1.amazonaws.eu",
        "console.aws.amazon.com",
    ];
    for text in services {
        assert_eq!(kind(text), "aws_service", "{text}");
    }
    for text in [
        "amazonaws.com",
        ".amazonaws.com",
        "evilamazonaws.com",
        "ec2.amazonaws.com.evil.example",
        "ec2.amazonaws.com/x",
    ] {
        assert_eq!(kind(text), "malformed", "{text}");
    }
}

#[test]
fn aws_internal_with_and_without_a_number() {
    for text in ["AWS Internal", "AWS Internal/1", "AWS Internal/#", "aws internal"] {
        assert_eq!(kind(text), "aws_internal", "{text}");
    }
    for text in ["AWS Internals", "AWS Internal 1", "AWS"] {
        assert_eq!(kind(text), "malformed", "{text}");
    }
}

#[test]
fn what_is_no_address_is_malformed_and_what_is_nothing_is_absent() {
    let several = ["192.0.2.0/24", "2001:db8::/32", "192.0.2.1, 10.0.0.1"];
    for text in ["075.050.255.67", "1.2.3", "fe80::1%eth0", "é", "-", " "].into_iter().chain(several) {
        assert_eq!(kind(text), "malformed", "{text}");
    }
    assert_eq!(source_kind(None), SourceKind::Absent);
    assert_eq!(kind(""), "absent");
    assert_eq!(kind("HIDDEN_DUE_TO_SECURITY_REASONS"), "absent");
}

#[test]
fn a_plain_decimal_number_is_no_address() {
    for text in ["51.5", "-0.12", "7", "+5", "0", ".5", "51.", "-179.999999"] {
        assert!(plain_decimal(text), "{text}");
        assert_eq!(kind(text), "malformed", "{text}");
    }
    for text in ["", ".", "-", "+.", "1.2.3", "1.2.3.4", "1e5", "--1", "NaN", " 7", "7 ", "0x1", "::1", "٣"]
    {
        assert!(!plain_decimal(text), "{text}");
    }
}

#[test]
fn a_text_that_is_no_finite_number_is_none() {
    for (text, expected) in
        [("51.5", 51.5), (" -0.1\n", -0.1), ("7", 7.0), ("+1e2", 100.0), (".5", 0.5), ("5.", 5.0)]
    {
        assert_eq!(number(text), Some(expected), "{text}");
    }
    for text in
        ["", " ", "NaN", "inf", "-Infinity", "1e999", "51,5", "51.5 N", "51°30'", "0x1", "null", "--1", "1 2"]
    {
        assert_eq!(number(text), None, "{text}");
    }
}
