"""Holds hpa.yaml to Kubernetes' schema and keda.yaml to KEDA's custom resource
definition, strictly. python validate.py CRD-FILE"""
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

here = pathlib.Path(__file__).parent


def strict(schema):
    """A definition's schema with unknown fields forbidden, as the API server prunes them."""
    if isinstance(schema, dict):
        out = {k: strict(v) for k, v in schema.items()}
        if "properties" in out and "additionalProperties" not in out and not out.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
        if out.pop("x-kubernetes-int-or-string", None):
            out.pop("anyOf", None)
            out["type"] = ["integer", "string"]
        return out
    return [strict(v) for v in schema] if isinstance(schema, list) else schema


hpa = yaml.safe_load((here / "hpa.yaml").read_text())
kubernetes_validate.validate(hpa, "1.33", strict=True)
print("hpa.yaml is valid: autoscaling/v2 of Kubernetes 1.33")

crd = yaml.safe_load(pathlib.Path(sys.argv[1]).read_text())
keda = yaml.safe_load((here / "keda.yaml").read_text())
version = keda["apiVersion"].split("/")[1]
schema = next(v["schema"]["openAPIV3Schema"] for v in crd["spec"]["versions"] if v["name"] == version)
schema = strict(schema)
schema["properties"]["metadata"] = {"type": "object"}
jsonschema.Draft202012Validator(schema).validate(keda)
assert crd["spec"]["names"]["kind"] == keda["kind"]
print("keda.yaml is valid:", crd["metadata"]["name"], version)

adapter = yaml.safe_load((here / "prometheus-adapter.yaml").read_text())
for rule in adapter["rules"]["external"]:
    unknown = set(rule) - {"seriesQuery", "seriesFilters", "resources", "name", "metricsQuery"}
    assert not unknown, unknown
print("prometheus-adapter.yaml has the fields of a discovery rule")
