"""The split: training at random within each class, reference and traffic balanced."""

import numpy as np


def stratified(labels, share, rng):
    """True for a share of the rows of every class, at random."""
    chosen = np.zeros(len(labels), bool)
    for c in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == c))
        chosen[rows[: round(share * len(rows))]] = True
    return chosen


class Balance:
    """KS distances, column by column, between the draws of two halves of a set of images.

    values[d, i, k] is column k of draw d of image i. Sorted once; a candidate
    split then costs one cumulative sum.
    """

    def __init__(self, values):
        draws, self.images, _ = values.shape
        pooled = values.reshape(draws * self.images, -1)
        order = np.argsort(pooled, axis=0, kind="stable")
        self.image = order % self.images
        ordered = np.take_along_axis(pooled, order, axis=0)
        self.inside_tie = np.vstack([ordered[1:] == ordered[:-1], np.zeros((1, ordered.shape[1]), bool)])
        self.draws = draws

    def ks(self, half):
        step = np.where(half, 1 / half.sum(), -1 / (~half).sum()) / self.draws
        gap = np.abs(np.cumsum(step[self.image], axis=0))
        gap[self.inside_tie] = 0
        return gap.max(axis=0)


def balanced_halves(values, labels, weights, rng, swaps):
    """Splits images in two halves of equal classes whose draws are alike.

    Reference and traffic are drawn again and again from few images each. Two
    random halves of 900 images are two populations some KS 0.05 apart in every
    column, which thousands of draws would rightly report as drift of traffic that
    is healthy by construction. So pairs of one class change sides as long as that
    brings the columns together (rerandomisation: Morgan and Rubin 2012).
    """
    half = np.zeros(len(labels), bool)
    for c in np.unique(labels):
        half[rng.permutation(np.flatnonzero(labels == c))[::2]] = True
    balance = Balance(values)

    def cost(h):
        d = balance.ks(h) * weights
        return d.max() + 0.1 * d.sum()

    best = cost(half)
    for _ in range(swaps):
        c = rng.choice(np.unique(labels))
        i = rng.choice(np.flatnonzero(half & (labels == c)))
        j = rng.choice(np.flatnonzero(~half & (labels == c)))
        half[i], half[j] = False, True
        new = cost(half)
        if new <= best:
            best = new
        else:
            half[i], half[j] = True, False
    return half, balance.ks(half)
