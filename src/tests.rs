//! Tests inside a server. Those that need no Rust are in tests/regress.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use super::reference::{self, Event};
    use crate::pg::jsonb::Node;
    use pgrx::PgTryBuilder;
    use pgrx::prelude::*;
    use pgrx::spi::Spi;
    use serde_json::{Value, json};
    use std::panic::AssertUnwindSafe;
    use travel_core::columns::{ColumnType, EVENT, FINDING, FindingColumn, LEG, finding_names};

    const CITIES: [(f64, f64); 6] =
        [(51.51, -0.13), (51.6, -0.2), (35.68, 139.69), (-36.85, 174.76), (21.31, -157.86), (0.0, 0.0)];

    /// Random journeys of some entities: ties, duplicates, NULLs, places out of range, gaps.
    fn random_events(seed: u64, count: usize) -> Vec<Event> {
        let mut random = reference::Random(seed);
        (0..count)
            .map(|_| {
                let (latitude, longitude) = CITIES[random.below(CITIES.len())];
                Event {
                    entity: format!("k{}", random.below(3)),
                    seconds: (random.below(20) > 0).then(|| random.below(40) as i64 * 900),
                    latitude: if random.below(15) == 0 { f64::NAN } else { latitude },
                    longitude,
                    id: (random.below(5) > 0).then(|| format!("e{:02}", random.below(60))),
                }
            })
            .collect()
    }

    fn load(events: &[Event]) {
        Spi::run(
            "CREATE TEMP TABLE IF NOT EXISTS j (entity text, t timestamptz, lat float8, lon float8, id text)",
        )
        .unwrap();
        Spi::run("TRUNCATE j").unwrap();
        for event in events {
            let time = event.seconds.map_or("NULL".to_owned(), |seconds| format!("to_timestamp({seconds})"));
            let id = event.id.as_ref().map_or("NULL".to_owned(), |id| format!("'{id}'"));
            Spi::run(&format!(
                "INSERT INTO j VALUES ('{}', {time}, '{}', {}, {id})",
                event.entity, event.latitude, event.longitude
            ))
            .unwrap();
        }
    }

    fn text(query: &str) -> String {
        Spi::get_one::<String>(query).unwrap().unwrap_or_default()
    }

    #[pg_test]
    fn the_branches_of_the_query_to_help_with_are_shared_by_all_processes() {
        use crate::pg::whole_groups;

        fn plan(explain: &str) -> String {
            Spi::connect(|client| {
                client
                    .select(explain, None, &[])
                    .unwrap()
                    .filter_map(|row| row.get::<String>(1).unwrap())
                    .collect::<Vec<_>>()
                    .join("\n")
            })
        }
        for statement in [
            "CREATE TABLE events AS SELECT k, n FROM generate_series(1, 800) AS k, generate_series(1, 20) AS n",
            "CREATE INDEX ON events (k, n)",
            "ANALYZE events",
            "SET min_parallel_table_scan_size = 0",
            "SET parallel_setup_cost = 0",
            "SET max_parallel_workers_per_gather = 7",
        ] {
            Spi::run(statement).unwrap();
        }
        let branches: Vec<String> = (0..16)
            .map(|n| {
                let from = n * 50;
                format!("SELECT k, max(n) FROM events WHERE k > {from} AND k <= {from} + 50 GROUP BY k")
            })
            .collect();
        let explain = format!("EXPLAIN (COSTS off) {}", branches.join(" UNION ALL "));
        let before = plan(&explain);
        let events = Spi::get_one::<pgrx::pg_sys::Oid>("SELECT 'events'::regclass::oid").unwrap().unwrap();
        let (helped, again, another) = whole_groups::planned(&explain, Some((events, "k")), || {
            let helped = plan(&explain);
            (helped, plan(&explain), plan(&format!("{explain} LIMIT 1000000")))
        });
        assert!(helped.contains("Workers Planned: 7"), "{helped}");
        assert!(helped.contains("Parallel Append") && !helped.contains("Partial"), "{helped}");
        assert!(!before.contains("Workers Planned: 7"), "{before}");
        // The help is for one planning of one text.
        assert_eq!(again, before);
        assert!(!another.contains("Workers Planned: 7"), "{another}");
        assert_eq!(plan(&explain), before);
    }

    #[pg_test]
    fn a_stash_is_a_map_of_names() {
        let mut random = reference::Random(7);
        let mut stash = crate::pg::stash::Stash::new();
        let mut map = std::collections::HashMap::new();
        for _ in 0..20_000 {
            let name = format!("name {}", random.below(3000));
            if random.below(4) == 0 {
                stash.remove(&name);
                map.remove(&name);
            } else {
                let value = vec![random.below(256) as u8; random.below(100)];
                stash.put(&name, &value);
                map.insert(name, value);
            }
        }
        for n in 0..3000 {
            let name = format!("name {n}");
            assert_eq!(stash.get(&name), map.get(&name).map(Vec::as_slice));
        }
        let all: std::collections::HashMap<String, Vec<u8>> =
            stash.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(all, map);
        assert!(stash.get("another name").is_none());
    }

    const SHOWN: &str = "concat_ws(',', entity, extract(epoch FROM from_time)::int, from_event_id, extract(epoch FROM to_time)::int, \
                         to_event_id, round(distance_km::numeric, 3), impossible)";

    #[pg_test]
    fn window_aggregate_and_detect_agree_with_a_plain_reference_on_random_journeys() {
        for seed in 0..120 {
            let events = random_events(seed, 10 + seed as usize % 60);
            load(&events);
            let expected = reference::impossible_legs(&events).join("\n");
            let aggregate = text(&format!(
                "SELECT string_agg({SHOWN}, E'\\n' ORDER BY entity, to_time, to_latitude) FROM (SELECT entity, l.* FROM \
                 (SELECT entity, travel.impossible_legs(t, lat, lon, id) AS legs FROM j GROUP BY entity) g, unnest(legs) l) s"
            ));
            assert_eq!(aggregate, expected, "the aggregate, seed {seed}");
            let window = text(&format!(
                "SELECT string_agg({SHOWN}, E'\\n' ORDER BY entity, to_time, to_latitude) FROM (SELECT entity, (l).* FROM \
                 (SELECT entity, travel.leg(t, lat, lon, id) OVER (PARTITION BY entity ORDER BY t, lat, lon) AS l FROM j) w \
                 WHERE (l).impossible) s"
            ));
            assert_eq!(window, expected, "the window function, seed {seed}");
            for all_legs in [false, true] {
                let detect = text(&format!(
                    "SELECT string_agg({SHOWN}, E'\\n' ORDER BY entity, to_time, to_latitude) FROM travel.detect('j', 'entity', \
                     all_legs => {all_legs}, columns => '{{\"event_time\": \"t\", \"latitude\": \"lat\", \"longitude\": \"lon\", \
                     \"event_id\": \"id\"}}') WHERE impossible"
                ));
                assert_eq!(detect, expected, "detect, all_legs {all_legs}, seed {seed}");
            }
        }
    }

    #[pg_test]
    fn a_random_order_and_a_random_split_change_no_leg() {
        for seed in 1000..1040 {
            let mut events = random_events(seed, 50);
            load(&events);
            let legs = "SELECT string_agg(legs::text, ';' ORDER BY entity) FROM (SELECT entity, travel.impossible_legs(t, lat, lon, id) \
                        AS legs FROM j GROUP BY entity) s";
            let expected = text(legs);
            reference::Random(seed).shuffle(&mut events);
            load(&events);
            assert_eq!(text(legs), expected);
        }
    }

    /// The columns of a type or table in its order, as `name type`.
    fn declared_in_sql(relation: &str) -> Vec<String> {
        let columns = text(&format!(
            "SELECT string_agg(attname || ' ' || atttypid::regtype, E'\\n' ORDER BY attnum) FROM pg_attribute \
             WHERE attrelid = '{relation}'::regclass AND attnum > 0 AND NOT attisdropped"
        ));
        columns.lines().map(str::to_owned).collect()
    }

    /// A column of the core's declaration, written in the same way.
    fn declared_in_rust(name: &str, column_type: ColumnType) -> String {
        format!("{name} {}", text(&format!("SELECT '{}'::regtype::text", column_type.into_str())))
    }

    #[pg_test]
    fn sql_declares_the_columns_of_events_legs_and_findings_as_the_core_does() {
        let event: Vec<String> =
            EVENT.iter().map(|column| declared_in_rust(column.name, column.column_type)).collect();
        assert_eq!(declared_in_sql("travel.event"), event);
        let rust = |columns: &[FindingColumn]| -> Vec<String> {
            columns.iter().map(|column| declared_in_rust(column.name, column.column_type)).collect()
        };
        assert_eq!(declared_in_sql("travel.leg"), rust(LEG));
        assert_eq!(declared_in_sql("travel.finding"), rust(&FINDING));
        for table in ["travel.verdicts", "travel.alerts"] {
            let mut columns = declared_in_sql(table);
            columns.retain(|column| {
                column.split_once(' ').is_some_and(|(name, _)| finding_names().any(|known| known == name))
            });
            assert_eq!(columns, rust(&FINDING), "{table}");
        }
    }

    #[pg_test]
    fn a_table_of_events_has_the_columns_of_an_event() {
        Spi::run("SELECT travel.create_events_table('declared_events')").unwrap();
        let columns = declared_in_sql("declared_events");
        let event = EVENT.iter().map(|column| declared_in_rust(column.name, column.column_type));
        assert_eq!(columns[..EVENT.len()], event.collect::<Vec<_>>());
    }

    #[pg_test]
    fn binary_jsonb_reads_as_the_json_text_does() {
        let mut random = reference::Random(7);
        for _ in 0..300 {
            let value = reference::random_json(&mut random, 4);
            let document = json!({ "a": value, "zz": null, "key": "ü\u{1F600}" });
            let literal = document.to_string().replace('\'', "''");
            let read = Spi::get_one::<AnyJsonb>(&format!("SELECT '{literal}'::jsonb")).unwrap().unwrap();
            assert_eq!(read.0, document);
        }
    }

    /// The content of the jsonb that PostgreSQL makes of a text. `None` if it refuses the text.
    fn jsonb_in(text: &str) -> Option<&'static [u8]> {
        let text = std::ffi::CString::new(text).unwrap();
        // SAFETY: jsonb_in takes a C string, and gives a jsonb, which lives as long as the test.
        let read = || unsafe {
            let argument = pg_sys::Datum::from(text.as_ptr());
            let datum = pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(argument)]).unwrap();
            Some(crate::pg::function::varlena_bytes(datum))
        };
        PgTryBuilder::new(AssertUnwindSafe(read)).catch_others(|_| None).execute()
    }

    #[pg_test]
    fn built_jsonb_has_the_bytes_of_jsonb_in() {
        let mut random = reference::Random(11);
        let mut builder = travel_jsonb::Builder::default();
        let mut built = 0;
        for round in 0..2000 {
            let text = reference::random_json_text(&mut random, round % 5);
            let read = jsonb_in(&text);
            assert!(read.is_some(), "{text}");
            if let Some(bytes) = builder.build(&text) {
                assert_eq!(Some(bytes), read, "{text}");
                built += 1;
            }
        }
        assert!(built > 500, "{built}");
    }

    #[pg_test]
    fn no_jsonb_is_built_of_a_text_that_jsonb_in_refuses() {
        let mut random = reference::Random(12);
        let mut builder = travel_jsonb::Builder::default();
        let (mut built, mut refused) = (0, 0);
        for round in 0..4000 {
            let text = reference::random_json_text(&mut random, 2 + round % 3);
            let text = reference::with_a_random_fault(&mut random, &text);
            let read = jsonb_in(&text);
            match builder.build(&text) {
                Some(bytes) => assert_eq!(Some(bytes), read, "{text}"),
                None => refused += usize::from(read.is_none()),
            }
            built += usize::from(read.is_some());
        }
        assert!(built > 500 && refused > 500, "{built} {refused}");
    }

    #[pg_test]
    fn a_record_parses_the_same_from_jsonb_and_from_text() {
        let record = json!({
            "eventID": "e1", "eventTime": "2026-03-04T10:02:11Z", "sourceIPAddress": "192.0.2.1", "readOnly": "true",
            "userIdentity": {"type": "IAMUser", "userName": "alice", "accountId": 111122223333_u64,
                             "arn": "arn:aws:iam::111122223333:user/alice", "accessKeyId": "AKIAEXAMPLE"},
        });
        let from_text = format!("{:?}", travel_cloudtrail::parse(&record).unwrap());
        let literal = record.to_string();
        let datum = Spi::get_one::<ParsedText>(&format!("SELECT '{literal}'::jsonb")).unwrap().unwrap();
        assert_eq!(datum.0, from_text);
    }

    /// A jsonb as a serde_json value, through the reader under test.
    struct AnyJsonb(Value);

    /// What `travel_cloudtrail::parse` makes of a jsonb.
    struct ParsedText(String);

    impl FromDatum for AnyJsonb {
        unsafe fn from_polymorphic_datum(
            datum: pg_sys::Datum,
            is_null: bool,
            _: pg_sys::Oid,
        ) -> Option<Self> {
            // SAFETY: the queries above return a jsonb.
            (!is_null).then(|| Self(reference::to_value(unsafe { Node::of(datum) })))
        }
    }

    impl IntoDatum for AnyJsonb {
        fn into_datum(self) -> Option<pg_sys::Datum> {
            None
        }

        fn type_oid() -> pg_sys::Oid {
            pg_sys::JSONBOID
        }
    }

    impl FromDatum for ParsedText {
        unsafe fn from_polymorphic_datum(
            datum: pg_sys::Datum,
            is_null: bool,
            _: pg_sys::Oid,
        ) -> Option<Self> {
            if is_null {
                return None;
            }
            // SAFETY: as above.
            let node = unsafe { Node::of(datum) };
            Some(Self(format!("{:?}", travel_cloudtrail::parse(node).unwrap())))
        }
    }

    impl IntoDatum for ParsedText {
        fn into_datum(self) -> Option<pg_sys::Datum> {
            None
        }

        fn type_oid() -> pg_sys::Oid {
            pg_sys::JSONBOID
        }
    }
}

