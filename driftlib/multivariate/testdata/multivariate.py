"""Writes multivariate.json: expected values by scikit-learn and scipy.

    pip install scikit-learn scipy==1.17.1 && python multivariate.py > multivariate.json
"""
import json

import numpy as np
from scipy import stats
from scipy.spatial.distance import pdist
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel

rng = np.random.default_rng(20260924)
out = []
for n, m, d, shift in [(12, 9, 3, 0.0), (30, 25, 4, 0.8), (20, 20, 1, 0.3)]:
    x, y = np.round(rng.normal(size=(n, d)), 3), np.round(rng.normal(size=(m, d)) + shift, 3)
    pooled = np.concatenate([x, y])
    median = float(np.sqrt((lambda s: (s[(len(s) - 1) // 2] + s[len(s) // 2]) / 2)(np.sort(pdist(pooled, "sqeuclidean")))))
    k = lambda a, b: rbf_kernel(a, b, gamma=1 / (2 * median**2))
    xx, yy, xy = k(x, x), k(y, y), k(x, y)
    mmd = (xx.sum() - n) / (n * (n - 1)) + (yy.sum() - m) / (m * (m - 1)) - 2 * xy.mean()
    score = np.round(np.concatenate([x[:, 0], y[:, 0]]), 1)
    label = np.repeat([0, 1], [n, m])
    u = stats.mannwhitneyu(score[label == 1], score[label == 0], alternative="greater", method="asymptotic")
    out.append({"x": x.tolist(), "y": y.tolist(), "median": median, "mmd": float(mmd), "scores": score.tolist(), "second": [bool(v) for v in label],
                "auc": float(roc_auc_score(label, score)), "auc_p": float(u.pvalue),
                "p": [float(stats.ks_2samp(x[:, j], y[:, j], method="exact").pvalue) for j in range(d)],
                "fdr": stats.false_discovery_control([stats.ks_2samp(x[:, j], y[:, j], method="exact").pvalue for j in range(d)]).tolist()})
print(json.dumps({"oracle": "scikit-learn, scipy 1.17.1", "cases": out}))
