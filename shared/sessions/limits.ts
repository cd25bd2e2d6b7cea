/** What conversations may cost, each with its reason. */
export const SESSION_LIMITS = {
  /** Of a title: a line of a list. */
  titleCharacters: 200,
  /** Of standing instructions: more would push the conversation itself out of a small model's context. */
  instructionCharacters: 8_000,
  /** Turns that a window may be set to. */
  windowTurns: 200,
  /** Sent where nobody set anything. */
  defaultWindowTurns: 8,
  /** One turn with all its messages as JSON: it must cross the tunnel in one piece, and wait in a Worker's memory. */
  turnBytes: 4 * 1024 * 1024,
  messagesPerTurn: 512,
  /** Turns of a session: a year of days with a hundred each. */
  turnsPerSession: 40_000,
  /** Sessions of a person: with their rows still a small part of what an object's SQLite may hold. */
  sessionsPerPerson: 250_000,
  /** Of a running summary. */
  summaryCharacters: 32_000,
  /** What may be searched for. */
  queryCharacters: 200,
  /** Of the text around a hit. */
  snippetCharacters: 160,
  /** Plugins that a conversation names. */
  plugins: 64,
  /** Rounds of calls that a turn may be set to. */
  toolRounds: 32,
  page: 50,
  pageMax: 200,
} as const;
