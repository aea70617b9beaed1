"""The private names of Panel that keep requests on this host are still there, and do what they are for."""

from pathlib import Path

import panel as pn
import panel.reactive
from bokeh.document import Document
from panel.io.resources import CDN_DIST
from panel.theme.fast import Fast

from dashboard import theme


def test_the_private_names_are_there() -> None:
    assert isinstance(Fast._resources, dict)
    assert hasattr(panel.reactive, "CDN_DIST")
    assert hasattr(pn.template.FastListTemplate, "_get_theme_from_query_args")


def test_no_font_and_no_cdn_is_named() -> None:
    document = Document()
    theme.keep_requests_local(document)
    assert "font" not in Fast._resources
    assert panel.reactive.CDN_DIST != CDN_DIST
    assert "://" not in panel.reactive.CDN_DIST
    assert document.template_variables["dist_url"] == panel.reactive.CDN_DIST


def test_our_own_styles_and_script_ask_for_nothing() -> None:
    for asset in filter(Path.is_file, theme.ASSETS.rglob("*")):
        text = asset.read_text(encoding="utf-8")
        assert "://" not in text, asset.name
        assert "@import" not in text, asset.name
