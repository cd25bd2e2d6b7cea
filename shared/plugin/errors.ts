/** Errors of plugins, their approvals, mounted servers and the market: a part of ERRORS. */
export const PLUGIN_ERRORS = {
  plugin_invalid: { status: 422, retryable: false, message: "This is not a plugin's package. Pack it again." },
  plugin_input_invalid: { status: 400, retryable: false, message: "The tool does not take this input." },
  plugin_failed: { status: 502, retryable: false, message: "The plugin failed. Its log says more." },
  plugin_timeout: { status: 504, retryable: true, message: "The plugin took longer than a call may, and was stopped." },
  plugin_crashed: { status: 502, retryable: false, message: "The plugin crashed. That cost this call alone." },
  plugin_no_runtime: {
    status: 503,
    retryable: true,
    message: "No machine that runs plugins is online. Start Porchlight on a machine at home, and try again.",
  },
  plugin_not_granted: { status: 403, retryable: false, message: "The plugin was not granted this." },
  plugin_signer_changed: {
    status: 409,
    retryable: false,
    message:
      "This version is signed by another key than the one you have installed. If you know why, install it with 'newSigner'; it then gets the same stored values and secrets.",
  },
  plugins_full: {
    status: 409,
    retryable: false,
    message: "You have installed as many plugins as a person may. Remove one first.",
  },
  plugin_update_over: {
    status: 409,
    retryable: false,
    message: "This is not the update that is offered now, or the plugin has just become another. Look again.",
  },
  plugin_revoked: { status: 410, retryable: false, message: "The market took this plugin back. It runs no more." },
  hook_signature_wrong: {
    status: 401,
    retryable: false,
    message: "The signature is not this webhook's, or its time is more than five minutes from now.",
  },
  hooks_full: { status: 409, retryable: false, message: "There are too many inbound webhooks. Remove one first." },
  mcp_unreachable: {
    status: 502,
    retryable: true,
    message: "The mounted server did not answer as MCP says. See that it runs, and try again.",
  },
  mcp_sign_in_needed: {
    status: 409,
    retryable: false,
    message: "You have to sign in at this server first: at /plugins/servers, or with 'porchlight mcp mount'.",
  },
  mcp_sign_in_failed: {
    status: 502,
    retryable: false,
    message: "Signing in at this server came to nothing. Begin again; if it fails again, its maker must look at it.",
  },
  mcp_failed: { status: 502, retryable: false, message: "The mounted server failed." },
  mcp_changed: {
    status: 409,
    retryable: false,
    message: "The mounted server describes this tool in another way than you allowed. Look at it, and mount it anew.",
  },
  namespace_taken: {
    status: 409,
    retryable: false,
    message: "This namespace is somebody's already, or reserved. Choose another.",
  },
  publisher_key_invalid: {
    status: 422,
    retryable: false,
    message:
      "The package is not signed by a key of its publisher. Register the key, or sign with one that is registered.",
  },
  version_taken: {
    status: 409,
    retryable: false,
    message: "This version was handed in already, and stays what it is. Give the new one a higher number.",
  },
  version_state: {
    status: 409,
    retryable: false,
    message: "The version is in another state than this needs. Reload, and look where it stands.",
  },
  market_role_needed: {
    status: 403,
    retryable: false,
    message: "Only the market's reviewers may do that. An administrator of the market makes them.",
  },
  market_not_ready: {
    status: 409,
    retryable: false,
    message: "This edge is no market yet. Its administrator runs 'porchlight market init'.",
  },
  market_rollback: {
    status: 502,
    retryable: false,
    message: "The market's metadata is older than what was seen before. Nothing of it is used.",
  },
  market_freeze: {
    status: 502,
    retryable: true,
    message: "The market's metadata has expired: somebody may be holding it back. Nothing new is used.",
  },
  market_mix_and_match: {
    status: 502,
    retryable: true,
    message: "Parts of the market's metadata do not belong together. Nothing of it is used.",
  },
  market_wrong_signature: {
    status: 502,
    retryable: false,
    message: "The market's metadata is not signed by the keys that are trusted. Nothing of it is used.",
  },
  market_arbitrary_package: {
    status: 502,
    retryable: false,
    message: "What arrived is not the package that the market's metadata names. It is not used.",
  },
  market_unreadable: {
    status: 502,
    retryable: true,
    message: "The market did not answer as one does. Check its address, then try again.",
  },
  approval_changed: {
    status: 409,
    retryable: false,
    message: "What waits for your word is another call than the one you saw. Look at it again: GET /api/approvals.",
  },
  approval_over: {
    status: 410,
    retryable: false,
    message: "This call no longer waits for your word: it was decided, its answer has ended, or its time is over.",
  },
} as const;
