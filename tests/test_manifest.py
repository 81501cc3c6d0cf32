"""What an output folder remembers: what is done, and with what."""

import json
import logging
import os
from pathlib import Path

import pytest

from fastnst import files
from fastnst.errors import ConfigError
from fastnst.manifest import NAME, Manifest
from fastnst.plan import Job, Plan

LOOK = {"style": "abc", "size": 512, "strength": 1.0}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("trip").mkdir()
    jobs = []
    for name in ("a.jpg", "b.jpg", "ü/c.jpg"):
        photo = Path("trip") / Path(name).name
        photo.write_text(f"the photo {name}")
        jobs.append(Job(photo, Path("out") / name))
    return Plan(tuple(jobs), folder=Path("out"))


def do(plan: Plan, *names: str, **changes: object) -> None:
    """Write the pictures of these names, as a run would."""
    manifest = Manifest(plan.folder, {**LOOK, **changes})
    for job in plan.jobs:
        if job.output.name in names:
            note = manifest.begin(job)
            with files.atomic(job.output) as partial:
                partial.write_text(f"painted {job.output.name}")
                note(partial)


def remaining(plan: Plan, **changes: object) -> list[str]:
    todo = Manifest(plan.folder, {**LOOK, **changes}, resume=True).remaining(plan)
    return [job.output.name for job in todo.jobs]


def test_everything_remains_where_nothing_was_done(plan):
    assert remaining(plan) == ["a.jpg", "b.jpg", "c.jpg"]
    assert not Path("out").exists()


def test_what_is_done_does_not_remain(plan):
    do(plan, "a.jpg", "c.jpg")
    assert remaining(plan) == ["b.jpg"]
    do(plan, "b.jpg")
    assert remaining(plan) == []


def test_a_changed_photo_is_done_again(plan):
    do(plan, "a.jpg", "b.jpg", "c.jpg")
    Path("trip/a.jpg").write_text("another photo")
    status = Path("trip/b.jpg").stat()
    os.utime("trip/b.jpg", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert remaining(plan) == ["a.jpg", "b.jpg"]
    do(plan, "a.jpg", "b.jpg")
    assert remaining(plan) == []


@pytest.mark.parametrize("changes", [{"style": "abd"}, {"size": None}, {"strength": 0.5}, {"stroke": 2}])
def test_another_style_or_setting_is_done_again(plan, changes):
    do(plan, "a.jpg", "b.jpg", "c.jpg")
    do(plan, "b.jpg", **changes)
    assert remaining(plan, **changes) == ["a.jpg", "c.jpg"]
    assert remaining(plan) == ["b.jpg"]


def test_a_picture_that_is_missing_or_was_changed_is_done_again(plan):
    do(plan, "a.jpg", "b.jpg", "c.jpg")
    Path("out/a.jpg").unlink()
    Path("out/b.jpg").write_text("painted by hand")
    assert remaining(plan) == ["a.jpg", "b.jpg"]


def test_a_kill_before_the_picture_has_its_name_leaves_it_undone(plan):
    Path("half.jpg").write_text("painted a.jpg")
    Manifest(plan.folder, LOOK).begin(plan.jobs[0])(Path("half.jpg"))
    assert remaining(plan) == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_line_that_a_kill_broke_off_is_no_damage(plan, caplog):
    do(plan, "a.jpg", "b.jpg")
    path = Path("out") / NAME
    whole = path.read_bytes()
    for end in range(len(whole.splitlines()[0]) + 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert remaining(plan) == ["b.jpg", "c.jpg"]
    do(plan, "c.jpg")
    assert remaining(plan) == ["b.jpg"]
    path.write_bytes(whole[:-1])  # all but the line's end
    assert remaining(plan) == ["c.jpg"]
    do(plan, "c.jpg")
    assert remaining(plan) == []
    for end in range(20):
        path.write_bytes(whole[:end])
        assert remaining(plan) == ["a.jpg", "b.jpg", "c.jpg"]
    assert caplog.records == []


def test_damaged_lines_are_passed_over_with_a_word(plan, caplog):
    do(plan, "a.jpg", "b.jpg", "c.jpg")
    path = Path("out") / NAME
    lines = path.read_bytes().splitlines()
    lines[1:2] = [b"\0\xff\0", b"[" * 99_999, b"7", b'{"fastnst": 1, "output": 3}', b""]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert remaining(plan) == ["b.jpg"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 3 of its lines are damaged and count for nothing"
    ]
    do(plan, "b.jpg")
    assert remaining(plan) == []
    assert path.read_bytes().startswith(b"\n".join(lines))  # nothing is lost


@pytest.mark.parametrize(
    "content", [b"a diary\n", b"\0" * 99, b"[]\n", b'{"of": "another"}\n', b'{"fastnst": 2, "new": 1}\n']
)
def test_a_strangers_file_stops_a_resumed_run_and_is_left_alone(plan, caplog, content):
    do(plan, "a.jpg")
    path = Path("out") / NAME
    path.write_bytes(content)
    message = "newer fastnst" if b"new" in content else "is not a manifest of fastnst"
    with pytest.raises(ConfigError, match=f"{message}.*; without --resume all is done anew"):
        Manifest(plan.folder, LOOK, resume=True)
    do(plan, "b.jpg")
    assert "cannot be resumed" in caplog.records[0].getMessage()
    assert path.read_bytes() == content
    assert Path("out/b.jpg").is_file()


def test_what_is_no_file_is_never_opened(plan):
    Path("out").mkdir()
    os.mkfifo(Path("out") / NAME) if hasattr(os, "mkfifo") else (Path("out") / NAME).mkdir()
    with pytest.raises(ConfigError, match="is not a manifest"):
        Manifest(plan.folder, LOOK, resume=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_a_manifest_that_cannot_be_written_costs_no_picture(plan, caplog):
    manifest = Manifest(plan.folder, LOOK)
    manifest.path = Path("/dev/full")
    partial = Path("trip/a.jpg")
    manifest._name = lambda job: job.output.name
    manifest.begin(plan.jobs[0])(partial)
    manifest.begin(plan.jobs[1])(partial)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "No space left" in caplog.records[0].getMessage()


def test_a_photo_that_is_not_there_leaves_no_line(plan):
    manifest = Manifest(plan.folder, LOOK)
    Path("trip/a.jpg").unlink()
    manifest.begin(plan.jobs[0])(Path("trip/b.jpg"))
    assert not manifest.path.exists()


def test_what_a_killed_run_left_is_removed_and_nothing_else(plan):
    do(plan, "a.jpg", "c.jpg")
    left = [Path("out/.a-fastnst-0123456789abcdef.jpg"), Path("out/ü/.c-fastnst-0123456789abcdef.jpg")]
    others = [
        Path("out/.mine.jpg"),
        Path("out/.a-fastnst-0123.jpg"),
        Path("out/a-fastnst-0123456789abcdef.jpg"),
    ]
    for path in (*left, *others):
        path.write_text("half")
    remaining(plan)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)
    with files.atomic("out/a.jpg") as partial:  # of a process that lives
        remaining(plan)
        assert partial.exists()


def test_lines_are_plain_json(plan):
    do(plan, "a.jpg")
    line = json.loads((Path("out") / NAME).read_text())
    status = Path("trip/a.jpg").stat()
    assert line["output"] == "a.jpg"
    assert line["bytes"] == Path("out/a.jpg").stat().st_size
    assert line["photo"] == [status.st_size, status.st_mtime_ns]
