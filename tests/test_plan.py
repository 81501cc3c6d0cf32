"""What is written where, and that no photo and no other picture is overwritten."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastnst import samples
from fastnst.errors import ConfigError, FastNSTError, ImageError
from fastnst.plan import plan


def save(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((16, 20, 3), np.uint8)).save(path)
    return path


def outputs(inputs, output, style="night") -> dict[str, str]:
    """Where every photo goes, by the photos' names."""
    return {str(job.photo): str(job.output) for job in plan(inputs, output, style).jobs}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_photo_goes_to_the_file_named(home):
    save(home / "a.png")
    assert outputs(["a.png"], "new/b.jpg") == {"a.png": "new/b.jpg"}


@pytest.mark.parametrize("slash", [True, False])
def test_one_photo_goes_into_a_folder_with_the_styles_name(home, slash):
    save(home / "a.png")
    save(home / "b.bmp")
    if not slash:
        (home / "out").mkdir()
    folder = "out/" if slash else "out"
    assert outputs(["a.png"], folder) == {"a.png": "out/a-night.png"}
    assert outputs(["b.bmp"], folder) == {"b.bmp": "out/b-night.png"}


def test_a_sample_is_a_photo(home):
    assert outputs(["sample:chelsea"], "out/") == {str(samples.photo("chelsea")): "out/chelsea-night.png"}


def test_several_photos_keep_their_names_and_folders_theirs(home):
    for name in ("x/a.jpg", "x/deep/a.jpg", "x/deep/b.gif", "c.webp"):
        save(home / name)
    assert outputs(["x", "c.webp"], "out") == {
        "x/a.jpg": "out/a.jpg",
        "x/deep/a.jpg": "out/deep/a.jpg",
        "x/deep/b.gif": "out/deep/b.png",
        "c.webp": "out/c.webp",
    }


def test_a_glob_keeps_what_follows_its_first_wildcard(home):
    save(home / "x/1/a.jpg")
    save(home / "x/2/a.jpg")
    assert set(outputs(["x/*/a.jpg"], "out").values()) == {"out/1/a.jpg", "out/2/a.jpg"}


def test_a_folder_of_one_photo_is_still_a_folder(home):
    save(home / "x/a.jpg")
    assert outputs(["x"], "out") == {"x/a.jpg": "out/a.jpg"}


def test_one_stem_in_several_formats_stays_several_pictures(home):
    for suffix in ("bmp", "gif", "jpg", "png"):
        save(home / f"x/a.{suffix}")
    assert set(outputs(["x"], "out").values()) == {"out/a.bmp.png", "out/a.gif.png", "out/a.jpg", "out/a.png"}


def test_only_several_photos_have_a_folder_that_remembers_them(home):
    for name in ("x/a.jpg", "b.png"):
        save(home / name)
    assert plan(["b.png"], "out/", "night").folder is None
    assert plan(["b.png"], "out.png", "night").folder is None
    assert plan(["x"], "out", "night").folder == Path("out")
    assert plan(["b.png", "x/a.jpg"], "out", "night").folder == Path("out")


def test_a_photo_named_twice_is_done_once(home):
    save(home / "x/a.jpg")
    assert outputs(["x", "x/a.jpg"], "out") == {"x/a.jpg": "out/a.jpg"}


def test_pictures_of_an_earlier_run_are_no_photos(home, caplog):
    save(home / "x/a.jpg")
    save(home / "x/out/a.jpg")
    with caplog.at_level("INFO"):
        assert outputs(["x"], "x/out") == {"x/a.jpg": "x/out/a.jpg"}
    assert caplog.messages == ["pictures in x/out left out, taken for those of an earlier run: 1"]


@pytest.mark.parametrize("item", ["x", "x/*.jpg"])
def test_photos_below_the_output_folder_are_photos(home, item):
    for name in ("x/a.jpg", "x/b.jpg"):
        save(home / name)
    assert outputs([item], ".") == {"x/a.jpg": "a.jpg", "x/b.jpg": "b.jpg"}


def test_a_glob_is_a_glob_however_many_it_finds(home):
    save(home / "x/a.jpg")
    assert outputs(["x/*.jpg"], "out") == {"x/a.jpg": "out/a.jpg"}
    save(home / "x/b[1].jpg")
    assert outputs(["x/b[1].jpg"], "out/") == {"x/b[1].jpg": "out/b[1]-night.jpg"}


def test_an_output_in_the_home_folder(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    save(home / "a.png")
    assert outputs(["~/a.png"], "~/b.png") == {str(home / "a.png"): str(home / "b.png")}


def test_a_folder_that_cannot_be_read_does_not_stop_the_others(home, monkeypatch):
    save(home / "x/deep/a.jpg")
    save(home / "x/lost/b.jpg")
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "lost":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    planned = plan(["x"], "out", "night")
    assert [job.photo for job in planned.jobs] == [Path("x/deep/a.jpg")]
    assert [failure.message for failure in planned.failed] == ["cannot read folder x/lost: Permission denied"]
    with pytest.raises(ImageError, match="cannot read folder x/lost: Permission denied"):
        plan(["x/lost"], "out", "night")


@pytest.mark.parametrize(
    ("inputs", "output", "message"),
    [
        (["a.png"], "out", "out does not end as a picture"),
        (["a.png"], "out.gif", r"out\.gif does not end as a picture"),
        (
            ["a.png", "x/b.png"],
            "out.png",
            r"out\.png is one file, and folders, globs or several photos want a folder",
        ),
        (["x"], "out.png", r"out\.png is one file, and folders"),
        (["a.png"], "a.png", r"a\.png would overwrite a photo"),
        (["a.png"], "x/../a.png", "would overwrite a photo"),
        (["x"], "x", "would overwrite a photo"),
        (["a.png"], "link.png", "would overwrite a photo"),
        (["x", "y"], "out", r"x/b\.png and y/b\.png would both become out/b\.png"),
    ],
)
def test_an_output_that_is_no_place_for_the_photos_is_refused(home, inputs, output, message):
    for name in ("a.png", "x/b.png", "y/b.png"):
        save(home / name)
    (home / "link.png").symlink_to("a.png")
    with pytest.raises(ConfigError, match=message):
        plan(inputs, output, "night")


def test_a_folder_that_is_a_file_is_found_out_before_the_work(home):
    save(home / "a.png")
    with pytest.raises(FastNSTError, match=r"cannot write a\.png/b\.png: .*a\.png is not a folder"):
        plan(["a.png"], "a.png/b.png", "night")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_found_out_before_the_work(home):
    save(home / "a.png")
    (home / "out").mkdir(mode=0o500)
    with pytest.raises(FastNSTError, match=r"cannot write out/new/b\.png: Permission denied"):
        plan(["a.png"], "out/new/b.png", "night")


def test_what_is_not_there_does_not_stop_the_others(home):
    save(home / "a.png")
    planned = plan(["none.png", "a.png", "sample:none"], "out", "night")
    assert [job.output for job in planned.jobs] == [Path("out/a.png")]
    assert [str(failure.photo) for failure in planned.failed] == ["none.png", "sample:none"]
    with pytest.raises(ImageError, match=r"no file or folder none\.png"):
        plan(["none.png", "neither.png"], "out", "night")


def test_a_link_to_nothing_is_a_job_like_any_other(home):
    save(home / "a.jpg")
    (home / "gone.jpg").symlink_to("nowhere.jpg")
    assert outputs(["a.jpg", "gone.jpg"], "out") == {"a.jpg": "out/a.jpg", "gone.jpg": "out/gone.jpg"}
