"""River's alarms on the streams of river.json: python oracle.py > more.json

The streams, and the cases of ADWIN, Page-Hinkley and DDM, are those that
river.json holds already.
"""
import json
import pathlib
import sys

import river
from river import drift

streams = json.loads((pathlib.Path(__file__).parent / "river.json").read_text())["streams"]
cases = []


def run(name, stream, detector):
    hits, warnings = [], []
    for i, v in enumerate(streams[stream]):
        detector.update(v)
        if detector.drift_detected:
            hits.append(i)
        if getattr(detector, "warning_detected", False):
            warnings.append(i)
    cases.append({"name": name, "stream": stream, "hits": hits, "warnings": len(warnings), "first_warning": warnings[0] if warnings else -1})


for stream in streams:
    for seed in (0, 7, 4_000_000_000):
        run(f"kswin {seed}", stream, drift.KSWIN(seed=seed))
run("eddm", "errors", drift.binary.EDDM())
run("eddm late", "errors", drift.binary.EDDM(alpha=0.8, beta=0.75))
run("hddm-a", "errors", drift.binary.HDDMA())
run("hddm-a two-sided", "errors", drift.binary.HDDMA(two_sided_test=True))
json.dump({"source": f"river {river.__version__}", "cases": cases}, sys.stdout)
