"""Python's `openai` client against the gateway."""

import asyncio
import json

import openai
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

client = openai.OpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0, timeout=30)


class Trip(BaseModel):
    city: str
    days: int
    stops: list[str]


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": WEATHER_SCHEMA,
    },
}
TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Time in a zone",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"type": "string"}},
            "required": ["zone"],
            "additionalProperties": False,
        },
    },
}


def say(text):
    return [{"role": "user", "content": text}]


def chat(model):
    answer = client.chat.completions.create(model=model, messages=say(GREETING))
    equal(answer.choices[0].message.content, GREETING_ANSWER)
    equal(answer.choices[0].finish_reason, "stop")
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0


def stream(model):
    text, usage = "", None
    for chunk in client.chat.completions.create(
        model=model,
        messages=say(GREETING),
        stream=True,
        stream_options={"include_usage": True},
    ):
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        usage = chunk.usage or usage
    equal(text, GREETING_ANSWER)
    assert usage.completion_tokens > 0


def stream_helper(model):
    with client.chat.completions.stream(model=model, messages=say(GREETING)) as events:
        kinds = [event.type for event in events]
        answer = events.get_final_completion()
    contains(kinds, "content.done")
    equal(answer.choices[0].message.content, GREETING_ANSWER)


def tool_loop(model, streamed, ask="Weather?", tools=(WEATHER,)):
    """Calls, answers the calls, and hears the results quoted."""
    results = {"get_weather": "sunny and 21 degrees", "get_time": "noon"}
    messages = say(ask)
    for _ in range(3):
        asked = {"model": model, "messages": messages, "tools": list(tools)}
        if streamed:
            with client.chat.completions.stream(**asked) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**asked).choices[0].message
        if not message.tool_calls:
            return message.content, messages
        messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
        for call in message.tool_calls:
            assert isinstance(json.loads(call.function.arguments), dict)
            messages.append(
                {
                    "role": "tool",
                    "tool_call_id": call.id,
                    "content": results[call.function.name],
                }
            )
    raise AssertionError("the model went on calling tools")


def tools(model):
    contains(tool_loop(model, False)[0], "sunny and 21 degrees")


def streamed_tools(model):
    contains(tool_loop(model, True)[0], "sunny and 21 degrees")


def parallel_tools(model):
    text, messages = tool_loop(model, True, "Both, [[parallel]]", (WEATHER, TIME))
    equal(sum(message["role"] == "tool" for message in messages), 2)
    contains(text, "sunny")
    contains(text, "noon")


def parsed(model):
    answer = client.chat.completions.parse(
        model=model, messages=say("Plan a trip, as JSON"), response_format=Trip
    )
    assert isinstance(answer.choices[0].message.parsed, Trip)


def image(model, url):
    answer = client.chat.completions.create(
        model=model,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": url}},
                ],
            }
        ],
    )
    equal(answer.choices[0].message.content, "You said: What is this?")
    assert answer.usage.prompt_tokens > IMAGE_TOKENS


def image_base64(model):
    image(model, f"data:image/png;base64,{PIXEL}")


def image_url(model):
    image(model, IMAGE_URL)


def upstream_errors(model, provider):
    fault(provider, kind="status", status=400)
    error = raises(openai.BadRequestError, lambda: chat(model))
    equal(error.code, "invalid_request")
    fault(provider, kind="status", status=500)
    error = raises(openai.InternalServerError, lambda: stream(model))
    equal((error.status_code, error.code), (502, "upstream_error"))


def broken_stream(model, provider):
    fault(provider, kind="truncate", afterEvents=6)
    error = raises(openai.APIError, lambda: stream(model))
    equal(error.code, "upstream_interrupted")


def abort(model, provider):
    pace(0, 5)
    events = client.chat.completions.create(
        model=model, messages=say("Go on [[tokens:2000]]"), stream=True
    )
    for count, _ in enumerate(events):
        if count == 5:
            events.close()
            break
    assert wait_for_hang_up(provider)["billed"]["output"] < 1000


def refused(run, model):
    error = raises(openai.BadRequestError, lambda: run(model))
    equal(error.code, "invalid_request")
    contains(error.message, "cannot do")


for provider, (model, cannot) in MODELS.items():
    for run in (
        chat,
        stream,
        stream_helper,
        tools,
        streamed_tools,
        parallel_tools,
        parsed,
        image_base64,
        image_url,
    ):
        name = f"openai (Python) through {provider}: {run.__name__}"
        if run.__name__ in cannot:
            check(f"{name} is refused by name", refused, run, model)
        else:
            check(name, run, model)
    for run in (upstream_errors, broken_stream, abort):
        check(f"openai (Python) through {provider}: {run.__name__}", run, model, provider)


def unknown_key():
    stranger = openai.OpenAI(api_key="sk-sy-no", base_url=f"{URL}/v1", max_retries=0)
    error = raises(
        openai.AuthenticationError,
        lambda: stranger.chat.completions.create(model="chat", messages=say("x")),
    )
    equal(error.code, "unauthorized")


def unknown_model():
    error = raises(openai.NotFoundError, lambda: chat("gpt-nothing"))
    equal((error.code, error.param), ("unknown_model", "model"))


def bad_value():
    error = raises(
        openai.BadRequestError,
        lambda: client.chat.completions.create(
            model="chat", messages=say("x"), temperature=7
        ),
    )
    equal((error.code, error.param), ("invalid_request", "temperature"))


def models():
    ids = [model.id for model in client.models.list()]
    contains(ids, "chat")
    equal(client.models.retrieve("chat").id, "chat")


def many_at_once():
    """Thirty streams on one connection pool, each its own answer."""

    async def one(asking, number):
        stream = await asking.chat.completions.create(
            model="chat", messages=say(f"number {number}"), stream=True
        )
        text = ""
        async for chunk in stream:
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        return text

    async def all_of_them():
        async with openai.AsyncOpenAI(
            api_key=KEY, base_url=f"{URL}/v1", max_retries=0
        ) as asking:
            return await asyncio.gather(*(one(asking, number) for number in range(30)))

    equal(
        asyncio.run(all_of_them()), [f"You said: number {number}" for number in range(30)]
    )


for run in (unknown_key, unknown_model, bad_value, models, many_at_once):
    check(f"openai (Python): {run.__name__}", run)

finish()
