"""Writes the small models of the engine's tests beside itself.

pip install onnx==1.23.2 numpy; python models.py
"""

import os

import numpy as np
from onnx import TensorProto as T
from onnx import checker, helper, numpy_helper, save

here = os.path.dirname(os.path.abspath(__file__))


def value(name, element, shape):
    return helper.make_tensor_value_info(name, element, shape)


def write(name, nodes, inputs, outputs, initializers=(), domains=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", 17)] + [helper.make_opsetid(d, v) for d, v in domains]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="gnomon-testdata")
    model.ir_version = 8
    checker.check_model(model)
    save(model, os.path.join(here, name + ".onnx"))


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


TYPES = {
    "bool": T.BOOL, "uint8": T.UINT8, "uint16": T.UINT16, "uint32": T.UINT32, "uint64": T.UINT64,
    "int8": T.INT8, "int16": T.INT16, "int32": T.INT32, "int64": T.INT64,
    "fp16": T.FLOAT16, "bf16": T.BFLOAT16, "fp32": T.FLOAT, "fp64": T.DOUBLE, "bytes": T.STRING,
}

# Every type of the protocol, as it comes in and goes out.
write("types", [helper.make_node("Identity", [n], [n + "_out"]) for n in TYPES],
      [value(n, t, ["N", 2]) for n, t in TYPES.items()],
      [value(n + "_out", t, ["N", 2]) for n, t in TYPES.items()])

# The same without strings: all sizes are known, so batches run from prepared memory.
FIXED = {n: t for n, t in TYPES.items() if n != "bytes"}
write("fixed-types", [helper.make_node("Identity", [n], [n + "_out"]) for n in FIXED],
      [value(n, t, ["N", 2]) for n, t in FIXED.items()],
      [value(n + "_out", t, ["N", 2]) for n, t in FIXED.items()])

# Half precision of a length that only the input knows.
write("half", [helper.make_node("Cast", ["x"], ["half"], to=T.FLOAT16), helper.make_node("Cast", ["x"], ["brain"], to=T.BFLOAT16)],
      [value("x", T.FLOAT, ["N", "L"])], [value("half", T.FLOAT16, ["N", "L"]), value("brain", T.BFLOAT16, ["N", "L"])])

# Scalars in and out.
write("scalar", [helper.make_node("Add", ["x", "x"], ["y"])], [value("x", T.FLOAT16, [])], [value("y", T.FLOAT16, [])])

# As many boxes as there are marks above one half: none, often.
write("boxes", [
    helper.make_node("Greater", ["score", "half"], ["keep"]),
    helper.make_node("Compress", ["box", "keep"], ["boxes"], axis=0),
    helper.make_node("Compress", ["score", "keep"], ["scores"], axis=0),
], [value("box", T.FLOAT, [3, 4]), value("score", T.FLOAT, [3])],
      [value("boxes", T.FLOAT, ["K", 4]), value("scores", T.FLOAT, ["K"])], [constant("half", np.float32(.5))])

# scikit-learn's zipmap with names of classes.
write("zipmap", [helper.make_node("ZipMap", ["p"], ["named"], domain="ai.onnx.ml", classlabels_strings=["spam", "ham"])],
      [value("p", T.FLOAT, ["N", 2])],
      [helper.make_value_info("named", helper.make_sequence_type_proto(helper.make_map_type_proto(T.STRING, helper.make_tensor_type_proto(T.FLOAT, []))))],
      domains=[("ai.onnx.ml", 3)])

# A sequence of tensors.
write("sequence", [helper.make_node("SequenceConstruct", ["x", "x", "x"], ["s"])], [value("x", T.INT64, [2])],
      [helper.make_tensor_sequence_value_info("s", T.INT64, [2])])

# Its leading dimension is open, but rows are not independent.
write("mean", [helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1)], [value("x", T.FLOAT, ["N", 3])], [value("m", T.FLOAT, [1, 3])])

# One answer a token, and one a row; an index out of range fails.
write("tokens", [
    helper.make_node("Gather", ["table", "ids"], ["each"]),
    helper.make_node("ReduceSum", ["each", "axis"], ["sum"], keepdims=1),
], [value("ids", T.INT64, ["N", "L"])], [value("each", T.FLOAT, ["N", "L"]), value("sum", T.FLOAT, ["N", 1])],
      [constant("table", np.array([0, 1, 2, 4, 8], np.float32)), constant("axis", np.array([1], np.int64))])

# As much memory as the input says.
write("memory", [helper.make_node("ConstantOfShape", ["n"], ["y"])], [value("n", T.INT64, [1])], [value("y", T.FLOAT, ["K"])])

# An LSTM that hands its state on.
write("lstm", [helper.make_node("LSTM", ["x", "w", "r", "", "", "h0", "c0"], ["y", "hn", "cn"], hidden_size=2)],
      [value("x", T.FLOAT, [1, "N", 3]), value("h0", T.FLOAT, [1, "N", 2]), value("c0", T.FLOAT, [1, "N", 2])],
      [value("y", T.FLOAT, [1, 1, "N", 2]), value("hn", T.FLOAT, [1, "N", 2]), value("cn", T.FLOAT, [1, "N", 2])],
      [constant("w", np.ones((1, 8, 3), np.float32)), constant("r", np.ones((1, 8, 2), np.float32))])

# Something in front: pixels of 0 to 255 become what the classifier of the digits wants.
write("pixels", [helper.make_node("Cast", ["pixels"], ["f"], to=T.FLOAT), helper.make_node("Mul", ["f", "scale"], ["image"])],
      [value("pixels", T.UINT8, ["N", 1, 8, 8])], [value("image", T.FLOAT, ["N", 1, 8, 8])], [constant("scale", np.float32(1 / 16))])

# Shapes are computed on the CPU, whatever runs the rest.
write("shapes", [
    helper.make_node("Shape", ["x"], ["shape"]),
    helper.make_node("Gather", ["shape", "zero"], ["n"]),
    helper.make_node("Cast", ["n"], ["nf"], to=T.FLOAT),
    helper.make_node("Div", ["x", "nf"], ["y"]),
    helper.make_node("NonZero", ["x"], ["where"]),
], [value("x", T.FLOAT, ["N", 4])], [value("y", T.FLOAT, ["N", 4]), value("where", T.INT64, [2, "K"])], [constant("zero", np.int64(0))])
