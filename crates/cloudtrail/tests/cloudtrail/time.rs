use chrono::{DateTime, NaiveDate, NaiveDateTime};
use proptest::prelude::*;
use travel_cloudtrail::{event_time, unix_time_of_float, unix_time_of_integer};

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
        "2023-07-10 11:45:00.000 UTC",
        "2023-07-10 11:45:00 utc",
        "2023-07-10T11:45:00UTC",
        "2023-07-10 11:45 GMT",
        "2023-07-10 11:45:00 +0000 UTC",
        "2023-07-10 11:45:00.000000000 +0000 UTC",
        "2023-07-10 13:45:00 +02:00",
        "2023-07-10 13:45:00 +02",
        "2023-07-10T11:45:00Z\r\n",
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
        "2023-07-10T11:45:00ZZ",
        "2023-07-10T11:45:00 UTC+1",
        "2023-07-10T11:45:00 CET",
        "2023-07-10T11:45:00 Europe/London",
        "2023-07-10T11:45:00  UTC",
        "2023-07-10T11:45:00 +0200 CEST",
        "2023-07-10T11:45:00 +0200 UTC",
        "2023-07-10T11:45:00 +0000 WET",
        "2023-07-10T11:45:00+00:00:00",
        "March 02, 2026, 09:00:00",
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
        "２０２３-07-10T11:45:00Z",
        "2023-07-10T11:45:0éZ",
        "10/07/2023",
        "Mon, 10 Jul 2023 11:45:00 GMT",
    ];
    for text in refused {
        assert_eq!(event_time(text), None, "{text:?}");
    }
}

#[test]
fn ten_digits_are_seconds_thirteen_milliseconds_sixteen_microseconds_and_nineteen_nanoseconds() {
    let cases = [
        ("1704996177", "2024-01-11T18:02:57Z"),
        ("1704996177000", "2024-01-11T18:02:57Z"),
        ("1704996177123", "2024-01-11T18:02:57.123Z"),
        ("1704996177123456", "2024-01-11T18:02:57.123456Z"),
        ("1704996177123456789", "2024-01-11T18:02:57.123457Z"),
        ("1704996177.5", "2024-01-11T18:02:57.5Z"),
        ("1704996177,5", "2024-01-11T18:02:57.5Z"),
        ("1704996177.123456499999", "2024-01-11T18:02:57.123456Z"),
        ("1704996177123.4565", "2024-01-11T18:02:57.123457Z"),
        ("1704996177123456.5", "2024-01-11T18:02:57.123457Z"),
        ("1704996177123456499.9", "2024-01-11T18:02:57.123456Z"),
        ("1704996177.999999500", "2024-01-11T18:02:58Z"),
        (" 1704996177 ", "2024-01-11T18:02:57Z"),
        ("1.704996177E9", "2024-01-11T18:02:57Z"),
        ("1.704996177123e+12", "2024-01-11T18:02:57.123Z"),
        ("1.7e9", "2023-11-14T22:13:20Z"),
        ("1000000000", "2001-09-09T01:46:40Z"),
        ("9999999999", "2286-11-20T17:46:39Z"),
        ("9999999999999999999", "2286-11-20T17:46:40Z"),
    ];
    for (text, expected) in cases {
        assert_eq!(event_time(text), at(expected), "{text}");
    }
    let refused = [
        "170499617",
        "17049961770",
        "170499617700",
        "17049961770000",
        "170499617700000",
        "17049961770000000",
        "170499617700000000",
        "17049961770000000000",
        "0704996177",
        "0.1704996177E10",
        "-1704996177",
        "+1704996177",
        "1704996177.",
        ".1704996177",
        "1704996177.5.5",
        "1704996177 5",
        "1,704,996,177",
        "1704996177e",
        "1704996177e-3",
        "1704996177e3.0",
        "1e9e9",
        "1e999",
        "1704996177s",
        "0x65a02d51",
        "NaN",
        "Infinity",
        "1704996177Z",
    ];
    for text in refused {
        assert_eq!(event_time(text), None, "{text}");
    }
}

#[test]
fn a_number_outside_the_digits_of_unix_time_is_no_time() {
    for number in [0, -1, i64::MIN, 999_999_999, 10_000_000_000, 20_260_302, 20_260_302_090_000] {
        assert_eq!(unix_time_of_integer(number), None, "{number}");
        assert_eq!(unix_time_of_float(number as f64), None, "{number}");
    }
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1704996177.0, 0.5, 1e300] {
        assert_eq!(unix_time_of_float(number), None, "{number}");
    }
    assert_eq!(unix_time_of_integer(i64::MAX), Some(9_223_372_036_854_776));
}

proptest! {
    #[test]
    fn texts_integers_and_floats_say_the_same_time(micros in 1_000_000_000_000_000_i64..4_294_967_296_000_000) {
        let (seconds, millis) = (micros / 1_000_000, micros / 1000);
        for (number, expected) in
            [(seconds, seconds * 1_000_000), (millis, millis * 1000), (micros, micros), (micros * 1000, micros)]
        {
            prop_assert_eq!(unix_time_of_integer(number), Some(expected));
            prop_assert_eq!(event_time(&number.to_string()), Some(expected));
        }
        let fraction = format!("{seconds}.{:06}", micros % 1_000_000);
        prop_assert_eq!(event_time(&fraction), Some(micros));
        prop_assert_eq!(unix_time_of_float(fraction.parse().unwrap()), Some(micros));
        prop_assert_eq!(unix_time_of_float(micros as f64), Some(micros));
        let expected = DateTime::from_timestamp_micros(micros).unwrap();
        prop_assert_eq!(event_time(&expected.to_rfc3339()), Some(micros));
    }

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
    fn no_text_makes_it_panic(text in ".*", near in "[0-9TtZzUCe :.,+-]{0,40}") {
        let _ = event_time(&text);
        let _ = event_time(&near);
    }
}
