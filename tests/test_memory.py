"""How much memory there is, and sizes of it as people write them."""

import platform
import subprocess
import sys

import pytest

from fastnst import memory
from fastnst.errors import ConfigError
from fastnst.memory import size_in_bytes


@pytest.mark.parametrize(("text", "size"), [
    ("2GB", 2_000_000_000),
    ("500 MB", 500_000_000),
    ("1.5GiB", 1_610_612_736),
    ("64k", 64_000),
    (" 123 ", 123),
    ("7b", 7),
])  # fmt: skip
def test_sizes_are_read_as_people_write_them(text, size):
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "0", "0.1", "1e9", "2 i", "nan", "GB", "9" * 99])
def test_what_is_no_size_is_told_what_is(text):
    with pytest.raises(ConfigError, match="is no size of memory: write 2GB or 500MB"):
        size_in_bytes(text)


@pytest.fixture
def container(tmp_path, monkeypatch):
    """A container's files, to be filled."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path)

    def limited(**files):
        for name, text in files.items():
            (tmp_path / f"memory.{name}").write_text(f"{text}\n")

    return limited


def test_files_that_were_read_leave_a_container_free(container):
    container(max=2_000_000, current=1_900_000, stat="anon 300000\ninactive_file 900000\nactive_file 700000")
    assert memory.free_memory() == 1_700_000
    assert memory.budget() == 850_000


def test_a_full_container_has_nothing_free(container):
    container(max=2_000_000, current=2_100_000, stat="anon 2100000")
    assert memory.free_memory() == memory.budget() == 0


def test_without_a_limit_the_system_says_what_is_free(container):
    container(max="max", current=5, stat="anon 5")
    assert memory.free_memory() is None or memory.free_memory() > 1_000_000
    assert 0 < memory.budget() <= memory.DEFAULT


def test_where_no_system_says_there_is_a_usual_size(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert memory.budget() == memory.DEFAULT


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc")
def test_freed_memory_is_kept_until_it_is_asked_for():
    code = """
import resource
from pathlib import Path
from fastnst import memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(64_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
first = faults()
memory.keep_freed()
faults()
kept = held()
print(first, faults(), kept, held())
memory.free_memory()
print(held())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, again, kept, still, after = map(int, done.stdout.split())
    assert again < first / 10
    assert still > 64_000_000
    assert after < still - 60_000_000
    assert kept == pytest.approx(still, rel=0.1)


def test_commands_that_compute_losses_keep_what_is_freed(monkeypatch):
    kept = []
    monkeypatch.setattr(memory, "keep_freed", lambda: kept.append(True))
    from fastnst import cli

    assert cli.main(["gatys"]) == 1  # no photo was given
    assert kept
