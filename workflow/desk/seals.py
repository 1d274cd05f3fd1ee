"""Seals: small signed files, kept away from the database, that say which heads the histories had."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from workflow.clock import as_utc
from workflow.core.audit import Head
from workflow.core.chain import canonical
from workflow.errors import Refused, UsageError
from workflow.store import crash
from workflow.store.files import contents, give_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FORMAT = "ticketflow seal 1"
LARGEST, LARGEST_KEY = 1_000_000_000, 10_000  # bytes: a seal of ten million tickets, and any key
_NAME = re.compile(r"seal-(\d{6,})\.json")


@dataclass(frozen=True)
class Seal:
    """The heads of the tickets that changed since the seal before it, whose text's SHA-256 is `previous`.

    `tickets` counts all that there were. `key` is the public key that `signature` is proved by, both in base64.
    """

    number: int
    sealed_at: datetime
    previous: str
    tickets: int
    heads: Mapping[int, Head]
    key: str
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """What is signed: the canonical JSON of everything but the signature."""
        facts = asdict(self) | {
            "format": FORMAT,
            "sealed_at": as_utc(self.sealed_at).isoformat(),
            "heads": {str(ticket_id): list(head) for ticket_id, head in self.heads.items()},
        }
        del facts["signature"]
        return canonical(facts).encode()

    @property
    def text(self) -> str:
        """The file."""
        return canonical(json.loads(self.signed) | {"signature": self.signature}) + "\n"

    @cached_property
    def digest(self) -> str:
        """What the next seal names this one by."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def sign(seal: Seal, key: Ed25519PrivateKey) -> Seal:
    """Return the seal with its signature."""
    unsigned = replace(seal, key=public_half(key))
    return replace(unsigned, signature=base64.b64encode(key.sign(unsigned.signed)).decode())


def save(seal: Seal, folder: Path) -> Path:
    """Write a seal into its folder, whole or not at all; raise Refused if one of its number is there."""
    path = folder / f"seal-{seal.number:06}.json"
    beside = path.with_suffix(f".{uuid4().hex}.part")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(seal.text)
            file.flush()
            os.fsync(file.fileno())
        crash.point("seal.written")
        give_name(beside, path)
    except FileExistsError:
        raise Refused(
            "{path} is there already", "seal again: another process has just done so", rule="seal", path=str(path)
        ) from None
    finally:
        beside.unlink(missing_ok=True)
    return path


def read(paths: Iterable[Path], trusted: str | None = None) -> list[Seal]:
    """Return the seals of files and folders, in their order, each proved by its signature.

    Raise UsageError naming the first file that is no seal, was altered, was signed by another key than `trusted`, or
    does not follow the one before it.
    """
    files = [each for path in paths for each in (sorted(_of(path)) if path.is_dir() else [path])]
    found = sorted(((_read(path), path) for path in files), key=lambda pair: pair[0].number)
    for seal, path in found:
        if seal.key != (trusted or found[0][0].key):
            raise UsageError(
                "{path}: it was signed by another key",
                "name the key that it was signed by; by a new key seal into a folder of its own, with --all",
                path=str(path), field="key",
            )  # fmt: skip
        _prove(seal, path)
    for (before, _), (seal, path) in pairwise(found):
        if seal.number == before.number + 1 and seal.previous != before.digest:
            raise _wrong(path, "{path}: it does not follow seal {number}", number=before.number)
        if seal.number == before.number:
            raise _wrong(path, "{path}: there are two seals {number}", number=seal.number)
    return [seal for seal, _ in found]


def _of(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]


def _read(path: Path) -> Seal:
    try:
        facts = json.loads(contents(path, LARGEST))
        if facts.pop("format") != FORMAT:
            raise ValueError
        facts["sealed_at"] = datetime.fromisoformat(facts["sealed_at"])
        facts["heads"] = {int(ticket_id): (seq, head) for ticket_id, (seq, head) in facts["heads"].items()}
        seal = Seal(**facts)
        as_utc(seal.sealed_at)
        if not isinstance(seal.number, int):
            raise TypeError
    except OSError as error:
        raise _wrong(path, "{path}: it cannot be read: {reason}", reason=error.strerror or str(error)) from None
    except Exception:  # whatever a file that is no seal raises
        raise _wrong(path, "{path}: it is no seal") from None
    return seal


def _prove(seal: Seal, path: Path) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(seal.key))
        key.verify(base64.b64decode(seal.signature), seal.signed)
    except (InvalidSignature, ValueError, TypeError):
        raise _wrong(path, "{path}: it is not what was signed") from None


def _wrong(path: Path, sentence: str, **values: Any) -> UsageError:
    return UsageError(sentence, "bring the file as it was written", path=str(path), field="seals", **values)


def new_key(path: Path) -> str:
    """Write a new private key into a file that only its owner may read, and its public half beside it; return that.

    Both are written, or none. Raise Refused if one of the two files is there.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made: list[Path] = []
    try:
        for name, text, mode in ((path, secret, 0o600), (public_path(path), _public(key.public_key()).encode(), 0o644)):
            with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                made.append(name)
                file.write(text if text.endswith(b"\n") else text + b"\n")
    except OSError as error:
        for each in made:
            each.unlink()
        if isinstance(error, FileExistsError):
            raise Refused("{path} is there already", "name another file", rule="key", path=str(name)) from None
        raise
    return public_half(key)


def public_path(path: Path) -> Path:
    """Return where the public half of a key lies."""
    return path.with_name(path.name + ".pub")


def public_half(key: Ed25519PrivateKey) -> str:
    """Return what the seals of a private key are proved by."""
    return _public(key.public_key())


def private_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key of a file; raise UsageError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(contents(path, LARGEST_KEY), password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            "{path} holds no private key to seal with", "make one with `ticketflow audit key {path}`",
            path=str(path), field="key",
        )  # fmt: skip
    return key


def public_key(path: Path) -> str:
    """Return the public key of a file; raise UsageError."""
    try:
        text = contents(path, LARGEST_KEY).decode("ascii").strip()
        if len(base64.b64decode(text, validate=True)) != len(bytes(32)):
            raise ValueError
    except (OSError, ValueError):
        raise UsageError(
            "{path} holds no public key", "give the file that ends in .pub", path=str(path), field="key"
        ) from None
    return text


def _public(key: Ed25519PublicKey) -> str:
    return base64.b64encode(key.public_bytes_raw()).decode()
