"""Trains the demo's models and writes everything that the demo needs.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python train.py

Writes data/ (images, split), models/ (four ONNX files), SHA256SUMS and
MODEL_CARD.md beside this file. Deterministic: a second run gives the same
bytes.
"""

import gzip
import hashlib
import io
import json
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

HERE = pathlib.Path(__file__).parent
SEED = 20260301
SHIFT = 0.6  # pixels, uniform in both directions
GAIN = 0.1  # brightness, uniform in 1 +/- GAIN
TRAIN_ROWS = 999
COPIES = 25


def shift(image, dx, dy):
    """Moves an 8x8 image by (dx, dy) pixels, bilinear, zero outside."""
    y, x = np.mgrid[0:8, 0:8].astype(float)
    sy, sx = y - dy, x - dx
    y0, x0 = np.floor(sy).astype(int), np.floor(sx).astype(int)
    fy, fx = sy - y0, sx - x0
    padded = np.zeros((12, 12))
    padded[2:10, 2:10] = image

    def at(yy, xx):
        return padded[np.clip(yy + 2, 0, 11), np.clip(xx + 2, 0, 11)]

    return (
        at(y0, x0) * (1 - fy) * (1 - fx)
        + at(y0, x0 + 1) * (1 - fy) * fx
        + at(y0 + 1, x0) * fy * (1 - fx)
        + at(y0 + 1, x0 + 1) * fy * fx
    )


def augment(images, rng):
    """The law that training, reference and traffic share."""
    out = np.empty_like(images)
    for i, image in enumerate(images):
        dx, dy = rng.uniform(-SHIFT, SHIFT, 2)
        out[i] = shift(image, dx, dy) * rng.uniform(1 - GAIN, 1 + GAIN)
    return out


