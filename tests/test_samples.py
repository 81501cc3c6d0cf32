"""The photos that come with every install."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastnst import images, samples
from fastnst.errors import ImageError


@pytest.mark.parametrize("name", samples.PHOTOS)
def test_every_photo_to_show_is_there_and_in_colour(name):
    picture = images.read(samples.photo(name))
    assert min(picture.height, picture.width) >= 300
    assert np.ptp(picture.rgb, axis=0).mean() > 0.02
    assert picture.alpha is None
    assert picture.notes == ()


@pytest.mark.parametrize("name", samples.TRAINING_PHOTOS)
def test_every_training_photo_is_there_and_large_enough(name):
    picture = images.read(samples.photo(name), size=320)
    assert max(picture.height, picture.width) == 320


def test_every_sample_has_a_credit_and_is_listed_once():
    assert set(samples.PHOTOS) | set(samples.TRAINING_PHOTOS) == set(samples.CREDITS)
    assert not set(samples.PHOTOS) & set(samples.TRAINING_PHOTOS)
    assert "chelsea" in samples.PHOTOS


def test_an_unknown_sample_lists_the_known_ones():
    with pytest.raises(ImageError, match="there is no sample cheslea; the samples are astronaut, chelsea, "):
        samples.photo("cheslea")


def test_without_scikit_image_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(samples, "find_spec", lambda name: None)
    with pytest.raises(ImageError, match="pip install scikit-image"):
        samples.photo("chelsea")


def test_a_scikit_image_without_the_file_is_said_so(monkeypatch, tmp_path):
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(samples, "find_spec", lambda name: Spec)
    with pytest.raises(ImageError, match="came without sample chelsea"):
        samples.photo("chelsea")


def test_sample_names_resolve_and_everything_else_is_a_path():
    assert samples.resolve("sample:chelsea") == samples.photo("chelsea")
    assert samples.resolve("chelsea") == Path("chelsea")
    assert samples.resolve("holiday/sample:1.jpg") == Path("holiday/sample:1.jpg")
    with pytest.raises(ImageError, match="no sample none"):
        samples.resolve("sample:none")


def test_scikit_image_is_found_but_never_imported():
    code = (
        "import sys; from fastnst import samples; samples.photo('coffee'); sys.exit('skimage' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
