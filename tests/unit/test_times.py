"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.core.times import parse_time
from workflow.errors import UsageError

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2019/4/25 9:32:09", "2019-04-25T01:32:09"),
        ("2019-4-25 9:32:09", "2019-04-25T01:32:09"),
        ("2019-4-25 9:32", "2019-04-25T01:32:00"),
        ("2019.04.25 09:32", "2019-04-25T01:32:00"),
        ("  2019-04-25\t09:32 ", "2019-04-25T01:32:00"),
        ("2019-04-25", "2019-04-24T16:00:00"),
        ("2019-04-25T09:32:09", "2019-04-25T01:32:09"),
        ("2019-04-25t09:32:09z", "2019-04-25T09:32:09"),
        ("2019-04-25 09:32 UTC", "2019-04-25T09:32:00"),
        ("2019-04-25T09:32:09+08:00", "2019-04-25T01:32:09"),
        ("2019-04-25 09:32:09 -0530", "2019-04-25T15:02:09"),
        ("2019-04-25T09:32+02", "2019-04-25T07:32:00"),
        ("2019-04-25T09:32:09.5Z", "2019-04-25T09:32:09.500000"),
        ("2019-04-25T09:32:09.123456789Z", "2019-04-25T09:32:09.123456"),
        ("２０１９／４／２５　９：３２：０９", "2019-04-25T01:32:09"),
        ("2019年4月25日 9:32", "2019-04-25T01:32:00"),
        ("2019年4月25日9:32", "2019-04-25T01:32:00"),
        ("2019年4月25日9时32分", "2019-04-25T01:32:00"),
        ("2019年04月25日 9点32分9秒", "2019-04-25T01:32:09"),
        ("2019年4月25日", "2019-04-24T16:00:00"),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, instant: str) -> None:
    found = parse_time(text, SHANGHAI)
    assert found == datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "9:32", "25/4/2019", "4/25/2019 9:32", "19-4-25", "2019-4/25", "20190425", "1556155929", "43580.397",
        "2019-04-25T0932", "2019-04-25 9", "2019-04-25 9:32 PM", "2019-04-25 下午 3:32", "2019-04-25Z",
        "2019-04-25 9:32+8", "2019-04-25 9:32 +08:75", "2019-04-25 9:32 CST", "٢٠١٩-٠٤-٢٥", "2019-04-25 9:32; x",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time") as refused:
        parse_time(text, SHANGHAI)
    assert "2019-04-25 09:32" in refused.value.remedy
    assert "24-hour" in refused.value.remedy


@pytest.mark.parametrize(
    "text", ["2019-02-30", "2019-13-01", "2019-04-25 24:00", "2019-04-25 9:60", "2019-04-25 9:32+24:00", "0001-01-01"]
)
def test_a_time_that_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no such time"):
        parse_time(text, SHANGHAI)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(UsageError) as refused:
        parse_time("x" * 100_000, SHANGHAI)
    assert len(refused.value.message) < 100


def test_a_local_time_that_a_clock_change_skips_counts_from_before_it() -> None:
    assert parse_time("2026-03-29 02:30", BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert parse_time("2026-03-29 03:30", BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_local_time_that_happens_twice_is_the_first() -> None:
    assert parse_time("2026-10-25 02:30", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert parse_time("2026-10-25 02:30+01:00", BERLIN) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2099, 12, 30)),  # noqa: DTZ001 (the offset is drawn)
    st.integers(-14 * 60, 14 * 60),
)
def test_every_iso_time_is_read_exactly(naive: datetime, minutes: int) -> None:
    written = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_time(written.isoformat(), SHANGHAI) == written
    assert parse_time(written.isoformat(sep=" "), SHANGHAI) == written


@given(st.text(max_size=30) | st.from_regex(r"\A[0-9]{4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}.{0,9}\Z"))
def test_any_text_is_a_time_or_a_usage_error(text: str) -> None:
    try:
        offset = parse_time(text, SHANGHAI).utcoffset()
    except UsageError:
        return
    assert offset == timedelta(0)