def blur(images):
    """3x3 box blur, zero outside."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return sum(padded[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)) / 9


def summaries(images):
    """What gnomon summarises an image by, near enough to balance the split."""
    flat = images.reshape(len(images), -1)
    lap = np.zeros_like(images)
    p = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    lap = p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:] - 4 * images
    border = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    std = flat.std(1)
    return np.stack(
        [flat.mean(1), std, (flat == 0).mean(1), (flat == flat.max(1, keepdims=True)).mean(1), lap.reshape(len(images), -1).std(1) / std, border.mean(1)],
        axis=1,
    )


def ks(a, b):
    both = np.sort(np.concatenate([a, b]))
    fa = np.searchsorted(np.sort(a), both, side="right") / len(a)
    fb = np.searchsorted(np.sort(b), both, side="right") / len(b)
    return np.abs(fa - fb).max()


def balanced_halves(stats, labels, rng):
    """Splits rows in two halves whose columns are alike.

    The reference and the traffic are drawn again and again from few images. Two
    random halves of 800 images differ by KS 0.05 to 0.1, which thousands of draws
    would rightly show as drift; so swaps within a class bring every column together.
    """
    half = np.zeros(len(labels), bool)
    for c in range(10):
        rows = np.flatnonzero(labels == c)
        order = rows[np.argsort(stats[rows, 0], kind="stable")]
        half[order[::2]] = True

    def cost(h):
        d = [ks(stats[h, k], stats[~h, k]) for k in range(stats.shape[1])]
        return max(d) + 0.2 * sum(d)

    best = cost(half)
    for _ in range(6000):
        c = rng.integers(10)
        i = rng.choice(np.flatnonzero(half & (labels == c)))
        j = rng.choice(np.flatnonzero(~half & (labels == c)))
        half[i], half[j] = False, True
        new = cost(half)
        if new <= best:
            best = new
        else:
            half[i], half[j] = True, False
    return half


def to_onnx(net, name, version):
    """An sklearn MLP as MatMul, Add and Relu, with a dynamic batch."""
    nodes = [helper.make_node("Reshape", ["image", "flat_shape"], ["h0"])]
    init = [numpy_helper.from_array(np.array([-1, 64], np.int64), "flat_shape")]
    last = len(net.coefs_) - 1
    for k, (w, b) in enumerate(zip(net.coefs_, net.intercepts_)):
        init += [numpy_helper.from_array(w.astype(np.float32), f"w{k}"), numpy_helper.from_array(b.astype(np.float32), f"b{k}")]
        nodes.append(helper.make_node("MatMul", [f"h{k}", f"w{k}"], [f"m{k}"]))
        out = "logits" if k == last else f"a{k}"
        nodes.append(helper.make_node("Add", [f"m{k}", f"b{k}"], [out]))
        if k < last:
            nodes.append(helper.make_node("Relu", [out], [f"h{k + 1}"]))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        init,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="gnomon examples/digits", ir_version=8)
    model.model_version = version
    onnx.checker.check_model(model)
    return model


class Calibration(CalibrationDataReader):
    def __init__(self, images):
        self.batches = iter([{"image": images[i : i + 1].astype(np.float32)} for i in range(len(images))])

    def get_next(self):
        return next(self.batches, None)


def run(path, images):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images.astype(np.float32)})[0]


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def js_distance(p, q):
    m = (p + q) / 2

    def kl(a):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(a > 0, a * np.log2(a / m), 0).sum(1)

    return np.sqrt(np.maximum((kl(p) + kl(q)) / 2, 0))


def ece(p, y, bins=15):
    conf, hit = p.max(1), p.argmax(1) == y
    idx = np.clip(np.ceil(conf * bins).astype(int) - 1, 0, bins - 1)
    return sum(abs(conf[idx == b].mean() - hit[idx == b].mean()) * (idx == b).mean() for b in range(bins) if (idx == b).any())


def write_gz(path, text):
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as f:
        f.write(text.encode())
    path.write_bytes(buffer.getvalue())


def fit(images, labels, epochs, seed, hidden=(96, 48), alpha=1e-3):
    net = MLPClassifier(hidden, max_iter=epochs, random_state=seed, alpha=alpha, batch_size=128, learning_rate_init=2e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(images.reshape(len(images), 64), labels)
    return net


def main():
    rng = np.random.default_rng(SEED)
    digits = load_digits()
    images, labels = digits.images / 16.0, digits.target

    order = rng.permutation(len(labels))
    train = np.sort(order[:TRAIN_ROWS])
    rest = np.sort(order[TRAIN_ROWS:])

    x = np.concatenate([augment(images[train], rng) for _ in range(COPIES)])
    y = np.tile(labels[train], COPIES)
    net = fit(x, y, 40, 1)

    spread = [augment(images[rest], np.random.default_rng(SEED + k)) for k in range(8)]
    stats = [np.concatenate([summaries(s), np.sort(net.predict_proba(s.reshape(-1, 64)), axis=1)[:, -1:]], axis=1) for s in spread]
    half = balanced_halves(np.concatenate([stats[k] for k in range(4)], axis=1), labels[rest], rng)
    reference, traffic = rest[half], rest[~half]
    split = np.empty(len(labels), object)
    split[train], split[reference], split[traffic] = "train", "reference", "traffic"

    noisy = y.copy()
    wrong = rng.random(len(noisy)) < 0.45
    noisy[wrong & (noisy % 2 == 1)] = (noisy[wrong & (noisy % 2 == 1)] + 7) % 10
    few = rng.permutation(len(train))[:120]
    nets = {
        "digits-fp32": (net, 2),
        "digits-worse": (fit(x, noisy, 12, 2, alpha=1e-2), 3),
        "digits-v1": (fit(augment(np.repeat(images[train][few], 5, axis=0), rng), np.repeat(labels[train][few], 5), 60, 3), 1),
    }

    data, models = HERE / "data", HERE / "models"
    data.mkdir(exist_ok=True), models.mkdir(exist_ok=True)
    rows = ["split,label," + ",".join(f"p{i}" for i in range(64))]
    rows += [f"{s},{l}," + ",".join(str(int(v)) for v in digits.images[i].ravel()) for i, (s, l) in enumerate(zip(split, labels))]
    write_gz(data / "digits.csv.gz", "\n".join(rows) + "\n")
    vectors = []
    for i, dx, dy in [(0, 0.0, 0.0), (1, 0.5, -0.25), (2, -0.6, 0.6), (3, 0.1, 0.0)]:
        vectors.append({"image": i, "dx": dx, "dy": dy, "want": shift(images[i], dx, dy).ravel().tolist()})
    (data / "shift_vectors.json").write_text(json.dumps(vectors) + "\n")

    for name, (n, version) in nets.items():
        onnx.save(to_onnx(n, name, version), models / f"{name}.onnx")
    quantize_static(
        models / "digits-fp32.onnx",
        models / "digits-int8.onnx",
        Calibration(x[rng.permutation(len(x))[:512]].reshape(-1, 1, 8, 8)),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    report(images, labels, reference, traffic, models)


def report(images, labels, reference, traffic, models):
    rng = np.random.default_rng(SEED + 99)
    t = np.tile(traffic, 5)
    clean, y = augment(images[t], rng), labels[t]
    sets = {"clean": clean, "half the pixel scale": clean * 0.5, "blurred": blur(clean)}
    names = ["digits-fp32", "digits-int8", "digits-worse", "digits-v1"]
    lines = ["| model | traffic | accuracy (95 % Wilson) | ECE(15) | agreement with fp32 | mean JS distance |", "|---|---|---|---|---|---|"]
    for kind, x in sets.items():
        base = softmax(run(models / "digits-fp32.onnx", x.reshape(-1, 1, 8, 8)))
        for name in names:
            p = softmax(run(models / f"{name}.onnx", x.reshape(-1, 1, 8, 8)))
            hit = (p.argmax(1) == y).mean()
            n, z = len(y), 1.96
            mid, wid = (hit + z * z / 2 / n) / (1 + z * z / n), z / (1 + z * z / n) * np.sqrt(hit * (1 - hit) / n + z * z / 4 / n / n)
            agree = (p.argmax(1) == base.argmax(1)).mean()
            lines.append(f"| {name} | {kind} | {hit:.3f} [{mid - wid:.3f}, {mid + wid:.3f}] | {ece(p, y):.3f} | {agree:.4f} | {js_distance(p, base).mean():.4f} |")
    a, b = augment(images[np.tile(reference, 5)], rng), clean
    sa, sb = summaries(a), summaries(b)
    labelled = ["mean", "std", "share of zeros", "share at the maximum", "sharpness", "border mean"]
    balance = ", ".join(f"{n} {ks(sa[:, k], sb[:, k]):.3f}" for k, n in enumerate(labelled))
    card = (HERE / "MODEL_CARD.template.md").read_text()
    card = card.replace("{{table}}", "\n".join(lines)).replace("{{balance}}", balance)
    card = card.replace("{{counts}}", f"{TRAIN_ROWS} train, {len(reference)} reference, {len(traffic)} traffic")
    (HERE / "MODEL_CARD.md").write_text(card)
    files = sorted([*models.glob("*.onnx"), *(HERE / "data").glob("*")])
    sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(HERE).as_posix()}" for f in files]
    (HERE / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    print("\n".join(lines)), print(balance)


if __name__ == "__main__":
    main()
