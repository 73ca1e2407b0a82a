"""The foot of the page: our documentation beside Gradio's "Use via API", on every width.

Gradio's footer takes no link of ours, so this one is put into it when the page is there; without scripts it stays above.
"""

from __future__ import annotations

import gradio as gr

LINKS = (("/docs", "API documentation"),)
STYLE = """
#oa-footer { padding: 0 !important; text-align: center; }
.oa-foot { display: inline-flex; gap: 12px; margin-left: 12px; }
.oa-foot a { color: var(--body-text-color-subdued); font-size: var(--text-md); text-decoration: none; }
.oa-foot a:hover { color: var(--body-text-color); text-decoration: underline; }
.api-docs .snippet:has(img[src*="/mcp-"]) { display: none; }
"""
"""The last line: Gradio's panel says of its own MCP server how to start it, which is not OpenArc's (docs/gradio.md, --mcp)."""
INTO_THE_FOOTER = """
const nav = element.querySelector(".oa-foot");
let tries = 0;
const put = () => {
  const footer = document.querySelector("footer");
  if (footer) {
    document.querySelectorAll("footer .oa-foot").forEach((old) => old.remove());
    footer.append(nav);
    element.closest("#oa-footer").style.display = "none";
  } else if (tries++ < 100) setTimeout(put, 100);
};
if (nav) put();
"""


def build_footer() -> gr.HTML:
    """Its links, as a part of the page that is being built."""
    links = "".join(f'<a href="{address}">{words}</a>' for address, words in LINKS)
    nav = f'<nav class="oa-foot" aria-label="Documentation">{links}</nav>'
    return gr.HTML(f"<style>{STYLE}</style>{nav}", js_on_load=INTO_THE_FOOTER, elem_id="oa-footer")
