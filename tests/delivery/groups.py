"""The providers' side of a bot, on loopback: it demands what WeCom, DingTalk and Feishu document."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import struct
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.delivery.servers import Running, server_context

KEY = "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"
SIGNING = "SECfeedc0de5ec4e7"


@dataclass(frozen=True)
class Says:
    """What a group answers in place of its own word: a status, a body and a header.

    Status 0 is a line that is closed without a word, -1 one that is reset.
    """

    body: bytes = b""
    status: int = 200
    retry_after: str | None = None


class Group(Running):
    """A group with a bot. What it took is in `texts` and `called`; `says` is answered in place of its own word."""

    def __init__(self, kind: str, *, secret: str | None = None, tls: bool = False, at: float = 0) -> None:
        super().__init__()
        self.kind, self.secret, self.tls, self.at = kind, secret, tls, at
        self.says: Says | None = None
        self.asked = 0
        self.texts: list[str] = []
        self.called: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.asked += 1
                says = owner.says or Says(json.dumps(owner.judge(self.path, body)).encode())
                if says.status <= 0:
                    self.close_connection = True
                    if says.status < 0:
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        os.close(self.connection.detach())
                    return
                self.send_response(says.status)
                if says.status == 302:
                    self.send_header("Location", owner.url)
                if says.retry_after:
                    self.send_header("Retry-After", says.retry_after)
                self.send_header("Content-Length", str(len(says.body)))
                self.end_headers()
                self.wfile.write(says.body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> Any:
                connection, where = super().get_request()
                return (server_context().wrap_socket(connection, server_side=True) if owner.tls else connection), where

            def handle_error(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The bot's address, as its group would show it."""
        host = f"http{'s' if self.tls else ''}://localhost:{self.port}"
        return {
            "wecom": f"{host}/cgi-bin/webhook/send?key={KEY}",
            "dingtalk": f"{host}/robot/send?access_token={KEY}",
            "feishu": f"{host}/open-apis/bot/v2/hook/{KEY}",
        }[self.kind]

    def judge(self, path: str, body: bytes) -> dict[str, Any]:
        """Take a message or refuse it by the provider's own code."""
        said = json.loads(body)
        return {"wecom": self._wecom, "dingtalk": self._dingtalk, "feishu": self._feishu}[self.kind](path, said)

    def _wecom(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        if parse_qs(urlsplit(path).query) != {"key": [KEY]}:
            return {"errcode": 93000, "errmsg": "invalid webhook url"}
        text = said["text"]
        if said["msgtype"] != "text" or len(text["content"].encode()) > 2048:
            return {"errcode": 45002, "errmsg": "content size out of limit"}
        self._take(text["content"], text["mentioned_list"])
        return {"errcode": 0, "errmsg": "ok"}

    def _dingtalk(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if query["access_token"] != KEY:
            return {"errcode": 300001, "errmsg": "token is not exist"}
        if self.secret:
            signed = f"{query.get('timestamp')}\n{self.secret}"
            sign = hmac.new(self.secret.encode(), signed.encode(), digestmod=hashlib.sha256).digest()
            fresh = abs(int(query.get("timestamp", 0)) / 1000 - self.at) < 3600
            if not fresh or query.get("sign") != base64.b64encode(sign).decode():
                return {"errcode": 310000, "errmsg": "sign not match"}
        called = said["at"]["atUserIds"]
        content = said["text"]["content"]
        if said["msgtype"] != "text" or said["at"]["isAtAll"] or not all(f"@{user}" in content for user in called):
            return {"errcode": 40035, "errmsg": "bad json"}
        self._take(content, called)
        return {"errcode": 0, "errmsg": "ok"}

    def _feishu(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        if path != f"/open-apis/bot/v2/hook/{KEY}":
            return {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
        if self.secret:
            key = f"{said.get('timestamp')}\n{self.secret}"
            sign = base64.b64encode(hmac.new(key.encode(), b"", digestmod=hashlib.sha256).digest()).decode()
            if abs(int(said.get("timestamp", 0)) - self.at) > 3600 or said.get("sign") != sign:
                return {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}
        text = said["content"]["text"]
        called = text.removeprefix('<at user_id="').partition('"')[0] if text.startswith("<at ") else ""
        self._take(text, [called] if called else [])
        return {"code": 0, "msg": "success", "data": {}}

    def _take(self, text: str, called: list[str]) -> None:
        self.texts.append(text)
        self.called += called
