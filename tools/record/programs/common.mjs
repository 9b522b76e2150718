// What the JavaScript programs have in common: see common.py, which says the same.
import { appendFileSync } from "node:fs";

export const [SESSION, USER_ID] = [process.env.SESSION ?? "sess-42", "u-7"];
export const SYSTEM = "You are the support of a shoe shop. Be brief.";
export const ASKED = "Where is my order? Größe 👟";
export const THANKS = "Thanks, bye";
export const FAILING = "Please fail now 💥";
export const EXACT = [
  '  Is **A-17** "late"?\n\n```json\n{"id": 7}\n```\n',
  '{"question": "Which sizes?", "tags": ["a", "b"]}',
  '["Say", "a", "quoted", "word"]',
  '"Say a number"',
  "Say a list",
  "Say null",
  "Say a message",
];
export const TOOL_RESULT = "ships tomorrow, Größe 42";
export const CALLED = { name: "lookup_order", arguments: { order_id: "A-17" }, result: TOOL_RESULT };
export const MODEL = "gpt-4o-mini";

export const mode = (name) => (process.env.MODE ?? "").split(" ").includes(name);

export const asked = () => (mode("exact") ? EXACT : mode("object") ? EXACT.slice(0, 1) : [ASKED, mode("fail") ? FAILING : THANKS]);

export function note(user, assistant, tools = [], more = {}) {
  const said = { user, assistant, tools, session: SESSION, user_id: USER_ID, conflicts: [], ...more };
  appendFileSync(process.env.NOTES, JSON.stringify(said) + "\n");
}
