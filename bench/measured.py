"""Code that the benchmarks share: sessions, the memory of processes, and the tables of the results."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

LEGS = "FROM (SELECT travel.impossible_legs(event_time, source_ip) AS l FROM {} GROUP BY access_key_id) AS s"
# The heading of the section of bench/RESULTS.md that large.py writes. peers.py keeps this section.
LARGE = "## Large histories"


class Memory(threading.Thread):
    """The private memory of processes at its peak, in MB, while a block runs."""

    def __init__(self, processes):
        super().__init__(daemon=True)
        self.processes, self.peak, self.ended = processes, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            self.peak = max(self.peak, sum(map(private_kb, self.processes())) // 1024)

    def __enter__(self):
        # A statement can end before the thread measures for the first time.
        self.peak = sum(map(private_kb, self.processes())) // 1024
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def read(path):
    """A file of /proc. Its process may end at any time."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def private_kb(pid):
    lines = read(f"/proc/{pid}/status").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


class Server:
    """A session of the server."""

    def __init__(self, processes=1):
        command = [os.environ["PSQL"], "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1"]
        self.psql = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = int(self.ask(f"""SET client_min_messages = error;
            SET max_parallel_workers_per_gather = {processes - 1}; SELECT pg_backend_pid()""")[0])
        self.postmaster = (Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split())[1]

    def ask(self, sql):
        self.psql.stdin.write(f"{sql};\n\\echo done\n")
        self.psql.stdin.flush()
        lines = []
        while (line := self.psql.stdout.readline()) != "done\n":
            if not line:
                sys.exit(f"psql failed: {sql}")
            lines.append(line.rstrip("\n"))
        return lines

    def run(self, sql):
        began = time.perf_counter()
        self.ask(sql)
        return time.perf_counter() - began

    def processes(self):
        """The session and its parallel workers."""
        children = read(f"/proc/{self.postmaster}/task/{self.postmaster}/children").split()
        workers = [pid for pid in children if f"parallel worker for PID {self.pid}" in read(f"/proc/{pid}/cmdline")]
        return [self.pid] + workers

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def processes_of(count):
    return "1 process" if count == 1 else f"{count} processes"


def commit():
    """The commit that was measured."""
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True, text=True)
    return described.stdout.strip() or "unknown"


def machine():
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown processor")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024 ** 2
    return f"{os.cpu_count()} cores of {model}, {memory} GB of memory"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def section(page, heading):
    """Returns the section of a page under a heading of the second level, or an empty string."""
    if heading not in page:
        return ""
    return heading + page.split(heading, 1)[1].split("\n## ", 1)[0].rstrip() + "\n"
