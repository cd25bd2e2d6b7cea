/** Where a client connects to: the edge, or the agent's own port at home. */
export interface Place {
  origin: string;
  apiKey: string;
  /** Requests that the engine answers now. */
  running(): Promise<number>;
}

/** What a client package is tried with. */
export const FEATURES = [
  "models",
  "chat",
  "responses",
  "kept responses",
  "completions",
  "stream",
  "tools",
  "structured output",
  "embeddings",
  "token count",
  "errors",
  "abort",
] as const;
export type Feature = (typeof FEATURES)[number];

/** A feature's check at a place; a feature that the client's API does not have is left out. */
export type Checks = Partial<Record<Feature, (place: Place) => Promise<void>>>;

export const MODEL = "starter";
export const HELLO = "Hello! Who are you?";
export const WEATHER = {
  name: "get_weather",
  description: "Get the current weather for a city.",
  schema: { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] },
  question: "What is the weather in Paris?",
  result: '{"temperature": 21, "condition": "sunny"}',
};
export const COLOUR = {
  type: "object" as const,
  properties: { colour: { type: "string", enum: ["red", "green"] } },
  required: ["colour"],
  additionalProperties: false,
};
