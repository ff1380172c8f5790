"""Expected values of Detect from pycocotools: python detection.py > detection.json

pycocotools 2.0.11, numpy; random images, jittered boxes, missed and invented ones.
"""
import contextlib
import io
import json

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

rng = np.random.default_rng(7)
CLASSES = ["car", "dog", "sign"]


def box():
    x, y = rng.uniform(0, 400, 2)
    w, h = rng.uniform(20, 120, 2)
    return [round(float(v), 2) for v in (x, y, x + w, y + h)]


def made(images, jitter, missed, invented):
    out = []
    for _ in range(images):
        objects, found = [], []
        for _ in range(rng.integers(0, 6)):
            b, c = box(), CLASSES[rng.integers(len(CLASSES))]
            objects.append({"class": c, "box": b})
            if rng.random() > missed:
                near = sorted([b[0], b[2]] + rng.normal(0, jitter, 2)) + sorted([b[1], b[3]] + rng.normal(0, jitter, 2))
                found.append({"class": c if rng.random() > 0.1 else CLASSES[0], "score": round(float(rng.beta(5, 2)), 2),
                              "box": [round(float(near[i]), 2) for i in (0, 2, 1, 3)]})
        for _ in range(rng.poisson(invented)):
            found.append({"class": CLASSES[rng.integers(len(CLASSES))], "score": round(float(rng.beta(2, 4)), 2), "box": box()})
        out.append({"objects": objects, "found": found})
    return out


def evaluate(images):
    flat = lambda b: [b[0], b[1], b[2] - b[0], b[3] - b[1]]
    ann, det = [], []
    for i, im in enumerate(images, 1):
        for o in im["objects"]:
            b = flat(o["box"])
            ann.append({"id": len(ann) + 1, "image_id": i, "category_id": CLASSES.index(o["class"]) + 1, "bbox": b, "area": b[2] * b[3], "iscrowd": 0})
        for o in im["found"]:
            det.append({"image_id": i, "category_id": CLASSES.index(o["class"]) + 1, "bbox": flat(o["box"]), "score": o["score"]})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"info": {}, "images": [{"id": i + 1} for i in range(len(images))], "annotations": ann, "categories": [{"id": k + 1, "name": c} for k, c in enumerate(CLASSES)]}
        coco.createIndex()
        e = COCOeval(coco, coco.loadRes(det), "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
    hits = sum(int((x["dtMatches"][0] > 0).sum()) for x in e.evalImgs[:] if x is not None and x["aRng"] == e.params.areaRng[0])
    return {"ap_50": float(e.stats[1]), "ap": float(e.stats[0]), "precision": hits / len(det), "recall": hits / len(ann)}


cases = []
for name, args in {"good": (40, 4, 0.1, 0.5), "poor": (40, 14, 0.4, 2), "few": (5, 8, 0.2, 1)}.items():
    images = made(*args)
    cases.append({"name": name, "images": images, "want": evaluate(images)})
print(json.dumps(cases, separators=(",", ":")))
