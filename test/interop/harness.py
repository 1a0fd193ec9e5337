"""Named checks, a line each, and a closing count. Needs nothing but Python."""

import base64
import json
import os
import sys
import time
import traceback
import urllib.request

URL = os.environ["SWITCHYARD_URL"]
KEY = os.environ["SWITCHYARD_KEY"]
SIMULATOR = os.environ["SWITCHYARD_SIMULATOR"]

GREETING = "Hello there"
GREETING_ANSWER = "You said: Hello there"

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
IMAGE_URL = "https://example.com/pixel.png"
# What the simulator counts for an image, less than the whole.
IMAGE_TOKENS = 250

WEATHER_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Kyiv", "Oslo"]}},
    "required": ["city"],
    "additionalProperties": False,
}

# One model a provider, and what the plan refuses by name.
MODELS = {
    "openai": ("gpt-4.1@openai", set()),
    "anthropic": ("claude-sonnet-4-5@anthropic", set()),
    "gemini": ("gemini-2.5-flash@gemini", set()),
    "mistral": ("mistral-large-latest@mistral", set()),
    "cohere": ("command-a-03-2025@cohere", set()),
    "bedrock": ("nova-lite@bedrock", {"image_url"}),
    "azure-openai": ("gpt-4.1@azure-openai", set()),
    "workers-ai": (
        "@cf/meta/llama-3.3-70b-instruct-fp8-fast@workers-ai",
        {"image_url", "image_base64"},
    ),
    "groq": ("llama-3.3-70b-versatile@groq", {"image_url", "image_base64"}),
    "xai": ("grok-4.3@xai", set()),
}

assert base64.b64decode(PIXEL)

_counts = {"passed": 0, "failed": 0}


def check(name, run, *arguments):
    """Runs one check; an exception is a failure, and the next one runs all the same."""
    try:
        run(*arguments)
    except Exception:  # noqa: BLE001 (whatever goes wrong is a failed check)
        _counts["failed"] += 1
        print(f"not ok - {name}")
        print(traceback.format_exc(limit=6))
    else:
        _counts["passed"] += 1
        print(f"ok - {name}")
    finally:
        control("POST", "reset", {})
        pace(0, 0)


def finish():
    print(f"{_counts['passed']} passed, {_counts['failed']} failed")
    sys.exit(0 if _counts["failed"] == 0 else 1)


def control(method, path, body=None):
    """A control call to the simulated providers."""
    request = urllib.request.Request(
        f"{SIMULATOR}/__control/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def fault(provider, **kind):
    """The one fault that stands from now on."""
    control("DELETE", "faults")
    control("POST", "faults", {"provider": provider, "fault": kind})


def pace(first_byte_ms, per_chunk_ms):
    control("POST", "pace", {"firstByteMs": first_byte_ms, "perChunkMs": per_chunk_ms})


def wait_for_hang_up(provider):
    """The request of `provider` whose caller left before the end."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for seen in control("GET", f"requests?provider={provider}")["requests"]:
            if seen["aborted"]:
                return seen
        time.sleep(0.02)
    raise AssertionError(f"{provider} saw nobody hang up")


def raises(kind, run):
    """Runs, wants an exception of this class and gives it back."""
    try:
        run()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def equal(found, wanted):
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


def contains(text, part):
    assert part in text, f"{part!r} is not in {text!r}"
