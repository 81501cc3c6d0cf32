import math

import numpy as np
import pytest
from PIL import Image

from fastnst.errors import FastNSTError
from fastnst.report import sheet, trace_plot

RED = np.zeros((3, 20, 30), np.float32) + np.float32([1, 0, 0])[:, None, None]
BLUE = RED[::-1].copy()


def colours(image):
    return {tuple(map(int, colour)) for colour in np.asarray(image).reshape(-1, 3)}


def test_pictures_lie_in_rows():
    image = sheet([[RED, BLUE], [BLUE, RED]], height=40)
    pixels = np.asarray(image).astype(int)
    red = (pixels == [255, 0, 0]).all(-1)
    assert red.sum() == 2 * 40 * 60
    half_y, half_x = red.shape[0] // 2, red.shape[1] // 2
    assert red[:half_y, :half_x].sum() == red[half_y:, half_x:].sum() == 40 * 60


def test_a_tall_picture_is_as_high_as_the_others():
    image = sheet([[RED, BLUE.swapaxes(1, 2)]], height=60)
    blue = (np.asarray(image) == [0, 0, 255]).all(-1)
    assert blue.any(1).sum() == 60
    assert blue.any(0).sum() == 40


def test_captions_and_title_make_room_for_themselves():
    plain = sheet([[RED, BLUE]], height=80)
    said = sheet([[RED, BLUE]], captions=[["One\ntwo lines", ""]], title="Above", height=80)
    assert said.height > plain.height
    assert colours(plain) == {(255, 255, 255), (255, 0, 0), (0, 0, 255)}
    assert len(colours(said)) > 3


def test_a_long_caption_is_wrapped_within_its_column():
    short = sheet([[RED, BLUE]], captions=[["a", "b"]], height=80)
    long = sheet([[RED, BLUE]], captions=[["many words " * 8, "b"]], height=80)
    assert long.width == short.width
    assert long.height > short.height


def test_letters_beyond_ascii_are_drawn():
    different = [sheet([[RED]], captions=[[word]], height=80).tobytes() for word in ("Tübingen", "Täbingen")]
    assert different[0] != different[1]


@pytest.mark.parametrize("rows", [[], [[]], [[None]], [[RED, None], [BLUE]]])
def test_gaps_are_no_trouble(rows):
    assert sheet(rows, captions=[["x"]] if rows else []).width > 0


def test_the_words_of_a_gap_stand_in_it():
    plain = np.asarray(sheet([[RED, BLUE], [None, BLUE]], height=80))
    said = np.asarray(sheet([[RED, BLUE], [None, BLUE]], captions=[[], ["a row", ""]], height=80))
    assert said.shape == plain.shape
    rows, columns = np.nonzero((said != plain).any(-1))
    assert plain.shape[0] / 2 < rows.min() < rows.max() < plain.shape[0]
    assert columns.max() < plain.shape[1] / 2


def test_a_note_is_wrapped_below_the_title():
    sizes = [
        sheet([[RED, BLUE]], title="Above", note=note, height=80).size for note in ("", "a", "word " * 60)
    ]
    assert len({width for width, _ in sizes}) == 1
    heights = [height for _, height in sizes]
    assert heights == sorted(set(heights))


def test_letters_can_be_larger_than_suits_the_pictures():
    heights = [sheet([[RED]], captions=[["one"]], height=80, text=text).height for text in (None, 30)]
    assert heights[0] < heights[1]


def trace(length):
    return [
        {
            "evaluation": i + 1,
            "seconds": 0.1 * i,
            "total": 10 / (i + 1),
            "content": 0.0 if i == 0 else 1.0,
            "style": 9 / (i + 1),
            "tv": 0.0,
            "raw/content/relu4_2": 1.0 * i,
            "raw/style/relu1_1": 1 / (i + 1),
            "raw/tv": 0.1,
        }
        for i in range(length)
    ]


def test_a_plot_of_one_or_several_runs(tmp_path):
    trace_plot({"lbfgs": trace(20)}, tmp_path / "one.png")
    trace_plot({"lbfgs": trace(20), "adam": trace(30)}, tmp_path / "two.png", title="Both")
    for name in ("one.png", "two.png"):
        with Image.open(tmp_path / name) as image:
            assert image.width > 600
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("broken", [math.nan, math.inf, None, 0.0])
def test_what_has_no_logarithm_is_left_out(tmp_path, broken):
    records = trace(3)
    records[-1] = dict.fromkeys(records[-1], broken) | {"evaluation": 3}
    trace_plot({"lbfgs": records}, tmp_path / "plot.png")
    trace_plot({"lbfgs": records[-1:]}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 0


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FastNSTError, match=r"cannot write .*plot\.png"):
        trace_plot({"lbfgs": trace(3)}, tmp_path / "file" / "plot.png")
