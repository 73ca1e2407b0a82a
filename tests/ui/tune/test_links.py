"""Every question mark of the Tune tab leads to a heading that docs/tuning.md has."""

from __future__ import annotations

import re
from pathlib import Path

from openarc_ui.server.routes.docs import slug
from openarc_ui.tuning.figures import FIGURES

ROOT = Path(__file__).parent.parent.parent.parent


def test_what_the_view_explains_is_explained() -> None:
    docs = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
    anchors = {slug(heading) for heading in re.findall(r"^#+ (.+)$", docs, re.MULTILINE)}
    scripts = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "assets" / "tune").glob("*.js")}
    named = set(re.findall(r'explained\("([\w-]+)"', "".join(scripts.values())))
    of_pictures = re.search(r"explained\(\{(.*?)\}", scripts["pictures.js"])
    assert of_pictures is not None
    named |= set(re.findall(r'"([\w-]+)"', of_pictures[1]))
    named |= {"how-the-text-is-compared", *(figure.name for figure in FIGURES)}
    assert len(named) > len(FIGURES) + 3 and named <= anchors, named - anchors
