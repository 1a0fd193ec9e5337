"""A LiteLLM proxy as the gateway's upstream, asked in both dialects."""

import json

import anthropic
import openai

from harness import (
    GREETING,
    GREETING_ANSWER,
    KEY,
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

in_openai = openai.OpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0, timeout=60)
in_anthropic = anthropic.Anthropic(api_key=KEY, base_url=URL, max_retries=0, timeout=60)

CANNED = "A canned answer, streamed or not."
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": WEATHER_SCHEMA},
}
ANTHROPIC_TOOL = {"name": "get_weather", "input_schema": WEATHER_SCHEMA}
# Models of the proxy, and the simulated provider behind each.
RELAYED = {"through-openai": "openai", "through-anthropic": "anthropic"}


def say(text):
    return [{"role": "user", "content": text}]


def ask_openai(model, messages, streamed, **more):
    asked = {"model": f"{model}@litellm", "messages": messages, **more}
    if not streamed:
        return in_openai.chat.completions.create(**asked).choices[0]
    with in_openai.chat.completions.stream(**asked) as events:
        return events.get_final_completion().choices[0]


def ask_anthropic(model, messages, streamed, **more):
    asked = {
        "model": f"{model}@litellm",
        "max_tokens": 3000,
        "messages": messages,
        **more,
    }
    if not streamed:
        return in_anthropic.messages.create(**asked)
    with in_anthropic.messages.stream(**asked) as events:
        return events.get_final_message()


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def text_in_openai(model, wanted, streamed):
    choice = ask_openai(model, say(GREETING), streamed)
    equal(choice.message.content, wanted)
    equal(choice.finish_reason, "stop")


def text_in_anthropic(model, wanted, streamed):
    answer = ask_anthropic(model, say(GREETING), streamed)
    equal(text_of(answer), wanted)
    equal(answer.stop_reason, "end_turn")


def tools_in_openai(model, streamed):
    first = ask_openai(model, say("Weather?"), streamed, tools=[OPENAI_TOOL])
    equal(first.finish_reason, "tool_calls")
    [call] = first.message.tool_calls
    equal(json.loads(call.function.arguments), {"city": "Kyiv"})
    messages = [
        *say("Weather?"),
        first.message.model_dump(exclude_none=True, exclude={"parsed"}),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    second = ask_openai(model, messages, streamed, tools=[OPENAI_TOOL])
    contains(second.message.content, "sunny")


def tools_in_anthropic(model, streamed):
    first = ask_anthropic(model, say("Weather?"), streamed, tools=[ANTHROPIC_TOOL])
    equal(first.stop_reason, "tool_use")
    [call] = [block for block in first.content if block.type == "tool_use"]
    equal(call.input, {"city": "Kyiv"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    messages = [
        *say("Weather?"),
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = ask_anthropic(model, messages, streamed, tools=[ANTHROPIC_TOOL])
    contains(text_of(second), "sunny")


def usage_in_both(model):
    with in_openai.chat.completions.stream(
        model=f"{model}@litellm",
        messages=say(GREETING),
        stream_options={"include_usage": True},
    ) as events:
        usage = events.get_final_completion().usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    usage = ask_anthropic(model, say(GREETING), True).usage
    assert usage.input_tokens > 0 and usage.output_tokens > 0


def upstream_error(model, provider, streamed):
    """What the provider behind the proxy refuses comes through as a refusal, in both dialects."""
    fault(provider, kind="status", status=400)
    error = raises(
        openai.BadRequestError, lambda: ask_openai(model, say("x"), streamed)
    )
    equal(error.code, "invalid_request")
    raises(anthropic.BadRequestError, lambda: ask_anthropic(model, say("x"), streamed))


def out_of_quota(model, provider):
    fault(provider, kind="status", status=429)
    error = raises(openai.RateLimitError, lambda: ask_openai(model, say("x"), False))
    equal(error.code, "rate_limited")


def nobody_there(streamed):
    error = raises(
        openai.InternalServerError, lambda: ask_openai("gone", say("x"), streamed)
    )
    equal((error.status_code, error.code), (502, "upstream_error"))
    raises(
        anthropic.InternalServerError,
        lambda: ask_anthropic("gone", say("x"), streamed),
    )


def abort(model, provider):
    pace(0, 5)
    events = in_openai.chat.completions.create(
        model=f"{model}@litellm", messages=say("Go on [[tokens:2000]]"), stream=True
    )
    for count, _ in enumerate(events):
        if count == 5:
            events.close()
            break
    assert wait_for_hang_up(provider)["billed"]["output"] < 1500


for streamed in (False, True):
    how = "streamed" if streamed else "whole"
    check(f"LiteLLM's own answer in OpenAI's dialect, {how}", text_in_openai, "canned", CANNED, streamed)
    check(f"LiteLLM's own answer in Anthropic's dialect, {how}", text_in_anthropic, "canned", CANNED, streamed)
    check(f"a server that LiteLLM cannot reach, {how}", nobody_there, streamed)
    for model, provider in RELAYED.items():
        name = f"LiteLLM {model}, {how}"
        check(f"{name}: text in OpenAI's dialect", text_in_openai, model, GREETING_ANSWER, streamed)
        check(f"{name}: text in Anthropic's dialect", text_in_anthropic, model, GREETING_ANSWER, streamed)
        check(f"{name}: tools in OpenAI's dialect", tools_in_openai, model, streamed)
        check(f"{name}: tools in Anthropic's dialect", tools_in_anthropic, model, streamed)
        check(f"{name}: a refusal", upstream_error, model, provider, streamed)

for model, provider in RELAYED.items():
    check(f"LiteLLM {model}: usage of a stream", usage_in_both, model)
    check(f"LiteLLM {model}: hanging up", abort, model, provider)
    check(f"LiteLLM {model}: out of quota", out_of_quota, model, provider)

finish()
