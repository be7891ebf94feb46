"""Define a student's answer, and call it with what the grader sends, until the grader hangs up."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from typing import Any

import torch

from koopcourse.checks import compare
from koopcourse.checks.fault import describe
from koopcourse.grading.codec import TooLarge, pack, unpack
from koopcourse.grading.frames import MOST_RESULT, Channel

_WORDS, _PARAMETERS = 400, 20


def serve(channel: Channel, first: dict[str, Any]) -> None:
    """Define what the first request holds, say what it is, and answer requests."""
    try:
        answer = defined(first["slice"])
        told = kind_of(answer)
    except BaseException as problem:
        answer, told = None, {"fault": fault(problem, first["seconds"])}
    channel.send({"nonce": first["nonce"], **told})
    while True:
        request, raw = channel.receive()
        told, sent = _called(answer, request, raw)
        channel.send({"nonce": request["nonce"], **told}, sent)


def defined(what: dict[str, Any]) -> Any:
    """Run a slice as if it were a notebook, with the lines' own numbers, and return its answer."""
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    sys.modules["__main__"].__dict__.update(space)  # what pickles or inspects a class looks there
    for place, code, numbers in what["cells"]:
        name = f"cell {place}"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        body = ast.parse(code).body
        exec(compile(ast.Module([body[k] for k in numbers], []), name, "exec", dont_inherit=True), space)
    return eval(compile(what["answer"], "check", "eval", dont_inherit=True), space)


def kind_of(answer: Any) -> dict[str, Any]:
    """Whether an answer is a function, what its parameters are, or what it is else."""
    if answer is None or answer is Ellipsis:
        return {"kind": "nothing"}
    if not callable(answer):
        return {"kind": "value", "name": type(answer).__name__[:60]}
    try:
        parameters = list(inspect.signature(answer).parameters.values())[:_PARAMETERS]
    except (ValueError, TypeError):  # some functions written in C do not tell
        return {"kind": "function", "parameters": None}
    told = [[part.name[:60], int(part.kind), part.default is not part.empty] for part in parameters]
    return {"kind": "function", "parameters": told}


def fault(problem: BaseException, seconds: float) -> dict[str, str]:
    """What ended the student's code, with the student's own line."""
    told = describe(problem, seconds)
    return {"kind": told.kind, "error": told.error[:60], "words": told.words[:_WORDS]}


def _called(answer: Any, request: dict[str, Any], raw: bytes) -> tuple[dict[str, Any], bytes]:
    arguments = unpack(request["arguments"], raw, trusted=True)
    torch.set_default_dtype(getattr(torch, request["dtype"]))
    torch.set_grad_enabled(True)
    try:
        value = answer(*arguments)
        described, sent = pack(value, MOST_RESULT)
    except TooLarge as problem:
        told = {"kind": "raised", "error": "TooLarge", "words": f"Your function returned too much: {problem}."}
        return {"fault": told}, b""
    except BaseException as problem:
        return {"fault": fault(problem, request["seconds"])}, b""
    before = unpack(request["arguments"], raw, trusted=True)
    changed = [k for k, pair in enumerate(zip(arguments, before)) if not compare.identical(*pair)]
    return {"value": described, "changed": changed}, sent
