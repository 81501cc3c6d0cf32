"""One style of two."""

import numpy as np
import pytest
import tiny_style

from fastnst import cli, style_file
from fastnst.blend import blend
from fastnst.engines import open_engine
from fastnst.errors import ConfigError

BASE = {"training": {"init": "base"}}


@pytest.fixture
def two(home):
    """Two styles of one network, the second with other weights."""
    first = tiny_style.write(home, "first.safetensors", title="Noise", **BASE)
    weights = {name: value * 0.5 + 0.1 for name, value in tiny_style.weights().items()}
    record = {**tiny_style.RECORD, **BASE, "name": "other", "title": "Other"}
    style_file.write(home / "second.safetensors", weights, record)
    return style_file.read(first), style_file.read(home / "second.safetensors")


@pytest.mark.parametrize("part", [0, 0.3, 1])
def test_weights_lie_between(two, tmp_path, part):
    first, second = two
    blend(first, second, part, tmp_path / "new.safetensors")
    mixed = style_file.read(tmp_path / "new.safetensors")
    for name, value in mixed.weights().items():
        expected = (1 - part) * first.weights()[name] + part * second.weights()[name]
        np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-6)
    assert mixed.record["title"] == "Noise and Other"
    assert mixed.record["blend"] == {"tiny": 1 - part, "other": part}
    picture = open_engine(mixed, device="cpu").stylise(tiny_style.noise(24, 32)[None])
    assert picture.shape == (1, 24, 32, 3)


def test_the_command_writes_a_style(two, capsys, caplog):
    argv = ["blend", "first.safetensors", "second.safetensors", "--part", "0.4", "-o", "new.safetensors"]
    assert cli.main(argv) == 0
    assert capsys.readouterr() == ("new.safetensors\n", "")
    assert cli.main(["stylise", "photo.png", "-s", "new.safetensors", "-o", "out.png"]) == 0


def test_styles_that_do_not_say_how_they_enlarge_are_of_the_kind_of_0(tmp_path):
    smooth = style_file.read(style_file.find("starry_night"))
    network = smooth.record["network"]
    unsaid = {key: value for key, value in network["arguments"].items() if key != "smooth"}
    styles = []
    for arguments in (unsaid, {**unsaid, "smooth": 0}):
        path = tmp_path / f"{len(styles)}.safetensors"
        style_file.write(
            path, smooth.stored(), {**smooth.record, "network": {**network, "arguments": arguments}}
        )
        styles.append(style_file.read(path))
    blend(*styles, 0.5, tmp_path / "new.safetensors")
    with pytest.raises(ConfigError, match=r"do not mix: .* of their networks differ: smooth 0 and 1$"):
        blend(styles[0], smooth, 0.5, tmp_path / "other.safetensors")


def test_a_style_with_strengths_does_not_mix_with_one_without(two, tmp_path):
    first, _ = two
    kinds = style_file.WEAKER, style_file.STRONGER
    ends = {f"{kind}{name}": value for kind in kinds for name, value in first.stored().items()}
    style_file.write(tmp_path / "ends.safetensors", first.stored() | ends, first.record)
    ranged = style_file.read(tmp_path / "ends.safetensors")
    with pytest.raises(ConfigError, match="do not mix: one of them has strengths, the other has not"):
        blend(first, ranged, 0.5, tmp_path / "new.safetensors")


def test_a_blend_of_blends_is_of_the_base_too(two, tmp_path, capsys):
    argv = ["blend", "first.safetensors", "second.safetensors", "-o", "new.safetensors"]
    assert cli.main(argv) == 0
    assert cli.main(["blend", "new.safetensors", "first.safetensors", "-o", "third.safetensors"]) == 0
    assert capsys.readouterr().err == ""


def test_two_styles_of_one_name_are_told_apart(two, tmp_path):
    first, _ = two
    blend(first, first, 0.25, tmp_path / "new.safetensors")
    assert style_file.read(tmp_path / "new.safetensors").record["blend"] == {
        "tiny (1)": 0.75,
        "tiny (2)": 0.25,
    }


