"""Keeps a local web page between this machine's browser and this machine.

It listens on 127.0.0.1 only; but any page that a browser has open can send requests there. So a request must
name this machine as its host (against DNS rebinding), what changes something must come from the page itself
(against forged requests), and the page may load nothing from elsewhere and be framed by nobody.
"""

import errno
import os
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastnst.errors import ContestError

HOST = "127.0.0.1"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, a form's Origin would be null
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class SameOrigin:
    """Refuses what another site's page asks to be changed or embeds, and adds HEADERS to every answer.

    A link to here is no such thing: following it is the user's doing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        own = f"http://{headers.get('host')}"
        answer = self.app
        embedded = (
            headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-dest") != "document"
        )
        if embedded or (scope["method"] not in ("GET", "HEAD") and headers.get("origin") != own):
            answer = PlainTextResponse("refused: the request comes from another page", status_code=403)
        await answer(scope, receive, guarded)


GUARDS = [
    Middleware(SameOrigin),
    Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False),
]


def listen(port: int) -> socket.socket:
    """A socket on this machine that waits for browsers.

    Args:
        port: 0 for any that is free.

    Raises:
        ContestError: the port is in use or not ours to use.
    """
    listener = socket.socket()
    if (
        os.name == "posix"
    ):  # a port that was closed a moment ago is free; on Windows it would mean a taken one
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as err:
        listener.close()
        why = "in use" if err.errno == errno.EADDRINUSE else f"not to be had ({err.strerror})"
        raise ContestError(
            f"port {port} is {why}: give --port another one, or 0 for any that is free"
        ) from err
    listener.listen()
    return listener


def server(app: Starlette) -> uvicorn.Server:
    """What answers the browsers until Ctrl-C, which it raises again; a second one does not wait."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=2,  # s
    )
    return uvicorn.Server(config)
