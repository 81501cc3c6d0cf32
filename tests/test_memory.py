"""Sizes of memory as people write them."""

import pytest

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
