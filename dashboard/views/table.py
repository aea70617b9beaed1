"""Cards and tables, as several views have them."""

from collections.abc import Sequence


def table(kind: str, caption: str, heads: Sequence[str], rows: str) -> str:
    """A table over the whole width of its card.

    Args:
        kind: its class. caption: what it is, for those who do not see it. rows: HTML.
    """
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<table class="wide {kind}" aria-label="{caption}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def card(title: str, text: str, kind: str = "") -> str:
    """A card with its title. Both are HTML."""
    return f'<div class="card {kind}"><h4>{title}</h4>{text}</div>'


def quiet(text: str) -> str:
    """Why a card has nothing to show."""
    return f'<div class="quiet">{text}</div>'
