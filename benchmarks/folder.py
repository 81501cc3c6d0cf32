"""Folders: the rate beside that of the network alone, ten kills, and memory over a thousand pictures.

    python benchmarks/folder.py                      all three, JSON on stdout; some minutes on two cores
    python benchmarks/folder.py rate --photos trip   one of them (rate, kills, memory), on photos of one's own

The network alone is ``engine.stylise`` in a loop over the same photos, decoded before, in the better of its
two modes: one call with all threads, or as many calls as threads. The folder's rate is of reading, decoding,
the network, encoding and writing, JPEG to JPEG at the default quality. Contestants take turns, and ratios are
of medians.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

from PIL import Image

from fastnst import images, samples, style_file
from fastnst.engines import Engine, open_engine
from fastnst.environment import describe
from fastnst.errors import ImageError
from fastnst.manifest import NAME
from fastnst.pixels import Bytes
from fastnst.plan import plan
from fastnst.stylise import calls_at_once, stylise

HEIGHT, WIDTH = 480, 640  # px
QUALITY = 90  # of the photos made here: 4:2:0, as cameras and MS-COCO have them


def make_photos(folder: Path, count: int) -> None:
    """Parts of scikit-image's photos at random places and scales, 640x480 px."""
    sources = [Image.open(samples.photo(name)).convert("RGB") for name in samples.PHOTOS]
    rng = random.Random(0)
    folder.mkdir()
    for index, source in zip(range(count), itertools.cycle(sources), strict=False):
        scale = min(source.width / WIDTH, source.height / HEIGHT) * rng.uniform(0.6, 1)
        width, height = int(WIDTH * scale), int(HEIGHT * scale)
        left, top = rng.randint(0, source.width - width), rng.randint(0, source.height - height)
        part = source.crop((left, top, left + width, top + height)).resize((WIDTH, HEIGHT))
        part.save(folder / f"{index:04}.jpg", quality=QUALITY)


