"""NannyML's CBPE on the data of TestAgainstNannyML: python oracle.py > oracle.json

With --speed: the processor time of 100,000 + 100,000 rows, to be held against
go test -bench Estimate ./driftlib/cbpe
"""
import json
import sys
import time
import warnings

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
import nannyml as nml


def world(n, spread, rng):
    p = 1 / (1 + np.exp(-spread * rng.normal(size=n)))
    score = np.round(np.sqrt(p), 4)
    return pd.DataFrame({"score": score, "predicted": (score >= 0.7).astype(int), "label": (rng.uniform(size=n) < p).astype(int)})


def estimate(reference, analysis):
    metrics = ["accuracy", "f1", "roc_auc", "precision", "recall"]
    cbpe = nml.CBPE(problem_type="classification_binary", y_pred_proba="score", y_pred="predicted", y_true="label", metrics=metrics, chunk_size=len(analysis))
    cbpe.fit(reference)
    table = cbpe.estimate(analysis).filter(period="analysis").to_df()
    return {m: float(table[(m, "value")].iloc[0]) for m in metrics}


rng = np.random.default_rng(17)
if "--speed" in sys.argv:
    reference, analysis = world(100_000, 2, rng), world(100_000, 1, rng)
    before = time.process_time()
    print(estimate(reference, analysis))
    print("CPU seconds:", time.process_time() - before)
else:
    reference, analysis = world(2000, 2, rng), world(2000, 1, rng)
    json.dump({"source": f"nannyml {nml.__version__}", "threshold": 0.7, "reference": {"score": reference.score.tolist(), "label": reference.label.tolist()},
               "analysis": analysis.score.tolist(), "expected": estimate(reference, analysis)}, sys.stdout)
