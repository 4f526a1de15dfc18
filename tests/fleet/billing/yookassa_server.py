"""A small YooKassa: the part of its published API v3 that payments with a redirect, and their
refunds, need."""

import asyncio
from collections import deque
from typing import Any
from uuid import uuid4

from aiohttp import web

SHOP_ID, SECRET = "506751", "test_secret-of-the-shop"
SIGNED_IN = "Basic NTA2NzUxOnRlc3Rfc2VjcmV0LW9mLXRoZS1zaG9w"
"""``base64(shop:secret)``, RFC 7617."""


class YooKassaServer:
    """``faults``: what the next requests meet instead of an answer, an HTTP status or "cut" (the
    work is done and the answer lost)."""

    def __init__(self) -> None:
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, str] = {}
        self.bodies: dict[str, Any] = {}
        self.faults: deque[int | str] = deque()
        self.requests: list[str] = []

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/v3/payments", self._create)
        app.router.add_get("/v3/payments/{id}", self._show)
        app.router.add_get("/v3/refunds", self._list_refunds)
        app.router.add_get("/v3/refunds/{id}", self._show_refund)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if request.headers.get("Authorization") != SIGNED_IN:
            return _error(401, "invalid_credentials")
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, int):
            return _error(fault, "internal_server_error")
        answer: web.StreamResponse = await handler(request)
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
            await asyncio.sleep(0)
        return answer

    async def _create(self, request: web.Request) -> web.Response:
        key, body = request.headers.get("Idempotence-Key", ""), await request.json()
        if not 0 < len(key) <= 64:
            return _error(400, "invalid_request")
        if key in self.by_key:
            same = self.bodies[key] == body
            return _shown(self.payments[self.by_key[key]]) if same else _error(400, "invalid")
        id_ = f"2c{uuid4().hex[:6]}-000f-5000-8000-{uuid4().hex[:12]}"
        self.by_key[key], self.bodies[key] = id_, body
        self.payments[id_] = {
            "id": id_,
            "status": "pending",
            "paid": False,
            "amount": body["amount"],
            "confirmation": {
                "type": "redirect",
                "confirmation_url": f"https://yoomoney.ru/checkout/payments/v2?orderId={id_}",
            },
            "created_at": "2026-03-02T09:00:00.000Z",
            "description": body["description"],
            "metadata": body["metadata"],
            "recipient": {"account_id": SHOP_ID, "gateway_id": "100700"},
            "refundable": False,
            "test": True,
        }
        return _shown(self.payments[id_])

    async def _show(self, request: web.Request) -> web.Response:
        found = self.payments.get(request.match_info["id"])
        return _shown(found) if found else _error(404, "not_found")

    async def _show_refund(self, request: web.Request) -> web.Response:
        found = self.refunds.get(request.match_info["id"])
        return _shown(found) if found else _error(404, "not_found")

    async def _list_refunds(self, request: web.Request) -> web.Response:
        asked = request.query
        found = [
            refund
            for refund in self.refunds.values()
            if (refund["payment_id"], refund["status"]) == (asked["payment_id"], asked["status"])
        ]
        return _shown({"type": "list", "items": found[: int(asked["limit"])]})

    def refund(self, id_: str, roubles: str, status: str = "succeeded") -> dict[str, Any]:
        """The shop gives money back in its office; the notice about it."""
        payment = self.payments[id_]
        refund: dict[str, Any] = {
            "id": f"21{uuid4().hex[:6]}-0015-5000-9000-{uuid4().hex[:12]}",
            "payment_id": id_,
            "status": status,
            "created_at": "2026-03-03T09:00:00.000Z",
            "amount": {"value": roubles, "currency": "RUB"},
        }
        self.refunds[refund["id"]] = refund
        its = [each for each in self.refunds.values() if each["payment_id"] == id_]
        total = f"{sum(float(each['amount']['value']) for each in its):.2f}"
        payment["refunded_amount"] = {"value": total, "currency": "RUB"}
        return {"type": "notification", "event": f"refund.{status}", "object": refund}

    def end(self, id_: str, status: str, reason: str = "") -> None:
        payment = self.payments[id_]
        payment.pop("confirmation", None)
        payment.update(status=status, paid=status == "succeeded")
        if reason:
            payment["cancellation_details"] = {"party": "yoo_money", "reason": reason}

    def notice(self, id_: str) -> dict[str, Any]:
        payment = self.payments[id_]
        return {
            "type": "notification",
            "event": f"payment.{payment['status']}",
            "object": payment,
        }


def _shown(payment: dict[str, Any]) -> web.Response:
    return web.json_response(payment)


def _error(status: int, code: str) -> web.Response:
    body = {"type": "error", "id": str(uuid4()), "code": code, "description": "…"}
    return web.json_response(body, status=status)