def alone(engine: Engine, pixels: Sequence[Bytes], count: int) -> None:
    """The network over ``count`` pictures, from as many threads as the engine has workers."""
    queue = iter(itertools.islice(itertools.cycle(pixels), count))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                photo = next(queue, None)
            if photo is None:
                return
            engine.stylise(photo[None])

    threads = [threading.Thread(target=work) for _ in range(engine.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def rate(asked: argparse.Namespace, photos: Path, work: Path) -> dict[str, Any]:
    """Ms a picture of the network alone and of the whole, and what each step takes of a core by itself."""
    style = style_file.read(style_file.find(asked.style))
    planned = plan([photos], work / "rate", "x")
    count = len(planned.jobs)
    pixels = [images.load(job.photo).pixels for job in planned.jobs[:50]]
    options = {"engine": asked.engine, "precision": asked.precision, "threads": asked.threads}
    calls = calls_at_once(planned, threads=asked.threads)
    engines = [open_engine(style, **options, workers=workers) for workers in dict.fromkeys((1, calls))]
    contestants: dict[str, Callable[[], Any]] = {
        f"network alone, {engine.workers} at once": partial(alone, engine, pixels, count)
        for engine in engines
    }
    contestants["folder"] = lambda: stylise(planned, engines[-1], workers=asked.workers)
    for engine in engines:
        alone(engine, pixels, 10)
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    core: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(asked.rounds):
        for name, contestant in contestants.items():
            shutil.rmtree(work / "rate", ignore_errors=True)
            start, begun = perf_counter(), process_time()
            contestant()
            wall[name].append((perf_counter() - start) * 1000 / count)
            core[name].append((process_time() - begun) * 1000 / count)
    median = {name: statistics.median(times) for name, times in wall.items()}
    best = min(value for name, value in median.items() if name != "folder")
    pictures = [images.load(job.output) for job in planned.jobs[:50]]
    few = range(min(50, count))
    return {
        "style": style.record["name"],
        "network": style.record["network"],
        "engine": engines[-1].description,
        "photos": count,
        "rounds": asked.rounds,
        "ms_a_picture": {name: [round(time, 2) for time in times] for name, times in wall.items()},
        "core_ms_a_picture": {name: round(min(times), 2) for name, times in core.items()},
        "of_the_network_alone": round(best / median["folder"], 3),
        "decode_ms": each(lambda index: images.load(planned.jobs[index].photo), few),
        "encode_ms": each(lambda index: images.save(work / "one.jpg", pictures[index]), few),
        "picture_kb": round(sum(job.output.stat().st_size for job in planned.jobs) / count / 1000),
    }


def each(do: Callable[[int], Any], indices: Iterable[int]) -> float:
    """Median ms of a call."""
    times = []
    for index in indices:
        start = perf_counter()
        do(index)
        times.append((perf_counter() - start) * 1000)
    return round(statistics.median(times), 2)


def kills(asked: argparse.Namespace, photos: Path, work: Path) -> dict[str, Any]:
    """Kill a run ten times, go on each time, and look at what is there."""
    out = work / "kills"
    command = [sys.executable, "-m", "fastnst", "stylise", str(photos), "-s", asked.style, "-o", str(out)]
    command += ["--resume", f"--engine={asked.engine}", f"--precision={asked.precision}"]
    rng = random.Random(asked.seed)
    total = len(list(photos.iterdir()))
    killed: list[int] = []
    again = broken = left = 0
    seen: dict[str, tuple[int, int]] = {}
    while len(killed) < asked.kills:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            for _ in range(
                rng.randint(0, max(1, 2 * (total - len(seen)) // (asked.kills - len(killed) + 2)))
            ):
                process.stdout.readline()
            sleep(rng.uniform(0, 0.1))
            ended = process.poll() is not None
            process.kill()
        if ended:
            break
        again, broken = again + changed(out, seen), broken + damaged(out)
        left += len(list(out.glob(".*-fastnst-*")))
        killed.append(len(seen))
    end = subprocess.run(command, capture_output=True, text=True, check=False)
    again += changed(out, seen)
    return {
        "photos": total,
        "pictures_after_each_kill": killed,
        "last_run": end.returncode,
        "pictures": len(seen),
        "damaged": broken + damaged(out),
        "done_twice": again,
        "half_written_seen_under_hidden_names": left,
        "half_written_at_the_end": sorted(path.name for path in out.glob(".*") if path.name != NAME),
    }


def changed(folder: Path, seen: dict[str, tuple[int, int]]) -> int:
    """How many pictures are not the files that they were; ``seen`` is brought up to date."""
    now = {path.name: path.stat() for path in folder.glob("[!.]*")}
    files = {name: (status.st_ino, status.st_mtime_ns) for name, status in now.items()}
    different = sum(files.get(name) != file for name, file in seen.items())
    seen.update(files)
    return different


def damaged(folder: Path) -> int:
    """How many pictures cannot be decoded to their end."""
    return sum(not is_whole(path) for path in folder.glob("[!.]*"))


def is_whole(path: Path) -> bool:
    """Whether a picture can be decoded to its end."""
    try:
        images.load(path)
    except ImageError:
        return False
    return True


def resized(photo: Path, target: Path, index: int) -> None:
    """A photo at one of a hundred sizes, since each new size costs an engine more than the one before."""
    with Image.open(photo) as image:
        scale = 0.5 + index % 100 / 100
        image.resize((int(image.width * scale), int(image.height * scale))).save(target)


def memory(asked: argparse.Namespace, photos: Path, work: Path) -> dict[str, Any]:
    """Resident memory after every hundred of a thousand pictures, of a hundred sizes, in one process."""
    names = sorted(photos.iterdir())
    many = work / "many"
    many.mkdir()
    for index, photo in zip(range(asked.pictures), itertools.cycle(names), strict=False):
        resized(photo, many / f"{index:05}{photo.suffix}", index)
    planned = plan([many], work / "memory", "x")
    style = style_file.read(style_file.find(asked.style))
    calls = calls_at_once(planned)
    engine = open_engine(style, engine=asked.engine, precision=asked.precision, workers=calls)
    megabytes: list[float] = []
    done = itertools.count(1)

    def finished(_: object) -> None:
        if next(done) % 100 == 0:
            megabytes.append(round(resident() / 1e6, 1))

    stylise(planned, engine, finished=finished)
    return {"pictures": asked.pictures, "resident_mb_every_100": megabytes}


def resident() -> int:
    """Bytes of this process in memory now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


PARTS = {"rate": rate, "kills": kills, "memory": memory}


def main() -> None:
    """Run the parts asked for and print their figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--style", default="starry_night")
    parser.add_argument("--photos", type=Path, help="a folder of photos of one size; made if it is not given")
    parser.add_argument("--count", type=int, default=500, help="photos to make")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--pictures", type=int, default=1000, help="in the part on memory")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    found: dict[str, Any] = describe()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if asked.photos is None:
            make_photos(work / "photos", asked.count)
        for part in asked.parts or PARTS:
            found[part] = PARTS[part](asked, asked.photos or work / "photos", work)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
