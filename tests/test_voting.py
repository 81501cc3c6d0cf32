"""The pages of ``fastnst vote``, over real connections."""

import http.client
import io
import re
import sqlite3
from contextlib import closing
from urllib.error import HTTPError

import numpy as np
import pytest
from made_contest import PHOTOS, compared, folders, picture
from PIL import Image, PngImagePlugin
from voting_booth import Visitor, served, shown

from fastnst import contest
from fastnst.ballots import Ballots

SECRET = ("alphabrush", "betabrush")  # names of methods that no page may tell


@pytest.fixture
def booth(tmp_path):
    """The address of a contest of two methods and four photos, with photos and a painting; its votes."""
    results = folders(tmp_path, SECRET)
    for photo in PHOTOS:
        picture(tmp_path / "photos" / f"{photo}.png", "white", size=(40, 30 + len(photo)))
    painting = picture(tmp_path / "the_wave.png", "black")
    ballots = Ballots(tmp_path / "votes.sqlite")
    with served(contest.read(results, photos=tmp_path / "photos", painting=painting), ballots) as address:
        yield address, ballots


def choices(ballots):
    with closing(sqlite3.connect(ballots.path)) as connection:
        return [row[0] for row in connection.execute("SELECT choice FROM ballots WHERE choice IS NOT NULL")]


def refused(call, *arguments, **headers):
    """The status and text of an answer that is an error."""
    with pytest.raises(HTTPError) as caught:
        call(*arguments, **headers)
    with caught.value as error:
        return error.code, error.read().decode()


def test_votes_are_cast_and_the_next_pair_comes(booth):
    address, ballots = booth
    ann = Visitor(address)
    page = ann.get()
    for number, choice in enumerate(("left", "right", "equal", "left")):
        assert f"{number} of 4 pairs judged" in page
        page = ann.post(f"/vote/{shown(page)[0]}/{choice}")
    assert choices(ballots) == ["left", "right", "equal", "left"]
    assert "You have judged all 4 pairs, thank you." in page
    assert "0 of 4 pairs judged" in Visitor(address).get()


def test_the_last_vote_may_be_undone(booth):
    address, ballots = booth
    ann = Visitor(address)
    page = ann.get()
    first = shown(page)
    assert "Undo" not in page
    page = ann.post(f"/vote/{first[0]}/left")
    assert "Undo" in page
    page = ann.post("/undo")
    assert shown(page) == first
    assert "0 of 4 pairs judged" in page
    assert "0 of 4 pairs judged" in ann.post("/undo")
    assert choices(ballots) == []


def test_a_form_that_is_sent_twice_counts_once(booth):
    address, ballots = booth
    ann = Visitor(address)
    token, *_ = shown(ann.get())
    pages = [ann.post(f"/vote/{token}/{choice}") for choice in ("left", "right")]
    assert choices(ballots) == ["left"]
    assert shown(pages[0]) == shown(pages[1])


def test_a_page_that_is_loaded_again_shows_the_same_pair(booth):
    ann = Visitor(booth[0])
    assert shown(ann.get()) == shown(ann.get())


def test_whose_a_picture_is_cannot_be_seen(booth, tmp_path):
    address, _ = booth
    ann = Visitor(address)
    page = ann.get()
    for number in range(4):
        told = page
        for path in re.findall(r'(?:src|href|formaction)="([^"]+)"', page):
            if path.startswith(("/picture", "/static")):
                with ann.request(path) as answer:
                    told += str(answer.headers) + answer.read().decode("latin-1")
        assert not any(name in told for name in (*SECRET, str(tmp_path), ".png")), f"page {number}"
        page = ann.post(f"/vote/{shown(page)[0]}/left")
    assert SECRET[0] in ann.get("/ranking")


