"""``fastnst vote`` as people use it: real browsers, keys and clicks, and a ranking that comes out right."""

import math
import shutil
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import combinations
from threading import Lock

import pytest
from made_contest import made
from voting_booth import served

from fastnst.ballots import Ballots
from fastnst.ranking import Vote, rank

selenium = pytest.importorskip("selenium", reason="selenium drives the browser: pip install selenium")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"),
]
STRENGTHS = {"fast": 0.2, "gatys": 0.9, "johnson": -1.1}  # log-strengths; they add up to 0
KEYS = {"left": "ARROW_LEFT", "right": "ARROW_RIGHT", "equal": "SPACE"}


@contextmanager
def browser(width=1280, height=800):
    """A browser of its own: its cookies are nobody else's."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700},
        )
        yield driver
    finally:
        driver.quit()


def look(driver):
    """The token of the ballot on the screen, and the ids of its two pictures, once both can be seen."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    script = (
        "return [...document.querySelectorAll('.frame img')].every(i => i.complete && i.naturalWidth > 0)"
    )
    WebDriverWait(driver, 20, 0.02).until(lambda driver: driver.execute_script(script))
    left, right = (
        image.get_attribute("src").rpartition("/")[2]
        for image in driver.find_elements(By.CSS_SELECTOR, ".frame img")
    )
    token = driver.find_element(By.CSS_SELECTOR, ".equal").get_attribute("formaction").split("/")[-2]
    return token, left, right


