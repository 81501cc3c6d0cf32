"""The page of a comparison, also as a browser shows it."""

import copy
import io
import json
import re
import shlex
import shutil

import numpy as np
import pytest
import tiny_style
from PIL import Image

from fastnst import compare_report, config
from fastnst.artefacts import KINDS
from fastnst.compare_summary import summary

WIDTHS = {"desktop": 1280, "phone": 390}  # px


def way(total, **more):
    losses = {"total": total, "content": 0.6 * total, "style": 0.4 * total, "tv": 0.0, "raw/tv": 0.01}
    scores = {"ssim": 0.5, "content_distance": 2.0, "artefacts": dict.fromkeys(KINDS, 0.0)}
    return {"losses": losses | {"raw/content/relu3_3_coarse": 0.2}, **scores, **more}


def pair(photo, overtaken_at, folder):
    """One pair's results; its pictures and its trace are written."""
    place = f"pictures/{photo}"
    names = ["photo", "painting", "fast", "gatys"] + (["gatys@equal_loss"] if overtaken_at else [])
    for number, name in enumerate(names):
        tiny_style.save(str(folder / place / f"{name}.png"), np.full((48, 64, 3), 40 * number, np.uint8))
    trace = [
        {"evaluation": n, "seconds": n / 4, "total": 20 / n, "content": (n - 1) / 9, "style": 18 / n}
        for n in range(1, 31)
    ]
    (folder / place / "trace.json").write_text(json.dumps(trace))
    return {
        "photo": photo,
        "style": "strokes",
        "size": 64,
        "title": "<Strokes> & Co",
        "width": 64,
        "height": 48,
        "pictures": {name: f"{place}/{name}.png" for name in names},
        "trace": f"{place}/trace.json",
        "overtaken_at": overtaken_at,
        "speed_up": {"equal_budget": 3000.0, "equal_quality": 1234.0 if overtaken_at else None},
        "fast": way(2.0, ms=2.5, ms_iqr=0.1, cold_ms=80.0, peak_mb=90.0, engine="by hand"),
        "gatys": way(1.0, seconds=7.5, evaluations=30, peak_mb=None, trouble=""),
        "crossing": way(1.9, seconds=2.5) if overtaken_at else None,
    }


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Results of two pairs, one of which is never overtaken, and the folder of their pictures."""
    folder = tmp_path_factory.mktemp("report")
    pairs = [pair("cat", 10, folder), pair("dog", None, folder)]
    found = {
        "settings": {"content": ["cat.png", "dog.png"], "size": [64], "steps": 30, "init": "content"},
        "versions": {"fastnst": "1"},
        "environment": {"cpu": "2 x Abacus", "device": "cpu", "date": "2026-01-02T03:04:05", "commit": None},
        "vgg": {"sha256": "0" * 64, "precision": "float32"},
        "photos": {"cat": {}, "dog": {}},
        "styles": {
            "strokes": {"title": "<Strokes>", "artist": "Nobody", "year": "2024", "target": "painting"}
        },
        "pairs": pairs,
    }
    found["settings"]["optimizer"] = "lbfgs"
    return {**found, "summary": summary(pairs)}, folder


@pytest.fixture(scope="module")
def page(compared):
    """The page's file."""
    results, folder = compared
    compare_report.write(folder / "report.html", results, folder)
    return folder / "report.html"


def text_of(page):
    """The page without what comes from plotly."""
    return page.read_text(encoding="utf-8").replace(compare_report.get_plotlyjs(), "")


def test_what_files_say_of_themselves_is_text(page):
    text = text_of(page)
    assert "&lt;Strokes&gt; &amp; Co" in text
    assert "<Strokes>" not in text


def test_the_page_asks_for_nothing(page):
    assert not re.findall(r"(?:src|href)=[\"'](?!data:|#)[^\"']+", text_of(page))
    assert "default-src 'none'" in text_of(page)


def test_both_speed_ups_and_what_was_not_reached_are_said(page):
    text = text_of(page)
    for words in ("3,000", "1,230", "not within 30", "Gatys, evaluation 10", "faster at equal budget"):
        assert words in text
    assert "higher than the optimiser\u2019s in 2 of 2 pairs, at most 2 times" in text


def test_findings_are_sentences(compared):
    results = compared[0]
    assert compare_report.in_short(results) == [
        "In the median of 2 pairs, each figure by itself, the network takes 2.5 ms a picture, the optimiser "
        "7.5 s for its 30 evaluations: 3,000 times longer.",
        "The optimiser overtakes it at evaluation 10: at equal quality the network is 1,230 times faster.",
        "In 1 of 2 pairs it does not overtake within 30 evaluations.",
        "In the end the network's loss is 2 times the optimiser's.",
    ]


