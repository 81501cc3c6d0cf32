import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastnst import images, samples
from fastnst import stylise as work
from fastnst.errors import ConfigError, FastNSTError, ImageError
from fastnst.images import Picture
from fastnst.stylise import Job, plan, repaint, stylise


class Negative:
    """An engine that can be computed by hand."""

    min_size = 16
    description = "by hand"

    def stylise(self, pictures):
        return 1 - pictures


def save(path: Path, *, width: int = 20, height: int = 16, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, bands), np.uint8)
    Image.fromarray(pixels.squeeze()).save(path)
    return path


def outputs(inputs, output, style="night") -> dict[str, str]:
    """Where every photo goes, by the photos' names."""
    return {str(job.photo): str(job.output) for job in plan(inputs, output, style).jobs}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photo():
    rng = np.random.default_rng(1)
    return Picture(rng.random((3, 18, 21), np.float32), rng.random((18, 21), np.float32), ("a note",))


def test_full_strength_is_the_networks_picture_and_keeps_the_rest(photo):
    picture = repaint(photo, Negative())
    np.testing.assert_array_equal(picture.rgb, 1 - photo.rgb)
    np.testing.assert_array_equal(picture.alpha, photo.alpha)
    assert picture.notes == photo.notes


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.5])
def test_strength_fades_between_photo_and_picture(photo, strength):
    expected = photo.rgb * (1 - strength) + (1 - photo.rgb) * strength
    picture = repaint(photo, Negative(), strength=strength)
    assert picture.rgb.dtype == np.float32
    np.testing.assert_allclose(picture.rgb, expected, atol=1e-6)


def test_keeping_colours_takes_y_from_the_picture_and_i_and_q_from_the_photo():
    rgb_to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    photo = Picture(
        np.random.default_rng(2).random((3, 16, 16), np.float32) * 0.2 + 0.4
    )  # nothing is clipped
    kept = repaint(photo, Negative(), keep_colours=True).rgb
    y, _, _ = np.einsum("cd,dhw->chw", rgb_to_yiq, 1 - photo.rgb)
    _, i, q = np.einsum("cd,dhw->chw", rgb_to_yiq, photo.rgb)
    np.testing.assert_allclose(np.einsum("cd,dhw->chw", rgb_to_yiq, kept), [y, i, q], atol=1e-5)


def test_kept_colours_stay_in_range(photo):
    kept = repaint(photo, Negative(), keep_colours=True).rgb
    assert kept.min() >= 0
    assert kept.max() <= 1


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


def test_a_photo_named_twice_is_done_once(home):
    save(home / "x/a.jpg")
    assert outputs(["x", "x/a.jpg"], "out") == {"x/a.jpg": "out/a.jpg"}


def test_pictures_of_an_earlier_run_are_no_photos(home):
    save(home / "x/a.jpg")
    save(home / "x/out/a.jpg")
    assert outputs(["x"], "x/out") == {"x/a.jpg": "x/out/a.jpg"}


@pytest.mark.parametrize(
    ("inputs", "output", "message"),
    [
        (["a.png"], "out", "out does not end as a picture"),
        (["a.png"], "out.gif", r"out\.gif does not end as a picture"),
        (["a.png", "x/b.png"], "out.png", "several photos: give -o a folder"),
        (["x"], "out.png", "several photos: give -o a folder"),
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
    with pytest.raises(FastNSTError, match="out is read-only"):
        plan(["a.png"], "out/new/b.png", "night")


def test_what_is_not_there_does_not_stop_the_others(home):
    save(home / "a.png")
    planned = plan(["none.png", "a.png", "sample:none"], "out", "night")
    assert [job.output for job in planned.jobs] == [Path("out/a.png")]
    assert [str(failure.photo) for failure in planned.failed] == ["none.png", "sample:none"]
    with pytest.raises(ImageError, match=r"no file or folder none\.png"):
        plan(["none.png", "neither.png"], "out", "night")


def test_a_bad_photo_is_reported_and_the_others_are_done(home):
    save(home / "x/1.png")
    (home / "x/2.png").write_text("no picture")
    save(home / "x/3.png", width=15)
    save(home / "x/4.png")
    seen = []
    told = []
    summary = stylise(plan(["x"], "out", "night"), Negative(), report=seen.append, finished=told.append)
    assert [done.photo.name for done in summary.done] == ["1.png", "4.png"]
    assert list(summary.done) == told
    assert [failure.photo.name for failure in summary.failed] == ["2.png", "3.png"]
    assert "is not a picture" in summary.failed[0].message
    assert "15x16 px" in summary.failed[1].message
    assert [progress.done for progress in seen] == [0, 1, 2, 3, 4]
    assert {path.name for path in (home / "out").iterdir()} == {"1.png", "4.png"}
    np.testing.assert_allclose(images.read("out/1.png").rgb, 1 - images.read("x/1.png").rgb, atol=1e-6)


def test_size_is_the_longer_side(home):
    save(home / "a.png", width=60, height=40)
    summary = stylise(plan(["a.png"], "b.png", "night"), Negative(), size=30)
    assert (summary.done[0].width, summary.done[0].height) == (30, 20)
    assert images.read("b.png").rgb.shape == (3, 20, 30)
    failed = stylise(plan(["a.png"], "c.png", "night"), Negative(), size=20).failed
    assert "a.png is too small: 20x13 px" in failed[0].message


@pytest.mark.parametrize("error", [MemoryError(), ImageError("not enough memory for 9x9 px")])
def test_memory_that_runs_out_is_a_line_with_the_photos_name(home, monkeypatch, error):
    save(home / "a.png")
    monkeypatch.setattr(work, "repaint", lambda *_args, **_options: (_ for _ in ()).throw(error))
    summary = stylise(plan(["a.png"], "b.png", "night"), Negative())
    assert summary.failed[0].message.startswith("a.png: not enough memory")
    assert not Path("b.png").exists()


def test_ctrl_c_leaves_what_is_done_and_nothing_half_written(home, monkeypatch):
    save(home / "x/1.png")
    save(home / "x/2.png")
    saved = Image.Image.save

    def interrupted(image, path, *args, **options):
        saved(image, path, *args, **options)
        if len(list(Path("out").glob("[!.]*"))) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stylise(plan(["x"], "out", "night"), Negative())
    assert [path.name for path in Path("out").iterdir()] == ["1.png"]


@pytest.mark.parametrize("suffix", images.WRITERS)
def test_every_format_promised_is_written(home, suffix):
    save(home / "a.png")
    planned = work.Plan((Job(Path("a.png"), Path(f"b{suffix}")),))
    assert stylise(planned, Negative()).failed == ()
    assert images.read(f"b{suffix}").rgb.shape == (3, 16, 20)
