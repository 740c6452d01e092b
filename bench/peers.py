"""Measures the extension beside its peers and writes the results. peers.sh prepares the server and calls it."""

import json
import os
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

from measured import LARGE, LEGS, Memory, Server, commit, machine, private_kb, processes_of, section, table

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ["FOLDER"])
ROUNDS = int(os.environ["ROUNDS"])
NETWORKS = os.environ["NETWORKS"]
PROCESSES = [int(count) for count in os.environ["PROCESSES"].split()]
GROWTH = [int(events) for events in os.environ["GROWTH"].split()]
GROWTH_HEADING = "## Growth"

KEY_ORDER = "PARTITION BY access_key_id ORDER BY event_time, source_ip"
LEG = f"SELECT count(l) FROM (SELECT travel.leg(event_time, source_ip) OVER ({KEY_ORDER}) AS l FROM %s) AS s"
LAG = f"""SELECT count(t), count(a) FROM (SELECT lag(event_time) OVER w AS t, lag(source_ip) OVER w AS a FROM %s
    WINDOW w AS ({KEY_ORDER})) AS s"""
# The query without the extension. It replaces the radius of the Earth that earthdistance uses.
PLAIN = """
    WITH located AS MATERIALIZED (
        SELECT a.source_ip, ll_to_earth(n.latitude, n.longitude) AS place
        FROM (SELECT DISTINCT source_ip FROM events) AS a JOIN networks AS n ON n.network >>= a.source_ip::ip4),
    steps AS (
        SELECT access_key_id, event_time, source_ip, lag(event_time) OVER w AS from_time, lag(source_ip) OVER w AS from_ip
        FROM events WINDOW w AS (PARTITION BY access_key_id ORDER BY event_time, source_ip)),
    legs AS (
        SELECT s.access_key_id, s.from_time, s.event_time, s.from_ip, s.source_ip,
            earth_distance(f.place, t.place) / earth() * 6371.0088 AS km,
            extract(epoch FROM s.event_time - s.from_time)::float8 / 3600 AS hours
        FROM steps AS s JOIN located AS f ON f.source_ip = s.from_ip JOIN located AS t ON t.source_ip = s.source_ip
        WHERE s.from_ip <> s.source_ip AND s.event_time - s.from_time < interval '20.02 hours')
    SELECT %s FROM legs WHERE km > 500 AND km > 1000 * hours"""
LEG_LINE = """concat_ws(',', {}, extract(epoch FROM {})::bigint, extract(epoch FROM {})::bigint,
    {} - inet '0.0.0.0', {} - inet '0.0.0.0')"""