def test_pictures_come_as_they_look_and_without_metadata(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Software", "alphabrush")
    exif = Image.Exif()
    exif[0x0112], exif[0x0131] = 6, "betabrush"  # lies on its side
    half = Image.new("RGB", (64, 32), "red")
    half.paste("blue", (32, 0, 64, 32))
    for method, options in ((SECRET[0], {"pnginfo": notes}), (SECRET[1], {"exif": exif})):
        (tmp_path / method).mkdir()
        half.save(tmp_path / method / "cat.png", **options)
    large = Image.new("L", (4000, 20))
    for method in SECRET:
        large.save(tmp_path / method / "sea.tif", description=method)
    found = contest.read([tmp_path / method for method in SECRET])
    with served(found, Ballots(tmp_path / "votes.sqlite")) as address:
        seen = {}
        for id, shown_picture in found.files.items():
            with Visitor(address).request(f"/picture/{id}") as answer:
                content = answer.read()
                assert answer.headers["Content-Type"] == "image/png"
            assert not any(name.encode() in content for name in SECRET)
            seen[shown_picture.path.parent.name, shown_picture.path.stem] = Image.open(io.BytesIO(content))
    assert seen[SECRET[0], "cat"].size == (64, 32)
    assert seen[SECRET[1], "cat"].size == (32, 64)
    np.testing.assert_array_equal(np.asarray(seen[SECRET[0], "cat"]), np.asarray(half))
    assert seen[SECRET[0], "sea"].size == (1600, 8)


def test_another_host_is_refused(booth):
    address, ballots = booth
    ann = Visitor(address)
    token, *_ = shown(ann.get())
    port = address.rpartition(":")[2]
    evil = f"evil.example:{port}"  # a name that its owner lets point to 127.0.0.1
    for path in ("/", "/ranking", "/static/vote.css"):
        assert refused(ann.get, path, Host=evil)[0] == 400
    assert refused(ann.post, f"/vote/{token}/left", Host=evil, Origin=f"http://{evil}")[0] == 400
    assert choices(ballots) == []
    assert "<h1>" in ann.get(Host=f"localhost:{port}")


def test_a_request_without_host_is_refused(booth):
    with closing(http.client.HTTPConnection(booth[0].removeprefix("http://"))) as connection:
        connection.putrequest("GET", "/", skip_host=True)
        connection.endheaders()
        assert connection.getresponse().status == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "https://127.0.0.1", "http://127.0.0.1:1"]
)
def test_a_vote_from_another_page_is_refused(booth, origin):
    address, ballots = booth
    ann = Visitor(address)
    token, *_ = shown(ann.get())
    status, text = refused(ann.post, f"/vote/{token}/left", Origin=origin)
    assert (status, text) == (403, "refused: the request comes from another page")
    assert choices(ballots) == []


@pytest.mark.parametrize("kind", ["image", "iframe", "empty"])
def test_a_page_inside_another_sites_is_refused(booth, kind):
    address, ballots = booth
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": kind}
    assert refused(Visitor(address).get, **embedded)[0] == 403
    with closing(sqlite3.connect(ballots.path)) as connection:
        assert connection.execute("SELECT count(*) FROM ballots").fetchone() == (0,)
    assert "judged" in Visitor(address).get(**{**embedded, "Sec-Fetch-Dest": "document"})


def test_a_vote_is_for_who_was_asked(booth):
    address, ballots = booth
    ann, bob = Visitor(address), Visitor(address)
    token, *_ = shown(ann.get())
    bob.get()
    bob.post(f"/vote/{token}/left")
    status, text = refused(Visitor(address).post, f"/vote/{token}/left")  # no cookie at all
    assert status == 400
    assert "needs a cookie" in text
    assert choices(ballots) == []
    assert refused(ann.post, f"/vote/{token}/best")[0] == 404
    assert refused(ann.get, f"/vote/{token}/left")[0] == 405


