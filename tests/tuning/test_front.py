"""The Pareto front."""

from __future__ import annotations

import pytest

from openarc_ui.tuning.judging.front import front


def test_a_point_that_another_beats_is_not_on_the_front() -> None:
    assert front([(1.0, 1.0), (2.0, 2.0)], (False, False)) == [True, False]


def test_points_that_are_each_best_in_something_are_all_on_it() -> None:
    assert front([(1.0, 3.0), (2.0, 2.0), (3.0, 1.0), (3.0, 3.0)], (False, False)) == [True, True, True, False]


def test_directions_are_followed_one_by_one() -> None:
    speed_and_memory = [(50.0, 900.0), (40.0, 950.0), (60.0, 1200.0)]
    assert front(speed_and_memory, (True, False)) == [True, False, True]


def test_equal_in_one_and_better_in_the_other_is_beaten() -> None:
    assert front([(1.0, 1.0), (1.0, 2.0)], (False, False)) == [True, False]


def test_the_same_point_twice_is_on_it_twice() -> None:
    assert front([(1.0, 1.0), (1.0, 1.0), (0.5, 3.0)], (False, False)) == [True, True, True]


def test_what_was_not_measured_is_never_on_it_and_beats_nothing() -> None:
    assert front([(None, 0.0), (1.0, 1.0), (float("nan"), 0.0)], (False, False)) == [False, True, False]


def test_of_one_objective_the_best_is_the_front() -> None:
    assert front([(3.0,), (5.0,), (4.0,)], (True,)) == [False, True, False]


def test_no_points_make_no_front() -> None:
    assert front([], (True,)) == []


def test_a_point_with_a_value_too_many_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        front([(1.0, 2.0)], (True,))


def test_nothing_off_the_front_beats_what_is_on_it() -> None:
    points = [(float((7 * n) % 23), float((11 * n) % 19)) for n in range(40)]
    on_it = front(points, (False, False))
    assert 0 < sum(on_it) < len(points)
    for point, is_on in zip(points, on_it, strict=True):
        beaten = any(other != point and other[0] <= point[0] and other[1] <= point[1] for other in points)
        assert is_on is not beaten
