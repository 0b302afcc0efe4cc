"""A provider that asks a real server over HTTP: failures, retries, time limits, cancellation."""

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import httpx
import pytest

from motools.contracts import ChatChunk, Provider, Sample, Task, Usage
from motools.errors import AuthError, ProviderError, RateLimited, Unavailable


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        with server.lock:
            server.seen.append(body)
            server.live += 1
            server.most = max(server.most, server.live)
            before = sum(earlier["messages"][-1]["content"] == text for earlier in server.seen) - 1
        try:
            self.answer(text, before, body)
        finally:
            with server.lock:
                server.live -= 1

    def answer(self, text, before, body):
        if text.startswith("broken"):
            return self.send(500, {"error": "boom"})
        if text.startswith("busy") and before < 1:
            return self.send(429, {"error": "slow down"}, {"Retry-After": "0.3"})
        if text.startswith("hang"):
            self.server.release.wait(30)
            return None
        if body["key"] != "right":
            return self.send(401, {"error": "wrong key"})
        time.sleep(0.1)
        return self.send(
            200,
            {
                "choices": [{"message": {"content": text.upper()}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": len(text), "completion_tokens": 2},
            },
        )

    def send(self, status, body, headers=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    server.lock, server.release = threading.Lock(), threading.Event()
    server.seen, server.live, server.most = [], 0, 0
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Http(Provider):
    """Asks an OpenAI-like server."""

    key = "right"
    url = ""

    def __init__(self):
        self.client = httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=100))

    async def chat(self, model, messages, *, options=None, tools=()):
        body = {"model": model.model, "messages": list(messages), "max_tokens": options.max_tokens, "key": self.key}
        response = await self.client.post(f"{self.url}/chat/completions", json=body)
        if response.status_code == 429:
            raise RateLimited("slow down", retry_after=float(response.headers["retry-after"]))
        if response.status_code == 401:
            raise AuthError("the key is wrong", hint="Set TEST_KEY.")
        if response.status_code >= 500:
            raise Unavailable(f"the server answered {response.status_code}")
        answer = response.json()
        usage = Usage(input_tokens=answer["usage"]["prompt_tokens"], output_tokens=answer["usage"]["completion_tokens"])
        yield ChatChunk(text=answer["choices"][0]["message"]["content"], stop_reason="stop", usage=usage)

    async def aclose(self):
        await self.client.aclose()


@pytest.fixture
def asked(server, serve):
    def declare(**attributes):
        return serve("web", base=Http, url=f"http://127.0.0.1:{server.server_port}", **attributes)

    return declare


def task(*texts):
    samples = [Sample(id=text, input=text, target=text.upper()) for text in texts]
    return Task(name="t", samples=samples, scorers={"right": lambda sample, answer: answer == sample.target})


def test_many_requests_meet_at_the_server(asked, server, evaluate):
    asked()
    results = evaluate(task(*(f"q{i}" for i in range(24))), model="web/m", max_connections=24)
    assert results.metrics["right/mean"] == 1.0
    assert server.most >= 12
    assert results.usage.output_tokens == 48


def test_samples_the_server_fails_on_are_errors_and_the_rest_counts(asked, server, evaluate):
    asked()
    results = evaluate(task("a", "broken", "b", "c"), model="web/m", error_limit=0.25, max_retries=0)
    assert (results.n, results.errors, results.metrics["right/mean"]) == (4, 1, 1.0)
    assert [sample.error for sample in results.samples] == [
        None, "the server answered 500", None, None,
    ]  # fmt: skip


def test_a_busy_server_is_asked_again_after_the_time_it_named(asked, server, evaluate, monkeypatch):
    monkeypatch.setattr("motools_inspect.model_api.random.random", lambda: 0.0)
    monkeypatch.setattr("motools_inspect.model_api.FIRST_WAIT_SECONDS", 0.01)
    asked()
    began = time.monotonic()
    results = evaluate(task("busy", "a"), model="web/m", max_retries=1)
    assert time.monotonic() - began >= 0.3
    assert results.errors == 0
    assert [body["messages"][0]["content"] for body in server.seen].count("busy") == 2


def test_a_wrong_key_is_the_error_the_user_sees(asked, evaluate):
    asked(key="wrong")
    with pytest.raises(AuthError, match="the key is wrong"):
        evaluate(task("a", "b"), model="web/m")


def test_a_request_without_answer_ends_at_its_time_limit(asked, server, evaluate):
    asked()
    results = evaluate(task("hang", "a"), model="web/m", request_timeout=0.6, max_retries=0, error_limit=1)
    assert results.errors == 1
    assert "did not answer within 0.6 s" in results.samples[0].error


def test_a_server_that_hangs_does_not_keep_a_cancelled_evaluation(asked, server, tmp_path):
    from motools.contracts import ModelRef
    from motools_inspect.backend import InspectEvalBackend

    asked()

    async def main():
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def cancel():
                    while server.live < 2:
                        await anyio.sleep(0.02)
                    scope.cancel()

                group.start_soon(cancel)
                await InspectEvalBackend().run(
                    model=ModelRef.parse("web/m"), task=task("hang1", "hang2"), options={}, seed=0, log_dir=tmp_path
                )
        return scope.cancelled_caught

    began = time.monotonic()
    assert asyncio.run(main())
    assert time.monotonic() - began < 20


def test_a_server_that_is_gone_is_said_to_be(asked, server, evaluate):
    cls = asked()

    async def chat(self, model, messages, *, options=None, tools=()):
        try:
            await self.client.post("http://127.0.0.1:9/chat", json={})
        except httpx.ConnectError as error:
            raise Unavailable(f"nobody listens: {error}") from None
        yield

    cls.chat = chat
    with pytest.raises(ProviderError, match="nobody listens"):
        evaluate(task("a"), model="web/m", max_retries=0)