/// Plain and slow: what the engine must agree with.
mod reference {
    use crate::pg::jsonb::Node;
    use serde_json::{Map, Value};
    use std::collections::BTreeMap;
    use travel_cloudtrail::{Json, Kind};

    pub struct Event {
        pub entity: String,
        pub seconds: Option<i64>,
        pub latitude: f64,
        pub longitude: f64,
        pub id: Option<String>,
    }

    /// SplitMix64.
    pub struct Random(pub u64);

    impl Random {
        pub fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }

        pub fn below(&mut self, bound: usize) -> usize {
            (self.next() % bound as u64) as usize
        }

        pub fn shuffle<T>(&mut self, items: &mut [T]) {
            for i in (1..items.len()).rev() {
                items.swap(i, self.below(i + 1));
            }
        }
    }

    /// Entity, seconds, latitude and longitude in millionths of a degree.
    type Place = (String, i64, i64, i64);
    /// Latitude, longitude, smallest id.
    type Seen = (f64, f64, Option<String>);

    /// The impossible legs as the tests print them: one line each, by entity and time.
    pub fn impossible_legs(events: &[Event]) -> Vec<String> {
        // Each (time, place) of an entity once, with its smallest id.
        let mut distinct: BTreeMap<Place, Seen> = BTreeMap::new();
        for event in events.iter().filter(|event| event.latitude.is_finite()) {
            let Some(seconds) = event.seconds else { continue };
            let place = ((event.latitude * 1e6) as i64, (event.longitude * 1e6) as i64);
            let known = distinct.entry((event.entity.clone(), seconds, place.0, place.1)).or_insert((
                event.latitude,
                event.longitude,
                event.id.clone(),
            ));
            known.2 = match (known.2.take(), event.id.clone()) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        let mut lines = Vec::new();
        let mut last: Option<(&Place, &Seen)> = None;
        for (key, value) in &distinct {
            if let Some((from, at)) = last
                && from.0 == key.0
                && (at.0, at.1) != (value.0, value.1)
            {
                let km = haversine((at.0, at.1), (value.0, value.1));
                let hours = (key.1 - from.1) as f64 / 3600.0;
                if km > 500.0 && km > 1000.0 * hours {
                    let words = [
                        Some(key.0.clone()),
                        Some(from.1.to_string()),
                        at.2.clone(),
                        Some(key.1.to_string()),
                        value.2.clone(),
                        Some(format!("{km:.3}")),
                        Some("t".to_owned()),
                    ];
                    lines.push(words.into_iter().flatten().collect::<Vec<_>>().join(","));
                }
            }
            last = Some((key, value));
        }
        lines
    }

    /// Another way to the great circle than the engine's: by the angle between two vectors.
    fn haversine(a: (f64, f64), b: (f64, f64)) -> f64 {
        let vector = |(latitude, longitude): (f64, f64)| {
            let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
            [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
        };
        let (a, b) = (vector(a), vector(b));
        let dot: f64 = (0..3).map(|i| a[i] * b[i]).sum();
        let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
        cross.iter().map(|x| x * x).sum::<f64>().sqrt().atan2(dot) * 6371.0088
    }

    pub fn random_json(random: &mut Random, depth: usize) -> Value {
        match random.below(if depth == 0 { 4 } else { 6 }) {
            0 => Value::Null,
            1 => Value::Bool(random.below(2) == 0),
            2 => Value::from((random.next() % 2_000_000) as i64 - 1_000_000),
            3 => Value::String("sé'\"\\".repeat(random.below(40))),
            4 => (0..random.below(70)).map(|_| random_json(random, depth - 1)).take(9 * depth).collect(),
            _ => {
                let mut map = Map::new();
                for _ in 0..random.below(40) {
                    map.insert(
                        format!("k{}", "x".repeat(random.below(12))) + &random.below(99).to_string(),
                        {
                            let depth = if random.below(4) == 0 { depth - 1 } else { 0 };
                            random_json(random, depth)
                        },
                    );
                }
                Value::Object(map)
            }
        }
    }

    /// The text of a random value: blanks, escapes, numbers of any size, keys that come twice.
    pub fn random_json_text(random: &mut Random, depth: usize) -> String {
        const PARTS: [&str; 12] = [
            "a",
            "b",
            "é",
            "\u{1F600}",
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u0041",
            "\\ud83d\\ude00",
            "long text",
            " ",
        ];
        const BLANKS: [&str; 4] = ["", "", " ", "\n\t "];
        let blank = |random: &mut Random| BLANKS[random.below(BLANKS.len())];
        let string = |random: &mut Random| {
            let inner: String = (0..random.below(14)).map(|_| PARTS[random.below(PARTS.len())]).collect();
            format!("\"{inner}\"")
        };
        let width = [1, 80, 8, 4, 3][depth];
        let inner = match random.below(if depth == 0 { 5 } else { 9 }) {
            0 => ["null", "true", "false"][random.below(3)].to_owned(),
            1 | 2 => string(random),
            3 => ((random.next() as i64) >> (4 + random.below(60))).to_string(),
            // PostgreSQL reads fractions and exponents.
            4 if random.below(400) == 0 => ["1.5", "1e3", "-0.0"][random.below(3)].to_owned(),
            4 => ["0", "-0", "-1", "10000", "9999", "100000000", "-120000"][random.below(7)].to_owned(),
            5 | 6 => {
                let elements = (0..random.below(width)).map(|_| random_json_text(random, depth - 1));
                format!("[{}]", elements.collect::<Vec<_>>().join(","))
            }
            _ => {
                let members = (0..random.below(width)).map(|_| {
                    let (key, before, after) = (string(random), blank(random), blank(random));
                    format!("{before}{key}{after}:{}", random_json_text(random, depth - 1))
                });
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        };
        format!("{}{inner}{}", blank(random), blank(random))
    }

    /// A text with one character removed, doubled, or replaced by one that means something in JSON.
    pub fn with_a_random_fault(random: &mut Random, text: &str) -> String {
        const MEANT: [char; 20] = [
            '"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\n', '\t', '\u{1}', '0', '1', '-', '.', 'e', 'u',
            'n', '\u{7f}',
        ];
        let mut characters: Vec<char> = text.chars().collect();
        let at = random.below(characters.len());
        let character = MEANT[random.below(MEANT.len())];
        match random.below(4) {
            0 => drop(characters.remove(at)),
            1 => characters.insert(at, characters[at]),
            2 => characters.insert(at, character),
            _ => characters[at] = character,
        }
        characters.into_iter().collect()
    }

    pub fn to_value(node: Node) -> Value {
        match node.kind() {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(node.as_bool().unwrap()),
            Kind::String => Value::String(node.as_str().unwrap().to_owned()),
            Kind::Number => serde_json::from_str(node.number_text().unwrap()).unwrap(),
            Kind::Array => node.elements().map(to_value).collect(),
            Kind::Object => Value::Object(
                node.entries()
                    .map(|(key, value)| {
                        assert_eq!(
                            node.get(key).map(to_value),
                            Some(to_value(value)),
                            "get finds what entries shows"
                        );
                        (key.to_owned(), to_value(value))
                    })
                    .collect(),
            ),
        }
    }
}
