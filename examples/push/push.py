"""Sends one inference to gnomon; needs nothing but Python."""
import json, os, urllib.request

record = {"id": "python-1", "model": "digits",
          "request": {"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.5] * 64}]},
          "response": {"outputs": [{"name": "logits", "shape": [1, 10], "datatype": "FP32", "data": list(range(10))}]}}
url = os.environ.get("GNOMON", "http://127.0.0.1:9464") + "/api/v1/records"
with urllib.request.urlopen(urllib.request.Request(url, json.dumps(record).encode(), {"Content-Type": "application/json"})) as answer:
    print(answer.read().decode())
