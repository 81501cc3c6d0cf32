"""Files are there whole or not at all, and the cache lies where the user put it."""

import hashlib
import json
import math
import os
import stat
from pathlib import Path

import pytest

from fastnst import files
from fastnst.errors import FastNSTError

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def test_the_file_appears_only_when_the_block_has_ended(tmp_path):
    target = tmp_path / "new" / "folder" / "style.safetensors"
    with files.atomic(target) as partial:
        assert partial.parent == target.parent
        assert partial.suffix == ".safetensors"
        partial.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt(), FastNSTError("no")])
def test_a_failing_block_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "picture.png"
    target.write_bytes(b"old")

    def break_off() -> None:
        with files.atomic(target) as partial:
            partial.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        break_off()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_of_the_system_becomes_one_line_that_names_the_file(tmp_path):
    target = tmp_path / "picture.png"
    with pytest.raises(FastNSTError, match=r"^cannot write .*picture\.png: No space left on device$"):  # noqa: SIM117
        with files.atomic(target):
            raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_an_error(tmp_path):
    (tmp_path / "out.png").mkdir()
    with pytest.raises(FastNSTError, match="it is a folder"), files.atomic(tmp_path / "out.png"):
        pass


def test_a_file_where_a_folder_is_needed_is_an_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    with (
        pytest.raises(FastNSTError, match=r"cannot write .*picture\.png"),
        files.atomic(tmp_path / "out/picture.png"),
    ):
        pass


def test_a_device_is_never_replaced_by_a_file():
    with pytest.raises(FastNSTError, match="not a regular file"), files.atomic("/dev/null"):
        pass
    assert not Path("/dev/null").is_file()


def test_a_link_is_followed_and_stays(tmp_path):
    real, link = tmp_path / "deep" / "real.txt", tmp_path / "link.txt"
    real.parent.mkdir()
    link.symlink_to(real)
    for text in ("made through a dangling link", "replaced"):
        with files.atomic(link) as partial:
            partial.write_text(text)
        assert link.is_symlink()
        assert real.read_text() == text


def test_a_link_says_in_what_format(tmp_path):
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "abc123")
    with files.atomic(link) as partial:
        assert partial.suffix == ".png"
        partial.touch()
    assert (tmp_path / "abc123").is_file()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    with files.atomic(tmp_path / "killed.png") as partial:
        left = tmp_path / f".another{partial.name[len('.killed') :]}"
    left.write_bytes(b"half")
    link = tmp_path / f".link{partial.name[len('.killed') :]}"
    link.symlink_to(left)
    with files.atomic(tmp_path / "living.png") as partial:
        partial.write_bytes(b"half")
        files.remove_abandoned(tmp_path)
        assert partial.read_bytes() == b"half"
    assert {path.name for path in tmp_path.iterdir()} == {"killed.png", "living.png", link.name}
    files.remove_abandoned(tmp_path / "not there")


def test_permissions_are_those_of_any_new_file_or_of_the_file_before(tmp_path):
    target, plain = tmp_path / "target", tmp_path / "plain"
    plain.touch()
    with files.atomic(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    target.chmod(0o600)
    with files.atomic(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.skipif(AS_ROOT, reason="root may write anywhere")
def test_a_read_only_folder_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(FastNSTError, match=r"cannot write .*: Permission denied"),
            files.atomic(tmp_path / "a.png"),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(AS_ROOT, reason="root may write anywhere")
def test_a_read_only_file_is_not_replaced(tmp_path):
    target = tmp_path / "a.png"
    target.write_bytes(b"mine")
    target.chmod(0o400)
    with pytest.raises(FastNSTError, match="it is read-only"), files.atomic(target):
        pass
    assert target.read_bytes() == b"mine"


def test_a_name_as_long_as_the_system_allows_works(tmp_path):
    target = tmp_path / ("ü" * 120 + ".png")
    with files.atomic(target) as partial:
        partial.write_bytes(b"x")
    assert target.exists()


def test_a_place_is_tried_before_the_work_and_left_as_it_was(tmp_path):
    files.check_writable(tmp_path / "new" / "folder" / "file.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder.png", "it is a folder"),
        ("file/new.png", "file is not a folder"),
        ("file/new/new.png", "file is not a folder"),
        ("a" * 300 + ".png", "File name too long"),
        ("a" * 300 + "/new.png", "File name too long"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="messages are POSIX's")
def test_a_place_that_cannot_be_written_is_known_before(tmp_path, name, message):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(FastNSTError, match="cannot write .*" + message) as caught:
        files.check_writable(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a place that nobody may write to")
def test_a_folder_that_takes_no_files_is_known_before():
    with pytest.raises(FastNSTError, match=r"cannot write /proc/new\.png"):
        files.check_writable("/proc/new.png")


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert files.typed_path("~/a.png") == tmp_path / "a.png"
    assert files.typed_path("a~.png") == Path("a~.png")


def test_the_cache_is_where_the_user_put_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FASTNST_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert files.cache_dir() == tmp_path / "home" / ".cache" / "fastnst"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert files.cache_dir() == tmp_path / "xdg" / "fastnst"
    monkeypatch.setenv("FASTNST_CACHE", str(tmp_path / "own"))
    assert files.cache_dir() == tmp_path / "own"


def test_sha256_is_that_of_the_bytes(tmp_path):
    data = os.urandom((1 << 20) + 17)
    (tmp_path / "file").write_bytes(data)
    assert files.sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_json_takes_any_number_and_any_name(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"losses": [1.5, math.inf, (math.nan, 2)], "photo": "Größe\udcff.jpg"})
    text = path.read_bytes().decode("ascii")
    assert json.loads(text) == {"losses": [1.5, None, [None, 2]], "photo": "Größe\udcff.jpg"}
