"""Photos become pictures, several at once: the same as one by one, and no failure stops the others."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from negative import Negative
from PIL import Image

from fastnst import images, manifest
from fastnst import stylise as work
from fastnst.errors import ImageError
from fastnst.manifest import Manifest
from fastnst.plan import Job, Plan, plan
from fastnst.stylise import stylise


def save(path: str, *, width: int = 20, height: int = 16, seed: int = 0) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def written(folder: str = "out") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def folder(count: int = 12) -> Plan:
    for index in range(count):
        save(f"x/{index}.png", width=20 + index % 3, seed=index)
    return plan(["x"], "out", "night")


@pytest.mark.parametrize("workers", [1, 2, 5, None])
@pytest.mark.parametrize("batch", [1, 4])
def test_several_at_once_are_the_same_as_one_by_one_and_in_order(workers, batch):
    photos = folder()
    told, seen = [], []
    summary = stylise(
        photos, Negative(batch=batch), grain=0, workers=workers, finished=told.append, report=seen.append
    )
    assert [done.photo for done in summary.done] == [job.photo for job in photos.jobs]
    assert told == list(summary.done)
    assert [progress.done for progress in seen] == list(range(13))
    assert [progress.note for progress in seen] == [*(f"{index}.png" for index in range(12)), ""]
    for job in photos.jobs:
        np.testing.assert_array_equal(images.load(job.output).pixels, 255 - images.load(job.photo).pixels)


def test_reading_goes_on_beside_the_network(monkeypatch):
    engine = Negative(workers=1, gate=threading.Event())
    decoded = threading.Semaphore(0)
    real = work.decode_bytes

    def decode_bytes(*arguments):
        try:
            return real(*arguments)
        finally:
            decoded.release()

    monkeypatch.setattr(work, "decode_bytes", decode_bytes)
    thread = threading.Thread(target=stylise, args=(folder(), engine), kwargs={"workers": 3})
    thread.start()
    for _ in range(3):  # two more are read while the first is in the network
        assert decoded.acquire(timeout=10)
    assert engine.calls == [1]
    engine.gate.set()
    thread.join(10)
    assert len(written()) == 12


@pytest.mark.parametrize(("pictures", "most"), [(20, 4), (2.9, 2), (1.2, 1), (0.1, 1)])
def test_few_pictures_are_in_hand_at_once_and_heavy_ones_alone(monkeypatch, pictures, most):
    engine = Negative(workers=8)
    heavy = work.PIXEL_BYTES * 2 * 20 * 16 + engine.memory(16, 20)
    lock, counts = threading.Lock(), [0]
    decode_bytes, write = work.decode_bytes, images.save

    def count(change):
        with lock:
            counts.append(counts[-1] + change)

    def reads(*arguments):
        count(1)
        return decode_bytes(*arguments)

    def saves(*arguments, **options):
        write(*arguments, **options)
        count(-1)

    monkeypatch.setattr(work, "decode_bytes", reads)
    monkeypatch.setattr(images, "save", saves)
    assert len(stylise(folder(), engine, workers=4, memory=int(heavy * pictures)).done) == 12
    assert max(counts) <= most


def test_one_call_a_thread_for_small_photos_and_all_threads_together_for_large_ones():
    photos = folder()
    assert work.calls_at_once(photos, threads=3) == 3
    assert work.calls_at_once(photos, threads=3, memory=3 * 16 * 22 * work.NETWORK_BYTES - 1) == 1
    assert work.calls_at_once(photos, threads=13) == 1  # more than photos
    Path("x/0.png").write_text("no picture")
    assert work.calls_at_once(photos, threads=2, size=30) == 2
    assert work.calls_at_once(Plan(()), threads=2) == 1
    enough = 2 * 16 * 22 * work.NETWORK_BYTES
    for stroke, calls in (
        (None, 2),
        (1, 2),
        (3, 2),
        (0.5, 1),
    ):  # larger strokes are painted at full size, too
        assert work.calls_at_once(photos, threads=2, memory=enough, stroke=stroke) == calls
    assert work.calls_at_once(photos, threads=2, memory=enough - 1, stroke=3) == 1


@pytest.mark.parametrize("workers", [1, 4])
def test_a_bad_photo_is_reported_and_the_others_are_done(workers):
    save("x/1.png")
    Path("x/2.png").write_text("no picture")
    save("x/3.png", width=15)
    save("x/4.png")
    seen, told = [], []
    summary = stylise(
        plan(["x"], "out", "night"), Negative(), workers=workers, report=seen.append, finished=told.append
    )
    assert [done.photo.name for done in summary.done] == ["1.png", "4.png"]
    assert list(summary.done) == told
    assert [failure.photo.name for failure in summary.failed] == ["2.png", "3.png"]
    assert "is not a picture" in summary.failed[0].message
    assert "15x16 px" in summary.failed[1].message
    assert [progress.done for progress in seen] == [0, 1, 2, 3, 4]
    assert written().keys() == {"1.png", "4.png"}


def test_size_is_the_longer_side():
    save("a.png", width=60, height=40)
    summary = stylise(plan(["a.png"], "b.png", "night"), Negative(), size=30)
    assert (summary.done[0].width, summary.done[0].height) == (30, 20)
    assert images.load("b.png").pixels.shape == (20, 30, 3)
    failed = stylise(plan(["a.png"], "c.png", "night"), Negative(), size=20).failed
    assert "a.png is too small: 20x13 px" in failed[0].message


@pytest.mark.parametrize("error", [MemoryError(), ImageError("not enough memory for 9x9 px")])
@pytest.mark.parametrize("workers", [1, 3])
def test_memory_that_runs_out_is_a_line_with_the_photos_name(monkeypatch, error, workers):
    photos = folder(3)
    real = work.repaint

    def repaint(photo, *arguments, **options):
        if photo.width == 21:
            raise error
        return real(photo, *arguments, **options)

    monkeypatch.setattr(work, "repaint", repaint)
    summary = stylise(photos, Negative(), workers=workers)
    assert [failure.photo.name for failure in summary.failed] == ["1.png"]
    assert summary.failed[0].message.startswith(f"{Path('x/1.png')}: not enough memory")
    assert written().keys() == {"0.png", "2.png"}


def test_an_output_that_cannot_be_written_does_not_stop_the_others():
    photos = folder(3)
    Path("out/1.png").mkdir(parents=True)
    summary = stylise(photos, Negative())
    assert [failure.message for failure in summary.failed] == [
        f"cannot write {Path('out/1.png')}: it is a folder"
    ]
    assert [done.output.name for done in summary.done] == ["0.png", "2.png"]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_bug_is_not_hidden_and_leaves_nothing_half_written(monkeypatch, workers):
    photos = folder(20)
    monkeypatch.setattr(work, "repaint", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stylise(photos, Negative(), workers=workers)
    assert not Path("out").exists()


@pytest.mark.parametrize(("workers", "memory"), [(1, None), (3, None), (3, 1)])
def test_ctrl_c_leaves_what_is_done_and_told_and_nothing_half_written(workers, memory):
    before = set(threading.enumerate())
    photos = folder(40)
    told = []

    def finished(done):
        told.append(done.output.name)
        if len(told) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylise(photos, Negative(), workers=workers, memory=memory, finished=finished)
    assert written().keys() == set(told)
    assert 5 <= len(told) < 40
    assert set(threading.enumerate()) <= before


def test_ctrl_c_in_the_midst_of_writing_leaves_no_part_of_a_picture(monkeypatch):
    photos = folder(2)
    saved = Image.Image.save

    def interrupted(image, path, *args, **options):
        saved(image, path, *args, **options)
        if len(list(Path("out").glob("[!.]*"))) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stylise(photos, Negative(), workers=1)
    assert written().keys() == {"0.png"}


@pytest.mark.parametrize("suffix", images.WRITERS)
def test_every_format_promised_is_written_and_resumed(suffix):
    save("a.png")
    planned = Plan((Job(Path("a.png"), Path(f"out/b{suffix}")),), folder=Path("out"))
    known = Manifest(Path("out"), {})
    assert stylise(planned, Negative(), manifest=known).failed == ()
    assert images.load(f"out/b{suffix}").pixels.shape == (16, 20, 3)
    assert Manifest(Path("out"), {}, resume=True).remaining(planned).jobs == ()


def test_a_resumed_run_does_what_was_not_done_and_ends_like_an_unbroken_one():
    photos = folder(40)
    stylise(photos, Negative())
    expected = written()
    shutil.rmtree("out")

    def stop(done):
        if done.output.name in ("3.png", "17.png"):
            raise KeyboardInterrupt

    rounds = []
    for finished in (stop, stop, None):
        known = Manifest(Path("out"), {}, resume=True)
        before = {path.name: path.stat() for path in Path("out").glob("[!.]*")}
        todo = known.remaining(photos)
        assert {job.output.name for job in todo.jobs} == expected.keys() - before.keys()
        try:
            stylise(todo, Negative(), workers=3, manifest=known, finished=finished)
        except KeyboardInterrupt:
            rounds.append(len(todo.jobs))
        for name, status in before.items():
            now = (Path("out") / name).stat()
            assert (now.st_ino, now.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
    assert rounds[0] == 40 > rounds[1] > 0
    assert {name: data for name, data in written().items() if name != manifest.NAME} == expected
    assert Manifest(Path("out"), {}, resume=True).remaining(photos).jobs == ()
