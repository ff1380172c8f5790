"""Asks an installed Evidently about the samples of evidently.json: prints {case: {statistic: score}}."""
import json
import sys
import warnings

warnings.filterwarnings("ignore")
import pandas as pd
from evidently.legacy.calculations import stattests
from evidently.legacy.core import ColumnType

tests = {"psi": stattests.psi_stat_test, "kl": stattests.kl_div_stat_test, "js_distance_nats": stattests.jensenshannon_stat_test,
         "hellinger": stattests.hellinger_stat_test, "wasserstein_normalized": stattests.wasserstein_stat_test, "ks_pvalue": stattests.ks_stat_test,
         "chi2_pvalue": stattests.chi_stat_test, "z_pvalue": stattests.z_stat_test}
out = {}
for case in json.load(open(sys.argv[1]))["cases"]:
    kind = ColumnType.Numerical if case["kind"] == "numeric" else ColumnType.Categorical
    reference, current = pd.Series(case["reference"]), pd.Series(case["current"])
    out[case["name"]] = {name: float(tests[name](reference, current, kind, .1).drift_score) for name in case["expected"]}
json.dump(out, sys.stdout)
