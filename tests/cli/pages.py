"""Pages of HTML, as a browser would see them."""

from __future__ import annotations

from html.parser import HTMLParser


class Tags(HTMLParser):
    """Notes which tags a page has; none but the frame's own may have attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        assert not attrs or tag in ("html", "meta")
