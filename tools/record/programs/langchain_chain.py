"""Chains and agents of LangChain, traced by one of several SDKs: a template around the question, a history by session,
a retriever, create_agent, streaming."""

import contextlib
from typing import Any

import openai
from common import ASKED, CALLED, FAILING, MODEL, SESSION, SYSTEM, USER_ID, asked, mode, note
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_openai import ChatOpenAI
from langchain_tracing import lookup_order, set_up

end = set_up()
llm = ChatOpenAI(model=MODEL)
key = "session_id" if mode("history") else "thread_id"
config: dict[str, Any] = {"configurable": {key: SESSION}, "metadata": {"user_id": USER_ID, key: SESSION}}
if mode("langfuse"):
    from langfuse.langchain import CallbackHandler

    config["callbacks"] = [CallbackHandler()]
histories: dict[str, InMemoryChatMessageHistory] = {}


class Faq(BaseRetriever):
    """Finds the same two documents whatever is sought."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("Shoes come in sizes 36 to 48."), Document("Parcels take two days.")]


def ask_chain(text: str) -> str:
    """A template; or with a key that tells nothing, or with a history that LangChain keeps."""
    name = "utterance" if mode("utterance") else "question"
    ask = ("user", "Answer briefly in {language}.\n\nCustomer: {" + name + "}")
    earlier = [MessagesPlaceholder("history")] if mode("history") else []
    prompt = ChatPromptTemplate.from_messages(
        [("system", SYSTEM), *earlier, ("user", "{question}") if earlier else ask]
    )
    chain = prompt | llm | StrOutputParser()
    given = {name: text, "language": "English"}
    if mode("history"):
        keep = lambda session_id: histories.setdefault(session_id, InMemoryChatMessageHistory())  # noqa: E731
        chain = RunnableWithMessageHistory(chain, keep, input_messages_key="question", history_messages_key="history")
    return "".join(chain.stream(given, config)) if mode("stream") else chain.invoke(given, config)


def ask_retriever(text: str) -> str:
    prompt = ChatPromptTemplate.from_template("Context: {context}\n\nQuestion: {question}")
    return ({"context": Faq(), "question": RunnablePassthrough()} | prompt | llm | StrOutputParser()).invoke(
        text, config
    )


def ask_agent(text: str) -> str:
    from langchain.agents import create_agent

    agent = create_agent(llm, [lookup_order], system_prompt=SYSTEM, name="support")
    return agent.invoke({"messages": [{"role": "user", "content": text}]}, config)["messages"][-1].content


for text in asked():
    if text == FAILING:
        note(text, None)
    with contextlib.suppress(openai.APIError):
        answer = (ask_retriever if mode("rag") else ask_agent if mode("agent") else ask_chain)(text)
    if text != FAILING:
        note(text, answer, (CALLED,) if mode("agent") and text == ASKED else ())
end()
