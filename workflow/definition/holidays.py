"""Public holidays with make-up working days 调休, as governments announce them: dated facts, year by year.

Each holiday stands there with its first and last day off, weekends inside included, and after `+` the days on which
people work instead. A date is of that year unless it says its own. A feast inside a longer holiday follows it.

An edition is a table through its last year, `cn@2026`. Desks are stored with the editions by which they count, so years
are added and never edited: tickets go on by the edition under which they were armed until somebody applies a newer one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

NAMES: Mapping[str, Mapping[str, str]] = {
    "new_year": {"en": "New Year's Day", "zh": "元旦"},
    "spring": {"en": "Spring Festival", "zh": "春节"},
    "qingming": {"en": "Qingming Festival", "zh": "清明节"},
    "labour": {"en": "Labour Day", "zh": "劳动节"},
    "dragon_boat": {"en": "Dragon Boat Festival", "zh": "端午节"},
    "victory": {"en": "Victory Day", "zh": "抗战胜利纪念日"},
    "mid_autumn": {"en": "Mid-Autumn Festival", "zh": "中秋节"},
    "national": {"en": "National Day", "zh": "国庆节"},
}
# China: the yearly notices of the State Council; in 2020 with the one that lengthened the Spring Festival
_CN = """
2010 new_year 01-01..01-03, spring 02-13..02-19 +02-20 +02-21, qingming 04-03..04-05,
     labour 05-01..05-03, dragon_boat 06-14..06-16 +06-12 +06-13,
     mid_autumn 09-22..09-24 +09-19 +09-25, national 10-01..10-07 +09-26 +10-09
2011 new_year 01-01..01-03, spring 02-02..02-08 +01-30 +02-12, qingming 04-03..04-05 +04-02,
     labour 04-30..05-02, dragon_boat 06-04..06-06, mid_autumn 09-10..09-12,
     national 10-01..10-07 +10-08 +10-09
2012 new_year 01-01..01-03 +2011-12-31, spring 01-22..01-28 +01-21 +01-29,
     qingming 04-02..04-04 +03-31 +04-01, labour 04-29..05-01 +04-28, dragon_boat 06-22..06-24,
     mid_autumn 09-30..09-30, national 10-01..10-07 +09-29
2013 new_year 01-01..01-03 +01-05 +01-06, spring 02-09..02-15 +02-16 +02-17,
     qingming 04-04..04-06 +04-07, labour 04-29..05-01 +04-27 +04-28,
     dragon_boat 06-10..06-12 +06-08 +06-09, mid_autumn 09-19..09-21 +09-22,
     national 10-01..10-07 +09-29 +10-12
2014 new_year 01-01..01-01, spring 01-31..02-06 +01-26 +02-08, qingming 04-05..04-07,
     labour 05-01..05-03 +05-04, dragon_boat 05-31..06-02, mid_autumn 09-06..09-08,
     national 10-01..10-07 +09-28 +10-11
2015 new_year 01-01..01-03 +01-04, spring 02-18..02-24 +02-15 +02-28, qingming 04-04..04-06,
     labour 05-01..05-03, dragon_boat 06-20..06-22, victory 09-03..09-05 +09-06,
     mid_autumn 09-26..09-27, national 10-01..10-07 +10-10
2016 new_year 01-01..01-03, spring 02-07..02-13 +02-06 +02-14, qingming 04-02..04-04,
     labour 04-30..05-02, dragon_boat 06-09..06-11 +06-12, mid_autumn 09-15..09-17 +09-18,
     national 10-01..10-07 +10-08 +10-09
2017 new_year 2016-12-31..01-02, spring 01-27..02-02 +01-22 +02-04, qingming 04-02..04-04 +04-01,
     labour 04-29..05-01, dragon_boat 05-28..05-30 +05-27, national 10-01..10-08 +09-30, mid_autumn 10-04..10-04
2018 new_year 2017-12-30..01-01, spring 02-15..02-21 +02-11 +02-24, qingming 04-05..04-07 +04-08,
     labour 04-29..05-01 +04-28, dragon_boat 06-16..06-18, mid_autumn 09-22..09-24,
     national 10-01..10-07 +09-29 +09-30
2019 new_year 2018-12-30..01-01 +2018-12-29, spring 02-04..02-10 +02-02 +02-03,
     qingming 04-05..04-07, labour 05-01..05-04 +04-28 +05-05, dragon_boat 06-07..06-09,
     mid_autumn 09-13..09-15, national 10-01..10-07 +09-29 +10-12
