import { describe, expect, it } from "vitest";
import { printable } from "../../../node-agent/commands/terminal.ts";

describe("printable", () => {
  it("takes the teeth out of control characters on a terminal", () => {
    expect(printable("a\u001b[2Jb\u0007c\u009bd\re", true)).toBe("a\uFFFD[2Jb\uFFFDc\uFFFDd\uFFFDe");
    expect(printable("line\n\tindented, 你好 🙂", true)).toBe("line\n\tindented, 你好 🙂");
  });

  it("hands a pipe the text as it is", () => {
    expect(printable("\u001b[2J", false)).toBe("\u001b[2J");
  });
});
