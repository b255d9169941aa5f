"""A server with the few answers of W&B's that a run needs; it keeps what it receives."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeWandb:
    """Receives runs on a local port until it is closed."""

    def __init__(self) -> None:
        self.lines: dict[str, dict[int, dict[str, Any]]] = {}
        """By run the logged rows at the line numbers that they were sent with."""
        self.runs: dict[str, dict[str, Any]] = {}
        """By run what its creation said of it."""
        fake = self

        class Handler(_Handler):
            server_of = fake

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the only run, by line number."""
        (lines,) = self.lines.values()
        return [lines[number] for number in sorted(lines)]

    def take(self, run: str, sent: dict[str, Any]) -> None:
        """Keep the rows that a request has; a line that was there is overwritten."""
        lines = self.lines.setdefault(run, {})
        for number, line in enumerate(sent.get("content", []), start=sent.get("offset", 0)):
            lines[number] = json.loads(line)

    def close(self) -> None:
        """Stop: refuse new connections, and answer nothing on open ones."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the data of a GraphQL operation."""
        project = {"id": "p", "name": "chisel", "entity": {"id": "e", "name": "me"}}
        name = given.get("name") or ""
        bucket = {"id": "b", "name": name, "displayName": name, "config": "{}", "project": project}
        if operation == "UpsertBucket":
            self.runs.setdefault(name, given)
            return {"upsertBucket": {"bucket": bucket, "inserted": True}}
        if operation == "RunResumeStatus":
            return {"model": project | {"bucket": self._resumed(bucket)}}
        if operation == "CreateRunFiles":
            files = [{"name": n, "uploadUrl": f"{self.url}/{n}"} for n in given["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        return {}

    def _resumed(self, bucket: dict[str, Any]) -> dict[str, Any] | None:
        if bucket["name"] not in self.runs:
            return None
        rows = self.lines.get(bucket["name"], {})
        last = [rows[max(rows)]["_step"]] if rows else []
        tail = [json.dumps({"_step": step, "_runtime": 1}) for step in last]
        lines = {"historyLineCount": len(rows), "logLineCount": 0, "eventsLineCount": 0}
        tails = {"historyTail": json.dumps(tail), "eventsTail": "[]", "summaryMetrics": "{}"}
        return bucket | lines | tails | {"tags": [], "wandbConfig": '{"t": 1}'}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that clients close when they end."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: FakeWandb

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def do_POST(self) -> None:
        """Answer GraphQL and the stream of rows."""
        sent = json.loads(self._body())
        if self.path.endswith("/graphql"):
            name = sent.get("operationName") or sent["query"].split("(")[0].split()[-1]
            self._reply({"data": self.server_of.answer(name, sent.get("variables", {}))})
            return
        history = (sent.get("files") or {}).get("wandb-history.jsonl", {})
        self.server_of.take(self.path.split("/")[-2], history)
        self._reply({"exitcode": None, "limits": {}})

    def do_PUT(self) -> None:
        """Receive uploaded files."""
        self._body()
        self._reply({})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def _reply(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
