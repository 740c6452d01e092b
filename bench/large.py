"""Measures detection over large histories and writes the section "Large histories". large.sh calls this script."""

import os
import statistics
import subprocess
from datetime import date
from pathlib import Path

from measured import LARGE, LEGS, Memory, Server, commit, machine, processes_of, section, table

PROCESSES = [int(count) for count in os.environ["PROCESSES"].split()]
RUNS = int(os.environ["RUNS"])


def load(server, events, keys):
    """Returns the name of a table with this number of events, and creates the table if it does not exist."""
    name = f"events_{events}_of_{keys}"
    if server.ask(f"SELECT to_regclass('{name}') IS NULL") == ["t"]:
        make = f"{os.environ['SAMPLE']} bench-cloudtrail --events {events} --keys {keys} --networks {os.environ['NETWORKS']}"
        server.ask(f"CREATE TABLE {name} (event_time timestamptz, source_ip inet, access_key_id text, event_id text)")
        copy = [os.environ["PSQL"], "--no-psqlrc", "--quiet", "--command", f"\\copy {name} FROM STDIN (FORMAT csv)"]
        with subprocess.Popen(make.split(), stdout=subprocess.PIPE) as made:
            subprocess.run(copy, stdin=made.stdout, check=True)
        server.ask(f"VACUUM ANALYZE {name}")
    return name


def measure(name, work_mem):
    """Yields the seconds and the peak private memory (MB) of each statement and number of processes."""
    statements = {
        "impossible_legs": f"SELECT sum(cardinality(l)) {LEGS.format(name)}",
        "detect": f"SELECT count(*), sum(distance_km) FROM travel.detect('{name}')",
    }
    for what, sql in statements.items():
        for processes in PROCESSES:
            times, peaks = [], []
            for _ in range(RUNS):
                # A new session uses memory only for this statement.
                session = Server(processes)
                session.ask(f"SET work_mem = '{work_mem}'")
                with Memory(session.processes) as watched:
                    times.append(session.run(sql))
                peaks.append(watched.peak)
                session.close()
            seconds = statistics.median(times)
            print(f"   {what} over {name}, {processes_of(processes)}: {seconds:.1f} s, {max(peaks)} MB", flush=True)
            yield what, processes, seconds, max(peaks)


def main():
    server, rows = Server(), []
    for case in os.environ["HISTORIES"].split():
        events, keys, work_mem = case.split("/")
        name = load(server, int(events), int(keys))
        for what, processes, seconds, peak in measure(name, work_mem):
            rows.append([what, f"{int(events):,}", f"{int(keys):,}", work_mem, str(processes), f"{seconds:.1f}",
                         f"{seconds * 1e6 / int(events):.2f}", str(peak)])
    version = server.ask("SELECT split_part(version(), ' on ', 1)")[0]
    times_are = "Each time is that of one run" if RUNS == 1 else f"Times are medians of {RUNS} runs"
    part = f"""{LARGE}

`make bench-large` wrote this section on {date.today()}, at commit {commit()}, on {machine()}, with {version}.
The tables have no index. Each statement runs in a new session. {times_are}.
`MB` is the peak private memory of the session and its parallel workers. It does not include shared buffers.

""" + table(["what", "events", "keys", "work_mem", "processes", "s", "µs per event", "MB"], rows)
    results = Path(os.environ["RESULTS"])
    page = results.read_text() if results.exists() else "# Results\n"
    old = section(page, LARGE)
    results.write_text(page.replace(old, part) if old else f"{page.rstrip()}\n\n{part}")
    print(part)


main()
