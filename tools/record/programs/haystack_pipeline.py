"""A pipeline of Haystack with a prompt builder and a chat generator, traced by OpenInference."""

import os

from common import MODEL, SESSION, SYSTEM, USER_ID, asked, mode, note, tracer_provider
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from openinference.instrumentation import using_attributes
from openinference.instrumentation.haystack import HaystackInstrumentor

provider = tracer_provider()
HaystackInstrumentor().instrument(tracer_provider=provider)
model = OpenAIChatGenerator(model=MODEL, api_base_url=os.environ["OPENAI_BASE_URL"], api_key=Secret.from_token("none"))
pipeline = Pipeline()
pipeline.add_component("prompt", ChatPromptBuilder())
pipeline.add_component("llm", Agent(chat_generator=model) if mode("agent") else model)
pipeline.connect("prompt.prompt", "llm.messages")
for text in asked():
    messages = [ChatMessage.from_system(SYSTEM), ChatMessage.from_user("{{question}}")]
    inputs = {"prompt": {"template": messages, "template_variables": {"question": text}}}
    with using_attributes(session_id=SESSION, user_id=USER_ID):
        result = pipeline.run(inputs)
    said = result["llm"].get("replies") or result["llm"]["messages"]
    note(text, said[-1].text)
provider.shutdown()
