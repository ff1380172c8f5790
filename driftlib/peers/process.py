"""What a data scientist would write instead of gnomon drift: read two Parquet
files, Kolmogorov-Smirnov of every column, print.

    python process.py REFERENCE CURRENT
"""
import sys

import pandas as pd
from scipy import stats

reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
for name in reference:
    r = stats.ks_2samp(reference[name].to_numpy(), current[name].to_numpy())
    print(name, r.statistic, r.pvalue)
