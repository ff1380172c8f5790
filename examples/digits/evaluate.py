"""The model card's figures, from the ONNX files as ONNX Runtime runs them."""

import numpy as np
import onnxruntime as ort

import images as im
from network import softmax

MODELS = ["digits-fp32", "digits-int8", "digits-worse", "digits-v1"]
DRAWS = 10  # of every image
REFERENCE_ROWS, WINDOW, WINDOWS = 4000, 1000, 500
BOOTSTRAP = 2000


def session(path, threads=1):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def logits(s, x, batch=64):
    x = x.reshape(-1, 1, 8, 8).astype(np.float32)
    return np.concatenate([s.run(["logits"], {"image": x[i : i + batch]})[0] for i in range(0, len(x), batch)])


def js_distance(p, q):
    """Jensen-Shannon distance row by row, base 2, 0 to 1."""
    m = (p + q) / 2

    def kl(a):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(a > 0, a * np.log2(a / m), 0).sum(1)

    return np.sqrt(np.maximum((kl(p) + kl(q)) / 2, 0))


def ece(p, y, bins=15):
    """Expected calibration error of the top label, equal-width bins (lo, hi]."""
    confidence, right = p.max(1), p.argmax(1) == y
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = [(abs(confidence[b].mean() - right[b].mean()), b.mean()) for b in (bin_of == k for k in range(bins)) if b.any()]
    return sum(gap * share for gap, share in gaps)


def class_mix(p, y):
    """Total variation distance between the shares of predicted and of true classes."""
    return np.abs(np.bincount(p.argmax(1), minlength=10) - np.bincount(y, minlength=10)).sum() / 2 / len(y)


def interval(right, rng):
    """95 % percentile bootstrap over images: the draws of one image are not independent."""
    by_image = right.reshape(DRAWS, -1).mean(0)
    means = by_image[rng.integers(len(by_image), size=(BOOTSTRAP, len(by_image)))].mean(1)
    return np.quantile(means, [0.025, 0.975])


def ks(a, b):
    both = np.concatenate([a, b])
    fa = np.searchsorted(np.sort(a), both, side="right") / len(a)
    fb = np.searchsorted(np.sort(b), both, side="right") / len(b)
    return np.abs(fa - fb).max()


def accuracy_table(sessions, kinds, y, rng):
    lines = ["| model | images | accuracy (95 %) | mean confidence | ECE(15) | agrees with fp32 | mean JS distance | class mix against labels |", "|---|---|---|---|---|---|---|---|"]
    for kind, x in kinds.items():
        base = softmax(logits(sessions["digits-fp32"], x).astype(float))
        for name in MODELS:
            p = softmax(logits(sessions[name], x).astype(float))
            right = p.argmax(1) == y
            low, high = interval(right, rng)
            agree = (p.argmax(1) == base.argmax(1)).mean()
            cells = [name, kind, f"{right.mean():.3f} [{low:.3f}, {high:.3f}]", f"{p.max(1).mean():.3f}", f"{ece(p, y):.3f}"]
            cells += [f"{agree:.4f}", f"{js_distance(p, base).mean():.4f}", f"{class_mix(p, y):.3f}"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def noise_floor(models, x):
    """A/A: the fp32 model against itself, and the int8 twin against it."""
    path = models / "digits-fp32.onnx"
    one = session(path)
    base = logits(one, x)
    lines = ["| comparison | classes differ | difference of a logit: largest | mean |", "|---|---|---|---|"]
    cases = {
        "fp32, batch 64, again": logits(one, x),
        "fp32, batch 1 against batch 64": logits(one, x, batch=1),
        "fp32, 2 threads against 1": logits(session(path, threads=2), x),
        "int8 against fp32": logits(session(models / "digits-int8.onnx"), x),
    }
    for name, other in cases.items():
        differ = (other.argmax(1) != base.argmax(1)).mean()
        gap = np.abs(other - base)
        lines.append(f"| {name} | {differ:.4f} | {gap.max():.2g} | {gap.mean():.2g} |")
    return "\n".join(lines)


def drift_table(kinds, reference, traffic):
    """How often a window's summary has KS p < 0.001 (asymptotic) against fresh draws of the reference."""
    limit = np.sqrt(-np.log(0.001 / 2) / 2 * (1 / REFERENCE_ROWS + 1 / WINDOW))
    lines = ["| images | " + " | ".join(im.SUMMARIES) + " |", "|---|" + "---|" * len(im.SUMMARIES)]
    for kind, change in kinds.items():
        far = np.zeros(len(im.SUMMARIES))
        for _ in range(WINDOWS):
            ref, cur = im.summaries(reference(REFERENCE_ROWS)), im.summaries(change(traffic(WINDOW)))
            far += [ks(ref[:, k], cur[:, k]) > limit for k in range(len(far))]
        lines.append(f"| {kind} | " + " | ".join(f"{v:.4f}" for v in far / WINDOWS) + " |")
    return "\n".join(lines)


def figures(pixels, labels, split, models, seed):
    """The values of the model card's template."""
    rng = np.random.default_rng(seed + 1)
    rows = {name: np.flatnonzero(split == name) for name in ["train", "reference", "traffic"]}
    sessions = {name: session(models / f"{name}.onnx") for name in MODELS}

    def draws(which):
        return im.augment(pixels[np.tile(rows[which], DRAWS)], rng), np.tile(labels[rows[which]], DRAWS)

    traffic, y = draws("traffic")
    kinds = {"clean": traffic, "pixel scale 0.5": im.pixel_scale(traffic), "blurred": im.blur(traffic)}
    table = accuracy_table(sessions, kinds, y, rng)
    other, other_y = draws("reference")
    right = logits(sessions["digits-fp32"], other).argmax(1) == other_y
    low, high = interval(right, rng)

    def sampler(which):
        return lambda n: im.augment(pixels[rng.choice(rows[which], n)], rng)

    changes = {"clean": lambda x: x, "pixel scale 0.5": im.pixel_scale, "blurred": im.blur}
    many = [im.summaries(im.augment(pixels[np.tile(rows[which], 100)], rng)).T for which in ["reference", "traffic"]]
    out = {
        "counts": ", ".join(f"{len(v)} {k}" for k, v in rows.items()),
        "table": table,
        "reference_accuracy": f"{right.mean():.3f} [{low:.3f}, {high:.3f}]",
        "noise": noise_floor(models, traffic),
        "drift": drift_table(changes, sampler("reference"), sampler("traffic")),
        "balance": ", ".join(f"{n} {ks(a, b):.3f}" for n, a, b in zip(im.SUMMARIES, *many)),
        "windows": str(WINDOWS),
    }
    print("\n\n".join(out.values()))
    return out
