"""Photos for training: prepared once, resumed, the same on every run."""

import errno
import io
import json
import logging
import multiprocessing
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from fastnst import photo_sources, photo_store
from fastnst.crops import PositionSampler
from fastnst.data import Photos, prepare
from fastnst.errors import ConfigError, DataError, ImageError
from fastnst.grain import grained
from fastnst.pixels import packed, unpacked
from fastnst.settings import DataSettings

FOLDER = DataSettings(
    source="folder",
    path=None,
    split="train",
    column="image",
    limit=None,
    size=32,
    early_size=128,
    early_share=0.0,
    margin=0,
    batch_size=4,
    workers=0,
    scale=0.6,
    grain=4.0,
    val_limit=2,
    val_path=None,
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FASTNST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def picture(number: int, *, width: int = 60, height: int = 48) -> Image.Image:
    """A photo that differs from every other number's, with a slope so that crops and flips differ too."""
    y, x = np.mgrid[:height, :width]
    channels = [np.full((height, width), 20 * number % 256), x * 255 // width, y * 255 // height]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def write(folder: Path, count: int, *, first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        picture(number).save(folder / f"{number:03d}.jpg", quality=95)
    return folder


def bytes_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path) -> Path:
    return write(tmp_path / "photos", 10)


@pytest.fixture
def coco(tmp_path) -> Path:
    """A dataset with COCO's columns in two Parquet files; photo 5 is corrupt."""
    import datasets

    features = datasets.Features(
        {
            "image_id": datasets.Value("int64"),
            "image": datasets.Image(),
            "objects": {"bbox": datasets.List(datasets.List(datasets.Value("float32")))},
        }
    )
    rows = [
        {
            "image_id": number,
            "image": {"bytes": b"\xff\xd8 no" if number == 5 else bytes_of(picture(number)), "path": None},
            "objects": {"bbox": [[0.0, 0.0, 1.0, 1.0]]},
        }
        for number in range(12)
    ]
    target = tmp_path / "coco"
    target.mkdir()
    with photo_store.quiet_datasets():
        for number, part in enumerate((rows[:6], rows[6:])):
            dataset = datasets.Dataset.from_list(part, features=features)
            dataset.to_parquet(target / f"train-{number:05d}-of-00002.parquet")
    return target


def loaded(photos: Photos, *, workers: int = 0, start: int = 0, stop: int = 24, **options) -> torch.Tensor:
    sampler = PositionSampler(len(photos.train), seed=photos.train.seed, start=start, stop=stop)
    return torch.cat(list(DataLoader(photos.train, 4, sampler=sampler, num_workers=workers, **options)))


def test_items_are_float_crops_in_range(folder):
    photos = prepare(replace(FOLDER, path=str(folder)), seed=1)
    item = photos.train[0, 3]
    assert item.shape == (2, 3, 32, 32)
    assert item.dtype == torch.float32
    assert 0 <= item.min() < item.max() <= 1
    assert photos.held_out[0].shape == (2, 3, 32, 32)
    assert (len(photos.train), len(photos.held_out)) == (8, 2)


def test_a_crop_neither_squashes_nor_leaves_the_photo(tmp_path):
    wide = tmp_path / "wide"
    wide.mkdir()
    for number in range(2):
        picture(number, width=120, height=40).save(wide / f"{number}.png")
    photos = prepare(replace(FOLDER, path=str(wide), scale=1.0), seed=0)
    for position in range(20):
        item = photos.train[position, 0][0]
        across = (item[1, :, -2] - item[1, :, 1]).abs().mean()
        down = (item[2, -2] - item[2, 1]).mean()
        # 1/3 of the width against the whole height: slopes of 1/3 and 1, less a pixel at both ends
        assert across == pytest.approx(29 / 32 / 3, abs=0.03)
        assert down == pytest.approx(29 / 32, abs=0.03)


def test_a_crop_of_a_single_colour_is_drawn_again(tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in range(3):
        page = Image.new("RGB", (400, 400), "white")
        page.paste(picture(number + 3, width=400, height=100), (0, 0))
        page.save(pages / f"{number}.png")
    Image.new("RGB", (400, 400), "red").save(pages / "3.png")
    train = prepare(replace(FOLDER, path=str(pages), scale=0.1, val_limit=1), seed=0).train
    crops = [train[position, position % len(train)][0] for position in range(60)]
    assert min(float(crop.amax((1, 2)).sub(crop.amin((1, 2))).max()) for crop in crops) > 1.5 / 255
    again = [train[position, position % len(train)][0] for position in range(60)]
    assert all(torch.equal(crop, same) for crop, same in zip(crops, again, strict=True))


def test_crops_differ_by_position_and_half_are_mirrored(folder):
    train = prepare(replace(FOLDER, path=str(folder)), seed=0).train
    items = [train[position, 0][0] for position in range(40)]
    assert len({item.numpy().tobytes() for item in items}) == 40
    mirrored = sum(bool(item[1, :, 0].mean() > item[1, :, -1].mean()) for item in items)
    assert 10 < mirrored < 30


def test_the_network_sees_grain_that_is_new_at_each_position(folder):
    photos = prepare(replace(FOLDER, path=str(folder), scale=1.0, grain=8.0), seed=0)
    noise = []
    for position in range(20):
        photo, seen = photos.train[position, 0]
        inside = (photo > 0.1) & (photo < 0.9)  # where none is clipped
        noise.append(((seen - photo) * 255)[inside])
        assert seen.min() >= 0
        assert seen.max() <= 1
    assert torch.cat(noise).std() == pytest.approx(8, rel=0.1)
    assert len({each[:50].numpy().tobytes() for each in noise}) == 20
    photo, seen = photos.held_out[0]
    expected = unpacked(grained(packed(photo.numpy()), 8))
    np.testing.assert_array_equal(seen.numpy(), expected)


def test_without_grain_the_network_sees_the_photo(folder):
    photos = prepare(replace(FOLDER, path=str(folder), grain=0.0), seed=0)
    for photo, seen in (photos.train[3, 1], photos.held_out[1]):
        torch.testing.assert_close(seen, photo, rtol=0, atol=1e-7)


def test_same_seed_gives_the_same_batches_and_another_seed_others(folder):
    settings = replace(FOLDER, path=str(folder))
    first = loaded(prepare(settings, seed=1))
    assert torch.equal(first, loaded(prepare(settings, seed=1)))
    assert not torch.equal(first, loaded(prepare(settings, seed=2)))


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")  # fork, Python 3.12
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_do_not_change_batches(folder, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    photos = prepare(replace(FOLDER, path=str(folder)), seed=1)
    with_workers = loaded(photos, workers=2, multiprocessing_context=method)
    assert torch.equal(loaded(photos), with_workers)


def test_a_resumed_run_sees_what_the_whole_run_sees(folder):
    photos = prepare(replace(FOLDER, path=str(folder)), seed=1)
    assert torch.equal(loaded(photos)[12:], loaded(photos, start=12))


def test_photos_survive_pickling(folder):
    photos = prepare(replace(FOLDER, path=str(folder)), seed=1)
    copy = pickle.loads(pickle.dumps(photos))
    assert torch.equal(copy.train[7, 2], photos.train[7, 2])
    assert copy.fingerprint == photos.fingerprint


def test_every_pass_has_each_photo_once_in_a_new_order():
    keys = list(PositionSampler(10, seed=3, start=0, stop=30))
    assert [position for position, _ in keys] == list(range(30))
    passes = [[index for _, index in keys[first : first + 10]] for first in (0, 10, 20)]
    assert all(sorted(order) == list(range(10)) for order in passes)
    assert len({tuple(order) for order in passes}) == 3


def test_ranks_share_all_positions_without_overlap():
    whole = list(PositionSampler(10, seed=3, start=4, stop=28))
    ranks = [list(PositionSampler(10, seed=3, start=4, stop=28, rank=r, world_size=3)) for r in range(3)]
    assert sorted(key for keys in ranks for key in keys) == whole
    assert (
        [len(keys) for keys in ranks]
        == [8, 8, 8]
        == [len(PositionSampler(10, seed=3, start=4, stop=28, rank=r, world_size=3)) for r in range(3)]
    )
    # the first global batch of 2 a rank is the first batch of 6
    assert sorted(key for keys in ranks for key in keys[:2]) == whole[:6]


def test_held_out_photos_are_not_trained_on(folder):
    photos = prepare(replace(FOLDER, path=str(folder), val_limit=64), seed=5)
    trained, held_out = set(photos.train.rows.tolist()), set(photos.held_out.rows.tolist())
    assert len(held_out) == 2  # a fifth of ten
    assert not trained & held_out
    assert trained | held_out == set(range(10))


def test_one_photo_is_trained_on_and_none_held_out(tmp_path):
    photos = prepare(replace(FOLDER, path=str(write(tmp_path / "one", 1))), seed=0)
    assert (len(photos.train), len(photos.held_out)) == (1, 0)


def test_a_held_out_folder_inside_the_photos_is_left_out_of_training(folder):
    inside = write(folder / "val", 4, first=10)
    photos = prepare(replace(FOLDER, path=str(folder), val_path=str(inside), val_limit=3), seed=0)
    assert len(photos.train) == 10
    assert len(photos.held_out) == 3
    assert all("/val/" not in name for name in photos.train.store.dataset["name"])
    # 10 is the first number of the held-out folder: red 200
    assert photos.held_out[0][0, 0].mean() * 255 == pytest.approx(200, abs=4)


@pytest.mark.parametrize("val_path", [True, False])
def test_copies_of_held_out_photos_are_not_trained_on(tmp_path, caplog, val_path):
    photos = write(tmp_path / "photos", 6)
    shutil.copytree(photos, tmp_path / "copies")
    write(tmp_path / "copies", 2, first=6)
    both = replace(FOLDER, path=[str(photos), str(tmp_path / "copies")], scale=1.0)
    chosen = replace(both, path=str(tmp_path / "copies"), val_path=str(photos)) if val_path else both
    found = prepare(chosen, seed=1)
    trained = {found.train.store.dataset[int(row)]["jpeg"] for row in found.train.rows}
    held_out = {found.held_out.store.dataset[int(row)]["jpeg"] for row in found.held_out.rows}
    assert len(held_out) == 2
    assert len(trained) == (2 if val_path else 6)
    assert not trained & held_out
    assert "held-out ones, and not trained on" in caplog.text


def test_photos_that_are_all_held_out_are_an_error_that_says_so(folder, coco):
    with pytest.raises(DataError, match=r"every photo in .*photos is held out: give others with data\.path"):
        prepare(replace(FOLDER, path=str(folder), val_path=str(folder)), seed=0)
    (folder / "same").mkdir()
    for number in range(5):
        picture(0).save(folder / "same" / f"{number}.png")
    with pytest.raises(DataError, match="no photo is left to train on"):
        prepare(replace(FOLDER, path=str(folder / "same")), seed=0)
    write(coco / "val", 2)
    hub = replace(FOLDER, source="hub", path=str(coco), val_path=str(coco / "val"))
    with pytest.raises(ConfigError, match=r"data\.val_path lies in data\.path"):
        prepare(hub, seed=0)


def test_a_photo_that_was_unreadable_is_tried_again(folder, monkeypatch):
    path = folder / "000.jpg"
    source = photo_sources.FileSource([path], title="")
    before = source.identity
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        assert source.identity != before
    assert source.identity == before


def test_a_share_that_is_away_is_no_fault_of_the_photo(folder, monkeypatch):
    read = photo_store.images.read

    def fail(path, **options):
        if path.name == "004.jpg":
            raise ImageError(f"cannot read {path}: Connection timed out") from OSError(errno.ETIMEDOUT, "")
        return read(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(photo_store.images, "read", fail)
        with pytest.raises(
            DataError, match=r"004\.jpg: Connection timed out; the same command goes on from there"
        ):
            prepare(replace(FOLDER, path=str(folder)), seed=1)
    photos = prepare(replace(FOLDER, path=str(folder)), seed=1)
    assert len(photos.train) + len(photos.held_out) == 10


def test_folders_are_searched_nested_sorted_and_once(tmp_path):
    first = write(tmp_path / "a", 2)
    write(first / "deep" / "er", 2, first=2)
    second = write(tmp_path / "b", 1, first=4)
    (second / "loop").symlink_to(tmp_path / "a")
    (first / "loop").symlink_to(tmp_path / "a")
    (first / "notes.txt").write_text("no photo")
    (first / ".hidden.jpg").write_bytes(b"")
    found = photo_sources.find([str(first), str(second), str(first / "deep")])
    assert [path.name for path in found] == ["000.jpg", "001.jpg", "002.jpg", "003.jpg", "004.jpg"]


def test_contact_sheets_of_trainings_are_no_photos(tmp_path):
    photos = write(tmp_path / "photos", 2)
    write(photos / "samples", 1, first=2)
    write(photos / "runs" / "today" / "samples", 2, first=3)
    (photos / "runs" / "today" / "calibration.json").touch()
    (photos / "runs" / "today" / "strengths.png").write_bytes(b"")
    found = photo_sources.find([str(photos)])
    assert [path.name for path in found] == ["000.jpg", "001.jpg", "002.jpg"]


def test_a_limit_takes_photos_from_all_folders(tmp_path):
    paths = [str(write(tmp_path / "a", 6)), str(write(tmp_path / "b", 6, first=6))]
    photos = prepare(replace(FOLDER, path=paths, limit=4), seed=0)
    names = [Path(name).name for name in photos.train.store.dataset["name"]]
    assert names == ["000.jpg", "003.jpg", "006.jpg", "009.jpg"]


def test_photos_are_reduced_by_their_shorter_side_but_never_enlarged(tmp_path):
    folder = tmp_path / "sizes"
    folder.mkdir()
    picture(0, width=200, height=100).save(folder / "a.png")
    picture(0, width=33, height=50).save(folder / "b.png")
    store = prepare(replace(FOLDER, path=str(folder)), seed=0).train.store
    sizes = [Image.open(io.BytesIO(row["jpeg"])).size for row in store.dataset]
    assert sizes == [(106, 53), (33, 50)]  # 32 px at the smallest crop, 0.6 of the shorter side


def test_bad_photos_are_skipped_counted_and_listed(folder, caplog):
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("this is no picture")
    (folder / "half.jpg").write_bytes((folder / "000.jpg").read_bytes()[:400])
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    picture(0, width=20, height=40).save(folder / "tiny.png")
    photos = prepare(replace(FOLDER, path=str(folder)), seed=0)
    assert len(photos.train) + len(photos.held_out) == 10
    reasons = {Path(photo.name).name: photo.reason for photo in photos.skipped}
    assert sorted(reasons) == ["empty.jpg", "gone.jpg", "half.jpg", "text.png", "tiny.png"]
    assert reasons["tiny.png"].endswith("tiny.png is too small: 20x40 px, and 32x32 px are needed")
    assert "5 of 15 photos skipped" in caplog.text
    listed = json.loads((photos.folder / "done.json").read_text())["skipped"]
    assert len(listed) == 5
    assert photos.record()["skipped"] == 5


def test_few_photos_are_warned_of_but_not_the_embedded_ones(folder, caplog):
    with caplog.at_level(logging.WARNING):
        prepare(replace(FOLDER, path=str(folder)), seed=0)
    assert "only 8 photos to train on" in caplog.text
    caplog.clear()
    photos = prepare(replace(FOLDER, source="samples"), seed=0)
    assert len(photos.train) >= 2
    assert not caplog.records


def test_a_second_run_reads_no_photo(folder, monkeypatch):
    settings = replace(FOLDER, path=str(folder))
    first = prepare(settings, seed=1)

    def refuse(*_, **__):
        raise AssertionError("a photo was read again")

    monkeypatch.setattr("fastnst.images.read", refuse)
    reports = []
    second = prepare(settings, seed=1, report=reports.append)
    assert reports == []
    assert second.fingerprint == first.fingerprint
    assert torch.equal(second.train[3, 1], first.train[3, 1])


def test_the_fingerprint_follows_content_and_division(folder, tmp_path):
    settings = replace(FOLDER, path=str(folder))
    first = prepare(settings, seed=1).fingerprint
    folder.rename(tmp_path / "moved")
    assert prepare(replace(settings, path=str(tmp_path / "moved")), seed=1).fingerprint == first
    assert prepare(replace(settings, path=str(tmp_path / "moved")), seed=2).fingerprint != first
    write(tmp_path / "moved", 1, first=11)
    assert prepare(replace(settings, path=str(tmp_path / "moved")), seed=1).fingerprint != first


def test_a_changed_folder_is_prepared_anew(folder):
    settings = replace(FOLDER, path=str(folder))
    prepare(settings, seed=0)
    write(folder, 1, first=20)
    photos = prepare(settings, seed=0)
    assert len(photos.train) + len(photos.held_out) == 11


def test_progress_counts_photos(folder):
    reports = []
    prepare(replace(FOLDER, path=str(folder)), seed=0, report=reports.append)
    assert [progress.done for progress in reports] == list(range(1, 11))
    assert {(progress.total, progress.unit) for progress in reports} == {(10, "photos")}


class BreakOff:
    """A report that stops the run after so many photos, as Ctrl-C would."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __call__(self, progress) -> None:
        if progress.done == self.after:
            raise KeyboardInterrupt


def counted(monkeypatch) -> list[object]:
    """Collects what is read from now on."""
    from fastnst import images

    read, seen = images.read, []

    def counting(source, **options):
        seen.append(source)
        return read(source, **options)

    monkeypatch.setattr("fastnst.images.read", counting)
    return seen


@pytest.mark.parametrize("rows", [3, 256])
def test_a_broken_off_folder_goes_on_where_it_stopped(folder, monkeypatch, rows):
    monkeypatch.setattr(photo_store, "ROWS", rows)
    settings = replace(FOLDER, path=str(folder))
    with pytest.raises(KeyboardInterrupt):
        prepare(settings, seed=1, report=BreakOff(7))
    seen = counted(monkeypatch)
    photos = prepare(settings, seed=1)
    assert [path.name for path in seen] == ["007.jpg", "008.jpg", "009.jpg"]
    monkeypatch.setenv("FASTNST_CACHE", str(folder.parent / "fresh"))
    assert prepare(settings, seed=1).fingerprint == photos.fingerprint


def test_a_killed_run_loses_one_arrow_file_at_most(folder, monkeypatch):
    monkeypatch.setattr(photo_store, "ROWS", 3)
    settings = replace(FOLDER, path=str(folder))
    photos = prepare(settings, seed=1)
    (photos.folder / "done.json").unlink()
    (photos.folder / "photos-00000009.arrow").unlink()
    (photos.folder / ".photos-00000009-x.arrow").write_bytes(b"half")
    seen = counted(monkeypatch)
    assert prepare(settings, seed=1).fingerprint == photos.fingerprint
    assert len(seen) == 1
    assert not list(photos.folder.glob(".photos-*"))


def test_damaged_photos_are_said_to_be_so(folder):
    settings = replace(FOLDER, path=str(folder))
    photos = prepare(settings, seed=1)
    (photos.folder / "photos-00000000.arrow").write_bytes(b"not arrow")
    with pytest.raises(DataError, match="are damaged: delete that folder"):
        prepare(settings, seed=1)


def test_a_hub_dataset_is_streamed_once(coco, monkeypatch):
    settings = replace(FOLDER, source="hub", path=str(coco))
    photos = prepare(settings, seed=1)
    assert len(photos.train) + len(photos.held_out) == 11
    assert [photo.name for photo in photos.skipped] == ["train[5]"]
    reds = [photos.train[0, index][0, 0].mean() * 255 for index in range(9)]
    expected = [20 * number for number in photos.train.rows]
    np.testing.assert_allclose(reds, expected, atol=4)

    monkeypatch.setattr("datasets.load_dataset", None)  # offline
    again = prepare(settings, seed=1)
    assert again.fingerprint == photos.fingerprint
    assert again.record()["source"] == "folder"


def test_a_hub_dataset_is_limited_to_its_first_photos(coco):
    photos = prepare(replace(FOLDER, source="hub", path=str(coco), limit=4), seed=1)
    assert photos.train.store.dataset["name"][:] == ["train[0]", "train[1]", "train[2]", "train[3]"]


@pytest.mark.parametrize(("rows", "after"), [(256, 4), (3, 4), (3, 3), (2, 9), (4, 8)])
def test_a_broken_off_stream_goes_on_where_it_stopped(coco, monkeypatch, rows, after):
    monkeypatch.setattr(photo_store, "ROWS", rows)
    settings = replace(FOLDER, source="hub", path=str(coco), limit=11)
    with pytest.raises(KeyboardInterrupt):
        prepare(settings, seed=1, report=BreakOff(after))
    seen = counted(monkeypatch)
    photos = prepare(settings, seed=1)
    assert len(seen) == 11 - after
    names = photos.train.store.dataset["name"][:]
    assert names == [f"train[{number}]" for number in range(11)]
    monkeypatch.setenv("FASTNST_CACHE", str(coco.parent / "fresh"))
    assert prepare(settings, seed=1).fingerprint == photos.fingerprint


def test_a_resumed_stream_leaves_finished_files_of_the_dataset_alone(coco, monkeypatch):
    monkeypatch.setattr(photo_store, "ROWS", 4)
    settings = replace(FOLDER, source="hub", path=str(coco))
    with pytest.raises(KeyboardInterrupt):
        prepare(settings, seed=1, report=BreakOff(9))
    streams = []
    opened = photo_sources.HubSource._open

    def watched(self):
        stream = opened(self)
        streams.append(stream)
        load = stream.load_state_dict
        stream.load_state_dict = lambda state: (streams.append(state), load(state))[1]
        return stream

    monkeypatch.setattr(photo_sources.HubSource, "_open", watched)
    prepare(settings, seed=1)
    assert '"shard_idx": 1' in json.dumps(streams[1])


def test_a_dropped_connection_keeps_what_came(coco, monkeypatch):
    settings = replace(FOLDER, source="hub", path=str(coco))
    encoded = photo_sources._encoded
    calls = []

    def drop(value):
        calls.append(value)
        if len(calls) == 8:
            raise ConnectionError("Connection reset by peer.\nand so on")
        return encoded(value)

    monkeypatch.setattr(photo_sources, "_encoded", drop)
    with pytest.raises(
        DataError, match=r"broke off after 7 photos \(Connection reset by peer\); they are kept"
    ):
        prepare(settings, seed=1)
    assert len(prepare(settings, seed=1).train.store.dataset) == 12
    assert len(calls) == 8 + 5


def test_progress_bars_of_datasets_come_back(folder):
    import datasets

    prepare(replace(FOLDER, path=str(folder)), seed=1)
    assert not datasets.are_progress_bars_disabled()


def test_an_unreachable_hub_says_what_else_there_is(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("Couldn't reach 'some/photos' on the Hub (LocalEntryNotFoundError)")

    monkeypatch.setattr("datasets.load_dataset", unreachable)
    with pytest.raises(DataError) as caught:
        prepare(replace(FOLDER, source="hub", path="some/photos"), seed=1)
    assert str(caught.value) == (
        "cannot read photos from some/photos, split train: Couldn't reach 'some/photos' on the Hub "
        "(LocalEntryNotFoundError); train on your own photos with data=folder data.path=FOLDER, or on the "
        "embedded ones with data=samples"
    )


def test_a_wrong_column_names_the_right_ones(coco):
    with pytest.raises(
        DataError, match=r"no column 'picture'; data\.column can be one of image_id, image, objects"
    ):
        prepare(replace(FOLDER, source="hub", path=str(coco), column="picture"), seed=1)


def test_a_column_without_pictures_is_an_error(coco):
    with pytest.raises(DataError, match=r"data\.column holds no pictures but int"):
        prepare(replace(FOLDER, source="hub", path=str(coco), column="image_id"), seed=1)


def test_folders_that_cannot_work_are_errors_before_anything_is_written(tmp_path, cache):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for name, message in [
        ("missing", "missing' does not exist"),
        ("file", "file' is a file, not a folder"),
        ("empty", "no photos in .*empty: no files that end in .*jpg"),
    ]:
        with pytest.raises(DataError, match=message):
            prepare(replace(FOLDER, path=str(tmp_path / name)), seed=1)
    with pytest.raises(DataError, match=r"'' does not exist; give one with data\.val_path=FOLDER"):
        prepare(replace(FOLDER, path=str(tmp_path), val_path=""), seed=1)
    for path in (None, []):
        with pytest.raises(ConfigError, match=r"data=folder needs data\.path=FOLDER"):
            prepare(replace(FOLDER, path=path), seed=1)
    assert not cache.exists()


def test_a_folder_of_bad_photos_only_is_an_error(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no picture")
    with pytest.raises(DataError, match=r"no usable photo in .*: 2 skipped, the first because .*a\.jpg"):
        prepare(replace(FOLDER, path=str(tmp_path)), seed=1)


def test_a_margin_is_of_the_photo_around_the_crop(folder):
    plain, wide = (prepare(replace(FOLDER, path=str(folder), margin=margin), seed=1) for margin in (0, 6))
    for position in range(20):
        crop = wide.train[position, 3]
        assert crop.shape == (2, 3, 44, 44)
        inner = crop[:, :, 6:-6, 6:-6]
        assert (inner - plain.train[position, 3])[0].abs().max() < 0.02
        # a slope, which goes on or is reflected, but for the turn
        across = crop[0, 1].mean(dim=0).diff().abs()
        assert (across > 0.5 * across.median()).sum() >= 41
    assert wide.train.beginning(3, 16)[0, 3].shape == (2, 3, 28, 28)
    assert torch.equal(wide.held_out[0], plain.held_out[0])


def test_a_margin_beyond_the_photo_is_reflected(folder):
    train = prepare(replace(FOLDER, path=str(folder), scale=1.0, margin=6), seed=1).train
    crop = train[0, 3][0]  # as high as the photo
    assert torch.equal(crop[:, :6], crop[:, 7:13].flip(1))
    assert torch.equal(crop[:, -6:], crop[:, -13:-7].flip(1))


def test_a_margin_may_be_larger_than_the_crops(folder):
    train = prepare(replace(FOLDER, path=str(folder), scale=1.0, margin=40), seed=1).train
    assert train[0, 3].shape == (2, 3, 112, 112)


@pytest.mark.parametrize("margin", [-1, 257])
def test_a_margin_that_cannot_be_is_an_error(margin):
    with pytest.raises(ConfigError, match=rf"data.margin must be from 0 to 256 px, not {margin}"):
        replace(FOLDER, margin=margin)


def test_early_crops_are_the_same_ones_made_smaller(folder):
    train = prepare(replace(FOLDER, path=str(folder)), seed=1).train
    growing = train.beginning(3, 16)
    for position in range(5):
        early, late = growing[position, 0], train[position, 0]
        if position >= 3:
            assert torch.equal(early, late)
            continue
        assert early.shape == (2, 3, 16, 16)
        smaller = torch.nn.functional.interpolate(late, size=16, mode="area")
        assert (early - smaller)[0].abs().mean() < 0.05