def test_pages_load_nothing_from_elsewhere_and_say_so(booth):
    ann = Visitor(booth[0])
    ann.post(f"/vote/{shown(ann.get())[0]}/left")
    for path in ("/", "/ranking", "/static/vote.js"):
        with ann.request(path) as answer:
            policy, text = answer.headers["Content-Security-Policy"], answer.read().decode()
        assert policy.startswith("default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; ")
        assert "unsafe" not in policy
        assert "//" not in re.sub(r"(?m)(^|\s)// .*", "", text)  # no address but the page's own
        assert " style=" not in text
    with ann.request("/") as answer:
        assert "HttpOnly" in answer.headers["Set-Cookie"]
        assert "SameSite=lax" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "path", ["/picture/none", "/picture/..%2f..%2fetc%2fpasswd", "/static/../voting.py", "/none"]
)
def test_there_is_nothing_else(booth, path):
    assert refused(Visitor(booth[0]).get, path)[0] == 404


@pytest.mark.parametrize("damage", ["removed", "changed", "torn"])
def test_a_picture_that_is_gone_is_left_out_and_said(tmp_path, caplog, damage):
    results = folders(tmp_path, photos=("cat", "cup"))
    lost = tmp_path / "fast" / "cat.png"
    if damage == "torn":  # which is seen when it is decoded
        lost.write_bytes(lost.read_bytes()[:60])
    found, ballots = contest.read(results), Ballots(tmp_path / "votes.sqlite")
    id = found.motifs[0].pictures["fast"].id
    if damage == "removed":
        lost.unlink()
    elif damage == "changed":
        picture(lost, "white")
    with served(found, ballots) as address:
        visitors = (Visitor(address) for _ in range(100))
        visitor = next(visitor for visitor in visitors if id in shown(visitor.get()))
        token, *_ = shown(visitor.get())
        assert refused(visitor.get, f"/picture/{id}")[0] == 404
        assert refused(visitor.get, f"/picture/{id}")[0] == 404
        page = visitor.post(f"/vote/{token}/left")
        assert choices(ballots) == []
        assert id not in shown(page)
        other = shown(page)[1]
        (tmp_path / "fast" / "cup.png").unlink()
        (tmp_path / "slow" / "cup.png").unlink()
        assert refused(visitor.get, f"/picture/{other}")[0] == 404
        assert "There are no two pictures left" in refused(visitor.get)[1]
    assert caplog.text.count("cat.png") == 1
    assert "left out from here on" in caplog.text


def test_votes_that_cannot_be_kept_are_said(booth, caplog):
    address, ballots = booth
    ann = Visitor(address)
    ann.get()
    ballots.path.write_text("overwritten by something else, " * 9)
    status, text = refused(ann.get)
    assert status == 500
    assert "is damaged, or not a votes file" in text
    assert "is damaged, or not a votes file" in caplog.text


def test_names_are_text_and_never_markup(tmp_path):
    evil = "<script>alert(1)</script>"
    folder = compared(tmp_path / "compared", title=evil, photo=evil)
    record = (folder / "results.json").read_text().replace('"fast"', f'"{evil}"')
    (folder / "results.json").write_text(record)
    ballots = Ballots(tmp_path / "votes.sqlite")
    with served(contest.read([folder]), ballots) as address:
        ann = Visitor(address)
        page = ann.get()
        for _ in range(6):
            assert "&lt;script&gt;" in page
            assert evil not in page
            page = ann.post(f"/vote/{shown(page)[0]}/left")
        ranking = ann.get("/ranking")
    assert "&lt;script&gt;" in ranking
    assert evil not in ranking


def test_the_ranking_shows_what_is_known_and_what_is_not(tmp_path):
    found = contest.read([compared(tmp_path)])
    with served(found, Ballots(tmp_path / "votes.sqlite")) as address:
        ann = Visitor(address)
        assert "0 votes of" in ann.get("/ranking")
        ann.post(f"/vote/{shown(ann.get())[0]}/left")
        page = ann.get("/ranking")
    assert "1 vote of" in page
    assert "no votes yet" in page
    assert "half a win more" in page
    assert "do not compare" in page
