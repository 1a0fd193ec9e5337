"""Python's `anthropic` client against the gateway."""

import anthropic
from pydantic import BaseModel

from harness import (
    GREETING,
    GREETING_ANSWER,
    IMAGE_TOKENS,
    IMAGE_URL,
    KEY,
    MODELS,
    PIXEL,
    URL,
    WEATHER_SCHEMA,
    check,
    contains,
    equal,
    fault,
    finish,
    pace,
    raises,
    wait_for_hang_up,
)

client = anthropic.Anthropic(api_key=KEY, base_url=URL, max_retries=0, timeout=30)


class Trip(BaseModel):
    city: str
    days: int
    stops: list[str]


WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": WEATHER_SCHEMA,
}
TIME = {
    "name": "get_time",
    "description": "Time in a zone",
    "input_schema": {
        "type": "object",
        "properties": {"zone": {"type": "string"}},
        "required": ["zone"],
    },
}


def say(text):
    return [{"role": "user", "content": text}]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def chat(model):
    answer = client.messages.create(
        model=model, max_tokens=500, system="Be brief.", messages=say(GREETING)
    )
    equal(text_of(answer), GREETING_ANSWER)
    equal(answer.stop_reason, "end_turn")
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def stream(model, ask=GREETING):
    with client.messages.stream(
        model=model, max_tokens=500, messages=say(ask)
    ) as events:
        text = "".join(events.text_stream)
        answer = events.get_final_message()
    equal(text, text_of(answer))
    equal(text, GREETING_ANSWER)
    assert answer.usage.output_tokens > 0


def tool_loop(model, streamed, ask="Weather?", tools=(WEATHER,)):
    """Calls, answers the calls, and hears the results quoted."""
    results = {"get_weather": "sunny and 21 degrees", "get_time": "noon"}
    messages = say(ask)
    for _ in range(3):
        asked = {
            "model": model,
            "max_tokens": 500,
            "messages": messages,
            "tools": list(tools),
        }
        if streamed:
            with client.messages.stream(**asked) as events:
                answer = events.get_final_message()
        else:
            answer = client.messages.create(**asked)
        if answer.stop_reason != "tool_use":
            return text_of(answer), messages
        messages.append({"role": "assistant", "content": answer.content})
        messages.append(
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": block.id,
                        "content": results[block.name],
                    }
                    for block in answer.content
                    if block.type == "tool_use"
                ],
            }
        )
    raise AssertionError("the model went on calling tools")


def tools(model):
    contains(tool_loop(model, False)[0], "sunny and 21 degrees")


def streamed_tools(model):
    contains(tool_loop(model, True)[0], "sunny and 21 degrees")


def parallel_tools(model):
    text, messages = tool_loop(model, True, "Both, [[parallel]]", (WEATHER, TIME))
    equal(len(messages[-1]["content"]), 2)
    contains(text, "sunny")
    contains(text, "noon")


def tool_runner(model):
    """The client's own loop, which asks for a thread first."""
    calls = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city.

        Args:
            city: the city
        """
        calls.append(city)
        return "sunny and 21 degrees"

    runner = client.beta.messages.tool_runner(
        model=model, max_tokens=500, messages=say("Weather?"), tools=[get_weather]
    )
    answer = runner.until_done()
    equal(len(calls), 1)
    contains(text_of(answer), "sunny and 21 degrees")


def parsed(model):
    answer = client.messages.parse(
        model=model,
        max_tokens=500,
        messages=say("Plan a trip, as JSON"),
        output_format=Trip,
    )
    assert isinstance(answer.parsed_output, Trip)


def image(model, source):
    answer = client.messages.create(
        model=model,
        max_tokens=500,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": source},
                    {"type": "text", "text": "What is this?"},
                ],
            }
        ],
    )
    equal(text_of(answer), "You said: What is this?")
    assert answer.usage.input_tokens > IMAGE_TOKENS


def image_base64(model):
    image(model, {"type": "base64", "media_type": "image/png", "data": PIXEL})


def image_url(model):
    image(model, {"type": "url", "url": IMAGE_URL})


def count_tokens(model):
    counted = client.messages.count_tokens(
        model=model, messages=say("Count me, please, word for word."), tools=[WEATHER]
    )
    assert 10 < counted.input_tokens < 500, counted


def upstream_errors(model, provider):
    fault(provider, kind="status", status=400)
    error = raises(anthropic.BadRequestError, lambda: chat(model))
    equal(error.body["error"]["type"], "invalid_request_error")
    fault(provider, kind="status", status=500)
    error = raises(anthropic.InternalServerError, lambda: stream(model))
    equal(error.status_code, 502)


def broken_stream(model, provider):
    fault(provider, kind="truncate", afterEvents=6)
    error = raises(anthropic.APIError, lambda: stream(model, "Go on [[tokens:40]]"))
    equal(error.body["error"]["code"], "upstream_interrupted")


def abort(model, provider):
    pace(0, 5)
    with client.messages.stream(
        model=model, max_tokens=3000, messages=say("Go on [[tokens:2000]]")
    ) as events:
        for count, _ in enumerate(events):
            if count == 5:
                break
    assert wait_for_hang_up(provider)["billed"]["output"] < 1000


def refused(run, model):
    error = raises(anthropic.BadRequestError, lambda: run(model))
    contains(error.body["error"]["message"], "cannot do")


for provider, (model, cannot) in MODELS.items():
    for run in (
        chat,
        stream,
        tools,
        streamed_tools,
        parallel_tools,
        tool_runner,
        parsed,
        image_base64,
        image_url,
        count_tokens,
    ):
        name = f"anthropic (Python) through {provider}: {run.__name__}"
        if run.__name__ in cannot:
            check(f"{name} is refused by name", refused, run, model)
        else:
            check(name, run, model)
    for run in (upstream_errors, broken_stream, abort):
        name = f"anthropic (Python) through {provider}: {run.__name__}"
        check(name, run, model, provider)


def unknown_key():
    stranger = anthropic.Anthropic(api_key="sk-sy-no", base_url=URL, max_retries=0)
    error = raises(
        anthropic.AuthenticationError,
        lambda: stranger.messages.create(model="chat", max_tokens=5, messages=say("x")),
    )
    equal(error.body["error"]["type"], "authentication_error")


def unknown_model():
    error = raises(anthropic.NotFoundError, lambda: chat("claude-nothing"))
    equal(error.body["error"]["code"], "unknown_model")


def bad_value():
    error = raises(
        anthropic.BadRequestError,
        lambda: client.messages.create(model="chat", max_tokens=-1, messages=say("x")),
    )
    contains(error.body["error"]["message"], "max_tokens")


def thinking():
    with client.messages.stream(
        model="claude-sonnet-4-5@anthropic",
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=say(GREETING),
    ) as events:
        answer = events.get_final_message()
    equal([block.type for block in answer.content], ["thinking", "text"])
    assert answer.content[0].signature


for run in (unknown_key, unknown_model, bad_value, thinking):
    check(f"anthropic (Python): {run.__name__}", run)

finish()
