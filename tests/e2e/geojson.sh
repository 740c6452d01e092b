#!/usr/bin/env bash
# What the extension calls GeoJSON is GeoJSON: a parser that knows RFC 7946 and nothing of the extension reads it.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

cat >"$SCRATCH/check.py" <<'PYTHON'
"""Reads a GeoJSON text from each line of the input, and fails at the first that RFC 7946 does not allow."""
import json
import sys

def position(value):
    assert isinstance(value, list) and len(value) == 2, value
    assert all(type(number) in (int, float) for number in value), value
    longitude, latitude = value
    assert -180 <= longitude <= 180 and -90 <= latitude <= 90, value

def line(value):
    assert isinstance(value, list) and len(value) >= 2, value
    for place in value:
        position(place)
    for (before, _), (after, _) in zip(value, value[1:]):
        assert abs(before - after) <= 180, f"section 3.1.9: {before} to {after} crosses the antimeridian"

def geometry(value):
    assert set(value) == {"type", "coordinates"}, value
    kind, coordinates = value["type"], value["coordinates"]
    if kind == "Point":
        position(coordinates)
    elif kind == "LineString":
        line(coordinates)
    elif kind == "MultiLineString":
        assert isinstance(coordinates, list) and coordinates, value
        for part in coordinates:
            line(part)
    else:
        raise AssertionError(kind)

def document(value):
    if value["type"] == "FeatureCollection":
        assert set(value) == {"type", "features"} and isinstance(value["features"], list), value
        for feature in value["features"]:
            assert feature["type"] == "Feature" and set(feature) == {"type", "geometry", "properties"}, feature
            assert feature["properties"] is None or isinstance(feature["properties"], dict), feature
            geometry(feature["geometry"])
    else:
        geometry(value)

def constant(text):
    raise AssertionError(f"{text} is no number of JSON")

count = 0
for text in sys.stdin:
    document(json.loads(text, parse_constant=constant))
    count += 1
print(count)
PYTHON

scan_server e2e-geojson
scan_database
check() { python3 "$SCRATCH/check.py" <"$SCRATCH/lines"; }

rule 'a great circle between any two points is a valid geometry'
ask "SELECT setseed(0.5); SELECT travel.great_circle(a.lat, a.lon, b.lat, b.lon)
    FROM (VALUES (0, 180), (0, -180), (90, 0), (-90, 12), (1, 179.9999999), (-36.8, 174.8), (21.3, -157.9)) AS a (lat, lon),
        (VALUES (0, 180), (0, -180), (90, 0), (-90, 12), (-1, -179.9999999), (51.5, -0.1), (0, 0)) AS b (lat, lon)
    UNION ALL
    SELECT travel.great_circle(180 * random() - 90, 360 * random() - 180, 180 * random() - 90, 360 * random() - 180)
    FROM generate_series(1, 500)" | tail -n +2 >"$SCRATCH/lines"
same 'lines' 549 "$(check)"

rule 'so are the routes of alerts, and whole alerts'
ask "SELECT journey('a'); SELECT journey('b', '2026-03-02 12:00Z'); SELECT call('b', '2026-03-02 13:00Z', '192.0.2.1')" \
    >"$SCRATCH/said"
new_rule map
ask 'CALL travel.scan()'
ask 'SELECT route FROM travel.alert_routes UNION ALL SELECT travel.alert_geojson(id) FROM travel.alerts' >"$SCRATCH/lines"
same 'two alerts' 4 "$(check)"

rule 'the check fails where a line crosses the antimeridian'
echo '{"type": "LineString", "coordinates": [[179, 0], [-179, 0]]}' >"$SCRATCH/lines"
check >"$SCRATCH/said" 2>&1 && fail 'it was accepted'
holds 'it says why' grep -q 'crosses the antimeridian' "$SCRATCH/said"
no_crash
