"""The page of edge cases says what the library answers."""

import re

import edge_cases


def test_page_is_up_to_date_and_finite():
    page = edge_cases.page()
    assert not re.search(r"\b(nan|inf)\b|not finite", page)
    assert edge_cases.PAGE.read_text(encoding="utf-8") == page, "run `python tests/edge_cases.py --write`"
