"""Counts what the detections found, and writes docs/evaluation-results.md. Called by bench/evaluate.sh."""

import math
import os
import random
import statistics
from collections import Counter, defaultdict
from pathlib import Path

FOLDER = Path(os.environ["FOLDER"])
SEEDS = os.environ["SEEDS"].split()
PEOPLE, DAYS = int(os.environ["PEOPLE"]), int(os.environ["DAYS"])
# As in crates/sample/src/evaluation: intruders come only after these days, and alerts before are not counted.
LEARNING_DAYS = 30
DAY = 86_400
BEGIN = 1_767_571_200 + LEARNING_DAYS * DAY
MONTHS = (DAYS - LEARNING_DAYS) / 30.4
Z = 1.959964
RESAMPLES = 1000
# Signals of one person or machine are one alert while they follow each other within six hours, for at most a day.
KEEP_ALIVE, MAX_DURATION = 6 * 3600, 24 * 3600

KINDS = {
    "people": ("iam_user", "sso"),
    "machines": ("instance", "machine_key", "ci"),
    "root users": ("root",),
}
PEOPLE_LEVELS = [
    "at once, from afar", "one to three hours later, from afar", "arrives as fast as a plane, stays",
    "arrives and leaves as fast as a plane, while the owner sleeps", "residential proxy in the country",
    "residential proxy in the city", "session minted from a stolen key",
]
MACHINE_LEVELS = [
    "long-term key of a machine", "credentials of an EC2 instance", "credentials of a machine, same AWS region",
    "root user, at once, from afar",
]
OURS = ["travel.detect", "access_key", "access_key, tuned", "human", "root", "iam_user", "iam_access_key", "ec2_role",
        "console_login_mfa", "console_login_no_mfa"]
OTHERS = ["Datadog's method", "BuffaLogs, sign-ins", "BuffaLogs, all calls", "Panther, sign-ins", "Panther, all calls",
          "Elastic, two countries, sign-ins", "Elastic, two countries, all calls", "Elastic, new address of a key",
          "RunReveal, new country of a sign-in", "RunReveal, new network of a key"]


def rows(seed, name):
    for line in (FOLDER / seed / name).read_text().splitlines():
        yield line.split("\t")


class Results:
    """What was found in all organizations."""

    def __init__(self):
        self.alerts = defaultdict(int)  # of (detection, subject without an intruder)
        self.first = {}  # (detection, intruder): the seconds until the first signal
        self.subjects, self.levels = defaultdict(list), defaultdict(list)
        self.left_out = Counter()  # of levels: the intruders who found no opportunity
        self.events = self.located = 0
        for seed in SEEDS:
            self.read(seed)

    def read(self, seed):
        kind = {}
        for subject, _, group, has_intruder in rows(seed, "subjects.tsv"):
            if has_intruder == "f":
                kind[subject] = next(name for name, groups in KINDS.items() if group in groups)
                self.subjects[kind[subject]].append((seed, subject))
        begins = {}
        for intruder, _, level, began in rows(seed, "intruders.tsv"):
            begins[intruder] = int(began)
            self.levels[level].append((seed, intruder))
        open_alerts = {}
        for detection, subject, time, intruder in rows(seed, "signals.tsv"):
            time = int(time)
            if intruder != "\\N":
                self.first.setdefault((detection, (seed, intruder)), time - begins[intruder])
            elif subject in kind and time >= BEGIN:
                # The rows come in the order of time.
                since, last = open_alerts.get((detection, subject), (-math.inf, -math.inf))
                if time - last > KEEP_ALIVE or time - since > MAX_DURATION:
                    self.alerts[detection, (seed, subject)] += 1
                    since = time
                open_alerts[detection, subject] = (since, time)
        self.left_out.update(level.strip('"') for [level] in rows(seed, "left_out.csv"))
        [(events, located)] = rows(seed, "events.tsv")
        self.events += int(events)
        self.located += int(located)

    def times(self, detection, level):
        return sorted(self.first[detection, intruder] for intruder in self.levels[level]
                      if (detection, intruder) in self.first)


