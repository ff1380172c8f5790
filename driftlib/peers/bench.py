"""Runs gnomon and its peers on the same data, interleaved, and prints the ratios
of their CPU seconds with the bar of each: the only source of the README's
claims of speed. Standard library only.

    python bench.py ROOT [--rounds 3] [--only NAME,...]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

p = argparse.ArgumentParser()
p.add_argument("root")
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--only", default="")
args = p.parse_args()
os.chdir(args.root)
PEERS, DATA, HERE = ".cache/peers", ".cache/peers/data", "driftlib/peers"
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}


def interpreter(name):
    path = f"{PEERS}/{name}/bin/python"
    return path if os.path.exists(f"{PEERS}/{name}/installed") else None


def spawn(command):
    """CPU seconds, MiB at the peak, wall seconds and output of a process."""
    begin = time.monotonic()
    child = subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out = child.stdout.read()
    complaint = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(command)}: {complaint.strip()[-300:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.monotonic() - begin, out


def inside(command):
    """CPU seconds of the work alone, as the process itself says."""
    *_, out = spawn(command)
    r = json.loads(out.splitlines()[-1])
    return r["cpu_s"], r["figure"]


def ours(work):
    return lambda: inside(["bin/peers", work, DATA])


def theirs(env, work):
    return env, lambda: inside([interpreter(env), f"{HERE}/peers.py", work, DATA])


def process(*command):
    return lambda: spawn(list(command))[:2]


def drift(suffix):
    return process("bin/gnomon", "drift", "--reference", f"{DATA}/ref.{suffix}", "--current", f"{DATA}/cur.{suffix}", "--format", "json", "--output", f"{DATA}/answer.json")


# name, what it is, our side, (environment, their side), the bar of the ratio, whether the figures must agree
ROWS = [
    ("ks-batch", "KS of 50 columns, 100k and 100k values, both sorted (P13)", ours("ks-batch"), theirs("scipy", "ks-batch"), 1 / 8, True),
    ("ks-presorted", "the same, reference sorted before (P13)", ours("ks-presorted"), theirs("scipy", "ks-batch"), 1 / 8, True),
    ("ks-window", "evaluation of 100 windows, KS(10k, 10k) (P12)", ours("ks-window"), theirs("scipy", "ks-window"), 1 / 20, True),
    ("process", "gnomon drift, Parquet to answer / a scipy process (P13)", drift("parquet"), ("scipy", lambda: spawn([interpreter("scipy"), f"{HERE}/process.py", f"{DATA}/ref.parquet", f"{DATA}/cur.parquet"])[:2]), 1 / 4, False),
    ("evidently", "all statistics of 50 columns in memory / Evidently's default, in memory (P13)", ours("all"), theirs("evidently", "evidently"), 1 / 50, False),
    ("cbpe", "CBPE of ROC AUC, 100k + 100k rows / NannyML", ours("cbpe"), theirs("nannyml", "cbpe"), 1 / 10, False),
]


def measure(name, what, left, right, bar, agree):
    env, right = right
    if interpreter(env) is None:
        print(f"SKIP {name}: {env} is not installed")
        return True
    a, b = [], []
    for _ in range(1 if name == "evidently" else args.rounds):
        a.append(left())
        b.append(right())
    x, y = (statistics.median(v[0] for v in side) for side in (a, b))
    if agree and abs(a[0][1] - b[0][1]) > 1e-6 * abs(b[0][1]):
        print(f"FAIL {name}: the figures differ, {a[0][1]} and {b[0][1]}")
        return False
    memory = f"; peak {a[0][1]:.0f} and {b[0][1]:.0f} MiB" if name == "process" else ""
    met = x / y <= bar
    print(f"{'ok  ' if met else 'MISS'} {what}: {x:.3f} and {y:.3f} CPU s, 1/{y / x:.1f} (bar 1/{1 / bar:.0f}){memory}", flush=True)
    return met


def absolute():
    """The bars that are no ratio."""
    n, cpu = 0, []
    for _ in range(args.rounds):
        s, n = inside(["bin/peers", "ingest", DATA])
        cpu.append(s / n * 1e9)
    river = ""
    if interpreter("river"):
        s, m = inside([interpreter("river"), f"{HERE}/peers.py", "adwin", DATA])
        river = f"; river's ADWIN {s / m * 1e9:.0f} ns"
    ns = statistics.median(cpu)
    print(f"{'ok  ' if ns <= 20 else 'MISS'} ingest, bins and window (P11): {ns:.1f} ns a value (bar 20){river}")
    command = ["bin/gnomon", "drift", "--reference", f"{DATA}/small-ref.csv", "--current", f"{DATA}/small-cur.csv"]
    runs = [spawn(command) for _ in range(5)]
    wall, rss = statistics.median(r[2] for r in runs) * 1e3, statistics.median(r[1] for r in runs)
    print(f"{'ok  ' if wall <= 50 and rss <= 40 else 'MISS'} gnomon drift on 150 rows: {wall:.0f} ms, {rss:.0f} MiB (bars 50 and 40)")
    return ns <= 20 and wall <= 50 and rss <= 40


if interpreter("scipy") is None:
    print("SKIP bench-peers: scipy is not installed (driftlib/peers/install.sh)")
    sys.exit(0)
os.makedirs(DATA, exist_ok=True)
if not os.path.exists(f"{DATA}/scores.f64"):
    spawn([interpreter("scipy"), f"{HERE}/data.py", DATA])
wanted = set(filter(None, args.only.split(",")))
good = [measure(*row) for row in ROWS if not wanted or row[0] in wanted]
if not wanted or "absolute" in wanted:
    good.append(absolute())
sys.exit(0 if all(good) else 1)
