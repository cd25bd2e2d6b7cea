/**
 * How much a finding weighs. `refuse`: the version is rejected without a person. `danger`: it is quarantined until a reviewer has
 * looked. `warning`: the reviewer sees it first. `note`: the reviewer may want to know.
 */
export const SEVERITIES = ["refuse", "danger", "warning", "note"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Everything that the market's checks can find, how much it weighs, and what it means. */
export const FINDINGS = {
  entry_not_javascript: {
    severity: "refuse",
    message: "The entry is not JavaScript. Pack the plugin: that builds it.",
  },
  code_unreadable: { severity: "refuse", message: "This file is not a JavaScript module." },
  import_unknown: { severity: "refuse", message: "It imports something that the package does not have." },
  import_computed: { severity: "danger", message: "What it imports is only known when it runs." },
  native_code: { severity: "refuse", message: "This is a program for a machine's own processor." },
  decompression_bomb: { severity: "refuse", message: "Unpacked, this is larger than a plugin's data may be." },
  data_damaged: { severity: "refuse", message: "This compressed file cannot be unpacked." },
  check_failed: { severity: "refuse", message: "The checks did not come to an end with this package." },
  secret: { severity: "refuse", message: "This looks like a key or password. Take it back where it is valid." },
  known_bad: { severity: "danger", message: "This is known to be bad." },
  obfuscated: { severity: "danger", message: "The code hides what it does." },
  hidden_characters: { severity: "danger", message: "There are characters here that nobody sees." },
  code_large: { severity: "danger", message: "This code is too large for the checks to read." },
  hidden_instructions: { severity: "warning", message: "This reads like instructions to a model." },
  dynamic_code: { severity: "warning", message: "It makes code from text, which the sandbox does not run." },
  encoded_payload: { severity: "warning", message: "A long text in the code stands for something else." },
  any_host: {
    severity: "warning",
    message: "It asks to reach any public host: what it sends, and where, cannot be seen here.",
  },
  webassembly: { severity: "warning", message: "WebAssembly: the checks do not read it." },
  nested_archive: { severity: "warning", message: "An archive within the package: the checks do not look into it." },
  permission_unused: { severity: "warning", message: "It asks for a permission that its code does not name." },
  host_undeclared: { severity: "note", message: "It names a host that it does not ask for, and cannot reach." },
} as const satisfies Record<string, { severity: Severity; message: string }>;

export type FindingCode = keyof typeof FINDINGS;

/** Something that a check found. */
export interface Finding {
  code: FindingCode;
  severity: Severity;
  /** Within the package. */
  path: string;
  /** From 1; 0: the whole file. */
  line: number;
  /** A piece of it, with nothing in it that is invisible. */
  excerpt: string;
}

const EXCERPT_CHARACTERS = 160;

export function finding(code: FindingCode, path: string, line = 0, excerpt = ""): Finding {
  return { code, severity: FINDINGS[code].severity, path, line, excerpt: shown(excerpt) };
}

/** The most severe first, as they were found otherwise. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((one, other) => SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity));
}

/** What is invisible, or turns the text around, as `U+200B`. */
function shown(text: string): string {
  const visible = text.replace(
    /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]/gu,
    (character) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
  const characters = Array.from(visible.toWellFormed());
  return characters.length > EXCERPT_CHARACTERS ? `${characters.slice(0, EXCERPT_CHARACTERS).join("")}…` : visible;
}
