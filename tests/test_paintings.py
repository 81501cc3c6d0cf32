import hashlib
from dataclasses import fields, replace

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from fastnst import paintings
from fastnst.config import choices, conf_dir, typed
from fastnst.errors import ConfigError, ImageError
from fastnst.settings import PaintingSettings

PRESETS = sorted((conf_dir() / "painting").glob("*.yaml"))
OWN = PaintingSettings(
    name=None,
    title=None,
    artist=None,
    year=None,
    image=None,
    dir="paintings",
    size=64,
    strength=1.0,
    source=None,
    rights=None,
)


def load(settings):
    return paintings.load(settings, settings.size)


@pytest.fixture(autouse=True)
def _working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(path, *, size=(80, 40), colour=(200, 40, 40), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_complete(path):
    raw = OmegaConf.load(path)
    assert list(raw) == [field.name for field in fields(PaintingSettings)]
    settings = typed(PaintingSettings, raw)
    if path.stem != "own":
        assert settings.name == path.stem
        assert settings.title
        assert settings.artist
        assert settings.source
        assert settings.rights


def test_there_are_twelve_presets_one_painting_of_ours_and_own():
    assert len(PRESETS) == 14
    assert {"own", "brushstrokes", "starry_night"} <= set(choices("painting"))


def test_no_painting_lists_the_presets():
    with pytest.raises(ConfigError, match=r"painting\.image=FILE .* painting=NAME .*starry_night") as caught:
        load(OWN)
    assert "own" not in str(caught.value).split()
    assert "\n" not in str(caught.value)


def test_the_built_in_painting_needs_no_file():
    painting = load(replace(OWN, name="brushstrokes", title="Brushstrokes", image="builtin:brushstrokes"))
    assert painting.rgb.shape == (3, 48, 64)
    assert painting.rgb.dtype == np.float32
    assert (painting.name, painting.title, painting.size) == ("brushstrokes", "Brushstrokes", 64)
    pixels = (painting.rgb.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
    assert painting.sha256 == hashlib.sha256(pixels.tobytes()).hexdigest()


def test_an_unknown_built_in_painting_names_the_known_one():
    with pytest.raises(ConfigError, match=r"no painting builtin:mud: .* builtin:brushstrokes"):
        load(replace(OWN, image="builtin:mud"))


def test_the_built_in_painting_has_a_largest_size():
    with pytest.raises(ConfigError, match=r"up to 4096 px, not painting\.size=5000"):
        load(replace(OWN, image="builtin:brushstrokes", size=5000))


def test_a_file_is_read_at_its_size_with_its_aspect(tmp_path):
    path = save(tmp_path / "mine.png")
    painting = load(replace(OWN, image="mine.png", artist="Me", year="2020"))
    assert painting.rgb.shape == (3, 32, 64)
    assert (painting.artist, painting.year, painting.size) == ("Me", "2020", 64)
    assert painting.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_working_directory_comes_before_the_folder_of_paintings(tmp_path):
    save(tmp_path / "paintings" / "mine.png", colour=(0, 0, 255))
    assert load(replace(OWN, image="mine.png")).rgb[2].min() == 1
    save(tmp_path / "mine.png", colour=(255, 0, 0))
    assert load(replace(OWN, image="mine.png")).rgb[2].max() == 0


def test_the_folder_of_paintings_can_be_anywhere(tmp_path):
    save(tmp_path / "deep" / "down" / "mine.png")
    assert load(replace(OWN, image="mine.png", dir=str(tmp_path / "deep" / "down"))).name == "mine"


def test_an_absolute_path_is_taken_as_it_is(tmp_path):
    path = save(tmp_path / "elsewhere" / "mine.png")
    assert load(replace(OWN, image=str(path))).name == "mine"


def test_transparent_paint_lies_on_white(tmp_path):
    save(tmp_path / "mine.png", mode="RGBA", colour=(0, 0, 0, 0))
    assert load(replace(OWN, image="mine.png")).rgb.min() == 1


def test_a_missing_preset_says_where_it_looked_and_where_to_get_it():
    settings = replace(OWN, image="starry_night.jpg", source="Museum of Modern Art, New York")
    with pytest.raises(ImageError) as caught:
        load(settings)
    text = str(caught.value)
    assert "\n" not in text
    for part in ("starry_night.jpg or paintings", "Museum of Modern Art", "painting.dir=", "painting.image="):
        assert part in text


def test_a_folder_is_no_painting(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(ImageError, match=r"mine.*folder"):
        load(replace(OWN, image="mine"))


def test_a_text_file_is_no_painting(tmp_path):
    (tmp_path / "mine.jpg").write_text("not a picture at all")
    with pytest.raises(ImageError, match=r"mine\.jpg"):
        load(replace(OWN, image="mine.jpg"))


def test_a_strip_is_too_narrow_to_have_a_style(tmp_path):
    save(tmp_path / "strip.png", size=(400, 10))
    with pytest.raises(
        ImageError, match=r"strip\.png is .* px: .* painting\.size must be at least \d+, not \d+"
    ):
        load(replace(OWN, image="strip.png"))


@pytest.mark.parametrize("image", ["a\0b.png", "x" * 5000])
def test_an_impossible_name_is_an_error_in_one_line(image):
    with pytest.raises(ImageError, match="painting"):
        load(replace(OWN, image=image))


@pytest.mark.parametrize(
    ("file", "name", "title"),
    [
        ("The Kiss (1908).png", "the_kiss_1908", "The Kiss (1908)"),
        ("Café-crème.v2.png", "cafe-creme_v2", "Café-crème.v2"),
        ("神奈川.png", "painting", "神奈川"),
        ("__.png", "painting", "__"),
        ("my_wave.png", "my_wave", "my wave"),
    ],
)
def test_a_name_comes_from_the_file(tmp_path, file, name, title):
    save(tmp_path / file)
    painting = load(replace(OWN, image=file))
    assert (painting.name, painting.title) == (name, title)


def test_a_given_name_is_made_fit_for_a_file(tmp_path):
    save(tmp_path / "mine.png")
    painting = load(replace(OWN, image="mine.png", name="../My Style", title="Mine"))
    assert (painting.name, painting.title) == ("my_style", "Mine")


def test_a_sample_of_scikit_image_can_be_a_painting():
    painting = load(replace(OWN, image="sample:gravel"))
    assert (painting.name, painting.rgb.shape) == ("gravel", (3, 64, 64))
    with pytest.raises(ImageError, match="there is no sample cow; the samples are"):
        load(replace(OWN, image="sample:cow"))


@pytest.mark.parametrize(("spread", "told"), [(0, True), (3, True), (40, False)])
def test_a_picture_without_contrast_has_hardly_a_stroke(tmp_path, spread, told):
    pixels = np.random.default_rng(0).integers(100 - spread, 101 + spread, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    settings = replace(OWN, image="grey.png")
    hints = paintings.hints(settings, load(settings))
    assert hints == ["grey is nearly of a single colour: there is hardly a stroke to learn"] * told


def test_a_painting_that_is_drawn_for_the_size_is_not_enlarged():
    settings = replace(OWN, image=paintings.BUILTIN, size=96)
    assert paintings.hints(settings, load(settings)) == []


def test_edges_of_squares_are_straight_and_brushstrokes_are_not(tmp_path):
    squares = np.random.default_rng(0).random((4, 4, 3)).repeat(16, axis=0).repeat(16, axis=1)
    Image.fromarray(np.uint8(255 * squares)).save(tmp_path / "squares.png")
    assert paintings.straight(load(replace(OWN, image="squares.png"))) > 0.8
    assert 0.15 < paintings.straight(load(replace(OWN, image=paintings.BUILTIN, size=256))) < 0.3
    Image.new("RGB", (64, 64), "red").save(tmp_path / "flat.png")
    assert paintings.straight(load(replace(OWN, image="flat.png"))) == 0
