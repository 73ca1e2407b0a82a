"""The page that asks for a key and says what it is good for: self-contained, light and dark, no script.

A right key becomes a session, which a cookie carries; the key itself is kept by nobody.
"""

from __future__ import annotations

import html
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from openarc_ui.access import Role
from openarc_ui.addresses import neighbourhood
from openarc_ui.server.asgi import Receive, Scope, Send
from openarc_ui.server.keys import MAX_LOGINS, SESSION_SECONDS, Guesses, Keys, Visitor

LOGIN_PATH = "/login"
COOKIE = "openarc_session_"
"""The port follows: a browser sends the cookies of a host to all of its ports, and each server needs its own."""
MAX_BODY_BYTES = 4096
SAYS = {
    Role.USER: "You are signed in with the key for use. You can chat and read the metrics; loading needs the administration key.",
    Role.ADMINISTRATOR: "You are signed in and can do everything, loading included.",
}
WRONG = "That is not the key."
TOO_MANY = "Too many wrong keys came from this address. Wait a minute."
TOO_OFTEN = "This key was used to sign in very often from this address. Wait a minute."
NO_KEY_NEEDED = "This server needs no key."

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>OpenArc</title><style>
:root {{ color-scheme: light dark; --back: #f6f7f9; --card: #fff; --line: #d5dae2; --text: #16202c; --accent: #0b62d6; --bad: #b3261e }}
@media (prefers-color-scheme: dark) {{
  :root {{ --back: #0e131a; --card: #161d27; --line: #2c3644; --text: #e6ebf2; --accent: #6aa8ff; --bad: #ff9b94 }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif }}
main {{ box-sizing: border-box; width: min(26rem, calc(100vw - 2rem)); padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px }}
h1 {{ margin: 0 0 1rem; font-size: 1.3rem }} label {{ display: block; margin-bottom: .4rem }}
input, button {{ box-sizing: border-box; width: 100%; padding: .6rem .8rem; font: inherit; border-radius: 8px; border: 1px solid var(--line) }}
input {{ background: var(--back); color: var(--text) }}
button {{ margin-top: 1rem; border: 0; background: var(--accent); color: var(--card); font-weight: 700; cursor: pointer }}
button.quiet {{ background: none; color: var(--accent); border: 1px solid var(--line) }}
a {{ color: var(--accent) }} p {{ margin: .8rem 0 0 }} p.in {{ margin: 0 0 1rem }} p.bad {{ color: var(--bad) }}
p.from {{ font-size: .875rem; opacity: .8 }}
:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px }}
</style></head><body><main><h1>OpenArc</h1>{signed_in}<form method="post" action="/login">
<label for="key">{label}</label><input id="key" name="key" type="password" autocomplete="current-password" required {focus}>
{message}<button type="submit">Sign in</button></form>{whence}{leave}</main></body></html>"""
MESSAGE = '<p class="bad" role="alert">{words}</p>'
WHENCE = """<p class="from">Whoever started the server has set the key: in OPENARC_API_KEY or OPENARC_ADMIN_KEY, or in the file of
--api-key-file or --admin-key-file. Ask for it; it is kept in no log and can't be read here.</p>"""
SIGNED_IN = '<p class="in" role="status">{says} <a href="/">Go on</a></p>'
LEAVE = """<form method="post" action="/login"><input type="hidden" name="leave" value="yes">
<button type="submit" class="quiet">Sign out</button></form>"""


class Login:
    """The route /login as an ASGI application.

    Args:
        port: this server listens on.
    """

    def __init__(self, keys: Keys, guesses: Guesses, port: int) -> None:
        self._keys = keys
        self._guesses = guesses
        self._logins = Guesses(MAX_LOGINS)
        self._cookie = f"{COOKIE}{port}"

    def word_in(self, headers: Headers) -> str:
        """The word of the session that a browser sends along; "" where it has none."""
        return cookie_parser(headers.get("cookie", "")).get(self._cookie, "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        word = self.word_in(Headers(scope=scope))
        if not self._keys.are_needed:
            response: Response = RedirectResponse("/", status_code=303)
        elif scope["method"] == "POST":
            client = scope.get("client")
            fields = parse_qs((await _body(receive)).decode("utf-8", "replace"))
            is_secure = scope.get("scheme") == "https"
            response = self._leave(word) if "leave" in fields else self._enter(fields, client, word, is_secure)
        elif scope["method"] in ("GET", "HEAD"):
            response = HTMLResponse(login_page(visitor=self._keys.in_session(word)))
        else:
            response = Response(status_code=405, headers={"Allow": "GET, HEAD, POST"})
        response.headers["cache-control"] = "no-store"
        await response(scope, receive, send)

    def _enter(
        self, fields: dict[str, list[str]], client: tuple[str, int] | None, word: str, is_secure: bool
    ) -> Response:
        address = str(client[0]) if client else ""
        known = self._keys.in_session(word)
        seconds = self._guesses.seconds_to_wait(address)
        if seconds:
            return HTMLResponse(login_page(TOO_MANY, known), 429, {"Retry-After": str(seconds)})
        key = fields.get("key", [""])[0].strip()
        visitor = self._keys.visitor(key)
        if visitor is None:
            if key:
                self._guesses.count(address)
            return HTMLResponse(login_page(WRONG, known), status_code=401)
        by_whom = f"{visitor.name} {neighbourhood(address)}"
        seconds = self._logins.seconds_to_wait(by_whom)
        if seconds:
            return HTMLResponse(login_page(TOO_OFTEN, known), 429, {"Retry-After": str(seconds)})
        self._logins.count(by_whom)
        self._keys.close_session(word)
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            self._cookie,
            self._keys.open_session(visitor),
            max_age=SESSION_SECONDS,
            secure=is_secure,
            httponly=True,
            samesite="strict",
        )
        return response

    def _leave(self, word: str) -> Response:
        self._keys.close_session(word)
        response = RedirectResponse(LOGIN_PATH, status_code=303)
        response.delete_cookie(self._cookie, httponly=True, samesite="strict")
        return response


def login_page(message: str = "", visitor: Visitor | None = None) -> str:
    """The page, with a message under its field, and what the visitor may do who is signed in already."""
    return PAGE.format(
        message=MESSAGE.format(words=html.escape(message)) if message else "",
        whence=WHENCE if visitor is None else "",
        signed_in=SIGNED_IN.format(says=html.escape(SAYS[visitor.role])) if visitor is not None else "",
        leave=LEAVE if visitor is not None else "",
        label="API key" if visitor is None else "Another key",
        focus="autofocus" if visitor is None else "",
    )


async def _body(receive: Receive) -> bytes:
    """What a form of one field needs; the rest is not read."""
    body = b""
    while len(body) <= MAX_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[:MAX_BODY_BYTES]
