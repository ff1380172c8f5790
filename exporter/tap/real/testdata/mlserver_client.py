"""Drive MLServer; print one line of JSON a call.

Usage: mlserver_client.py HTTP_HOST:PORT GRPC_HOST:PORT
"""
import gzip
import json
import sys
import urllib.error
import urllib.request

import grpc
import mlserver.grpc.dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

http_address, grpc_address = sys.argv[1:3]


def show(name, **what):
    print(json.dumps({"call": name, **what}, sort_keys=True))


def post(name, path, body, **headers):
    request = urllib.request.Request(f"http://{http_address}{path}", body, {k.replace("_", "-"): v for k, v in headers.items()})
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    show(f"http {name}", status=answer.status, type=answer.headers.get("Content-Type"), body=answer.read().decode())


def infer(request_id, rows):
    data = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]][:rows]
    return json.dumps({"id": request_id, "inputs": [{"name": "input", "shape": [rows, 4], "datatype": "FP32", "data": data}]}).encode()


json_type = {"Content_Type": "application/json"}
post("one", "/v2/models/iris/infer", infer("mls-one", 1), **json_type)
post("batch", "/v2/models/iris/infer", infer("mls-batch", 2), **json_type)
post("version", "/v2/models/iris/versions/1/infer", infer("mls-version", 1), **json_type)
post("gzip", "/v2/models/iris/infer", gzip.compress(infer("mls-gzip", 1), mtime=0), Content_Encoding="gzip", **json_type)
post("no type", "/v2/models/iris/infer", infer("mls-no-type", 1), Content_Type="text/plain")
post("unknown model", "/v2/models/absent/infer", infer("mls-absent", 1), **json_type)

stub = GRPCInferenceServiceStub(grpc.insecure_channel(grpc_address))
typed = pb.ModelInferRequest(model_name="iris", id="grpc-typed")
tensor = typed.inputs.add(name="input", datatype="FP32", shape=[1, 4])
tensor.contents.fp32_contents.extend([5.1, 3.5, 1.4, 0.2])
answer = stub.ModelInfer(typed, wait_for_ready=True)
show("grpc typed", id=answer.id, output=[round(v, 4) for v in answer.outputs[0].contents.fp32_contents])
try:
    stub.ModelInfer(pb.ModelInferRequest(model_name="absent"))
except grpc.RpcError as error:
    show("grpc unknown model", code=str(error.code()), details=error.details())
