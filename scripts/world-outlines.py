#!/usr/bin/env python3
"""Makes src/map/world.json, the outlines of land and of the borders between countries that travel.map_html draws.

    npm pack world-atlas@2.0.2 && tar -xzf world-atlas-2.0.2.tgz
    scripts/world-outlines.py package/countries-110m.json > src/map/world.json

The npm package world-atlas has the maps of Natural Earth (https://www.naturalearthdata.com, public domain), at a scale of
1:110 million, in the form TopoJSON. Countries refer to shared lines ("arcs") in it, so a line that two countries refer to
is a border. The result has tenths of a degree, and its lines leave out points that would not be seen.
"""

import json
import sys

# The largest distance between a simplified line and the original, in degrees.
TOLERANCE = 0.22
# Islands that are smaller than this, in square degrees, are left out.
SMALLEST_ISLAND = 0.6
# Land that is entirely to the south of this latitude is left out: the map ends before Antarctica.
SOUTHERN_END = -60
UNITS_PER_DEGREE = 10


def decoded_arcs(topology):
    """The arcs as lists of (longitude, latitude). In the file, each point is relative to the one before it."""
    (scale_x, scale_y), (shift_x, shift_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * scale_x + shift_x, y * scale_y + shift_y))
        yield points


def distance_to_line(point, start, end):
    """The distance of a point from a line between two others, in degrees."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    along = 0 if length == 0 else max(0, min(1, ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length))
    return ((point[0] - start[0] - along * dx) ** 2 + (point[1] - start[1] - along * dy) ** 2) ** 0.5


def simplified(points):
    """The line without the points that are within the tolerance (Douglas and Peucker). Its ends remain."""
    if len(points) < 3:
        return points
    # The two ends of a closed line are one point, so its farthest point is sought from there.
    farthest = max(range(1, len(points) - 1), key=lambda n: distance_to_line(points[n], points[0], points[-1]))
    if distance_to_line(points[farthest], points[0], points[-1]) <= TOLERANCE:
        return [points[0], points[-1]]
    return simplified(points[: farthest + 1])[:-1] + simplified(points[farthest:])


def rings_of(geometry):
    """The rings of a geometry, as lists of numbers of arcs. ~n is the arc n in the opposite direction."""
    if geometry["type"] == "Polygon":
        yield from geometry["arcs"]
    elif geometry["type"] == "MultiPolygon":
        for polygon in geometry["arcs"]:
            yield from polygon
    else:
        for part in geometry.get("geometries", []):
            yield from rings_of(part)


def area(ring):
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:]))) / 2


def unwrapped(ring):
    """The ring with longitudes that continue beyond 180 degrees where it crosses the antimeridian."""
    points = ring[:1]
    for x, y in ring[1:]:
        points.append((x + 360 * round((points[-1][0] - x) / 360), y))
    return points


def clipped(ring, meridian, side):
    """The part of a closed ring to the east (side 1) or to the west (side -1) of a meridian (Sutherland and Hodgman)."""
    points = []
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]):
        is_in, next_is_in = (x0 - meridian) * side >= 0, (x1 - meridian) * side >= 0
        if is_in:
            points.append((x0, y0))
        if is_in != next_is_in:
            points.append((meridian, y0 + (y1 - y0) * (meridian - x0) / (x1 - x0)))
    return points


def cut_at_the_antimeridian(ring):
    """The parts of a ring that lie within the map, of which one is shifted around the globe."""
    ring = unwrapped(ring)
    inside = clipped(clipped(ring, -180, 1), 180, -1)
    east = [(x - 360, y) for x, y in clipped(ring, 180, 1)]
    west = [(x + 360, y) for x, y in clipped(ring, -180, -1)]
    return [part for part in (inside, east, west) if len(part) > 2]


def in_units(points):
    """One list of integers: the first point, then the difference of each point from the one before it."""
    numbers = []
    x = y = 0
    for longitude, latitude in points:
        next_x, next_y = round(longitude * UNITS_PER_DEGREE), round(latitude * UNITS_PER_DEGREE)
        if not numbers or (next_x, next_y) != (x, y):
            numbers += [next_x - x, next_y - y]
        x, y = next_x, next_y
    return numbers


def main(path):
    with open(path, encoding="utf-8") as file:
        topology = json.load(file)
    arcs = [simplified(points) for points in decoded_arcs(topology)]
    land = []
    for ring in rings_of(topology["objects"]["land"]):
        points = []
        for number in ring:
            points += arcs[number] if number >= 0 else arcs[~number][::-1]
        for part in cut_at_the_antimeridian(points):
            if area(part + part[:1]) >= SMALLEST_ISLAND and max(latitude for _, latitude in part) > SOUTHERN_END:
                land.append(in_units(part))
    countries_of_arc = [set() for _ in arcs]
    for n, country in enumerate(topology["objects"]["countries"]["geometries"]):
        for ring in rings_of(country):
            for number in ring:
                countries_of_arc[number if number >= 0 else ~number].add(n)
    borders = [in_units(points) for points, countries in zip(arcs, countries_of_arc) if len(countries) > 1]
    print(json.dumps({"source": "Natural Earth 1:110m, public domain", "unitsPerDegree": UNITS_PER_DEGREE,
                      "land": land, "borders": borders}, separators=(",", ":")))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
