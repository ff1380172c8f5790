"""Writes oracle.json: Ledoit-Wolf covariances and Mahalanobis distances by scikit-learn."""
import json, sys
import numpy as np
from sklearn.covariance import LedoitWolf

cases = []
for seed, n, p in [(1, 50, 4), (2, 20, 30), (3, 200, 10)]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) * .5 + rng.normal(size=p)
    m = LedoitWolf().fit(x)
    cases.append({"rows": x.tolist(), "shrinkage": m.shrinkage_, "covariance": m.covariance_.tolist(),
                  "mahalanobis_squared": m.mahalanobis(x[:5]).tolist()})
json.dump(cases, open(sys.argv[1], "w"))
