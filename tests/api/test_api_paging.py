"""Cursors come back as they were given and cannot be made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.paging import Position, open_cursor, seal_cursor
from penstock.core.errors import InvalidInput

SECRET = b"a-test-secret-that-is-long-enough"


@given(st.text(), st.uuids().map(str))
def test_a_cursor_opens_to_the_position_it_was_made_of(value: str, row_id: str) -> None:
    at = Position(value, row_id)
    cursor = seal_cursor(SECRET, listing="leads:score", at=at)
    assert open_cursor(SECRET, listing="leads:score", cursor=cursor) == at
    with pytest.raises(InvalidInput):
        open_cursor(SECRET, listing="leads:created", cursor=cursor)
    with pytest.raises(InvalidInput):
        open_cursor(b"another-secret", listing="leads:score", cursor=cursor)


@given(st.text(max_size=60))
def test_anything_else_is_invalid_input_and_never_a_crash(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        open_cursor(SECRET, listing="leads:score", cursor=cursor)
