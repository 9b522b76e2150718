// The Vercel AI SDK: generateText or streamText with telemetry, tools, and the session in telemetry metadata.
import { createOpenAI } from "@ai-sdk/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { ASKED, CALLED, FAILING, MODEL, SESSION, SYSTEM, THANKS, TOOL_RESULT, USER_ID, mode, note } from "./common.mjs";

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "support-bot" }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
const lookup_order = tool({
  description: "Where an order is",
  inputSchema: z.object({ order_id: z.string() }),
  execute: async () => TOOL_RESULT,
});
const telemetry = {
  isEnabled: true,
  functionId: "support",
  metadata: { sessionId: SESSION, userId: USER_ID },
  ...(mode("hidden") ? { recordInputs: false } : {}),
};
const messages = [];

async function turn(text) {
  messages.push({ role: "user", content: text });
  const request = {
    model: mode("responses") ? openai.responses(MODEL) : openai.chat(MODEL),
    experimental_telemetry: telemetry,
    maxRetries: 0,
    ...(mode("history") ? { system: SYSTEM, messages } : { prompt: text }),
    ...(mode("tools") ? { tools: { lookup_order }, stopWhen: stepCountIs(3) } : {}),
  };
  const called = mode("tools") && text === ASKED ? [CALLED] : [];
  try {
    const result = mode("stream") ? streamText(request) : await generateText(request);
    const answer = await result.text;
    messages.push({ role: "assistant", content: answer });
    note(text, answer, called);
  } catch (error) {
    note(text, null);
  }
}

await turn(ASKED);
await turn(mode("fail") ? FAILING : THANKS);
// The root of a stream ends a moment after its text: who shuts down at once loses it.
if (!mode("rush")) await new Promise((resolve) => setTimeout(resolve, 100));
await provider.shutdown();
