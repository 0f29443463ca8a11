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


def scenes(measured, path):
    """@measured: {(scene, size): speed_fps.Scene}; frames a second of each way, and their CPU."""
    sizes = sorted({size for _, size in measured})
    figure, axes = panels(2 * len(sizes), 10, 2.9)
    for row, size in enumerate(sizes):
        names = [scene for scene, s in measured if s == size]
        for ax, what, title in ((axes[2 * row], "ms", "frames a second"),
                                (axes[2 * row + 1], "cpu_ms", "processor time of a frame, ms")):
            for i, way in enumerate(("native", "ours", "peer")):
                each = [bars(measured[scene, size], what, way) for scene in names]
                if any(e is None for e in each):
                    continue
                low, middle, high = np.array(each).T
                ax.bar(np.arange(len(names)) + (i - 1) * .27, middle, .25, label=way,
                       yerr=(middle - low, high - middle), error_kw={"lw": .7})
            ax.set_yscale("log")
            ax.set_xticks(range(len(names)), names, fontsize=8)
            ax.set_title(f"{size}: {title}; median, least and most", fontsize=9)
            ax.legend(fontsize=8)
    save(figure, path)


def bars(scene, what, way):
    """Least, median and most of a way, or None where it was not measured."""
    if way not in scene.names:
        return None
    data = scene.column(getattr(scene, what), way)
    return np.percentile(1e3 / data if what == "ms" else data, [0, 50, 100])
