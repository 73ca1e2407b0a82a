"""The page that asks for the key: self-contained, light and dark, no script."""

from __future__ import annotations

import html

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>OpenArc</title><style>
:root {{ color-scheme: light dark; --back: #f6f7f9; --card: #fff; --line: #d5dae2; --text: #16202c; --accent: #0b62d6; --bad: #b3261e }}
@media (prefers-color-scheme: dark) {{
  :root {{ --back: #0e131a; --card: #161d27; --line: #2c3644; --text: #e6ebf2; --accent: #6aa8ff; --bad: #ff9b94 }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif }}
form {{ width: min(22rem, calc(100vw - 4rem)); padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px }}
h1 {{ margin: 0 0 1rem; font-size: 1.3rem }} label {{ display: block; margin-bottom: .4rem }}
input, button {{ box-sizing: border-box; width: 100%; padding: .6rem .8rem; font: inherit; border-radius: 8px; border: 1px solid var(--line) }}
button {{ margin-top: 1rem; border: 0; background: var(--accent); color: var(--card); font-weight: 700; cursor: pointer }}
p {{ margin: .8rem 0 0; min-height: 1.5rem; color: var(--bad) }}
:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px }}
</style></head><body><form method="post" action="/login"><h1>OpenArc</h1>
<label for="key">API key</label><input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Enter</button><p role="alert">{message}</p></form></body></html>"""


def login_page(message: str) -> str:
    """The page, with a message under the form."""
    return PAGE.format(message=html.escape(message))
