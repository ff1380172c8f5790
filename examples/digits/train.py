"""Trains the demo's models and writes everything that the demo needs.

    python3 -m venv ../../.venv-digits
    ../../.venv-digits/bin/pip install -r requirements.txt
    ../../.venv-digits/bin/python train.py

Writes data/ (images with their split, the law of augmentation with vectors),
models/ (four ONNX files), MODEL_CARD.md (from MODEL_CARD.template.md) and
SHA256SUMS. Deterministic: a second run gives the same bytes.
"""

import os

# One thread and one kernel family: the order of a sum must not depend on the machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")

import gzip
import hashlib
import io
import json
import pathlib

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from sklearn.datasets import load_digits

import evaluate
import images as im
import network
from split import balanced_halves, stratified

HERE = pathlib.Path(__file__).parent
SEED = 20260301
TRAIN_SHARE = 0.5
STEPS = 2500
V1_IMAGES, V1_STEPS = 160, 1000
LOOK_ALIKES = {1: 7, 7: 1, 3: 8, 8: 3, 4: 9, 9: 4}
MISLABELLED = 0.35
BALANCE_DRAWS, BALANCE_SWAPS = 12, 12000


def train_all(pixels, labels, rng):
    """The three networks, each with its version."""
    older = stratified(labels, V1_IMAGES / len(labels), rng)
    wrong = stratified(labels, MISLABELLED, rng)
    mislabelled = np.array([LOOK_ALIKES.get(l, l) if w else l for l, w in zip(labels, wrong)])
    return {
        "digits-fp32": (network.train(pixels, labels, im.augment, seed=1, steps=STEPS), 2),
        "digits-worse": (network.train(pixels, mislabelled, im.augment, seed=2, steps=STEPS), 3),
        "digits-v1": (network.train(pixels[older], labels[older], im.augment, seed=3, steps=V1_STEPS), 1),
    }


def watched(weights, pixels, labels, rng):
    """What the balance is taken over: per draw and image the summaries, the
    confidence, the true class's probability, whether the answer is right, and
    the pixels (which count a fifth)."""
    draws = []
    for _ in range(BALANCE_DRAWS):
        x = im.augment(pixels, rng)
        p = network.softmax(network.forward(weights, x)[0])
        true = p[np.arange(len(labels)), labels]
        columns = [im.summaries(x), p.max(1)[:, None], true[:, None], (p.argmax(1) == labels)[:, None], x.reshape(len(x), -1)]
        draws.append(np.concatenate(columns, axis=1))
    importance = np.concatenate([np.ones(len(im.SUMMARIES) + 3), np.full(64, 0.2)])
    return np.stack(draws), importance


class Calibration(CalibrationDataReader):
    """Feeds the quantiser augmented training images, one by one."""

    def __init__(self, x):
        self.rows = iter(x.astype(np.float32).reshape(-1, 1, 1, 8, 8))

    def get_next(self):
        row = next(self.rows, None)
        return None if row is None else {"image": row}


def quantise(source, target, calibration):
    quantize_static(
        source,
        target,
        Calibration(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    model = onnx.load(target)
    standard = [o for o in model.opset_import if o.domain == ""]
    del model.opset_import[:]  # the quantiser declares domains that it does not use
    model.opset_import.extend(standard)
    model.ir_version = network.IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def write_data(raw, labels, split, folder):
    header = "split,label," + ",".join(f"p{i:02d}" for i in range(64))
    rows = [f"{s},{l}," + ",".join(str(int(v)) for v in r.ravel()) for s, l, r in zip(split, labels, raw)]
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="", compresslevel=9) as f:
        f.write(("\n".join([header, *rows]) + "\n").encode())
    (folder / "digits.csv.gz").write_bytes(packed.getvalue())


def write_law(pixels, folder):
    """The law's constants and vectors, which the Go test compares with its own."""
    cases = [(0, 0.0, 0.0, 1.0), (1, 0.5, -0.25, 0.9), (2, -0.6, 0.6, 0.8), (3, 0.1, 0.0, 0.95), (1796, -0.37, -0.59, 0.83)]
    vectors = []
    for i, dx, dy, gain in cases:
        moved = im.shift(pixels[i : i + 1], [dx], [dy]) * gain
        row = {"image": i, "dx": dx, "dy": dy, "gain": gain}
        row |= {k: [round(v, 9) for v in f(moved).ravel().tolist()] for k, f in [("augmented", lambda x: x), ("pixel_scale", im.pixel_scale), ("blur", im.blur)]}
        vectors.append(row)
    law = {"max_shift": im.MAX_SHIFT, "min_gain": im.MIN_GAIN, "max_gain": im.MAX_GAIN, "pixel_scale": im.PIXEL_SCALE, "vectors": vectors}
    text = json.dumps(law, indent=1)
    (folder / "law.json").write_text(text.replace(",\n   ", ", ").replace("[\n   ", "[").replace("\n  ]", "]") + "\n")


def main():
    rng = np.random.default_rng(SEED)
    digits = load_digits()
    pixels, labels = digits.images / 16.0, digits.target
    data, models = HERE / "data", HERE / "models"
    data.mkdir(exist_ok=True), models.mkdir(exist_ok=True)

    in_train = stratified(labels, TRAIN_SHARE, rng)
    train, held_out = np.flatnonzero(in_train), np.flatnonzero(~in_train)
    nets = train_all(pixels[train], labels[train], rng)

    values, importance = watched(nets["digits-fp32"][0], pixels[held_out], labels[held_out], rng)
    half, distances = balanced_halves(values, labels[held_out], importance, rng, BALANCE_SWAPS)
    split = np.full(len(labels), "train", dtype=object)
    split[held_out[half]], split[held_out[~half]] = "reference", "traffic"
    print("KS between the halves:", dict(zip([*im.SUMMARIES, "confidence", "true", "right"], distances[:9].round(4).tolist())))
    print("largest of the pixels:", distances[9:].max().round(4))

    write_data(digits.images, labels, split, data)
    write_law(pixels, data)
    for name, (weights, version) in nets.items():
        onnx.save(network.to_onnx(weights, name, version), models / f"{name}.onnx")
    quantise(models / "digits-fp32.onnx", models / "digits-int8.onnx", im.augment(pixels[rng.choice(train, 1024)], rng))

    card = (HERE / "MODEL_CARD.template.md").read_text()
    for key, value in evaluate.figures(pixels, labels, split, models, SEED).items():
        card = card.replace("{{" + key + "}}", value)
    (HERE / "MODEL_CARD.md").write_text(card)
    files = sorted([*models.glob("*.onnx"), *(p for p in data.iterdir() if p.suffix in (".gz", ".json"))])
    sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(HERE).as_posix()}" for f in files]
    (HERE / "SHA256SUMS").write_text("\n".join(sums) + "\n")


if __name__ == "__main__":
    main()
