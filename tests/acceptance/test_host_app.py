"""The example of a host, over real HTTP: an order and its ticket change in one transaction, on both databases."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import create_engine, select

from examples import host_app
from tests.store.small import Books
from workflow.cli.app import run

ROOT = Path(__file__).parents[2]
ORDER = {"name": "Li Na", "phone": "138 0000 0000", "cents": 129_900}
IBAN = "GB82WEST12345698765432"


@pytest.fixture
def shop(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Give a client of the shop, which listens on a port of its own."""
    monkeypatch.setenv("SHOP_DATABASE", database_url)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(host_app.app(), log_config=None))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        host, port = listening.getsockname()
        with httpx.Client(base_url=f"http://{host}:{port}", trust_env=False, timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def post(shop: httpx.Client, path: str, body: Any, status: int, **headers: str) -> Any:
    answer = shop.post(path, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})
    assert answer.status_code == status, answer.text
    return answer.json()


def cancelled(shop: httpx.Client, **order: Any) -> Any:
    number = post(shop, "/orders", ORDER | order, 201)["id"]
    return post(shop, f"/orders/{number}/cancel", {"reason": "It came broken."}, 201)


def orders(url: str) -> list[str]:
    """Return the states of the orders, read past the shop."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.scalars(select(host_app.Order.status).order_by(host_app.Order.id)))
    engine.dispose()
    return found


def test_a_cancelled_order_goes_its_way_to_the_archive(shop: httpx.Client, database_url: str, books: Books) -> None:
    ticket = cancelled(shop)
    assert (ticket["state"], ticket["team"], orders(database_url)) == ("intake", "support", ["cancelled"])
    advance = f"/tickets/{ticket['id']}/advance"
    assert post(shop, advance, {"trigger": "accept"}, 200, x_actor="lin")["state"] == "handle"
    for fields, message in [
        ({}, "refund needs the fields iban"),
        ({"iban": "GB82WEST12345698765431"}, "iban_is_sound() does not hold"),
        ({"iban": "12345"}, "iban"),
    ]:
        error = post(shop, advance, {"trigger": "refund", "fields": fields}, 422, x_actor="lin")["error"]
        assert message in error["message"]
    refund = {"trigger": "refund", "fields": {"iban": IBAN}}
    assert post(shop, advance, refund, 200, x_actor="lin")["state"] == "review"
    assert "acted in handle" in post(shop, advance, {"trigger": "approve"}, 422, x_actor="lin")["error"]["message"]
    assert post(shop, advance, {"trigger": "approve"}, 200, x_actor="wang")["state"] == "archive"
    small = cancelled(shop, cents=4_990)["id"]
    post(shop, f"/tickets/{small}/advance", {"trigger": "accept"}, 200, x_actor="lin")
    assert post(shop, f"/tickets/{small}/advance", refund, 200, x_actor="lin")["state"] == "archive"
    books.assert_balanced()


def test_an_order_whose_ticket_is_refused_is_not_cancelled(shop: httpx.Client, database_url: str, books: Books) -> None:
    number = post(shop, "/orders", ORDER | {"phone": "none"}, 201)["id"]
    error = post(shop, f"/orders/{number}/cancel", {"reason": "too late"}, 422)["error"]
    assert (error["code"], error["field"]) == ("bad_value", "phone")
    assert (orders(database_url), books.count("tickets"), books.count("customers")) == (["placed"], 0, 0)


def test_a_ticket_whose_order_is_refused_is_not_opened(shop: httpx.Client, database_url: str, books: Books) -> None:
    number = post(shop, "/orders", ORDER | {"shipped": True}, 201)["id"]
    assert post(shop, f"/orders/{number}/cancel", {"reason": "too late"}, 409)["error"]["code"] == "conflict"
    assert (orders(database_url), books.count("tickets"), books.count("history")) == (["placed"], 0, 0)
    post(shop, "/orders/99/cancel", {"reason": "not mine"}, 404)


def test_what_is_asked_twice_is_done_once(shop: httpx.Client, books: Books) -> None:
    number = post(shop, "/orders", ORDER, 201)["id"]
    path, body = f"/orders/{number}/cancel", {"reason": "It came broken."}
    first = post(shop, path, body, 201, idempotency_key="a")
    assert post(shop, path, body, 201, idempotency_key="a") == first
    post(shop, path, {"reason": "another"}, 409, idempotency_key="a")
    post(shop, path, body, 409)
    assert books.count("tickets") == 1

    other = post(shop, "/orders", ORDER, 201)["id"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: shop.post(f"/orders/{other}/cancel", json=body), range(6)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 5}
    assert (books.count("tickets"), books.count("customers")) == (2, 1)


def test_every_error_has_its_status_and_one_form(shop: httpx.Client) -> None:
    ticket = cancelled(shop)["id"]
    for path, body, actor, status, code in [
        ("/tickets/99/advance", {"trigger": "accept"}, "lin", 404, "not_found"),
        (f"/tickets/{ticket}/advance", {"trigger": "accept"}, "web_shop", 403, "forbidden"),
        (f"/tickets/{ticket}/advance", {"trigger": "accept", "if_version": 7}, "lin", 409, "conflict"),
        (f"/tickets/{ticket}/advance", {"trigger": "accept", "fields": {"order": "x"}}, "lin", 422, "bad_value"),
        (f"/tickets/{ticket}/advance", {"trigger": "approve"}, "lin", 422, "refused"),
    ]:
        error = post(shop, path, body, status, x_actor=actor)["error"]
        assert set(error) == {"code", "message", "remedy", "ticket", "field"}
        assert error["code"] == code
        assert error["message"]
    for stranger in ("system", "timer", "nobody"):
        post(shop, f"/tickets/{ticket}/advance", {"trigger": "accept"}, 401, x_actor=stranger)
    assert shop.get(f"/tickets/{ticket}", headers={"X-Actor": "lin"}).json()["ticket_version"] == 1


def test_the_command_line_works_on_the_hosts_desk(
    shop: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = cancelled(shop)["id"]
    monkeypatch.chdir(ROOT)
    assert run(["--app", "examples.host_app:desk", "--actor", "lin", "advance", str(ticket), "accept", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "handle"
    assert shop.get(f"/tickets/{ticket}", headers={"X-Actor": "lin"}).json()["state"] == "handle"
