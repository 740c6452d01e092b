"""Runs the statement of one peer, DuckDB or ClickHouse (chdb), in a process of its own.

    peers_worker.py duckdb|clickhouse FOLDER THREADS

It loads FOLDER/events.csv and FOLDER/networks.csv into tables in its own format, and answers each line of its standard
input with one line of JSON: `run` with the seconds and the number of impossible legs, `events` with the same for a
statement that also returns the event IDs of both ends, as travel.detect does, and `legs FILE` after it has written the
legs to FILE. Both read addresses as numbers, which favors them.
"""

import json
import shutil
import sys
import time
from pathlib import Path

# What a leg is: the same as in crates/core/src/journey.rs. Half of the Earth's circumference bounds the time.
KM = """2 * 6371.0088 * asin(least(1.0, sqrt(
    pow(sin(radians((t.latitude - f.latitude) / 2)), 2)
    + cos(radians(f.latitude)) * cos(radians(t.latitude)) * pow(sin(radians((t.longitude - f.longitude) / 2)), 2))))"""
LONGEST = int(20015.12 / 1000 * 3600) + 1


class DuckDB:
    """An asof join of the distinct addresses with the networks, and lag."""

    # `{steps}` and `{ids}` stand for the columns with the event IDs: expressions in `steps`, names everywhere else.
    STATEMENT = f"""
        WITH located AS (
            SELECT a.ip, n.latitude, n.longitude
            FROM (SELECT DISTINCT ip FROM events) AS a ASOF JOIN networks AS n ON a.ip >= n.first
            WHERE a.ip <= n.last),
        steps AS (
            SELECT key, seconds, ip, lag(seconds) OVER w AS from_seconds, lag(ip) OVER w AS from_ip{{steps}}
            FROM events WINDOW w AS (PARTITION BY key ORDER BY seconds, ip)),
        legs AS (
            SELECT s.key, s.from_seconds, s.seconds, s.from_ip, s.ip, {KM} AS km{{ids}}
            FROM steps AS s JOIN located AS f ON f.ip = s.from_ip JOIN located AS t ON t.ip = s.ip
            WHERE s.from_ip <> s.ip AND s.seconds - s.from_seconds < {LONGEST})
        SELECT key, from_seconds, seconds, from_ip, ip, km{{ids}} FROM legs
        WHERE km > 500 AND km > 1000 * ((seconds - from_seconds) / 3600.0)"""
    LEGS = STATEMENT.format(steps="", ids="")
    EVENTS = STATEMENT.format(steps=", id, lag(id) OVER w AS from_id", ids=", from_id, id")

    def __init__(self, folder, threads):
        import duckdb

        self.version = f"DuckDB {duckdb.__version__}"
        self.database = duckdb.connect(":memory:", config={"threads": threads})
        number = "+".join(f"split_part({{0}}, '.', {part + 1})::BIGINT * {256 ** (3 - part)}" for part in range(4))
        self.database.execute(f"""
            CREATE TABLE events AS SELECT key, epoch(event_time)::BIGINT AS seconds, {number.format("address")} AS ip, id
            FROM read_csv('{folder}/events.csv', header = false,
                columns = {{'event_time': 'TIMESTAMPTZ', 'address': 'VARCHAR', 'key': 'VARCHAR', 'id': 'VARCHAR'}});
            CREATE TABLE networks AS SELECT {number.format("a")} AS first, {number.format("z")} AS last, latitude, longitude
            FROM read_csv('{folder}/networks.csv', header = false,
                columns = {{'a': 'VARCHAR', 'z': 'VARCHAR', 'network': 'VARCHAR', 'latitude': 'DOUBLE',
                           'longitude': 'DOUBLE'}})""")

    def count(self):
        return self.database.execute(f"SELECT count(*), sum(km) FROM ({self.LEGS})").fetchall()[0][0]

    def count_with_events(self):
        lengths = "sum(length(from_id)), sum(length(id))"
        return self.database.execute(f"SELECT count(*), sum(km), {lengths} FROM ({self.EVENTS})").fetchall()[0][0]

    def legs(self):
        rows = self.database.execute(self.LEGS).fetchall()
        return (row[:5] for row in rows)


