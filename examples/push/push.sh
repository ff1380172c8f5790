#!/bin/sh
# Sends one inference to gnomon; needs nothing but curl.
data=$(yes 0.5 | head -64 | paste -sd, -)
curl -sS --fail-with-body "${GNOMON:-http://127.0.0.1:9464}/api/v1/records" -H 'Content-Type: application/json' -d '{
  "id": "curl-1", "model": "digits",
  "request": {"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": ['"$data"']}]},
  "response": {"outputs": [{"name": "logits", "shape": [1, 10], "datatype": "FP32", "data": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}]}}'
