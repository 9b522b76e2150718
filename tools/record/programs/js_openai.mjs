// The OpenAI client of JavaScript, traced by OpenInference or by Langfuse's wrapper.
import { context, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import OpenAI from "openai";
import { MODEL, SESSION, SYSTEM, USER_ID, asked, mode, note } from "./common.mjs";

let processor = new BatchSpanProcessor(new OTLPTraceExporter());
let within = (work) => trace.getTracer("support").startActiveSpan("turn", async (span) => {
  const result = await work();
  span.end();
  return result;
});
let client = new OpenAI();
if (mode("langfuse")) {
  const [{ LangfuseSpanProcessor }, tracing] = [await import("@langfuse/otel"), await import("@langfuse/tracing")];
  const { observeOpenAI } = await import("@langfuse/openai");
  const baseUrl = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  processor = new LangfuseSpanProcessor({ publicKey: "pk-1", secretKey: "sk-1", baseUrl });
  within = (work, text) => tracing.propagateAttributes({ sessionId: SESSION, userId: USER_ID }, () =>
    tracing.startActiveObservation("turn", async (span) => {
      span.update({ input: text });
      span.update({ output: await work() });
    }));
  client = observeOpenAI(client);
}
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "support-bot" }),
  spanProcessors: [processor],
});
provider.register();
if (!mode("langfuse")) {
  const { OpenAIInstrumentation } = await import("@arizeai/openinference-instrumentation-openai");
  const { setSession, setUser } = await import("@arizeai/openinference-core");
  const instrumentation = new OpenAIInstrumentation({ tracerProvider: provider });
  instrumentation.manuallyInstrument(OpenAI);
  const whose = () => setUser(setSession(context.active(), { sessionId: SESSION }), { userId: USER_ID });
  within = (work) => context.with(whose(), work);
}
const messages = [{ role: "system", content: SYSTEM }];
for (const text of asked()) {
  messages.push({ role: "user", content: text });
  await within(async () => {
    const response = await client.chat.completions.create({ model: MODEL, messages });
    const answer = response.choices[0].message.content;
    messages.push({ role: "assistant", content: answer });
    note(text, answer);
    return answer;
  }, text);
}
await provider.shutdown();
