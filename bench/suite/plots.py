# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures as SVG texts, made to be read at a phone's width, too."""
import io

from .histogram import Histogram

WIDTH, HEIGHT = 5.4, 3.1  # inches; the page scales them
# A contender has its colour wherever it is drawn; its variants differ by their dashes.
COLOURS = {"sluice": "#0b6e99", "null relay": "#7a7a7a", "nginx": "#5b8c2a", "HAProxy": "#8e5ea2",
           "direct": "#1c1f23", "Varnish": "#d1495b", "Apache": "#9c6644", "Caddy": "#17a398",
           "lighttpd": "#e08e1b", "Squid": "#3d5a80", "hitch": "#b56576"}
DASHES = ["-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))]
PALETTE = ["#0b6e99", "#d1495b", "#5b8c2a", "#8e5ea2", "#e08e1b", "#4b4b4b", "#17a398", "#b56576",
           "#9c6644", "#3d5a80"]
NINES = (50, 90, 99, 99.9, 99.99, 99.999)


class Figures:
    """With one colour for each contender, the same in every figure."""

    def __init__(self):
        import matplotlib
        matplotlib.use("svg")
        from matplotlib import pyplot
        self.pyplot = pyplot
        pyplot.rcParams.update({
            "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
            "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
            "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True,
            "legend.frameon": False, "legend.fontsize": 9, "axes.prop_cycle":
            pyplot.cycler(color=PALETTE),
        })
        self.colours = dict(COLOURS)
        self.variants = {}  # a base name's names, in the order of their dashes

    def colour(self, name):
        base = name.partition(",")[0]
        return self.colours.setdefault(
            base, PALETTE[(len(self.colours) - len(COLOURS)) % len(PALETTE)])

    def dashes(self, name):
        names = self.variants.setdefault(name.partition(",")[0], [])
        if name not in names:
            names.append(name)
        return DASHES[names.index(name) % len(DASHES)]

    def svg(self, figure):
        out = io.StringIO()
        figure.savefig(out, format="svg", bbox_inches="tight", pad_inches=0.05,
                       metadata={"Date": None, "Creator": None})
        self.pyplot.close(figure)
        text = out.getvalue()
        return text[text.index("<svg"):]

    def axes(self, height=HEIGHT):
        return self.pyplot.subplots(figsize=(WIDTH, height))

    # ---- Kinds ----

    def distribution(self, lines):
        """lines: (name, [(percent, us)]). The x axis gives every further nine the same room."""
        lines = [(name, points) for name, points in lines if points]
        if not lines:
            return ""
        figure, axes = self.axes()
        farthest = 2.0
        for name, points in lines:
            last = max(p for p, _ in points if p < 100) if any(p < 100 for p, _ in points) else 50
            farthest = max(farthest, 1 / (1 - min(last, 99.999) / 100))
            xs = [1 / (1 - p / 100) for p, _ in points if p < 100]
            ys = [us / 1e3 for p, us in points if p < 100]
            axes.plot(xs, ys, label=name, color=self.colour(name), linewidth=1.6,
                      linestyle=self.dashes(name))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(1, farthest * 1.1)
        marks = [p for p in NINES if 1 / (1 - p / 100) <= farthest * 1.2]
        axes.set_xticks([1 / (1 - p / 100) for p in marks], [f"{p:g} %" for p in marks])
        axes.minorticks_off()
        plain_logarithmic(axes)
        axes.set_xlabel("share of requests that took no longer")
        axes.set_ylabel("latency, ms")
        legend_above(axes, len(lines))
        return self.svg(figure)

    def cpu_split(self, bars):
        """bars: (name, us a request, share of it in user space)."""
        bars = [bar for bar in bars if bar[1] is not None]
        if not bars:
            return ""
        figure, axes = self.axes(0.6 + 0.3 * len(bars))
        names = [name for name, _, _ in bars][::-1]
        user = [us * (share or 0) for _, us, share in bars][::-1]
        kernel = [us * (1 - (share or 0)) for _, us, share in bars][::-1]
        axes.barh(names, user, color="#d1495b", label="user", height=0.65)
        axes.barh(names, kernel, left=user, color="#0b6e99", label="kernel", height=0.65)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("CPU us a request")
        axes.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0))
        return self.svg(figure)

    def timeline(self, row, marks):
        """p50, p99 and the longest wait of the requests due in each interval; errors below."""
        seconds = row["seconds"]
        if not seconds:
            return ""
        figure, (top, bottom) = self.pyplot.subplots(
            2, 1, figsize=(WIDTH, HEIGHT), sharex=True, gridspec_kw={"height_ratios": [3, 1]})
        at = [s["t"] for s in seconds]
        for name, text, colour in (("p50_ms", "p50", "#5b8c2a"), ("p99_ms", "p99", "#0b6e99"),
                                   ("max_ms", "longest", "#d1495b")):
            top.plot(at, [s[name] for s in seconds], label=text, color=colour, marker="o",
                     markersize=2.5, linewidth=1.3)
        top.set_yscale("log")
        plain_logarithmic(top)
        top.set_ylabel("ms")
        top.legend(loc="lower center", ncols=3, bbox_to_anchor=(0.5, 1.0))
        bottom.bar(at, [s["errors"] for s in seconds], color="#d1495b",
                   width=0.8 * (at[1] - at[0] if len(at) > 1 else 1))
        bottom.set_ylabel("errors")
        bottom.set_ylim(0, max(1, *(s["errors"] for s in seconds)))
        bottom.set_xlabel("s")
        for mark in marks:
            for axes in (top, bottom):
                axes.axvline(mark["t"], color="#888888", linewidth=0.9, linestyle=":")
        return self.svg(figure)

    def knee(self, series, x_label):
        """Latency against offered load: flat, then a wall. Percentiles of each series."""
        figure, axes = self.axes()
        for one in series:
            points = [p for p in one["points"] if p.get("p99_ms")]
            colour = self.colour(one["name"])
            for name, style in (("p50_ms", ":"), ("p99_ms", "-"), ("p99_9_ms", "--")):
                axes.plot([p["x"] for p in points], [p.get(name) for p in points], style,
                          color=colour, marker="o", markersize=2.5, linewidth=1.4,
                          label=f"{one['name']} {name[:-3].replace('_', '.')}")
            for p in points:
                if p["saturated"]:  # the generator's, not the target's
                    axes.plot([p["x"]], [p["p99_ms"]], "o", color=colour, markersize=7,
                              markerfacecolor="white")
        axes.set_yscale("log")
        plain_logarithmic(axes)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(self.pyplot.MaxNLocator(5))
        axes.xaxis.set_major_formatter(plain_number)
        axes.set_xlabel(x_label)
        axes.set_ylabel("latency, ms")
        legend_above(axes, 3 * len(series))
        return self.svg(figure)

    def sweep(self, series, x_label):
        """CPU a request, or the rate where that is not known, over the swept value, both logarithmic."""
        figure, axes = self.axes()
        known = all(p["cpu_us"] for one in series for p in one["points"])
        for one in series:
            axes.plot([p["x"] for p in one["points"]],
                      [p["cpu_us"] if known else p["rate"] for p in one["points"]],
                      color=self.colour(one["name"]), linestyle=self.dashes(one["name"]),
                      marker="o", markersize=3, label=one["name"])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(plain_number)
        axes.yaxis.set_major_formatter(plain_number)
        axes.minorticks_off()
        axes.set_xlabel(x_label)
        axes.set_ylabel("CPU us a request" if known else "requests/s")
        legend_above(axes, len(series))
        return self.svg(figure)


