use chrono::{DateTime, NaiveDate, NaiveDateTime};
use proptest::prelude::*;
use travel_cloudtrail::event_time;

fn at(common: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(common).ok().map(|time| time.timestamp_micros())
}

#[test]
fn every_form_of_iso_8601_means_the_same_instant() {
    let forms = [
        "2023-07-10T11:45:00Z",
        "2023-07-10t11:45:00z",
        "2023-07-10 11:45:00",
        "2023-07-10T11:45:00",
        "2023-07-10T11:45Z",
        "2023-07-10 11:45",
        "2023-07-10T11:45:00.000Z",
        "2023-07-10T11:45:00,0Z",
        "2023-07-10T13:45:00+02",
        "2023-07-10T13:45:00+0200",
        "2023-07-10T13:45:00+02:00",
        "2023-07-10 06:15:00-05:30",
        "2023-07-10T11:45:00-00:00",
        "20230710T114500Z",
        "20230710T1145Z",
        "20230710T134500+0200",
        "20230710 114500",
    ];
    let expected = at("2023-07-10T11:45:00Z");
    for form in forms {
        assert_eq!(event_time(form), expected, "{form}");
    }
}

#[test]
fn a_date_alone_is_its_midnight_in_utc() {
    for form in ["2023-07-10", "20230710"] {
        assert_eq!(event_time(form), at("2023-07-10T00:00:00Z"), "{form}");
    }
}

#[test]
fn fractions_are_rounded_to_microseconds() {
    let cases = [
        ("2023-07-10T11:45:00.5Z", "2023-07-10T11:45:00.500000Z"),
        ("2023-07-10T11:45:00.1234564Z", "2023-07-10T11:45:00.123456Z"),
        ("2023-07-10T11:45:00,1234565Z", "2023-07-10T11:45:00.123457Z"),
        ("2023-07-10T23:59:59.9999999999999999999999Z", "2023-07-11T00:00:00Z"),
        ("20230710T114500.25+01", "2023-07-10T10:45:00.25Z"),
    ];
    for (form, expected) in cases {
        assert_eq!(event_time(form), at(expected), "{form}");
    }
}

#[test]
fn a_leap_second_and_the_end_of_a_day_are_the_start_of_what_follows() {
    let cases = [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T24:00:00Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31 24:00", "2017-01-01T00:00:00Z"),
        ("20161231T240000.0Z", "2017-01-01T00:00:00Z"),
    ];
    for (form, expected) in cases {
        assert_eq!(event_time(form), at(expected), "{form}");
    }
}

#[test]
fn the_years_1_to_9999_and_no_others() {
    assert_eq!(event_time("0001-01-01T00:00:00Z"), at("0001-01-01T00:00:00Z"));
    assert_eq!(event_time("9999-12-31T23:59:59Z"), at("9999-12-31T23:59:59Z"));
    for text in ["0000-01-01T00:00:00Z", "-2023-07-10T11:45:00Z", "10000-01-01T00:00:00Z", "+12023-01-01"] {
        assert_eq!(event_time(text), None, "{text}");
    }
}

#[test]
fn leap_days_are_the_gregorian_calendars() {
    for (text, there) in
        [("2024-02-29", true), ("2023-02-29", false), ("1900-02-29", false), ("2000-02-29", true)]
    {
        assert_eq!(event_time(text).is_some(), there, "{text}");
    }
}

#[test]
fn what_is_no_time_is_refused() {
    let refused = [
        "",
        " ",
        "now",
        "infinity",
        "1688989500",
        " 2023-07-10T11:45:00Z",
        "2023-07-10T11:45:00Z ",
        "2023-07-10T11:45:00Z\n",
        "2023-07-10T11:45:00ZZ",
        "2023-07-10T11:45:00 Z",
        "2023-07-10  11:45:00",
        "2023-07-10T",
        "2023-07-10T11",
        "2023-07-10T11:",
        "2023-07-10T11:45:",
        "2023-07-10T11:45:0",
        "2023-07-10T11:45:00.Z",
        "2023-07-10T11:45.5Z",
        "2023-07-10T24:00:01Z",
        "2023-07-10T24:01:00Z",
        "2023-07-10T25:00:00Z",
        "2023-07-10T11:60:00Z",
        "2023-07-10T11:45:61Z",
        "2023-13-10",
        "2023-00-10",
        "2023-07-00",
        "2023-06-31",
        "2023-0710",
        "202307-10",
        "2023-07-10T1145Z",
        "20230710T11:45Z",
        "2023-07",
        "2023",
        "2023-07-10Z",
        "2023-07-10T11:45:00+",
        "2023-07-10T11:45:00+2",
        "2023-07-10T11:45:00+02:",
        "2023-07-10T11:45:00+02:0",
        "2023-07-10T11:45:00+16:00",
        "2023-07-10T11:45:00+02:60",
        "2023-07-10T11:45:00 UTC",
        "２０２３-07-10T11:45:00Z",
        "2023-07-10T11:45:0éZ",
        "10/07/2023",
        "Mon, 10 Jul 2023 11:45:00 GMT",
    ];
    for text in refused {
        assert_eq!(event_time(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn it_agrees_with_chrono_on_every_valid_time(
        day in 1..=3_652_059_i32, second in 0_u32..86_400, micro in 0_u32..1_000_000, zone in -15 * 60..=15 * 60_i32
    ) {
        let date = NaiveDate::from_num_days_from_ce_opt(day).unwrap();
        let time: NaiveDateTime = date.and_hms_micro_opt(second / 3600, second / 60 % 60, second % 60, micro).unwrap();
        let whole = time.and_utc().timestamp() * 1_000_000;
        let exact = time.and_utc().timestamp_micros();
        let sign = if zone < 0 { '-' } else { '+' };
        let (hours, minutes) = (zone.abs() / 60, zone.abs() % 60);
        prop_assert_eq!(event_time(&time.format("%Y-%m-%dT%H:%M:%SZ").to_string()), Some(whole));
        prop_assert_eq!(event_time(&time.format("%Y%m%dT%H%M%SZ").to_string()), Some(whole));
        prop_assert_eq!(event_time(&time.format("%Y-%m-%d %H:%M:%S%.6f").to_string()), Some(exact));
        let zoned = time.format(&format!("%Y-%m-%dT%H:%M:%S%.6f{sign}{hours:02}:{minutes:02}")).to_string();
        prop_assert_eq!(event_time(&zoned), Some(exact - i64::from(zone) * 60_000_000));
    }

    #[test]
    fn what_it_reads_chrono_reads_too(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]Z") {
        if !text.starts_with("0000") && !text.contains("T24") {
            let expected = DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_micros());
            prop_assert_eq!(event_time(&text), expected);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*", near in "[0-9TtZz :.,+-]{0,40}") {
        let _ = event_time(&text);
        let _ = event_time(&near);
    }
}
