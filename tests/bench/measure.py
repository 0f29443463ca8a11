# SPDX-License-Identifier: GPL-2.0-only
"""The arithmetic of the QoS figures: shares in windows, fairness, percentiles."""
import numpy as np

MS = 1_000_000
S = 1_000_000_000


class Usage:
    """How much GPU time somebody had had by a time: a curve that can be asked at any time."""

    def __init__(self, times, totals):
        self.times, self.totals = np.asarray(times), np.asarray(totals)

    @classmethod
    def of_runs(cls, start, end):
        """Of executions that do not overlap, in order: the curve rises while one is under way."""
        if not len(start):
            return cls([0], [0])
        times = np.column_stack((start, end)).ravel()
        done = np.cumsum(end - start)
        return cls(times, np.column_stack((done - (end - start), done)).ravel())

    def between(self, begin, end):
        return (np.interp(end, self.times, self.totals) -
                np.interp(begin, self.times, self.totals))


def windows(begin, end, width, step):
    """Starts of all windows of a width that lie in begin..end."""
    return np.arange(begin, end - width + 1, step)


def idle_gaps(submitted, done):
    """When a load had nothing in flight between its first submit and last answer: [(from, to)]."""
    if not len(submitted):
        return []
    order = np.argsort(submitted)
    submitted, done = np.asarray(submitted)[order], np.maximum.accumulate(np.asarray(done)[order])
    at = np.nonzero(submitted[1:] > done[:-1])[0]
    return [(int(done[i]), int(submitted[i + 1])) for i in at]


def without(starts, width, gaps):
    """The windows that no gap touches."""
    keep = np.ones(len(starts), bool)
    for begin, end in gaps:
        keep &= (starts >= end) | (starts + width <= begin)
    return starts[keep]


def shares(usages, starts, width):
    """A row for each usage: its part of what all had in each window (NaN: nobody had any)."""
    had = np.array([u.between(starts, starts + width) for u in usages])
    total = had.sum(axis=0)
    return np.divide(had, total, out=np.full_like(had, np.nan), where=total > 0)


def share_error_pp(share, weights):
    """The worst window's worst distance from what the weights say, in percentage points."""
    want = np.array(weights) / sum(weights)
    # A window in which nobody had the GPU gave nobody his share.
    off = np.abs(np.nan_to_num(share, nan=0.0) - want[:, None])
    return float(off.max() * 100)


def min_max_ratio(had, weights):
    x = np.array(had) / np.array(weights)
    return float(x.min() / x.max()) if x.max() > 0 else 0.0


def jain(had, weights):
    x = np.array(had) / np.array(weights)
    return float(x.sum() ** 2 / (len(x) * (x ** 2).sum())) if x.max() > 0 else 0.0


def most_in_window(usage, begin, end, width, step=MS):
    """The most GPU time in any window of a width."""
    starts = windows(begin, end, width, step)
    return float(usage.between(starts, starts + width).max())


def median_error(values):
    """The standard error of the median, from the spread of the middle half."""
    quarter, three = np.percentile(values, [25, 75])
    return float(1.2533 * (three - quarter) / 1.349 / np.sqrt(len(values)))


def p99(values):
    return float(np.percentile(values, 99))