def test_a_better_network_is_not_called_worse(compared):
    pairs = copy.deepcopy(compared[0]["pairs"])
    assert len(compare_report.worse(pairs)) == 3
    for each in pairs:
        each["fast"]["losses"] = dict.fromkeys(each["fast"]["losses"], 0.3)
    each["fast"]["losses"]["content"] = 0.9
    each["fast"]["artefacts"]["grid"] = 3.0
    assert compare_report.worse(pairs) == [
        "The content term is higher than the optimiser's in 1 of 2 pairs, at most 1.5 times "
        "(dog as <Strokes> & Co).",
        "Grid is above the limit at which it begins to show in 1 of its pictures, in 0 of the optimiser's.",
    ]


def test_a_painting_that_was_not_at_hand_is_said(compared, tmp_path, page):
    assert "was not at hand" not in text_of(page)
    results = copy.deepcopy(compared[0])
    for style in results["styles"].values():
        style["target"] = "style file"
    compare_report.write(tmp_path / "r.html", results, compared[1])
    text = " ".join(text_of(tmp_path / "r.html").split())
    assert "The painting of &lt;Strokes&gt; was not at hand: there the ruler is what" in text


def test_the_command_can_be_pasted():
    command = compare_report._command(
        {"content": ["my cat.png", "a,b.png"], "steps": 5, "paintings_dir": "it's"}
    )
    words = shlex.split(command)
    assert words[:2] == ["fastnst", "compare"]
    chosen = config.load("compare", words[2:])
    assert list(chosen.content) == ["my cat.png", "a,b.png"]
    assert (chosen.steps, chosen.paintings_dir) == (5, "it's")


def test_an_unfinished_comparison_has_a_page(compared, tmp_path):
    results = {**compared[0], "pairs": [], "summary": summary([])}
    compare_report.write(tmp_path / "report.html", results, tmp_path)
    assert "No pair is finished yet." in text_of(tmp_path / "report.html")


def test_pairs_that_are_never_overtaken_have_a_page(compared, tmp_path):
    results, folder = compared
    pairs = [copy.deepcopy(results["pairs"][1])]
    for name in ("fast", "gatys"):
        pairs[0][name]["artefacts"] = None
    del pairs[0]["pictures"]["painting"]
    compare_report.write(tmp_path / "r.html", {**results, "pairs": pairs, "summary": summary(pairs)}, folder)
    assert "not within 30<" in text_of(tmp_path / "r.html")
    assert "painting" not in re.findall(r'data-name="(\w+)"', text_of(tmp_path / "r.html"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (12, "12"),
        (12345.6, "12,346"),
        (99.5, "99.5"),
        (0.01234, "0.0123"),
        (2e-5, "2.0e-05"),
    ],
)
def test_numbers_are_for_people(value, text):
    assert compare_report.number(value) == text


# In a browser


@pytest.fixture(scope="module")
def browser():
    """Chromium without a screen."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-background-networking"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()


@pytest.fixture(params=WIDTHS)
def opened(browser, page, request):
    """The page at a width."""
    metrics = {"width": WIDTHS[request.param], "height": 900, "deviceScaleFactor": 1}
    phone = request.param == "phone"
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "mobile": phone})
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(page.as_uri())
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    drawn = "return [...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('.main-svg'))"
    wait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait(browser, 20)
    for plot in browser.find_elements("css selector", ".plot"):
        browser.execute_script("arguments[0].scrollIntoView()", plot)
    wait.until(lambda driver: driver.execute_script(drawn))
    return browser


def test_nothing_goes_wrong_and_nothing_is_fetched(opened, page):
    assert [entry["message"] for entry in opened.get_log("browser")] == []
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert page.as_uri() in urls
    assert {url for url in urls if not url.startswith(("data:", "blob:"))} == {page.as_uri()}


def test_nothing_is_wider_than_the_page(opened):
    inner, whole = opened.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert inner in WIDTHS.values()
    assert whole <= inner


def test_the_slider_uncovers_one_picture_of_another(opened):
    stage = opened.find_element("css selector", ".stage")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", stage)
    left, right = (stage.find_element("css selector", f"img.{side}") for side in ("left", "right"))

    def shown(place):
        """The grey level at a part of the stage's width, a quarter down."""
        picture = Image.open(io.BytesIO(stage.screenshot_as_png)).convert("L")
        return picture.getpixel((int(place * picture.width), picture.height // 4))

    fast, gatys = 80, 120
    handle = stage.find_element("css selector", "input")
    move = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
    for value, levels in ((100, (fast, fast)), (0, (gatys, gatys)), (50, (fast, gatys))):
        opened.execute_script(move, handle, value)
        assert [shown(0.2), shown(0.8)] == pytest.approx(levels, abs=3)
    handle.send_keys("\ue014")  # arrow right
    assert float(handle.get_attribute("value")) == 50.5
    before = left.get_attribute("src")
    opened.execute_script(
        "const select = document.querySelector('select.left'); select.value = 'photo';"
        "select.dispatchEvent(new Event('change'))"
    )
    assert left.get_attribute("src") not in (before, right.get_attribute("src"))
    assert stage.find_element("css selector", ".tag.left").text == "photo"
    assert shown(0.2) == pytest.approx(0, abs=3)


def test_the_crossing_is_marked(opened):
    texts = [each.text for each in opened.find_elements("css selector", ".annotation-text")]
    assert texts == ["overtakes at 10"]
