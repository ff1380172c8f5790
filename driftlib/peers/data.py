"""Writes the data of make bench-peers: two samples of 100,000 x 50 values as
Parquet, CSV and raw float64, and the scores of a classifier.

    python data.py FOLDER
"""
import sys

import numpy as np
import pandas as pd

folder = sys.argv[1]
rng = np.random.default_rng(20260923)
for name, shift in (("ref", 0.0), ("cur", 0.1)):
    x = rng.normal(size=(50, 100_000))
    x[::10] += shift
    x[4::5] = np.exp(x[4::5])
    frame = pd.DataFrame({f"f{k:02d}": column for k, column in enumerate(x)})
    frame.to_parquet(f"{folder}/{name}.parquet", index=False)
    frame.to_csv(f"{folder}/{name}.csv", index=False)
    frame.head(150).iloc[:, :6].to_csv(f"{folder}/small-{name}.csv", index=False)
    x.tofile(f"{folder}/{name}.f64")
score, later = rng.beta(0.8, 1.2, 100_000), rng.beta(1.0, 1.0, 100_000)
label = (rng.random(100_000) < score**1.3).astype(float)
np.stack([score, label, later]).tofile(f"{folder}/scores.f64")
