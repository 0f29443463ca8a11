# SPDX-License-Identifier: GPL-2.0-only
"""The plots beside the figures."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def panels(n, width, height):
    figure, axes = plt.subplots(n, 1, figsize=(width, height * n), squeeze=False)
    return figure, axes[:, 0]


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def shares(measured, path):
    """@measured: {renderer: (seconds, weights, a row of shares for each domain)}."""
    if not measured:
        return
    figure, axes = panels(len(measured), 9, 3.2)
    for ax, (name, (seconds, weights, share)) in zip(axes, measured.items()):
        for i, weight in enumerate(weights):
            line, = ax.plot(seconds, share[i] * 100, lw=1, label=f"weight {weight}")
            ax.axhline(weight / sum(weights) * 100, color=line.get_color(), ls=":", lw=1)
        ax.set_title(f"{name}: shares in 100 ms, all backlogged; dotted: what the weights say",
                     fontsize=9)
        ax.set_xlabel("s")
        ax.set_ylabel("% of the GPU")
        ax.set_ylim(0, 100)
        ax.legend(fontsize=8)
    save(figure, path)


def latency(measured, path):
    """@measured: {"renderer, neighbours": (ms alone, ms beside them)}."""
    if not measured:
        return
    figure, axes = panels(len(measured), 7, 2.8)
    for ax, (name, samples) in zip(axes, measured.items()):
        for label, ms in zip(("alone", "beside the neighbours"), samples):
            ms = np.sort(ms)
            ax.step(ms, np.arange(1, len(ms) + 1) / len(ms), where="post", label=label, lw=1)
        ax.axhline(.99, color="grey", ls=":", lw=1)
        ax.set_title(f"{name} saturating: frame latency of a 60 Hz client, from due to done",
                     fontsize=9)
        ax.set_xlabel("ms")
        ax.set_ylabel("part of frames")
        ax.legend(fontsize=8, loc="lower right")
    save(figure, path)
