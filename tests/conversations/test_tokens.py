"""Details of tokens come back from their blob as they went in, to the precision of a float32."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.conversations.tokens import pack_details, unpack_details
from openarc_ui.engine.prompts import TokenDetail

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
DETAILS = st.lists(
    st.builds(
        TokenDetail,
        id=st.integers(0, 2**32 - 1),
        text=st.text(st.characters(), max_size=5),
        is_special=st.booleans(),
        seconds=FLOATS,
        log_probability=st.none() | FLOATS | st.just(-math.inf),
        alternatives=st.lists(st.tuples(st.text(max_size=5), FLOATS | st.just(-math.inf)), max_size=4).map(tuple),
    ),
    max_size=20,
)


@given(details=DETAILS)
def test_whatever_details_there_are_come_back(details: list[TokenDetail]) -> None:
    assert unpack_details(pack_details(details)) == tuple(details)


def test_half_a_character_and_more_than_a_float_holds_come_back_as_near_as_can_be() -> None:
    (detail,) = unpack_details(pack_details([TokenDetail(1, "\ud83d", False, 1 / 3)]))
    assert detail.text == "\ud83d" and detail.seconds == struct.unpack("f", struct.pack("f", 1 / 3))[0]


def test_a_blob_of_a_later_form_is_refused() -> None:
    with pytest.raises(ValueError, match="form 9"):
        unpack_details(b"\x09" + pack_details([])[1:])