def plain_logarithmic(axes):
    """Powers of ten as such; between them a few more, unless they would crowd."""
    from matplotlib import ticker
    low, high = axes.get_ylim()
    close = high / low < 100
    axes.yaxis.set_major_locator(ticker.LogLocator(10, (1, 2, 5) if close else (1,)))
    axes.yaxis.set_major_formatter(plain_number)
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def legend_above(axes, count):
    """Where it hides no line."""
    axes.legend(loc="lower center", ncols=min(3, count), bbox_to_anchor=(0.5, 1.0),
                handlelength=1.4, columnspacing=1.2)


def plain_number(value, _position):
    if value >= 1 << 20 and value % (1 << 20) == 0:
        return f"{value / (1 << 20):g}M"
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def curve_of(counts):
    """A stored histogram as points of a distribution."""
    return [(100 * share, us) for share, us in Histogram(counts).curve()]


def middle(samples, name):
    values = sorted(s[name] for s in samples if s.get(name) is not None)
    return values[len(values) // 2] if values else None


def of_section(figures, section):
    """(caption, svg) of each figure that a section has."""
    kind = section["kind"]
    if kind == "pairs":
        sound = [r for r in section["results"] if r["samples"] and not r["broken"]]
        yield ("CPU time of a request, and where it is spent", figures.cpu_split(
            [(r["name"], middle(r["samples"], "cpu_us"), middle(r["samples"], "user_share"))
             for r in sound]))
        yield ("Latency from when each request was due" if section["scenario"].get("rate")
               else "Latency; closed loop: indicative only",
               figures.distribution([(r["name"], r["points"]) for r in sound]))
    elif kind == "latency":
        yield ("Latency from when each request was due", figures.distribution(
            [(row["name"], curve_of(row["histogram"])) for row in section["rows"]]))
        for row in section["rows"]:
            if len(row["seconds"]) > 2:
                yield f"{row['name']}, second by second", figures.timeline(row, [])
    elif kind == "timeline":
        yield ("Latency of the whole run, from when each request was due", figures.distribution(
            [(row["name"], curve_of(row["histogram"])) for row in section["rows"]
             if row.get("histogram")]))
        for row in section["rows"]:
            yield f"{row['name']}: " + ", ".join(
                f"{mark['text']} at {mark['t']:g} s" for mark in row["marks"]), \
                figures.timeline(row, row["marks"])
    elif kind == "curve" and section["x"] == "offered/s":
        yield "Latency against offered load; a ring: the generator was short of CPU", figures.knee(section["series"],
                                                           "requests/s offered")
    elif kind == "curve":
        yield f"Over {section['x']}", figures.sweep(section["series"], section["x"])