class ClickHouse:
    """A dictionary of the layout ip_trie, and a window function."""

    STATEMENT = f"""
        WITH steps AS (
            SELECT key, seconds, ip, lagInFrame(seconds) OVER w AS from_seconds, lagInFrame(ip) OVER w AS from_ip{{steps}}
            FROM events
            WINDOW w AS (PARTITION BY key ORDER BY seconds, ip ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)),
        ends AS (
            SELECT *, dictGet('bench.located', ('latitude', 'longitude'), tuple(from_ip)) AS f,
                dictGet('bench.located', ('latitude', 'longitude'), tuple(ip)) AS t
            FROM steps WHERE from_ip != 0 AND from_ip != ip AND seconds - from_seconds < {LONGEST}),
        legs AS (
            SELECT key, from_seconds, seconds, from_ip, ip,
                {KM.replace(".latitude", ".1").replace(".longitude", ".2")} AS km{{ids}}
            FROM ends)
        SELECT key, from_seconds, seconds, from_ip, ip, km{{ids}} FROM legs
        WHERE km > 500 AND km > 1000 * ((seconds - from_seconds) / 3600.0)"""
    LEGS = STATEMENT.format(steps="", ids="")
    EVENTS = STATEMENT.format(steps=", id, lagInFrame(id) OVER w AS from_id", ids=", from_id, id")

    def __init__(self, folder, threads):
        from chdb import session

        store = Path(folder) / "clickhouse"
        shutil.rmtree(store, ignore_errors=True)
        self.session = session.Session(str(store))
        for statement in f"""
            SET max_threads = {threads};
            CREATE DATABASE bench ENGINE = Atomic;
            USE bench;
            CREATE TABLE bench.events (key String, seconds Int64, ip UInt32, id String) ENGINE = MergeTree ORDER BY tuple();
            INSERT INTO bench.events SELECT key, toUnixTimestamp(parseDateTimeBestEffort(at)), toUInt32(toIPv4(address)), id
                FROM file('{folder}/events.csv', CSV, 'at String, address String, key String, id String');
            CREATE TABLE bench.networks (network String, latitude Float64, longitude Float64)
                ENGINE = MergeTree ORDER BY tuple();
            INSERT INTO bench.networks SELECT network, latitude, longitude FROM file('{folder}/networks.csv', CSV,
                'a String, z String, network String, latitude Float64, longitude Float64');
            CREATE DICTIONARY bench.located (network String, latitude Float64, longitude Float64) PRIMARY KEY network
                SOURCE(CLICKHOUSE(TABLE 'networks' DB 'bench')) LAYOUT(IP_TRIE) LIFETIME(0);
            SYSTEM RELOAD DICTIONARY bench.located""".split(";"):
            self.session.query(statement)
        self.version = "ClickHouse " + self.session.query("SELECT version()", "TabSeparated").bytes().decode().strip()

    def count(self):
        counted = self.session.query(f"SELECT count(), sum(km) FROM ({self.LEGS})", "TabSeparated")
        return int(counted.bytes().split()[0])

    def count_with_events(self):
        lengths = "sum(length(from_id)), sum(length(id))"
        counted = self.session.query(f"SELECT count(), sum(km), {lengths} FROM ({self.EVENTS})", "TabSeparated")
        return int(counted.bytes().split()[0])

    def legs(self):
        rows = self.session.query(self.LEGS, "TabSeparated").bytes().decode()
        return (line.split("\t")[:5] for line in rows.splitlines())


def main():
    name, folder, threads = sys.argv[1:]
    peer = {"duckdb": DuckDB, "clickhouse": ClickHouse}[name](folder, int(threads))
    print(json.dumps({"version": peer.version}), flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        if command in ("run", "events"):
            count_legs = peer.count if command == "run" else peer.count_with_events
            began = time.perf_counter()
            count = count_legs()
            print(json.dumps({"seconds": time.perf_counter() - began, "legs": count}), flush=True)
        elif command == "legs":
            lines = sorted(",".join(map(str, row)) for row in peer.legs())
            Path(arguments[0]).write_text("".join(f"{line}\n" for line in lines))
            print(json.dumps({"legs": len(lines)}), flush=True)


main()
