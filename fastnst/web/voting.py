"""The pages of ``fastnst vote``: two pictures to choose from, and the ranking.

A page knows pictures by their ids only, so that nobody can tell whose is whose. Pictures are sent without the
names, formats and metadata of their files.
"""

import io
import logging
import secrets
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fastnst import files, images
from fastnst.ballots import SHARES, Ballots
from fastnst.contest import Contest, Picture
from fastnst.errors import FastNSTError, ImageError
from fastnst.ranking import notes
from fastnst.web.guard import GUARDS

logger = logging.getLogger(__name__)

COOKIE = "fastnst_voter"
YEAR = 365 * 24 * 3600  # s
LONGEST = 1600  # px: no screen shows two larger pictures side by side


def application(contest: Contest, ballots: Ballots) -> Starlette:
    """The pages for one contest, whose votes go to one file."""
    booth = _Booth(contest, ballots)
    return Starlette(
        routes=[
            Route("/", booth.ballot),
            Route("/vote/{token}/{choice}", booth.vote, methods=["POST"]),
            Route("/undo", booth.undo, methods=["POST"]),
            Route("/picture/{id}", booth.picture),
            Route("/ranking", booth.ranking),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ],
        middleware=GUARDS,
        exception_handlers={FastNSTError: booth.failure, HTTPException: booth.failure},
    )


class _Booth:
    """What answers each request; Starlette calls it from several threads."""

    def __init__(self, contest: Contest, ballots: Ballots) -> None:
        self.contest = contest
        self.ballots = ballots
        self.unusable: set[str] = set()  # ids of pictures that could not be read
        loader = PackageLoader("fastnst.web")
        self.templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

    def ballot(self, request: Request) -> Response:
        """Two pictures, for the voter that the cookie names."""
        voter = request.cookies.get(COOKIE) or secrets.token_urlsafe(16)
        ballot = self.ballots.next(self.contest, voter, without=self.unusable)
        if ballot is None:
            raise HTTPException(404, "There are no two pictures left that can be shown.")
        originals = {
            kind: picture.id
            for kind, picture in ballot.pair.motif.originals.items()
            if picture.id not in self.unusable
        }
        page = self._page("ballot.html", ballot=ballot, originals=originals)
        page.set_cookie(COOKIE, voter, max_age=YEAR, httponly=True, samesite="lax")
        return page

    def vote(self, request: Request) -> Response:
        """Cast a ballot and go on; one that does not count, such as a second time, only goes on."""
        choice, voter = request.path_params["choice"], request.cookies.get(COOKIE)
        if choice not in SHARES:
            raise HTTPException(404, "There is no such page.")
        if voter is None:
            raise HTTPException(
                400, "The vote was not counted: it needs a cookie, which the browser refused."
            )
        self.ballots.cast(request.path_params["token"], voter, choice, without=self.unusable)
        return RedirectResponse("/", status_code=303)

    def undo(self, request: Request) -> Response:
        """Open the voter's last vote again, if there is one, and show it."""
        if voter := request.cookies.get(COOKIE):
            self.ballots.take_back(self.contest, voter)
        return RedirectResponse("/", status_code=303)

    def picture(self, request: Request) -> Response:
        """A picture by its id; one that cannot be read is said once, and shown no more."""
        picture = self.contest.files.get(request.path_params["id"])
        if picture is None or picture.id in self.unusable:
            raise HTTPException(404, "There is no such picture.")
        try:
            content = _png(picture)
        except FastNSTError as err:
            self.unusable.add(picture.id)
            logger.warning("%s; it is left out from here on", err)
            raise HTTPException(404, "There is no such picture.") from err
        return Response(
            content, media_type="image/png", headers={"Cache-Control": f"private, max-age={YEAR}, immutable"}
        )

    def ranking(self, request: Request) -> Response:
        """Every method by name, and where it stands."""
        return self._page("ranking.html", result=self.ballots.result(self.contest), notes=notes)

    def failure(self, request: Request, err: Exception) -> Response:
        """What went wrong, in a line."""
        if isinstance(err, HTTPException):
            return self._page("failure.html", status=err.status_code, message=err.detail)
        logger.error("%s", err)
        return self._page("failure.html", status=500, message=str(err))

    def _page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self.templates.get_template(template).render(values), status_code=status)


def _png(picture: Picture) -> bytes:
    """A picture's pixels and nothing else, upright and in sRGB, at most LONGEST px long.

    Raises:
        FastNSTError: it is not there any more, is not what it was, or is damaged.
    """
    try:
        if files.sha256(picture.path) != picture.id:
            raise ImageError(f"{picture.path} has changed since voting began")
    except OSError as err:
        raise ImageError(f"cannot read {picture.path}: {err.strerror}") from err
    photo = images.load(picture.path)
    image = Image.fromarray(photo.pixels)
    if photo.alpha is not None:
        image.putalpha(Image.fromarray(photo.alpha))
    image.thumbnail((LONGEST, LONGEST))
    content = io.BytesIO()
    image.save(content, "PNG", compress_level=1)  # it goes no further than this machine
    return content.getvalue()