def test_licences_that_differ_are_not_the_blends(home):
    tiny_style.write(home, "mit.safetensors", licence="MIT")
    tiny_style.write(home, "cc.safetensors", licence="CC BY 4.0")
    mit, cc = (style_file.read(home / f"{name}.safetensors") for name in ("mit", "cc"))
    blend(mit, mit, 0.5, home / "new.safetensors")
    assert style_file.read(home / "new.safetensors").record["licence"] == "MIT"
    blend(mit, cc, 0.5, home / "new.safetensors")
    assert "licence" not in style_file.read(home / "new.safetensors").record


def test_styles_that_began_apart_are_warned_of(two, home, capsys):
    tiny_style.write(home, "scratch.safetensors", training={"init": "scratch"})
    assert cli.main(["blend", "first.safetensors", "scratch.safetensors", "-o", "new.safetensors"]) == 0
    assert "did not begin with the same base" in capsys.readouterr().err


def test_styles_of_a_base_of_ones_own_are_known_by_its_digest(two, home, capsys):
    own = {"training": {"init": "own", "init_sha256": "5e1f"}}
    for file, training in (
        ("one", own),
        ("other", own),
        ("later", {"training": {"init": "one", "init_sha256": "1", "base_sha256": "5e1f"}}),
    ):
        tiny_style.write(home, f"{file}.safetensors", **training)
    for file in ("other", "later", "new"):
        assert cli.main(["blend", "one.safetensors", f"{file}.safetensors", "-o", "out.safetensors"]) == 0
        assert capsys.readouterr().err == ""
        assert style_file.read(home / "out.safetensors").record["training"] == {"base_sha256": "5e1f"}
        (home / "out.safetensors").replace(home / "new.safetensors")


def test_a_blend_is_of_the_base_that_shipped_before_there_were_digests(two, home, capsys):
    tiny_style.write(home, "digest.safetensors", training={"init": "base", "init_sha256": "5e1f"})
    assert cli.main(["blend", "digest.safetensors", "digest.safetensors", "-o", "new.safetensors"]) == 0
    record = style_file.read(home / "new.safetensors").record
    assert record["training"] == {"init": "base", "base_sha256": "5e1f"}
    assert cli.main(["blend", "new.safetensors", "first.safetensors", "-o", "third.safetensors"]) == 0
    assert capsys.readouterr().err == ""


def test_styles_of_other_bases_are_warned_of(two, home, capsys):
    own = {"training": {"init": "own", "init_sha256": "5e1f"}}
    for file, training in (("one", own), ("third", {"training": {**own["training"], "init_sha256": "0"}})):
        tiny_style.write(home, f"{file}.safetensors", **training)
    for file in ("third", "first"):
        assert cli.main(["blend", "one.safetensors", f"{file}.safetensors", "-o", "new.safetensors"]) == 0
        assert "did not begin with the same base" in capsys.readouterr().err
        assert "training" not in style_file.read(home / "new.safetensors").record


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["none", "-o", "new.safetensors"], 1, "there is no style 'none'"),
        (["tiny.safetensors", "-o", "new.pt"], 1, "new.pt: the name of a style file ends in .safetensors"),
        (["tiny.safetensors", "-o", "./first.safetensors"], 1, "would overwrite a style that it is made of"),
        (["wide.safetensors", "-o", "new.safetensors"], 1, "networks differ: width 4 and 9"),
        (["tiny.safetensors", "-o", "new.safetensors", "--part", "2"], 2, "'--part'"),
        (["tiny.safetensors", "-o", "new.safetensors", "--part", "nan"], 2, "'--part'"),
    ],
)
def test_a_mistake_is_said(two, home, capsys, arguments, status, message):
    weights = {"layers.0.weight": np.zeros((3, 3, 1, 1), np.float32)}
    network = {"name": "johnson", "arguments": {"width": 9, "blocks": 1}}
    style_file.write(home / "wide.safetensors", weights, {"name": "wide", "network": network})
    assert cli.main(["blend", "first.safetensors", *arguments]) == status
    assert message in capsys.readouterr().err
    assert not list(home.glob("new*"))


def test_a_part_out_of_range_is_an_error(two, tmp_path):
    with pytest.raises(ConfigError, match=r"from 0 to 1, not -0\.5"):
        blend(*two, -0.5, tmp_path / "new.safetensors")
