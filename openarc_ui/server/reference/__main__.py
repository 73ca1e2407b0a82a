"""`python -m openarc_ui.server.reference` writes docs/api.md."""

from __future__ import annotations

import sys

from openarc_ui.server.reference.application import bare_api
from openarc_ui.server.reference.markdown import PAGE, api_page


def main() -> int:
    """Write the page; 0 when it is written."""
    with bare_api() as api:
        text = api_page(api.openapi())
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