def wilson(hits, of):
    """The share, and its 95 % confidence interval by Wilson's score method."""
    share = hits / of
    middle = (share + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of)) / (1 + Z * Z / of)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def rate(results, detection, kind):
    """Alerts per 1,000 months of a subject, with a 95 % interval: a bootstrap of subjects, or exact Poisson without alerts."""
    counts = [results.alerts.get((detection, subject), 0) for subject in results.subjects[kind]]
    months = len(counts) * MONTHS
    if not any(counts):
        return 0.0, 0.0, -math.log(0.025) / months * 1000
    generator = random.Random(f"{detection} {kind}")
    sums = sorted(sum(generator.choices(counts, k=len(counts))) for _ in range(RESAMPLES))
    low, high = sums[int(0.025 * RESAMPLES)], sums[int(0.975 * RESAMPLES) - 1]
    return tuple(value / months * 1000 for value in (sum(counts), low, high))


def median(times):
    """The median, with a 95 % interval by order statistics."""
    count = len(times)
    half = Z * math.sqrt(count) / 2
    low, high = max(0, math.floor(count / 2 - half)), min(count - 1, math.ceil(count / 2 + half))
    return statistics.median(times), times[low], times[high]


def number(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def duration(seconds):
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def interval(values, form):
    value, low, high = values
    return f"{form(value)} ({form(low)} – {form(high)})"


def table(head, lines):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(out + ["| " + " | ".join(line) + " |" for line in lines]) + "\n"


def caught(results, levels):
    def cell(detection, level):
        of = len(results.levels[level])
        if not of:
            return ""
        share, low, high = wilson(len(results.times(detection, level)), of)
        return f"{share * 100:.0f} ({low * 100:.0f} – {high * 100:.0f})"
    return table(["detection"] + [f"{level} (n = {len(results.levels[level])})" for level in levels],
                 [[name] + [cell(name, level) for level in levels] for name in OURS + OTHERS])


def waits(results, levels):
    def cell(detection, level):
        times = results.times(detection, level)
        # A median of fewer is not worth a number.
        return interval(median(times), duration) if len(times) >= 10 else ""
    return table(["detection"] + levels, [[name] + [cell(name, level) for level in levels] for name in OURS + OTHERS])


def left_out(results):
    if not results.left_out:
        return "Each found an opportunity."
    levels = "; ".join(f"{level}: {count}" for level, count in sorted(results.left_out.items()))
    return f"Without an opportunity, and not counted: {sum(results.left_out.values())} ({levels})."


def main():
    results = Results()
    months = {kind: len(of) * MONTHS for kind, of in results.subjects.items()}
    [*parameters] = rows(SEEDS[0], "parameters.tsv")
    text = f"""# Results of the evaluation

`make evaluate` wrote this page. [Evaluation](evaluation.md) says what was simulated, what the numbers mean, and what
they cannot say.

- **Organizations:** seed{'s' if len(SEEDS) > 1 else ''} {', '.join(SEEDS)}, {PEOPLE} people each, {DAYS} days
- **Events:** {results.events:,}, of which {results.located:,} are located
- **False alarms** are counted over {months['people']:,.0f} months of people, {months['machines']:,.0f} of machines and {months['root users']:,.0f} of root
  users whose credentials no intruder has.
- **Intruders:** {sum(map(len, results.levels.values()))}. {left_out(results)}
- Ranges in parentheses are 95 % confidence intervals.

## False alarms

Alerts per 1,000 months of a person, a machine or a root user:

""" + table(["detection"] + list(KINDS), [[name] + [interval(rate(results, name, kind), number) for kind in KINDS]
                                          for name in OURS + OTHERS])
    for whose, levels in (("credentials of people", PEOPLE_LEVELS), ("machines and root users", MACHINE_LEVELS)):
        text += f"\n## Intruders found: {whose}\n\nPercent of the intruders.\n\n" + caught(results, levels)
    text += """
## Time to alert

The median time from the intruder's first call to the first call at which the detection alerts, over the intruders that it
found. A cell is empty if it found fewer than ten. The table has six kinds of intruders and leaves out the others. Add the
time for the delivery of events, and the interval between scans.

""" + waits(results, PEOPLE_LEVELS[:4] + ["session minted from a stolen key", "long-term key of a machine"])
    text += "\n## Parameters\n\n" + table(["parameter", "value", "source"], parameters)
    Path(os.environ["RESULTS"]).write_text(text)


main()
