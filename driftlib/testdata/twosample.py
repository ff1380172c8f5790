"""Writes twosample.json: expected values of the two-sample tests.

The oracle is scipy; weighted forms of Kolmogorov-Smirnov and Cramér-von Mises
have no peer there and are written down by their definition.

    pip install scipy==1.17.1 && python twosample.py > twosample.json
"""
import json

import numpy as np
from scipy import special, stats

rng = np.random.default_rng(20260923)
out = {"oracle": "scipy 1.17.1", "one_sided": [], "weighted": [], "anderson": [], "cramer_von_mises": [], "counts": []}


def rounded(x, digits=3):
    return [round(float(v), digits) for v in x]


for n, m, shift, digits in [(5, 5, 0.5, 3), (7, 12, 0.4, 3), (12, 7, -0.7, 3), (40, 40, 0.3, 3), (60, 35, 0.0, 1), (30, 30, 0.5, 0), (1, 1, 1.0, 3), (1, 9, 2.0, 3)]:
    x, y = rounded(rng.normal(size=n), digits), rounded(rng.normal(shift, 1, m), digits)
    for alternative in ("greater", "less"):
        r = stats.ks_2samp(x, y, alternative=alternative, method="exact")
        a = stats.ks_2samp(x, y, alternative=alternative, method="asymp")
        out["one_sided"].append({"x": x, "y": y, "alternative": alternative, "d": r.statistic, "p": r.pvalue, "p_asymptotic": a.pvalue})

for n, m, digits in [(10, 8, 2), (30, 50, 1), (25, 25, 0)]:
    x, y = rounded(rng.normal(size=n), digits), rounded(rng.normal(0.4, 1.3, m), digits)
    v, w = rounded(rng.uniform(0.1, 3, n), 2), rounded(rng.integers(0, 4, m), 0)
    w[0] = 1.0
    points = np.unique(np.concatenate([x, y]))
    f = np.array([np.sum(np.array(v)[np.array(x) <= t]) for t in points]) / np.sum(v)
    g = np.array([np.sum(np.array(w)[np.array(y) <= t]) for t in points]) / np.sum(w)
    ne, me = np.sum(v) ** 2 / np.sum(np.square(v)), np.sum(w) ** 2 / np.sum(np.square(w))
    h = (ne * f + me * g) / (ne + me)
    t = ne * me / (ne + me) * np.sum((f - g) ** 2 * np.diff(np.concatenate([[0], h])))
    out["weighted"].append({
        "x": x, "y": y, "v": v, "w": w, "n": ne, "m": me,
        "ks": float(np.max(np.abs(f - g))), "cvm": float(t),
        "wasserstein": stats.wasserstein_distance(x, y, v, w), "energy": stats.energy_distance(x, y, v, w)})

for sizes, digits in [((8, 11), 3), ((20, 20, 20), 1), ((15, 40, 9, 22), 0), ((60, 50), 2), ((5, 5), 3)]:
    samples = [rounded(rng.normal(0.35 * i, 1, n), digits) for i, n in enumerate(sizes)]
    r = stats.anderson_ksamp(samples, variant="midrank")
    out["anderson"].append({"samples": samples, "normalized": r.statistic, "p": r.pvalue})

for n, m, digits in [(12, 9, 2), (40, 60, 1), (25, 30, 0)]:
    x, y = rounded(rng.normal(size=n), digits), rounded(rng.normal(0.5, 1, m), digits)
    r = stats.cramervonmises_2samp(x, y, method="asymptotic")
    out["cramer_von_mises"].append({"x": x, "y": y, "t": r.statistic, "p": r.pvalue})

for n, m in [(300, 200), (1000, 1000)]:
    a, b = rng.multinomial(n, [0.1, 0.2, 0.3, 0.25, 0.15]), rng.multinomial(m, [0.12, 0.18, 0.22, 0.28, 0.2])
    x, y = np.repeat(np.arange(5), a), np.repeat(np.arange(5), b)
    r = stats.cramervonmises_2samp(x, y, method="asymptotic")
    p, q = a / n, b / m
    out["counts"].append({
        "reference": a.tolist(), "current": b.tolist(), "cvm": r.statistic, "cvm_p": r.pvalue, "ks": stats.ks_2samp(x, y).statistic,
        "wasserstein": stats.wasserstein_distance(range(5), range(5), a, b), "energy": stats.energy_distance(range(5), range(5), a, b),
        "js": float(np.sqrt(np.sum(special.rel_entr(p, (p + q) / 2) + special.rel_entr(q, (p + q) / 2)) / 2 / np.log(2))),
        "kl": float(stats.entropy(q, p)), "tv": float(np.abs(p - q).sum() / 2), "linf": float(np.abs(p - q).max()),
        "hellinger": float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2)),
        "smallest_expected": float(stats.contingency.expected_freq([a, b]).min()), "chi2": stats.chi2_contingency([a, b]).statistic})

print(json.dumps(out))
