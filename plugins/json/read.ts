/** Digits that a number of JavaScript would not hold: ids, mostly. */
const LONG_NUMBER = /[\d.]{16}/;

/** A JSON text, or JSON lines as an array. Numbers that are too long for a number stay texts. Throws RangeError with the place of an error. */
export function readJson(text: string): unknown {
  const whole = text.replace(/^\ufeff/, "").trim();
  if (whole === "") throw new RangeError("The text is empty.");
  try {
    return parsed(whole);
  } catch (error) {
    const lines = whole.split("\n").filter((line) => line.trim() !== "");
    if (lines.length > 1 && isJson(lines[0] ?? "")) return readLines(lines);
    throw new RangeError(`This is not valid JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function readLines(lines: readonly string[]): unknown[] {
  return lines.map((line, index) => {
    try {
      return parsed(line);
    } catch (error) {
      throw new RangeError(`Line ${index + 1} is not valid JSON: ${error instanceof Error ? error.message : ""}`, {
        cause: error,
      });
    }
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // then it is not written as lines
  }
}

function parsed(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value: unknown, context?: { source?: string }) => {
    const source = context?.source;
    return typeof value === "number" &&
      source !== undefined &&
      /^-?\d{16,}$/.test(source) &&
      !Number.isSafeInteger(value)
      ? source
      : value;
  });
}
