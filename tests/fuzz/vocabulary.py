"""What sound input looks like, and the pieces that it and its enemies are made of."""

from __future__ import annotations

import re

from workflow.definition.shipped import shipped_folder


def _pieces(text: str) -> tuple[bytes, ...]:
    """Return the words of a text, with Python's escapes read."""
    return tuple(word.encode().decode("unicode_escape").encode("latin-1") for word in text.split())


def shipped(*names: str) -> tuple[bytes, ...]:
    """Return files of the shipped desk."""
    return tuple((shipped_folder() / name).read_bytes() for name in names)


def words(*names: str) -> tuple[bytes, ...]:
    """Return what files of the shipped desk are made of."""
    text = b"\n".join(shipped(*names))
    return tuple(sorted(set(re.findall(rb"[\w.%+-]+|[^\w\s]|\n *", text))))


def conditions() -> tuple[bytes, ...]:
    """Return every condition of the shipped desk."""
    texts = b"\n".join(path.read_bytes() for path in sorted(shipped_folder().rglob("*.yaml")))
    found = re.findall(rb"(?:conditions|unless): (?:'([^'\n]+)'|\"([^\"\n]+)\")", texts)
    return tuple(sorted({one or other for one, other in found}))


YAML = _pieces(
    r"""
    &a\x20 *a <<:\x20 ?\x20 -\x20 :\x20 { } [ ] |\n >\n !!python/object:os.system\x20 !x\x20 %YAML\x201.1\n---\n ---\n
    ...\n \t \0 \xff \xe2\x80\xa8 \r \n '' " ' # null ~ 1e999 0x10 .nan -1 99999999999999999999 0d 1wd 24:00-00:00
    customer.phone on \xef\xbb\xbf \x20 \n\x20\x20
    """
)
CEL = _pieces(
    r"""
    text int list tags filled customer.phone now decimal date bool ( ) && || ! == in + * / % [ ] { } . ? : , " ' r' 1 0
    2.0 9223372036854775807 - null true .matches('(a+)+$') .size() size( .all(x,\x20 .exists(y,\x20 .map(z,\x20
    .filter(w,\x20 has( timestamp(' duration(' .getHours('UTC') dyn( type( \\U00110000 \\x \xff 投 b'\xc3' .contains(
    string( int( x y z
    """
)
RE2 = _pieces(r"( ) [ ] {9999} * + ? \\ \\p{L} (?P<x> (?= \\1 | ^ $ a \xff {1000} (?i) {2,} [^ \\Q \\C 投")
PATTERNS = (b"off?er", b"(a+)+$", rb"[\p{Han}]{2,5}")
DIGITS = (
    *_pieces(
        r"""
        P T D d h m s wd 0 9 999999 - . １ \x20 / : Z +99:59 0000 9999 0001-01-01 9999-12-31 60 年 月 日 ٣ \0 +08:00
        """
    ),
    b"9" * 5_000,
)
DURATIONS = (b"1h30m", b"PT1H30M", b"2wd", b"3d")
TIMES = (b"2019-04-25T09:32:09+08:00", b"2019/4/25 9:32", "2019年4月25日 9:32".encode())
JINJA = _pieces(
    r"""
    {{ }} {% %} {# #} if endif else for\x20x\x20in\x20y customer. name ( ) [ ] | ~ ' == and or not .__class__ -
    99999999999999999999 \n \x20 ** * set raw endraw
    """
)
TEMPLATES = (b"Hello {{ customer.name }}", b"{% if n == 3 and not gone %}a{% else %}b{% endif %}")
SAYINGS = b"label: {en: English}\ntexts: {hello: {say: 'Hello {{ customer.phone }}'}}\nphrases: {}\n"
CELLS = (
    *_pieces(r"""
    , \t ; " "" \n \r\n \r \0 =cmd() \xff\xfe \xef\xbb\xbf { } [ ] : null true NaN 1e999 "statement": \\u0000 \\ud800
    \x1f\x8b 2026-03-02 line,reason statement customer.phone external_id opened_at tags 投诉， {"a": {"a":{"b":
    """),
    b"x" * 200,
)
CONTACTS = b'external_id,statement,customer.phone,opened_at,tags\na1,"x, y",138,2026-03-02 09:00,"a,b"\na2,z,,,\n'
OBJECTS = (
    b'{"external_id": "a1", "statement": "x", "customer": {"phone": "138"}, "tags": ["a"], "n": 1.50}\n'
    b'{"statement": null}\n'
)
XML = _pieces(
    r"""
    < > /> </log> <log> <trace> </trace> <event> </event> <string \x20key="a" \x20value="b" <!DOCTYPE\x20log\x20[
    <!ENTITY\x20a\x20" &a; &#0; &#x10ffff; <![CDATA[ ]]> <!-- --> <?xml\x20 ?> \x20encoding="utf-16" \xff \0
    SYSTEM\x20'file:///etc/passwd' \x20xmlns:a='b' a: \x20 \n
    """
)
LOG = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<log xmlns="http://www.xes-standard.org/">\n<trace>\n'
    b'<string key="concept:name" value="c1"/>\n<event>\n'
    b'<date key="time:timestamp" value="2010-01-13T08:40:25.000+02:00"/>\n</event>\n</trace>\n</log>\n'
)
SIGNS = _pieces(
    r"""
    a 投 1 1- 138 @ a@ . \x20 \n \t \x1b[31m \xc2\x9b \xe2\x80\xae \xe2\x81\xa6 \xe2\x80\x8d \xef\xb8\x8f 👨 = ' + -
    \xcc\x81 嗯 稍等 wait\x20a\x20moment ﷺ ẞ İ \xe2\x80\xa8 { {0} < \xed\xa0\x80 e\xcc\x81 １３８ \xff " , ; 0086 +86
    """
)
TEXTS = (b"call 138-1234-5678 or li@example.com", "请稍等，嗯".encode())
BASE64 = (*_pieces(r"A = / - _ 投 \xff"), b"[" * 2000)
CURSORS = (b"WyJpZCIsIDEsIDFd", b"WyItZHVlIiwgIjIwMjYtMDMtMDJUMDE6MDA6MDArMDA6MDAiLCAxXQ")
