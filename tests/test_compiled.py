import os
import threading

import pytest

from fastnst import compiled


@pytest.fixture
def name():
    return compiled.key("a style", "a version", 3)


def file(cache):
    (found,) = (cache / "compiled").iterdir()
    return found


def test_what_was_kept_comes_back_under_its_name_alone(cache, name):
    assert compiled.read(name) is None
    compiled.write(name, b"a graph")
    assert compiled.read(name) == b"a graph"
    assert file(cache).stat().st_mode & 0o777 == 0o600
    assert compiled.read(compiled.key("a style", "a version", 4)) is None
    compiled.write(name, b"another")
    assert compiled.read(name) == b"another"


def test_names_depend_on_every_part():
    keys = {
        compiled.key(*parts) for parts in [("a",), ("a", "b"), ("ab",), ("a", ["b"]), ("a", 1), ("a", "1")]
    }
    assert len(keys) == 6


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "longer"])
def test_a_damaged_file_is_no_file(cache, name, damage):
    compiled.write(name, b"a graph")
    data = bytearray(file(cache).read_bytes())
    if damage == "flipped":
        data[-1] ^= 1
    changed = {"cut": data[:20], "flipped": data, "empty": b"", "longer": data + b"."}
    file(cache).write_bytes(changed[damage])
    assert compiled.read(name) is None
    compiled.write(name, b"a graph")
    assert compiled.read(name) == b"a graph"


def test_a_file_of_another_name_is_not_taken(cache, name):
    compiled.write(name, b"a graph")
    other = compiled.key("other")
    file(cache).rename(cache / "compiled" / f"{other}.blob")
    assert compiled.read(other) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such permissions")
def test_a_file_that_others_may_write_is_not_read(cache, name):
    compiled.write(name, b"a graph")
    file(cache).chmod(0o666)
    assert compiled.read(name) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such permissions")
def test_a_file_of_another_user_is_not_read(cache, name, monkeypatch):
    compiled.write(name, b"a graph")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    if file(cache).stat().st_uid:  # a file of root's is read by everyone
        assert compiled.read(name) is None


def test_a_folder_that_cannot_be_used_stops_nothing(cache, name, monkeypatch):
    (cache / "compiled").write_text("not a folder")
    compiled.write(name, b"a graph")
    assert compiled.read(name) is None
    monkeypatch.setenv("FASTNST_CACHE", "/proc/nowhere")
    compiled.write(name, b"a graph")
    assert compiled.read(name) is None


def test_the_oldest_are_deleted_beyond_a_limit(cache, monkeypatch):
    monkeypatch.setattr(compiled, "LIMIT", 1000)
    names = [compiled.key(index) for index in range(4)]
    for age, name in enumerate(names):
        compiled.write(name, bytes(300))
        os.utime(cache / "compiled" / f"{name}.blob", (age, age))
    assert [compiled.read(name) is not None for name in names] == [False, True, True, True]
    compiled.write(names[0], bytes(5000))
    assert [compiled.read(name) is not None for name in names] == [True, False, False, False]


def test_several_may_write_at_once(name):
    errors = []

    def work():
        for _ in range(10):
            compiled.write(name, b"a graph" * 1000)
            errors.extend([compiled.read(name)] * (compiled.read(name) != b"a graph" * 1000))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
