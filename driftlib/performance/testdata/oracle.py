"""Expected values of quantile_test.go: python oracle.py > oracle.json

scikit-learn (mean_pinball_loss), properscoring (crps_ensemble, crps_gaussian),
scipy.stats.t for the intervals, numpy for the interval score.
"""
import json
import sys

import numpy as np
import properscoring
import scipy.stats
import sklearn
from sklearn.metrics import mean_pinball_loss

rng = np.random.default_rng(5)
n = 40
mean, sigma = np.round(rng.normal(size=n), 3), np.round(rng.uniform(0.2, 2, size=n), 3)
y = np.round(mean + sigma * rng.normal(size=n), 3)
members = np.round(mean[:, None] + sigma[:, None] * rng.normal(size=(n, 7)), 3)
lower, upper = mean - sigma, mean + sigma


def with_interval(scores):
    half = scipy.stats.t.ppf(0.975, n - 1) * scores.std(ddof=1) / np.sqrt(n)
    return [scores.mean(), max(0, scores.mean() - half), scores.mean() + half]


winkler = upper - lower + 2 / 0.3 * np.maximum(lower - y, 0) + 2 / 0.3 * np.maximum(y - upper, 0)
e = y - upper
json.dump({
    "source": f"scikit-learn {sklearn.__version__}, properscoring {properscoring.__version__ if hasattr(properscoring, '__version__') else '0.1'}, scipy {scipy.__version__}",
    "y": y.tolist(), "mean": mean.tolist(), "sigma": sigma.tolist(), "members": members.tolist(), "lower": lower.tolist(), "upper": upper.tolist(),
    "pinball_sklearn": mean_pinball_loss(y, upper, alpha=0.84), "pinball": with_interval(np.maximum(0.84 * e, -0.16 * e)),
    "crps": with_interval(properscoring.crps_ensemble(y, members)), "crps_normal": with_interval(properscoring.crps_gaussian(y, mu=mean, sig=sigma)),
    "interval_score": with_interval(winkler), "covered": float((y <= upper).mean()),
}, sys.stdout)