2020 new_year 01-01..01-01, spring 01-24..02-02 +01-19, qingming 04-04..04-06,
     labour 05-01..05-05 +04-26 +05-09, dragon_boat 06-25..06-27 +06-28,
     national 10-01..10-08 +09-27 +10-10
2021 new_year 01-01..01-03, spring 02-11..02-17 +02-07 +02-20, qingming 04-03..04-05,
     labour 05-01..05-05 +04-25 +05-08, dragon_boat 06-12..06-14, mid_autumn 09-19..09-21 +09-18,
     national 10-01..10-07 +09-26 +10-09
2022 new_year 01-01..01-03, spring 01-31..02-06 +01-29 +01-30, qingming 04-03..04-05 +04-02,
     labour 04-30..05-04 +04-24 +05-07, dragon_boat 06-03..06-05, mid_autumn 09-10..09-12,
     national 10-01..10-07 +10-08 +10-09
2023 new_year 2022-12-31..01-02, spring 01-21..01-27 +01-28 +01-29, qingming 04-05..04-05,
     labour 04-29..05-03 +04-23 +05-06, dragon_boat 06-22..06-24 +06-25, mid_autumn 09-29..09-29,
     national 09-30..10-06 +10-07 +10-08
2024 new_year 2023-12-30..01-01, spring 02-10..02-17 +02-04 +02-18, qingming 04-04..04-06 +04-07,
     labour 05-01..05-05 +04-28 +05-11, dragon_boat 06-08..06-10, mid_autumn 09-15..09-17 +09-14,
     national 10-01..10-07 +09-29 +10-12
2025 new_year 01-01..01-01, spring 01-28..02-04 +01-26 +02-08, qingming 04-04..04-06,
     labour 05-01..05-05 +04-27, dragon_boat 05-31..06-02, national 10-01..10-08 +09-28 +10-11,
     mid_autumn 10-06..10-06
2026 new_year 01-01..01-03 +01-04, spring 02-15..02-23 +02-14 +02-28, qingming 04-04..04-06,
     labour 05-01..05-05 +05-09, dragon_boat 06-19..06-21, mid_autumn 09-25..09-27,
     national 10-01..10-07 +09-20 +10-10
"""
_TABLES = {"cn": _CN}
TABLES = tuple(_TABLES)
_HOLIDAY = re.compile(r"(\w+) ([\d-]+)\.\.([\d-]+)((?: \+[\d-]+)*)")


class HolidayTable(NamedTuple):
    """The days off and the make-up working days of a country, each with the name of its holiday in `NAMES`.

    Nothing is known of dates before `announced_from` or after `announced_through`.
    """

    off: Mapping[date, str]
    makeup: Mapping[date, str]
    announced_from: date
    announced_through: date


@cache
def holiday_table(name: str) -> HolidayTable:
    """Return one of `TABLES`, or an edition of it; raise ValueError for an edition that is not known.

    >>> holiday_table("cn").makeup[date(2026, 2, 14)]
    'spring'
    >>> holiday_table("cn@2025").announced_through
    datetime.date(2025, 12, 31)
    """
    name, _, edition = name.partition("@")
    off: dict[date, str] = {}
    makeup: dict[date, str] = {}
    years: list[int] = []
    for line in _TABLES[name].strip().splitlines():
        if not line.startswith(" "):
            if years and edition == str(years[-1]):
                break
            years.append(int(line[:4]))
        for holiday, first, last, worked in _HOLIDAY.findall(line):
            year = years[-1]
            day, end = _date(year, first), _date(year, last)
            while day <= end:
                off[day] = holiday
                day += timedelta(days=1)
            makeup |= {_date(year, each): holiday for each in worked.replace("+", "").split()}
    if edition not in ("", str(years[-1])):
        raise ValueError(edition)
    return HolidayTable(off, makeup, date(years[0], 1, 1), date(years[-1], 12, 31))


def newest_edition(name: str) -> str:
    """Return the newest edition of a table of which any edition is named.

    >>> newest_edition("cn@2019") == newest_edition("cn")
    True
    """
    table = name.partition("@")[0]
    return f"{table}@{holiday_table(table).announced_through.year}"


def _date(year: int, text: str) -> date:
    return date.fromisoformat(text if len(text) > 5 else f"{year}-{text}")
