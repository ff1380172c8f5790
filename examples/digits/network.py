"""A small convolutional network in numpy, and its ONNX form.

    image 1x8x8 -> conv 3x3, 12 -> ReLU -> conv 3x3, 24 -> ReLU -> max-pool 2x2
    -> dense 64 -> ReLU -> dense 10 = logits

Written out because a deep-learning framework of half a gigabyte for 30,000
weights would be the larger dependency. Trained by Adam on softmax cross-entropy.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = (12, 24)
HIDDEN = 64
CLASSES = 10
OPSET, IR_VERSION = 17, 8


def init(rng):
    """He-normal weights, zero biases, float32."""

    def normal(fan_in, *shape):
        return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)

    c1, c2 = CHANNELS
    pooled = 4 * 4 * c2
    return {
        "conv1.weight": normal(9, 9, c1),
        "conv1.bias": np.zeros(c1, np.float32),
        "conv2.weight": normal(9 * c1, 9 * c1, c2),
        "conv2.bias": np.zeros(c2, np.float32),
        "dense1.weight": normal(pooled, pooled, HIDDEN),
        "dense1.bias": np.zeros(HIDDEN, np.float32),
        "dense2.weight": normal(HIDDEN, HIDDEN, CLASSES),
        "dense2.bias": np.zeros(CLASSES, np.float32),
    }


def patches(x):
    """N x 8 x 8 x C to (N*64) x 9C: the 3x3 neighbourhood of every pixel, zero outside."""
    p = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.concatenate([p[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)], axis=3).reshape(-1, 9 * x.shape[3])


def unpatch(d, channels):
    """The transpose of patches."""
    d = d.reshape(-1, 8, 8, 9, channels)
    out = np.zeros((len(d), 10, 10, channels), np.float32)
    for k in range(9):
        out[:, k // 3 : k // 3 + 8, k % 3 : k % 3 + 8] += d[:, :, :, k]
    return out[:, 1:9, 1:9]


def forward(w, images):
    """Logits, and what backward needs."""
    n = len(images)
    p1 = patches(images.astype(np.float32)[..., None])
    a1 = np.maximum(p1 @ w["conv1.weight"] + w["conv1.bias"], 0)
    p2 = patches(a1.reshape(n, 8, 8, -1))
    a2 = np.maximum(p2 @ w["conv2.weight"] + w["conv2.bias"], 0)
    blocks = a2.reshape(n, 4, 2, 4, 2, -1)
    pooled = blocks.max((2, 4))
    flat = pooled.reshape(n, -1)
    h = np.maximum(flat @ w["dense1.weight"] + w["dense1.bias"], 0)
    logits = h @ w["dense2.weight"] + w["dense2.bias"]
    return logits, (p1, a1, p2, a2, blocks, pooled, flat, h)


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def backward(w, kept, delta):
    """The gradient; delta is that of the logits."""
    p1, a1, p2, a2, blocks, pooled, flat, h = kept
    g = {"dense2.weight": h.T @ delta, "dense2.bias": delta.sum(0)}
    d = (delta @ w["dense2.weight"].T) * (h > 0)
    g["dense1.weight"], g["dense1.bias"] = flat.T @ d, d.sum(0)
    d = (d @ w["dense1.weight"].T).reshape(pooled.shape)
    d = (blocks == pooled[:, :, None, :, None]) * d[:, :, None, :, None]
    d = d.reshape(a2.shape) * (a2 > 0)
    g["conv2.weight"], g["conv2.bias"] = p2.T @ d, d.sum(0)
    d = unpatch(d @ w["conv2.weight"].T, CHANNELS[0]).reshape(a1.shape) * (a1 > 0)
    g["conv1.weight"], g["conv1.bias"] = p1.T @ d, d.sum(0)
    return g


def train(images, labels, augment, seed, steps, batch=64, rate=3e-3, decay=1e-2):
    """Adam with decoupled weight decay; the rate falls to zero along a half cosine."""
    rng = np.random.default_rng(seed)
    w = init(rng)
    m = {k: np.zeros_like(v) for k, v in w.items()}
    s = {k: np.zeros_like(v) for k, v in w.items()}
    for step in range(1, steps + 1):
        rows = rng.integers(len(images), size=batch)
        logits, kept = forward(w, augment(images[rows], rng))
        delta = softmax(logits)
        delta[np.arange(batch), labels[rows]] -= 1
        lr = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        for k, g in backward(w, kept, delta / np.float32(batch)).items():
            m[k] = 0.9 * m[k] + 0.1 * g
            s[k] = 0.999 * s[k] + 0.001 * g * g
            move = m[k] / (1 - 0.9**step) / (np.sqrt(s[k] / (1 - 0.999**step)) + 1e-8)
            if k.endswith("weight"):
                move = move + decay * w[k]
            w[k] = (w[k] - lr * move).astype(np.float32)
    return w


def to_onnx(w, name, version):
    """The network as an ONNX model with a dynamic batch, channels first."""
    c1, c2 = CHANNELS
    tensors = {
        "conv1.weight": w["conv1.weight"].reshape(3, 3, 1, c1).transpose(3, 2, 0, 1),
        "conv2.weight": w["conv2.weight"].reshape(3, 3, c1, c2).transpose(3, 2, 0, 1),
        "dense1.weight": w["dense1.weight"].reshape(4, 4, c2, HIDDEN).transpose(2, 0, 1, 3).reshape(-1, HIDDEN),
    }
    tensors = {k: np.ascontiguousarray(tensors.get(k, v)) for k, v in w.items()}
    nodes = [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["c1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["a1"]),
        helper.make_node("Conv", ["a1", "conv2.weight", "conv2.bias"], ["c2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["a2"]),
        helper.make_node("MaxPool", ["a2"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "dense1.weight", "dense1.bias"], ["d1"]),
        helper.make_node("Relu", ["d1"], ["h"]),
        helper.make_node("Gemm", ["h", "dense2.weight", "dense2.bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(v, k) for k, v in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="gnomon examples/digits", ir_version=IR_VERSION)
    model.model_version = version
    onnx.checker.check_model(model, full_check=True)
    return model
