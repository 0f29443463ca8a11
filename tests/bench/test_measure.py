# SPDX-License-Identifier: GPL-2.0-only
"""The figures' arithmetic on schedules whose figures are known."""
import unittest

import numpy as np

import measure as m


def turns(pattern, rounds):
    """Executions of a repeated pattern [(who, ms)], back to back, as {who: Usage}."""
    runs, t = {}, 0
    for who, ms in pattern * rounds:
        runs.setdefault(who, []).append((t, t + ms * m.MS))
        t += ms * m.MS
    usage = {w: m.Usage.of_runs(np.array([r[0] for r in l]), np.array([r[1] for r in l]))
             for w, l in runs.items()}
    return usage, t


class Measure(unittest.TestCase):
    def test_usage(self):
        u = m.Usage.of_runs(np.array([10, 40]), np.array([20, 45]))
        self.assertEqual(list(u.between(np.array([0, 0, 15, 20, 0, 41]),
                                        np.array([5, 15, 42, 40, 99, 43]))), [0, 5, 7, 0, 15, 2])
        self.assertEqual(m.Usage.of_runs(np.array([]), np.array([])).between(0, 100), 0)

    def test_fair(self):
        usage, end = turns([("a", 1), ("b", 2), ("c", 4)], 300)
        u = [usage[w] for w in "abc"]
        starts = m.windows(0, end, 70 * m.MS, m.MS)
        self.assertLess(m.share_error_pp(m.shares(u, starts, 70 * m.MS), [1, 2, 4]), 1e-6)
        had = [x.between(0, end) for x in u]
        self.assertAlmostEqual(m.min_max_ratio(had, [1, 2, 4]), 1)
        self.assertAlmostEqual(m.jain(had, [1, 2, 4]), 1)

    def test_unfair(self):
        usage, end = turns([("a", 1), ("b", 1)], 500)
        u = [usage["a"], usage["b"]]
        starts = m.windows(0, end, 100 * m.MS, m.MS)
        share = m.shares(u, starts, 100 * m.MS)
        # Half, and a third or two thirds were due.
        self.assertAlmostEqual(m.share_error_pp(share, [1, 2]), 100 / 6, places=3)
        had = [x.between(0, end) for x in u]
        self.assertAlmostEqual(m.min_max_ratio(had, [1, 2]), .5)
        self.assertAlmostEqual(m.jain(had, [1, 2]), 2.25 / 2.5)

    def test_one_bad_window_is_found(self):
        usage, end = turns([("a", 1), ("b", 1)] * 200 + [("a", 60)] + [("a", 1), ("b", 1)] * 200, 1)
        u = [usage["a"], usage["b"]]
        starts = m.windows(0, end, 100 * m.MS, m.MS)
        self.assertAlmostEqual(m.share_error_pp(m.shares(u, starts, 100 * m.MS), [1, 1]), 30,
                               delta=.6)

    def test_idle_window(self):
        u = [m.Usage.of_runs(np.array([0]), np.array([10])) for _ in range(2)]
        share = m.shares(u, np.array([0, 100]), 20)
        self.assertTrue(np.isnan(share[:, 1]).all())
        self.assertAlmostEqual(m.share_error_pp(share, [1, 1]), 50)

    def test_gaps(self):
        # Answers out of order: the second was done last; nothing was in flight from 9 to 12.
        gaps = m.idle_gaps([0, 1, 2, 12], [5, 9, 4, 20])
        self.assertEqual(gaps, [(9, 12)])
        self.assertEqual(list(m.without(np.array([0, 4, 5, 11, 12]), 5, gaps)), [0, 4, 12])

    def test_median_error(self):
        values = np.random.default_rng(1).normal(5, 2, (400, 25))
        told = np.median([m.median_error(v) for v in values])
        self.assertAlmostEqual(told, np.median(values, axis=1).std(), delta=.08)
        self.assertEqual(m.median_error([3, 3, 3, 90]), m.median_error([4, 4, 4, 91]))

    def test_most(self):
        u = m.Usage.of_runs(np.array([0, 200, 215]) * m.MS, np.array([5, 210, 218]) * m.MS)
        self.assertEqual(m.most_in_window(u, 0, 300 * m.MS, 100 * m.MS), 13 * m.MS)
        self.assertEqual(m.most_in_window(u, 0, 300 * m.MS, 10 * m.MS), 10 * m.MS)


if __name__ == "__main__":
    unittest.main()
