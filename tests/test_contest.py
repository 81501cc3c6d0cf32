"""What is voted on, from folders of pictures and from records of strangers."""

import json
import shutil
from pathlib import Path

import pytest
from made_contest import compared, folders, made, picture

from fastnst import contest
from fastnst.errors import ContestError, ImageError


def test_equal_file_names_are_pictures_of_one_photo(tmp_path):
    found = made(tmp_path, ("fast", "slow", "slower"))
    assert found.methods == ["fast", "slow", "slower"]
    assert [motif.photo for motif in found.motifs] == ["cat", "cup", "sea", "town"]
    assert len(found.pairs) == 4 * 3
    for pair in found.pairs.values():
        for method, shown in zip(pair.methods, pair.pictures, strict=True):
            assert shown.path == tmp_path / method / f"{pair.motif.photo}.png"


def test_formats_may_differ_and_sub_folders_count(tmp_path):
    picture(tmp_path / "fast" / "trip" / "1.png", "red")
    picture(tmp_path / "slow" / "trip" / "1.webp", "blue")
    picture(tmp_path / "slow" / "1.webp", "green")
    found = contest.read([tmp_path / "fast", tmp_path / "slow"])
    assert [motif.photo for motif in found.motifs] == ["trip/1"]


def test_what_gatys_puts_beside_a_picture_is_none(tmp_path):
    for folder in ("fast", "slow"):
        for name in ("cat.png", "cat.trace.png", "cat.snapshots/000002.png", "dog.trace.png"):
            picture(tmp_path / folder / name, "red" if folder == "fast" else "blue")
        (tmp_path / folder / "cat.trace.json").touch()
    found = contest.read([tmp_path / "fast", tmp_path / "slow"])
    assert [motif.photo for motif in found.motifs] == ["cat", "dog.trace"]


def test_photos_and_the_painting_are_shown_where_they_are(tmp_path, caplog):
    results = folders(tmp_path)
    picture(tmp_path / "fast" / "alone.png", "red")
    photo = picture(tmp_path / "photos" / "cat.jpg", "white")
    painting = picture(tmp_path / "starry_night.jpg", "black")
    found = contest.read(results, photos=tmp_path / "photos", painting=painting)
    originals = {motif.photo: motif.originals for motif in found.motifs}
    assert originals["cat"]["photo"].path == photo
    assert "photo" not in originals["cup"]
    assert {motif.painting for motif in found.motifs} == {"starry night"}
    assert all(shown["painting"].path == painting for shown in originals.values())
    assert "in one folder only are left out: 1" in caplog.text


def test_a_comparison_names_its_pictures(tmp_path):
    found = contest.read([compared(tmp_path)])
    assert found.methods == ["fast", "gatys", "gatys@50"]
    assert [motif.painting for motif in found.motifs] == ["Starry_Night", "The_Scream"]
    assert len(found.pairs) == 2 * 3
    assert found.motifs[0].originals["photo"].path == tmp_path / "pictures" / "starry_night" / "photo.png"


def test_comparisons_and_folders_go_together(tmp_path):
    results = [compared(tmp_path / "compared"), *folders(tmp_path, ("gatys", "mine"))]
    assert contest.read(results).methods == ["fast", "gatys", "gatys@50", "mine"]


def test_pictures_of_equal_bytes_are_no_choice(tmp_path):
    results = folders(tmp_path)
    (tmp_path / "slow" / "cat.png").write_bytes((tmp_path / "fast" / "cat.png").read_bytes())
    assert {pair.motif.photo for pair in contest.read(results).pairs.values()} == {"cup", "sea", "town"}


