"""The peers' side of make bench-peers: one piece of work in memory, and the CPU
seconds that the work alone took (imports and loading excluded).

    python peers.py WORK FOLDER
"""
import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")
work, folder = sys.argv[1:]


def columns(name, n):
    import numpy as np

    return np.fromfile(f"{folder}/{name}.f64").reshape(n, -1)


def ks_batch():
    from scipy import stats

    ref, cur = columns("ref", 50), columns("cur", 50)
    return lambda: sum(stats.ks_2samp(a, b).statistic for a, b in zip(ref, cur))


def ks_window():
    import numpy as np
    from scipy import stats

    ref, cur = columns("ref", 50), columns("cur", 50)
    pairs = [(ref[k % 50][s:s + 10000].astype(np.float32), cur[k % 50][s:s + 10000].astype(np.float32)) for k in range(100) for s in [k // 50 * 10000]]
    return lambda: sum(stats.ks_2samp(a, b).statistic for a, b in pairs)


def adwin():
    from river.drift import ADWIN

    values = columns("cur", 50)[0].tolist()

    def do():
        detector = ADWIN()
        for v in values:
            detector.update(v)
        return len(values)

    return do


def evidently():
    import pandas as pd
    from evidently import Dataset, DataDefinition, Report
    from evidently.presets import DataDriftPreset

    frames = [pd.read_parquet(f"{folder}/{name}.parquet") for name in ("cur", "ref")]
    definition = DataDefinition(numerical_columns=list(frames[0]))
    current, reference = (Dataset.from_pandas(f, data_definition=definition) for f in frames)

    def do():
        Report([DataDriftPreset()]).run(current, reference).dict()
        return len(frames[0].columns)

    return do


def cbpe():
    import nannyml
    import pandas as pd

    score, label, later = columns("scores", 3)
    frame = lambda s, y: pd.DataFrame({"p": s, "yhat": (s >= 0.5).astype(int), **({"y": y.astype(int)} if y is not None else {})})
    reference, current = frame(score, label), frame(later, None)

    def do():
        e = nannyml.CBPE(y_pred_proba="p", y_pred="yhat", y_true="y", problem_type="classification_binary", metrics=["roc_auc"], chunk_number=1)
        e.fit(reference)
        return float(e.estimate(current).filter(period="analysis").to_df()[("roc_auc", "value")].iloc[0])

    return do


do = {"ks-batch": ks_batch, "ks-window": ks_window, "adwin": adwin, "evidently": evidently, "cbpe": cbpe}[work]()
before = time.process_time()
figure = do()
print(json.dumps({"cpu_s": time.process_time() - before, "figure": float(figure)}))
