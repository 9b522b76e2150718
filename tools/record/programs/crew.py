"""A crew of CrewAI with one agent and one task, traced by OpenInference."""

import os

from common import MODEL, SESSION, SYSTEM, USER_ID, asked, note, tracer_provider
from crewai import LLM, Agent, Crew, Task
from openinference.instrumentation import using_attributes
from openinference.instrumentation.crewai import CrewAIInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

provider = tracer_provider()
CrewAIInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
OpenAIInstrumentor().instrument(tracer_provider=provider)
llm = LLM(f"openai/{MODEL}", base_url=os.environ["OPENAI_BASE_URL"], api_key="none")
agent = Agent(role="support", goal="Help", backstory=SYSTEM, llm=llm)
task = Task(description="{question}", expected_output="An answer", agent=agent)
crew = Crew(agents=[agent], tasks=[task], name="shop")
for text in asked():
    with using_attributes(session_id=SESSION, user_id=USER_ID):
        answer = crew.kickoff(inputs={"question": text}).raw
    note(text, answer)
provider.shutdown()
