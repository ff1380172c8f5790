"""What is done to images: the law of augmentation, corruptions, summaries.

digits.go does the same; data/law.json holds the vectors that its test compares.
Images are float64, N x 8 x 8, 0 to 1.
"""

import numpy as np

SIZE = 8
MAX_SHIFT = 0.6  # pixels; uniform in both directions, independent
MIN_GAIN, MAX_GAIN = 0.8, 1.0  # contrast of the pen; never above 1, so pixels stay in 0 to 1
PIXEL_SCALE = 0.5  # the corruption: a client that divides by 32 where 16 is right


def shift(images, dx, dy):
    """Moves image i by (dx[i], dy[i]) pixels, right and down: bilinear, zero outside."""
    k = np.arange(SIZE)

    def weights(d):  # [image, target, source]
        return np.maximum(0, 1 - np.abs(k[None, None, :] - (k[None, :, None] - np.asarray(d)[:, None, None])))

    return weights(dy) @ images @ weights(dx).transpose(0, 2, 1)


def augment(images, rng):
    """The one law that training, reference and traffic share."""
    n = len(images)
    moved = shift(images, rng.uniform(-MAX_SHIFT, MAX_SHIFT, n), rng.uniform(-MAX_SHIFT, MAX_SHIFT, n))
    return moved * rng.uniform(MIN_GAIN, MAX_GAIN, n)[:, None, None]


def pixel_scale(images):
    return images * PIXEL_SCALE


def blur(images):
    """3x3 box blur, zero outside."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return sum(padded[:, i : i + SIZE, j : j + SIZE] for i in range(3) for j in range(3)) / 9


SUMMARIES = ["mean", "std", "zero_ratio", "max_ratio", "sharpness", "border_mean"]


def summaries(images):
    """The summaries by which gnomon watches an image (driftlib/summary), one column each."""
    flat = images.reshape(len(images), -1)
    p = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    laplacian = p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:] - 4 * images
    border = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    std = flat.std(1)
    return np.stack(
        [
            flat.mean(1),
            std,
            (flat == 0).mean(1),
            (flat == flat.max(1, keepdims=True)).mean(1),
            laplacian.reshape(len(images), -1).std(1) / std,
            border.mean(1),
        ],
        axis=1,
    )