def test_of_two_methods_that_made_one_picture_the_first_is_voted_on(tmp_path):
    folder = compared(tmp_path / "compared")
    same = folder / "pictures/the_scream"
    (same / "gatys@50.png").write_bytes((same / "gatys.png").read_bytes())
    pairs = contest.read([folder]).pairs.values()
    assert {pair.methods for pair in pairs if pair.motif.painting == "The_Scream"} == {("fast", "gatys")}
    assert len(pairs) == 4


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (["none"], "none is not there: vote takes folders"),
        (["file.png"], "file.png is a file: vote takes folders"),
        (["fast"], "there is one method only, fast"),
        (["empty", "fast"], "there is no picture in"),
        (["fast", "other"], "fast and other have no file name in common"),
        (["fast", "again/fast"], "two folders are called fast"),
        (["fast", "double"], "have one name: leave one of them"),
        (["fast", "same"], "fast and same made no two different pictures of one photo"),
    ],
)
def test_folders_that_make_no_contest_are_a_line(tmp_path, results, message):
    folders(tmp_path, ("fast", "again/fast"))
    (tmp_path / "empty").mkdir()
    picture(tmp_path / "file.png", "red")
    picture(tmp_path / "other" / "dog.png", "red")
    picture(tmp_path / "double" / "cat.png", "red")
    picture(tmp_path / "double" / "cat.jpg", "red")
    shutil.copytree(tmp_path / "fast", tmp_path / "same")
    with pytest.raises((ContestError, ImageError), match=message) as caught:
        contest.read([tmp_path / result for result in results])
    assert "\n" not in str(caught.value)


def test_photos_and_painting_that_would_not_be_shown_are_a_line(tmp_path):
    picture(tmp_path / "photos" / "dog.png", "red")
    with pytest.raises(ContestError, match=r"no photo in .*photos has the name of a picture, such as cat"):
        contest.read(folders(tmp_path), photos=tmp_path / "photos")
    with pytest.raises(ContestError, match="leave out --photos and --painting"):
        contest.read([compared(tmp_path / "compared")], painting=tmp_path / "photos" / "dog.png")


def test_what_is_no_picture_is_said_at_the_start(tmp_path):
    results = folders(tmp_path)
    (tmp_path / "slow" / "cup.png").write_text("not a picture")
    with pytest.raises(ImageError, match=r"cup\.png is not a picture"):
        contest.read(results)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged: it is not JSON"),
        ("[" * 100_000, "is damaged: it is not JSON"),
        ("[]", "is not a record of `fastnst compare`"),
        ('{"format": 2, "pairs": []}', "is a newer fastnst's"),
        ('{"format": "1", "pairs": []}', "is not a record of `fastnst compare`"),
        ('{"format": 1}', "'pairs' is NoneType, not list"),
        ('{"format": 1, "pairs": []}', "names no pictures"),
        ('{"format": 1, "pairs": [7]}', "one of its pairs is int"),
        ('{"format": 1, "pairs": [{"photo": "a", "style": "b"}]}', "'pictures' is NoneType, not dict"),
    ],
)
def test_a_damaged_record_is_a_line(tmp_path, text, message):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ContestError) as caught:
        contest.read([tmp_path])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../secret.png", "lies outside"),
        ("pictures/../../secret.png", "lies outside"),
        ("/etc/hostname", "lies outside"),
        ("link.png", "lies outside"),
        ("loop.png", "loop.png, which results.json names, is not there"),
        ("gone.png", "gone.png, which results.json names, is not there"),
        ("pictures", "pictures, which results.json names, is not there"),
        ("a\0b", "a picture's path is 'a"),
        (7, "a picture's path is 7"),
    ],
)
def test_a_record_names_nothing_outside_its_folder(tmp_path, path, message):
    picture(tmp_path / "secret.png", "red")
    folder = compared(tmp_path / "compared")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "loop.png").symlink_to("loop.png")
    record = json.loads((folder / "results.json").read_text())
    record["pairs"][1]["pictures"]["evil"] = path
    (folder / "results.json").write_text(json.dumps(record))
    with pytest.raises(ContestError) as caught:
        contest.read([folder])
    assert message in str(caught.value)


def test_a_record_with_one_method_is_said(tmp_path):
    compared(
        tmp_path, pictures={"photo": "pictures/the_scream/photo.png", "fast": "pictures/the_scream/fast.png"}
    )
    with pytest.raises(ContestError, match="there is one method only, fast"):
        contest.read([tmp_path])


def test_a_method_is_called_as_its_folder_wherever_one_stands(tmp_path, monkeypatch):
    folders(tmp_path)
    monkeypatch.chdir(tmp_path / "fast")
    found = contest.read([Path(), Path("..", "slow")])
    assert found.methods == ["fast", "slow"]
