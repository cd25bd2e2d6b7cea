import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { startStack, type TestStack } from "../support/stack.ts";
import { startChromium } from "./chromium.ts";

type State = Awaited<ReturnType<BrowserContext["storageState"]>>;

/** A page of a signed-in visitor, and what went wrong in it so far. */
export type Visit = {
  page: Page;
  context: BrowserContext;
  /** Console errors and warnings, uncaught exceptions, CSP violations, requests that left the origin. */
  problems: string[];
};

/**
 * One stack and one browser for the tests of a file, and visitors to it. After each test its pages must have had no problem that
 * the test did not expect.
 */
export function useVisitors() {
  let stack: TestStack;
  let browser: Browser;
  let signedIn: State;
  let open: Visit[] = [];

  beforeAll(async () => {
    stack = await startStack();
    browser = await startChromium();
    const context = await browser.newContext();
    await (await context.newPage()).goto(stack.signInUrl);
    signedIn = await context.storageState();
    await context.close();
  });

  afterEach(async () => {
    const visits = open;
    open = [];
    await Promise.all(visits.map(({ context }) => context.close()));
    expect(visits.flatMap(({ problems }) => problems)).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  });

  async function visit(options: BrowserContextOptions & { path?: string; anonymous?: boolean } = {}): Promise<Visit> {
    const { path = "/", anonymous = false, ...rest } = options;
    const context = await browser.newContext({
      baseURL: stack.origin,
      locale: "en",
      viewport: { width: 1280, height: 800 },
      ...(anonymous ? {} : { storageState: signedIn }),
      ...rest,
    });
    const page = await context.newPage();
    const visited: Visit = { page, context, problems: [] };
    watch(visited, stack.origin);
    open.push(visited);
    await page.goto(path);
    return visited;
  }

  return { visit, stack: () => stack };
}

function watch({ page, problems }: Visit, origin: string): void {
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning")
      problems.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:")) problems.push(`left the origin: ${url}`);
  });
}
