#!/usr/bin/env python3
"""Writes the outlines of land, of src/map/world.json, into the dataset of Superset that the map reads.

    scripts/superset-map.py            writes contrib/superset/…/alert_map.yaml again
    scripts/superset-map.py --check    fails if that would change it
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATASET = ROOT / "contrib/superset/impossible_travel/datasets/impossible_travel/alert_map.yaml"


def degrees(numbers, units_per_degree):
    """The closed ring of a list of numbers, as scripts/world-outlines.py writes it: a point, then differences."""
    x = y = 0
    ring = []
    for dx, dy in zip(numbers[::2], numbers[1::2]):
        x, y = x + dx, y + dy
        # Whole degrees without a decimal, which makes the file smaller.
        ring.append([c // units_per_degree if c % units_per_degree == 0 else c / units_per_degree for c in (x, y)])
    return ring + ring[:1]


def main(must_be_current):
    world = json.loads((ROOT / "src/map/world.json").read_text())
    land = [[degrees(numbers, world["unitsPerDegree"])] for numbers in world["land"]]
    geometry = json.dumps({"type": "MultiPolygon", "coordinates": land}, separators=(",", ":"))
    before = DATASET.read_text()
    after, count = re.subn(r'\{"type":"MultiPolygon"[^}]*\}', lambda _: geometry, before)
    if count != 1:
        sys.exit(f"{DATASET} has no place for the outlines")
    if must_be_current:
        sys.exit(after != before and f"{DATASET} has other outlines: run scripts/superset-map.py")
    DATASET.write_text(after)


if __name__ == "__main__":
    main(sys.argv[1:] == ["--check"])