class Peer:
    """DuckDB or ClickHouse, in a process of its own."""

    def __init__(self, name, threads):
        python = Path(os.environ["VENV"]) / "bin/python"
        self.worker = subprocess.Popen(
            [python, ROOT / "bench/peers_worker.py", name, FOLDER, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        answer = self.worker.stdout.readline()
        if not answer:
            error = self.worker.stderr.read().strip().splitlines()
            raise LookupError(f"its process ended with `{error[-1]}`" if error else "its process ended without a message")
        self.version = json.loads(answer)["version"]

    def command(self, line):
        self.worker.stdin.write(line + "\n")
        self.worker.stdin.flush()
        answer = self.worker.stdout.readline()
        if not answer:
            sys.exit(f"a peer failed: {self.worker.stderr.read()}")
        return json.loads(answer)

    def run(self):
        return self.command("run")["seconds"]

    def run_with_events(self):
        return self.command("events")["seconds"]

    def processes(self):
        return [self.worker.pid]

    def close(self):
        self.worker.stdin.close()
        self.worker.wait()


def load(events, keys, server):
    """Makes the events, and loads them without an index and with one."""
    print(f"   {events} events of {keys} keys", flush=True)
    with open(FOLDER / "events.csv", "wb") as out:
        subprocess.run([os.environ["SAMPLE"], "bench-cloudtrail", "--events", str(events), "--keys", str(keys),
                        "--networks", NETWORKS], stdout=out, check=True)
    server.ask(f"""
        DROP TABLE IF EXISTS events, events_indexed;
        CREATE TABLE events (event_time timestamptz, source_ip inet, access_key_id text, event_id text);
        \\copy events FROM '{FOLDER}/events.csv' (FORMAT csv)
        CREATE TABLE events_indexed (LIKE events);
        INSERT INTO events_indexed TABLE events;
        CREATE INDEX ON events_indexed (access_key_id, event_time, source_ip);
        CREATE INDEX ON events_indexed (event_time);
        VACUUM ANALYZE events;
        VACUUM ANALYZE events_indexed""")


def peers(threads, absent):
    """The peers that can run here."""
    found = {}
    for name, shown in (("duckdb", "DuckDB"), ("clickhouse", "ClickHouse")):
        try:
            found[shown] = Peer(name, threads)
        except LookupError as error:
            absent[shown] = str(error)
        except OSError:
            absent[shown] = "there is no virtual environment of Python"
    return found


def plain_sql(server, absent):
    """Whether plain SQL can run: it needs two extensions of the same server."""
    available = server.ask("SELECT name FROM pg_available_extensions WHERE name IN ('ip4r', 'earthdistance')")
    missing = [name for name in ("ip4r", "earthdistance") if name not in available]
    if missing:
        absent["plain SQL"] = f"the server lacks {' and '.join(f'the extension {name}' for name in missing)}"
        return False
    server.ask(f"""CREATE EXTENSION IF NOT EXISTS ip4r; CREATE EXTENSION IF NOT EXISTS earthdistance CASCADE;
        DROP TABLE IF EXISTS networks;
        CREATE TABLE networks (first text, last text, network ip4r, latitude float8, longitude float8);
        \\copy networks FROM '{FOLDER}/networks.csv' (FORMAT csv)
        CREATE INDEX ON networks USING gist (network);
        VACUUM ANALYZE networks""")
    return True


def same_legs(server, with_plain, others):
    """Ends the benchmark unless all find the same legs. Returns their number."""
    def of_server(line, source):
        return sorted(server.ask(f"SELECT {line} {source}"))

    ours = LEG_LINE.format("entity", "from_time", "to_time", "from_ip", "to_ip")
    unnested = LEG_LINE.format("key", "from_time", "to_time", "from_ip", "to_ip")
    found = {
        "travel.detect": of_server(ours, "FROM travel.detect('events_indexed')"),
        "travel.detect, no index": of_server(ours, "FROM travel.detect('events')"),
        "travel.impossible_legs": of_server(unnested, """FROM (SELECT access_key_id AS key,
            travel.impossible_legs(event_time, source_ip) AS legs FROM events GROUP BY 1) AS s, unnest(legs)"""),
    }
    if with_plain:
        line = LEG_LINE.format("access_key_id", "from_time", "event_time", "from_ip", "source_ip")
        found["plain SQL"] = sorted(server.ask(PLAIN % line))
    for name, peer in others.items():
        peer.command(f"legs {FOLDER}/{name}.legs")
        found[name] = (FOLDER / f"{name}.legs").read_text().splitlines()
        if (with_events := peer.command("events")["legs"]) != len(found[name]):
            sys.exit(f"{name} finds {len(found[name])} legs, and {with_events} with event IDs")
    expected = found["travel.detect"]
    for name, legs in found.items():
        if legs != expected:
            odd = sorted(set(legs) ^ set(expected))
            sys.exit(f"{name} finds {len(legs)} legs, travel.detect {len(expected)}. The first that only one has: {odd[0]}")
    return len(expected)


def statements(with_plain):
    cases = {
        "impossible_legs, no index": f"SELECT sum(cardinality(l)) {LEGS.format('events')}",
        "detect, with the index": "SELECT count(*), sum(distance_km) FROM travel.detect('events_indexed')",
        "detect, no index": "SELECT count(*), sum(distance_km) FROM travel.detect('events')",
        "coverage": "SELECT sum(events) FROM travel.coverage('events_indexed')",
        "window, with a sort": LEG % "events",
        "bare lag, with a sort": LAG % "events",
        "window, over the index": LEG % "events_indexed",
        "bare lag, over the index": LAG % "events_indexed",
        "bare GROUP BY": "SELECT count(*) FROM (SELECT max(event_time), count(source_ip) FROM events GROUP BY access_key_id) AS s",
    }
    if with_plain:
        cases["plain SQL"] = PLAIN % "count(*), sum(km)"
    return cases


def measure(processes, with_plain, absent):
    """Medians of the seconds of each statement, in rounds in turn after one that is not counted, and the memory of one
    more run."""
    server, others = Server(processes), peers(processes, absent)
    runs = {name: (server, lambda sql=sql: server.run(sql)) for name, sql in statements(with_plain).items()}
    runs |= {name: (peer, peer.run) for name, peer in others.items()}
    runs |= {f"{name}, with event IDs": (peer, peer.run_with_events) for name, peer in others.items()}
    seconds = {name: [] for name in runs}
    for count in range(ROUNDS + 1):
        for name, (_, run) in runs.items():
            # A statement that takes long needs no round to warm up, and its rounds differ little.
            if count > 1 and seconds[name][0] > 10:
                continue
            took = run()
            if count > 0 or took > 10:
                seconds[name].append(took)
    memory = {}
    for name, (of, run) in runs.items():
        before = sum(map(private_kb, of.processes())) // 1024
        with Memory(of.processes) as watched:
            run()
        memory[name] = (before, watched.peak)
    versions = [peer.version for peer in others.values()]
    server.close()
    for peer in others.values():
        peer.close()
    return {name: statistics.median(took) for name, took in seconds.items()}, memory, versions


def first_call():
    """The milliseconds of the first travel.detect of new sessions, and of the second: medians."""
    detect = "SELECT count(*) FROM travel.detect('few')"
    server = Server()
    server.ask("DROP TABLE IF EXISTS few; CREATE TABLE few AS SELECT * FROM events LIMIT 1000; ANALYZE few")
    server.run(detect)
    server.close()
    first, second = [], []
    for _ in range(max(ROUNDS, 3)):
        server = Server()
        first.append(server.run(detect) * 1000)
        second.append(server.run(detect) * 1000)
        server.close()
    return statistics.median(first), statistics.median(second)


def growth(server, absent):
    """Microseconds per event of each size."""
    measured = {}
    for events in GROWTH:
        load(events, events // 100, server)
        session, others = Server(PROCESSES[-1]), peers(PROCESSES[-1], absent)
        runs = {name: (lambda sql=sql: session.run(sql)) for name, sql in statements(False).items()
                if name.startswith(("impossible_legs", "detect", "bare GROUP BY"))}
        runs |= {name: peer.run for name, peer in others.items()}
        for name, run in runs.items():
            run()
            measured.setdefault(name, []).append(statistics.median(run() for _ in range(3)) * 1e6 / events)
        session.close()
        for peer in others.values():
            peer.close()
    return measured


def targets(times, call, grown):
    """What the project wants to reach: what, value, the largest value that is accepted. `grown` is what growth() measured,
    or empty."""
    few, many = times[PROCESSES[0]], times[PROCESSES[-1]]
    for processes, of in times.items():
        if "DuckDB" in of:
            accepted = {"impossible_legs, no index": {1: 0.75, 2: 0.85}, "detect, with the index": {1: 0.60, 2: 0.65}}
            for name, at_most in accepted.items():
                yield f"{name}, against DuckDB, {processes_of(processes)}", of[name] / of["DuckDB"], at_most.get(processes, 1.0)
    one = "detect, with the index"
    yield "detect without an index, against impossible_legs", few["detect, no index"] / few["impossible_legs, no index"], 1.5
    if PROCESSES[:2] == [1, 2]:
        for name in (one, "detect, no index"):
            yield f"{name}, 2 processes against 1", times[2][name] / times[1][name], 0.56
    if "plain SQL" in few:
        yield "detect, against plain SQL", few[one] / few["plain SQL"], 1 / 30
    for order, at_most in (("with a sort", 1.10), ("over the index", 1.20)):
        yield f"window against bare lag, {order}", few[f"window, {order}"] / few[f"bare lag, {order}"], at_most
    yield f"coverage against detect, {processes_of(PROCESSES[-1])}", many["coverage"] / many[one], 1.3
    yield "first detect of a session, ms more than the second", call[0] - call[1], 20
    for name, of in grown.items():
        if name.startswith(("impossible_legs", "detect")):
            yield f"{name}, time per event, {GROWTH[-1]:,} events against {GROWTH[0]:,}", of[-1] / of[0], 1.3


def main():
    absent = {}
    server = Server()
    events, keys = int(os.environ["EVENTS"]), int(os.environ["KEYS"])
    load(events, keys, server)
    with_plain = plain_sql(server, absent)
    others = peers(PROCESSES[-1], absent)
    legs = same_legs(server, with_plain, others)
    for peer in others.values():
        peer.close()
    print(f"   all of them find the same {legs} impossible legs", flush=True)
    times, memory, versions = {}, {}, []
    for processes in PROCESSES:
        print(f"   measuring {processes_of(processes)}", flush=True)
        times[processes], memory[processes], versions = measure(processes, with_plain, absent)
    call = first_call()
    grown = growth(server, absent) if GROWTH else {}

    version = server.ask("SELECT split_part(version(), ' on ', 1)")[0]
    names = list(times[PROCESSES[0]])
    duck = [processes for processes in PROCESSES if "DuckDB" in times[processes]]
    text = f"""# Results

`make bench-peers` wrote this page on {date.today()}, at commit {commit()}.

- **Machine:** {machine()}.
- **Versions:** {', '.join([version] + versions)}.
- **Data:** {events:,} events of {keys:,} keys in {int(NETWORKS):,} networks. All statements that find impossible legs
  find the same {legs:,} legs.
- **Rounds:** A round runs each statement once. Each time is the median of {ROUNDS} round{'' if ROUNDS == 1 else 's'}, after one that is not
  counted. If a statement takes more than 10 s, its time is the median of two rounds. JIT is off, and `work_mem` is 512 MB.
- **Processes:** With n processes, PostgreSQL runs a statement in n processes, one of which is the leader, and a peer
  uses n threads. The peers are DuckDB and ClickHouse.
- **With event IDs:** The statement of a peer also returns the event IDs of both ends, as `travel.detect` does.
"""
    text += "".join(f"- **{name}** was not measured because {why}.\n" for name, why in absent.items())
    text += "\n## Times\n\n" + table(
        ["what"] + [f"s, {processes_of(n)}" for n in PROCESSES] + [f"ratio to DuckDB, {processes_of(n)}" for n in duck],
        [[name] + [f"{times[n][name]:.3f}" if name in times[n] else "" for n in PROCESSES]
         + [f"{times[n][name] / times[n]['DuckDB']:.2f}" for n in duck] for name in names])
    text += "\n## Targets\n\nA value is a ratio of times, unless it names a unit.\n\n" + table(
        ["what", "value", "at most", "reached"],
        [[what, f"{value:.3f}" if value < 1 else f"{value:.2f}", f"{at_most:.3g}", "yes" if value <= at_most else "no"]
         for what, value, at_most in targets(times, call, grown)])
    text += f"\nThe first `travel.detect` of a session took {call[0]:.1f} ms over 1,000 events, and the second {call[1]:.1f} ms.\n"
    text += """
## Memory

The table shows private memory in MB, before a run and at its peak: that of a session with its parallel workers, or that
of a peer. The memory of a peer includes its tables. The memory of a session does not include shared buffers.

""" + table(["what"] + [processes_of(n) for n in PROCESSES],
            [[name] + ["{} → {}".format(*memory[n][name]) for n in PROCESSES] for name in names])
    results = Path(os.environ["RESULTS"])
    before = results.read_text() if results.exists() else ""
    if grown:
        text += f"""
{GROWTH_HEADING}

Measured on {date.today()}, at commit {commit()}, with {processes_of(PROCESSES[-1])}. The table shows microseconds per event,
as medians of three runs. A key has 100 events.

""" + table(["what"] + [f"{size:,} events" for size in GROWTH] + ["ratio (at most 1.3)"],
            [[name] + [f"{value:.2f}" for value in values] + [f"{values[-1] / values[0]:.2f}"] for name, values in grown.items()])
    # Sections that were not measured now are kept. large.py writes the section of large histories.
    for heading in [LARGE] if grown else [GROWTH_HEADING, LARGE]:
        if kept := section(before, heading):
            text += "\n" + kept
    results.write_text(text)
    print(text)


main()
