import { Violation } from "../kernel/kernel.ts";
import type { Admitted } from "../edge/admissions.ts";
import type { World } from "../world.ts";

const MINUTE_MS = 60_000;

/** No key got more than its limits allow, and each was charged for what it got. Throws a Violation. */
export function checkLimits(world: World): void {
  for (const [id, admitted] of Map.groupBy(world.admitted, ({ caller }) => caller.id)) {
    checkPace(id, admitted);
    checkDays(id, admitted, world);
  }
  const left = world.host.sql.exec("SELECT * FROM under_way").toArray();
  if (left.length > 0) throw new Violation(`limits still count ${JSON.stringify(left[0])}`);
}

function checkPace(id: string, admitted: readonly Admitted[]): void {
  const limit = admitted[0]?.caller.limits.requestsPerMinute ?? Infinity;
  admitted.forEach(({ atMs }, n) => {
    const later = admitted[n + limit];
    if (later !== undefined && later.atMs - atMs < MINUTE_MS) {
      throw new Violation(`${id} had ${limit + 1} requests within ${Math.round(later.atMs - atMs)} ms`);
    }
  });
}

/** Of a key with limits by day: each request is charged, and none begins once a limit is reached. */
function checkDays(id: string, admitted: readonly Admitted[], world: World): void {
  const { tokensPerDay, nodeSecondsPerDay } = admitted[0]?.caller.limits ?? {};
  if (tokensPerDay == null && nodeSecondsPerDay == null) return;
  const late = admitted.find(({ usedTokens }) => usedTokens >= (tokensPerDay ?? Infinity));
  if (late) throw new Violation(`${id} had used ${late.usedTokens} of ${tokensPerDay} tokens when a request began`);
  const charged = Number(world.host.sql.exec("SELECT sum(requests) AS n FROM usage WHERE caller = ?", id).one()["n"]);
  // An object that was lost charges for the most that may have been under way: too much rather than too little.
  // Attempts at jobs are charged, too; they are not counted here.
  const isExactCount = world.host.restarts === 0 && world.jobs.every(({ caller }) => caller.id !== id);
  const isRight = isExactCount ? charged === admitted.length : charged >= admitted.length;
  if (!isRight) throw new Violation(`${id} had ${admitted.length} requests and was charged for ${charged}`);
  // Of an answer that was cut short it is only estimated what it took.
  const isExact =
    isExactCount &&
    world.outcomes.every(
      ({ caller, ended, errorCode }) => caller.id !== id || ended === "finish" || errorCode === "rate_limit_exceeded",
    );
  if (!isExact || tokensPerDay == null) return;
  // The last one may have begun with little left: by its worst case the limit can be passed.
  const most = tokensPerDay + Math.max(...admitted.map(({ worstTokens }) => worstTokens));
  const days = world.host.sql
    .exec("SELECT day, sum(prompt_tokens + completion_tokens) AS n FROM usage WHERE caller = ? GROUP BY day", id)
    .toArray();
  for (const { day, n } of days) {
    if (Number(n) > most) throw new Violation(`${id} used ${String(n)} of ${tokensPerDay} tokens on ${String(day)}`);
  }
}
