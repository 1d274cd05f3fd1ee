"""A shop whose cancelled orders become complaints: an order and its ticket change in one transaction, or neither does.

    uvicorn --factory examples.host_app:app             the shop, over HTTP
    ticketflow --app examples.host_app:desk list        its desk, on the command line and for cron

SHOP_DATABASE names the database of both; without it that is sqlite:///shop.db. The rules are in `examples/shop/`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import CheckConstraint, create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from workflow import Desk, Ticket, TicketflowError

Key = Annotated[str | None, Header(alias="Idempotency-Key")]


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (CheckConstraint("status <> 'cancelled' OR NOT shipped", name="what_is_gone_is_gone"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    phone: Mapped[str]
    cents: Mapped[int]
    status: Mapped[str] = mapped_column(default="placed")
    shipped: Mapped[bool]


class OrderIn(BaseModel):
    name: str
    phone: str
    cents: int
    shipped: bool = False


class OrderOut(OrderIn):
    id: int
    status: str


class Step(BaseModel):
    trigger: str
    fields: dict[str, Any] = {}
    note: str | None = None
    if_version: int | None = None


class TicketOut(BaseModel):
    id: int
    state: str
    team: str | None
    assignee: str | None
    next_due_at: datetime | None
    ticket_version: int


def iban_is_sound(ticket: Ticket, _now: datetime) -> bool:
    """Say whether the account's check digits are right. One that is missing is what `requires` speaks of."""
    iban = str(ticket.fields.get("iban", ""))
    return not iban or int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def database() -> str:
    return os.environ.get("SHOP_DATABASE", "sqlite:///shop.db")


def desk() -> Desk:
    """Return the shop's desk; the command line finds it as `--app examples.host_app:desk`."""
    rules = Path(__file__).with_name("shop")
    return Desk.connect(database(), definitions=rules, conditions={"iban_is_sound": iban_is_sound})


def app() -> FastAPI:
    shop_desk, engine = desk(), create_engine(database())
    sessions = sessionmaker(engine)
    Base.metadata.create_all(engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        shop_desk.close()
        engine.dispose()

    api = FastAPI(title="Shop", lifespan=lifespan)

    @api.exception_handler(TicketflowError)
    def tell(_request: Request, error: TicketflowError) -> JSONResponse:
        return JSONResponse({"error": error.as_dict()}, error.http_status)

    @api.exception_handler(IntegrityError)
    def tell_of_orders(_request: Request, _error: IntegrityError) -> JSONResponse:
        return JSONResponse({"error": {"code": "conflict", "message": "the order does not allow this"}}, 409)

    def signed_in(x_actor: Annotated[str, Header()]) -> str:
        """Put your own authentication here. The actor `system` may do everything: never take it from outside."""
        if x_actor not in shop_desk.desk.members:
            raise HTTPException(401, "who are you?")
        return x_actor

    @api.post("/orders", status_code=201, response_model=OrderOut)
    def place(body: OrderIn) -> Order:
        with sessions(expire_on_commit=False) as session, session.begin():
            order = Order(**body.model_dump())
            session.add(order)
        return order

    @api.post("/orders/{order_id}/cancel", status_code=201, response_model=TicketOut)
    def cancel(order_id: int, reason: Annotated[str, Body(embed=True)], key: Key = None) -> Ticket:
        with sessions.begin() as session:
            inside = shop_desk.within(session)  # before the first read: on SQLite it takes the write lock
            order = session.get(Order, order_id, with_for_update=True)
            if order is None:
                raise HTTPException(404, "there is no such order")
            order.status = "cancelled"
            return inside.open(
                "complaint",
                actor="web_shop",
                channel="web",
                fields={"order": order.id, "amount": Decimal(order.cents) / 100, "reason": reason},
                customer={"name": order.name, "phone": order.phone},
                external_id=f"order-{order.id}",
                key=key,
            )

    @api.get("/tickets/{ticket_id}", response_model=TicketOut)
    def ticket(ticket_id: int, _actor: Annotated[str, Depends(signed_in)]) -> Ticket:
        return shop_desk.get(ticket_id)

    @api.post("/tickets/{ticket_id}/advance", response_model=TicketOut)
    def advance(ticket_id: int, body: Step, actor: Annotated[str, Depends(signed_in)], key: Key = None) -> Ticket:
        return shop_desk.advance(ticket_id, actor=actor, key=key, **body.model_dump())

    return api
