"""Drive Triton with its official clients; print one line of JSON a call.

Usage: triton_client.py HTTP_HOST:PORT GRPC_HOST:PORT
The lines must be the same with and without a tap in between.
"""
import hashlib
import json
import queue
import sys
import urllib.error
import urllib.request

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient

http_address, grpc_address = sys.argv[1:3]
images = np.arange(2 * 784, dtype=np.float32).reshape(2, 1, 28, 28) % 17 / 16


def show(name, **what):
    print(json.dumps({"call": name, **what}, sort_keys=True))


def digest(array):
    array = np.ascontiguousarray(array)
    data = b"|".join(array.flatten()) if array.dtype == object else array.tobytes()
    return [list(array.shape), str(array.dtype), hashlib.sha256(data).hexdigest()[:16]]


def http():
    client = httpclient.InferenceServerClient(http_address)
    show("live", ok=client.is_server_live(), ready=client.is_model_ready("mnist"))
    show("metadata", metadata=client.get_model_metadata("mnist"))
    show("index", index=client.get_model_repository_index())
    for name, rows, binary_in, binary_out, options in [
        ("json", 1, False, False, {}),
        ("binary", 1, True, True, {}),
        ("binary-in", 1, True, False, {}),
        ("gzip", 1, True, True, {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}),
        ("deflate", 1, False, False, {"request_compression_algorithm": "deflate", "response_compression_algorithm": "deflate"}),
        ("batch", 2, True, True, {}),
        ("version", 1, True, True, {"model_version": "1"}),
    ]:
        tensor = httpclient.InferInput("Input3", [rows, 1, 28, 28], "FP32")
        tensor.set_data_from_numpy(images[:rows], binary_data=binary_in)
        output = httpclient.InferRequestedOutput("Plus214_Output_0", binary_data=binary_out)
        result = client.infer("mnist", [tensor], request_id=f"http-{name}", outputs=[output], **options)
        show(f"http {name}", id=result.get_response()["id"], output=digest(result.as_numpy("Plus214_Output_0")))
    tensor = httpclient.InferInput("Input3", [1, 1, 28, 28], "FP32")
    tensor.set_data_from_numpy(images[:1])
    output = httpclient.InferRequestedOutput("Plus214_Output_0", class_count=3)
    result = client.infer("mnist", [tensor], request_id="http-class", outputs=[output])
    show("http class", output=digest(result.as_numpy("Plus214_Output_0")))
    for name, path, body in [
        ("unknown model", "absent", b'{"inputs":[]}'),
        ("no inputs", "mnist", b'{"inputs":[]}'),
        ("no JSON", "mnist", b"{nonsense"),
    ]:
        try:
            urllib.request.urlopen(f"http://{http_address}/v2/models/{path}/infer", body)
        except urllib.error.HTTPError as error:
            show(f"http {name}", status=error.code, type=error.headers.get("Content-Type"), body=error.read().decode())


def grpc():
    client = grpcclient.InferenceServerClient(grpc_address)
    show("grpc live", ok=client.is_server_live())
    show("grpc metadata", metadata=str(client.get_model_metadata("mnist")))

    def inputs(rows):
        tensor = grpcclient.InferInput("Input3", [rows, 1, 28, 28], "FP32")
        tensor.set_data_from_numpy(images[:rows])
        return [tensor]

    for name, rows, options in [("plain", 1, {}), ("gzip", 1, {"compression_algorithm": "gzip"}), ("batch", 2, {})]:
        result = client.infer("mnist", inputs(rows), request_id=f"grpc-{name}", **options)
        show(f"grpc {name}", id=result.get_response().id, output=digest(result.as_numpy("Plus214_Output_0")))
    try:
        client.infer("absent", inputs(1))
    except Exception as error:
        show("grpc unknown model", status=str(error.status()), message=error.message())
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(2):
        client.async_stream_infer("mnist", inputs(1), request_id=f"stream-{i}")
    for _ in range(2):
        result, error = answers.get(timeout=30)
        show("grpc stream", id=result.get_response().id, output=digest(result.as_numpy("Plus214_Output_0")), error=str(error))
    client.stop_stream()
    client.close()


http()
grpc()
