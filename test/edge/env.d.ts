/// <reference types="@cloudflare/vitest-plugin/types" />
import type { D1Migration } from "cloudflare:test";
import type { EdgeBindings } from "../../edge/env.ts";
import type * as worker from "../../edge/index.ts";

declare global {
  namespace Cloudflare {
    interface Env extends EdgeBindings {
      TEST_MIGRATIONS: D1Migration[];
    }
    interface GlobalProps {
      mainModule: typeof worker;
    }
  }
}
