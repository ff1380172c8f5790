"""Expected values of calibration_test.go: python oracle.py > oracle.json

scikit-learn (calibration_curve, brier_score_loss, log_loss), scipy (the
temperature by minimize_scalar) and numpy (class-wise errors, Murphy's
decomposition, from their definitions).
"""
import json

import numpy as np
import scipy
import sklearn
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

rng = np.random.default_rng(41)
n, classes, bins = 300, 4, 15
logits = np.round(rng.normal(size=(n, classes)) * 2, 4)
true = np.array([rng.choice(classes, p=np.exp(log_softmax(z / 1.7))) for z in logits])
prob = np.exp(log_softmax(logits, axis=1))
top, right = prob.max(axis=1), prob.argmax(axis=1) == true


def nll(log_t):
    return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(n), true].mean()


best = minimize_scalar(nll, bounds=(-5, 5), method="bounded", options={"xatol": 1e-12})


def ece(p, y):
    k = np.clip(np.ceil(p * bins).astype(int) - 1, 0, bins - 1)
    return sum(abs(p[k == b].sum() - y[k == b].sum()) for b in range(bins)) / len(p)


def ace(p, y):
    return np.mean([abs(p[i].mean() - y[i].mean()) for i in np.array_split(np.argsort(p, kind="stable"), bins)])


def curve(strategy):
    acc, conf = calibration_curve(right, top, n_bins=bins, strategy=strategy)
    return {"accuracy": list(acc), "confidence": list(conf)}


coarse = np.round(top, 1)
values = np.unique(coarse)
share = np.array([(coarse == v).mean() for v in values])
acc = np.array([right[coarse == v].mean() for v in values])
base = right.mean()
json.dump({
    "source": f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, numpy {np.__version__}",
    "logits": logits.tolist(), "actual": true.tolist(), "bins": bins,
    "top_brier": brier_score_loss(right, top), "top_log_loss": log_loss(right, top),
    "uniform": curve("uniform"), "quantile": curve("quantile"),
    "static": np.mean([ece(prob[:, k], true == k) for k in range(classes)]),
    "adaptive": np.mean([ace(prob[:, k], true == k) for k in range(classes)]),
    "temperature": float(np.exp(best.x)), "before": nll(0), "after": best.fun,
    "decomposition": {"score": brier_score_loss(right, coarse), "reliability": float((share * (values - acc) ** 2).sum()),
                      "resolution": float((share * (acc - base) ** 2).sum()), "uncertainty": base * (1 - base)},
}, __import__("sys").stdout)
