const PART = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** A plugin by the two parts of its name, `@publisher/name`. */
export interface PluginName {
  publisher: string;
  name: string;
}

/** The two parts of a plugin's name; undefined where it is none. */
export function readPluginName(text: string): PluginName | undefined {
  const [publisher = "", name = "", ...more] = text.startsWith("@") ? text.slice(1).split("/") : [];
  return more.length === 0 && PART.test(publisher) && PART.test(name) ? { publisher, name } : undefined;
}

/** Those of a name that was checked before: a manifest's. Throws TypeError for any other. */
export function pluginNameOf(text: string): PluginName {
  const read = readPluginName(text);
  if (read === undefined) throw new TypeError("This is no plugin's name.");
  return read;
}
