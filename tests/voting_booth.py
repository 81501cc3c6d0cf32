"""The pages of ``fastnst vote``, served to the test's own browsers."""

import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar

from fastnst.ballots import Ballots
from fastnst.contest import Contest
from fastnst.web import guard
from fastnst.web.voting import application


@contextmanager
def served(contest: Contest, ballots: Ballots) -> Iterator[str]:
    """The address, without a slash at its end, of pages that are there until the block ends."""
    listener = guard.listen(0)
    server = guard.server(application(contest, ballots))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://{guard.HOST}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class Visitor:
    """One browser: it has cookies, follows redirections, and sends forms as a page of its own origin does."""

    def __init__(self, address: str) -> None:
        self.address = address
        handlers = urllib.request.HTTPCookieProcessor(CookieJar()), urllib.request.ProxyHandler({})
        self._open = urllib.request.build_opener(*handlers).open

    def get(self, path: str = "/", **headers: str) -> str:
        with self.request(path, **headers) as answer:
            return answer.read().decode()

    def post(self, path: str, **headers: str) -> str:
        with self.request(path, b"", **{"Origin": self.address, **headers}) as answer:
            return answer.read().decode()

    def request(self, path: str, data: bytes | None = None, **headers: str):
        return self._open(urllib.request.Request(self.address + path, data, headers))


def shown(page: str) -> tuple[str, str, str]:
    """The token of a page's ballot, and the ids of its pictures, left and right."""
    token = re.search(r'formaction="/vote/([^/]+)/left"', page)[1]
    left, right = re.findall(r'class="frame"><img src="/picture/(\w+)"', page)
    return token, left, right