def choose(driver, choice, *, keys):
    """Press a key or click, and wait for the next ballot."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    button = driver.find_element(By.CSS_SELECTOR, f"[value={choice}]")
    before = button.get_attribute("formaction")
    if keys:
        driver.find_element(By.TAG_NAME, "body").send_keys(getattr(Keys, KEYS[choice]))
    else:
        button.click()
    script = "return document.readyState == 'complete' && document.querySelector('[value=%s]')?.formAction"
    WebDriverWait(driver, 20, 0.02).until(
        lambda driver: driver.execute_script(script % choice) not in (before, None, False)
    )


class Judge:
    """Prefers methods as often as their strengths say, to the nearest vote: no luck in it.

    Of n votes on a pair of methods the first wins the share of n that Bradley and Terry's model expects.
    """

    def __init__(self, contest):
        self.method = {
            picture.id: name for motif in contest.motifs for name, picture in motif.pictures.items()
        }
        self.won = dict.fromkeys(combinations(sorted(STRENGTHS), 2), 0)
        self.asked = dict(self.won)
        self.lock = Lock()

    def choice(self, left, right):
        methods = self.method[left], self.method[right]
        first, second = pair = tuple(sorted(methods))
        with self.lock:
            self.asked[pair] += 1
            chance = 1 / (1 + math.exp(STRENGTHS[second] - STRENGTHS[first]))
            wins = self.won[pair] < round(chance * self.asked[pair])
            self.won[pair] += wins
        return "left" if (methods[0] == first) == wins else "right"


def test_two_people_at_once_cast_100_votes_and_the_ranking_is_found(tmp_path):
    contest = made(tmp_path / "results", tuple(STRENGTHS))
    ballots, judge = Ballots(tmp_path / "votes.sqlite"), Judge(contest)

    def voter(keys):
        cast = {}
        with browser() as driver:
            driver.get(address)
            for _ in range(50):
                token, left, right = look(driver)
                cast[token] = judge.choice(left, right)
                choose(driver, cast[token], keys=keys)
            said = driver.find_element("css selector", ".progress").text
            assert said.startswith("You have judged all 12 pairs")
            assert driver.get_log("browser") == []
        return cast

    with served(contest, ballots) as address, ThreadPoolExecutor(2) as pool:
        ann, bob = pool.map(voter, (True, False))

    with closing(sqlite3.connect(ballots.path)) as connection:
        query = "SELECT token, choice, voter FROM ballots WHERE choice IS NOT NULL"
        kept = {token: (choice, voter) for token, choice, voter in connection.execute(query)}
    assert {token: choice for token, (choice, _) in kept.items()} == {**ann, **bob}
    assert len(kept) == 100
    assert sorted(Counter(voter for _, voter in kept.values()).values()) == [50, 50]

    result = ballots.result(contest)
    assert [row.method for row in result.ranking] == sorted(STRENGTHS, key=STRENGTHS.get, reverse=True)
    for row in result.ranking:
        assert row.score.low < STRENGTHS[row.method] < row.score.high
        assert abs(row.score.value - STRENGTHS[row.method]) < 0.15
        assert 0.5 < row.score.high - row.score.low < 1.5
    first, _, last = result.ranking
    assert first.score.low > last.score.high
    expected = [
        Vote(*pair, share)
        for pair, asked in judge.asked.items()
        for share in (1,) * judge.won[pair] + (0,) * (asked - judge.won[pair])
    ]
    for row, other in zip(result.ranking, rank(contest.methods, expected), strict=True):
        assert (row.method, row.votes, row.wins) == (other.method, other.votes, other.wins)
        assert row.score == pytest.approx(other.score)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (844, 390)])
def test_all_of_a_ballot_is_on_the_screen(tmp_path, width, height):
    contest = made(tmp_path / "results")
    script = """
        return [...document.querySelectorAll('.frame img, button, footer a')].map(element => {
          const box = element.getBoundingClientRect();
          return [box.left, box.top, box.right, box.bottom, box.width, box.height];
        });
    """
    with served(contest, Ballots(tmp_path / "votes.sqlite")) as address, browser(width, height) as driver:
        driver.get(address)
        look(driver)
        boxes = driver.execute_script(script)
        wide = driver.execute_script("return document.documentElement.scrollWidth")
        assert len(boxes) == 6
        assert wide <= width
        for left, top, right, bottom, *_ in boxes:
            assert left >= 0
            assert top >= 0
            assert right <= width
            assert bottom <= max(height, 480)  # a phone that lies on its side scrolls a little
        pictures = [box for box in boxes if box[4] * box[5] > 20_000]
        assert len(pictures) >= 2
        driver.get(f"{address}/ranking")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width


def test_keys_leave_the_browsers_own_alone_and_equal_is_a_space(tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    contest, ballots = made(tmp_path / "results"), Ballots(tmp_path / "votes.sqlite")

    def choices():
        with closing(sqlite3.connect(ballots.path)) as connection:
            query = "SELECT choice FROM ballots WHERE choice IS NOT NULL ORDER BY rowid"
            return [choice for (choice,) in connection.execute(query)]

    with served(contest, ballots) as address, browser() as driver:
        driver.get(address)
        look(driver)
        ActionChains(driver).key_down(Keys.CONTROL).send_keys(Keys.ARROW_LEFT).key_up(Keys.CONTROL).perform()
        driver.find_element(By.TAG_NAME, "body").send_keys("x")
        assert choices() == []
        choose(driver, "equal", keys=True)
        assert choices() == ["equal"]
        look(driver)
        right = driver.find_element(By.CSS_SELECTOR, "[value=right]")
        driver.execute_script("arguments[0].focus()", right)
        ActionChains(driver).send_keys(Keys.SPACE).perform()  # presses what has the focus, as anywhere
        WebDriverWait(driver, 20).until(lambda _: len(choices()) == 2)
        assert choices() == ["equal", "right"]


def test_a_picture_that_vanishes_is_replaced_by_the_next_pair(tmp_path):
    contest = made(tmp_path / "results", photos=("cat", "cup"))
    lost = contest.motifs[0].pictures
    for picture in lost.values():
        picture.path.unlink()
    with served(contest, Ballots(tmp_path / "votes.sqlite")) as address, browser() as driver:
        driver.get(address)
        _, *shown = look(driver)
        assert not {picture.id for picture in lost.values()} & set(shown)
