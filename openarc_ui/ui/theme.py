"""The look: one theme in light and dark, and the files in assets/ that go with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

ASSETS = Path(__file__).parent.parent.parent / "assets"
NOT_LATEX_DOLLARS = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "\\[", "right": "\\]", "display": True},
    {"left": "\\(", "right": "\\)", "display": False},
]
"""A single dollar sign is more often a price than a formula."""


def make_theme() -> Any:
    """The theme. Bundled fonts are complete only at weights 400 and 700."""
    fonts = gr.themes.LocalFont
    theme = gr.themes.Base(
        primary_hue="blue",
        secondary_hue="teal",
        neutral_hue="slate",
        font=[fonts("IBM Plex Sans", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=[fonts("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "Consolas", "monospace"],
        radius_size="lg",
    )
    return theme.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="#0d1219",
        background_fill_primary="white",
        background_fill_primary_dark="#151c26",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="#0d1219",
        block_background_fill="white",
        block_background_fill_dark="#151c26",
        block_border_width="1px",
        block_border_color="#dde3ea",
        block_border_color_dark="#273140",
        border_color_primary="#dde3ea",
        border_color_primary_dark="#273140",
        body_text_color="#17212e",
        body_text_color_dark="#e4eaf2",
        body_text_color_subdued="#5a6878",
        body_text_color_subdued_dark="#93a1b3",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*body_text_color_subdued",
        block_title_text_color="*body_text_color",
        block_title_text_weight="400",
        input_border_width="1px",
        input_border_color_focus="#0b62d6",
        input_border_color_focus_dark="#6aa8ff",
        checkbox_border_color="#7b8798",
        checkbox_border_color_dark="#7d8ba0",
        input_placeholder_color="#66748a",
        input_placeholder_color_dark="#8d9bb0",
        input_background_fill="white",
        input_background_fill_dark="#0f151d",
        input_border_color="#ccd4de",
        input_border_color_dark="#313d4e",
        button_primary_background_fill="#0b62d6",
        button_primary_background_fill_dark="#2372da",
        button_primary_background_fill_hover="#0a56bd",
        button_primary_background_fill_hover_dark="#1a63c4",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_large_text_weight="700",
        button_small_text_weight="400",
        button_medium_text_weight="400",
        section_header_text_weight="700",
        prose_header_text_weight="700",
        checkbox_label_text_weight="400",
        color_accent_soft="#e8f1fd",
        color_accent_soft_dark="#16263d",
        link_text_color="#0b62d6",
        link_text_color_dark="#6aa8ff",
    )


def page_options() -> dict[str, Any]:
    """What `gradio.mount_gradio_app` wants to know of the look."""
    return {
        "theme": make_theme(),
        "css_paths": [ASSETS / "openarc.css"],
        "head_paths": [ASSETS / "page.html"],
        "favicon_path": str(ASSETS / "favicon.svg"),
    }
