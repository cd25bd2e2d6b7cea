/** Updates of installed plugins. Part of `en`. */
export const updatesEn = {
  updates: {
    badge: "Update available",
    look: "Look for updates",
    heading: "{version} is available",
    reasons: {
      wants_more: "It asks for more than the version you have:",
      other_key: "Another key has signed it than the version you have. Update only if you know why.",
      became_paid: "It costs money now: {price}.",
      runs_elsewhere: "It runs somewhere else than the version you have: {place}.",
      asked_first: "You want to be asked before it is updated.",
      pinned: "You have pinned version {version}.",
    },
    runs: { edge: "at the edge", home: "on your machines at home", both: "at home or at the edge" },
    agree: "Update to {version}",
    agreeMore: "Allow this, and update to {version}",
    toMarket: "See it in the market",
    yanked: "Its publisher has withdrawn version {version}. It goes on working here.",
    revoked: "The market took version {version} back. It does not run any more.",
    problem: "Version {version} could not be put in its place: {message}",
    lookFailed: "Updates could not be looked up: {message}",
    setting: "Updates",
    modes: {
      automatic: "By itself, if it asks for nothing more",
      ask: "Ask me first",
      pinned: "Stay with {version}",
    },
    save: "Save",
    byHand: "Installed from a file: it is not updated.",
    history: "Earlier versions",
    kept: "installed until {date}",
    keptRevoked: "taken back by the market",
    back: "Go back to {version}",
    backAsk:
      "Go back to {title} {version}? It has what you allowed it then, less what you withdrew since. What it stored stays, and it is not updated until you choose so.",
    entries: {
      automatic: "{from} became {to} by itself",
      agreed: "{from} became {to}, as you agreed",
      rollback: "Back from {from} to {to}",
    },
  },
};
