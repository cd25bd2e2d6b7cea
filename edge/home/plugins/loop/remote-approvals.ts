import type { EdgeBindings } from "../../../env.ts";
import { homeOf } from "../../backend.ts";
import { type Remote, remoteDesk } from "../../desk-calls.ts";
import { APPROVAL_METHODS, type ApprovalMethod, type Approvals } from "./approvals.ts";

/** Calls that wait for people of an account, from the Worker. */
export function approvalsOf(env: EdgeBindings, accountId: string): Remote<Approvals, ApprovalMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<Approvals, ApprovalMethod>(
    APPROVAL_METHODS,
    async (method, args) => await home.callApprovals(method, args),
  );
}
