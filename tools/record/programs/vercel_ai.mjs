// The Vercel AI SDK: generateText or streamText with telemetry, tools, and the session in telemetry metadata.
import { createOpenAI } from "@ai-sdk/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import * as ai from "ai";
import { z } from "zod";
import { ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note } from "./common.mjs";

let [processor, within] = [new BatchSpanProcessor(new OTLPTraceExporter()), (work) => work()];
if (mode("langfuse")) {
  const [{ LangfuseSpanProcessor }, { propagateAttributes }] = [await import("@langfuse/otel"), await import("@langfuse/tracing")];
  const baseUrl = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  processor = new LangfuseSpanProcessor({ publicKey: "pk-1", secretKey: "sk-1", baseUrl });
  within = (work) => propagateAttributes({ sessionId: SESSION, userId: USER_ID }, work);
}
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "support-bot" }),
  spanProcessors: [processor],
});
provider.register();

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
// Version 4 has other names.
const schema = z.object({ order_id: z.string() });
const steps = ai.stepCountIs ? { stopWhen: ai.stepCountIs(3) } : { maxSteps: 3 };
const lookup_order = ai.tool({
  description: "Where an order is",
  inputSchema: schema,
  parameters: schema,
  execute: async () => TOOL_RESULT,
});
const key = ["threadId", "conversationId", "session_id"].find(mode) ?? "sessionId";
const who = { [key]: SESSION, userId: USER_ID };
let context = {};
if (mode("otel")) {
  // Version 7: a package of its own, and what was metadata is a part of the run's context.
  const { LegacyOpenTelemetry, OpenTelemetry } = await import("@ai-sdk/otel");
  ai.registerTelemetry(mode("legacy") ? new LegacyOpenTelemetry() : new OpenTelemetry({ runtimeContext: true }));
  const included = { [key]: true, userId: true };
  context = { runtimeContext: who, telemetry: { functionId: "support", includeRuntimeContext: included } };
}
const telemetry = {
  isEnabled: true,
  functionId: "support",
  ...(mode("langfuse") ? {} : { metadata: who }),
  ...(mode("hidden") ? { recordInputs: false } : {}),
};
const messages = [];

async function turn(text) {
  messages.push({ role: "user", content: text });
  const request = {
    model: mode("responses") ? openai.responses(MODEL) : openai.chat(MODEL),
    ...(mode("otel") ? context : { experimental_telemetry: telemetry }),
    maxRetries: 0,
    ...(mode("history") ? { [mode("otel") ? "instructions" : "system"]: SYSTEM, messages } : { prompt: text }),
    ...(mode("tools") ? { tools: { lookup_order }, ...steps } : {}),
  };
  if (mode("object")) {
    const schema = z.object({ answer: z.string(), items: z.array(z.number()) });
    const { object } = await ai.generateObject({ ...request, schema });
    note(text, JSON.stringify(object));
    return;
  }
  const called = mode("tools") && text === ASKED ? [CALLED] : [];
  try {
    const result = mode("stream") ? ai.streamText(request) : await ai.generateText(request);
    const answer = await result.text;
    messages.push({ role: "assistant", content: answer });
    note(text, answer, called);
  } catch (error) {
    note(text, null);
  }
}

for (const text of asked()) await within(() => turn(text));
// The root of a stream ends a moment after its text: who shuts down at once loses it.
if (!mode("rush")) await new Promise((resolve) => setTimeout(resolve, 100));
await provider.shutdown();
