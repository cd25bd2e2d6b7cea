import { PorchlightError } from "../../../shared/errors.ts";
import { type PluginPackage, readPackage } from "../../../shared/plugin/package.ts";
import { verifyManifest } from "../../../shared/plugin/signature.ts";
import { packageName } from "../../market/packages.ts";

/** Plugins' packages by their hashes. Whoever reads one verifies it: a bucket may hold anything. */
export class PackageStore {
  readonly #bucket: Pick<R2Bucket, "get" | "head" | "put">;

  constructor(bucket: Pick<R2Bucket, "get" | "head" | "put">) {
    this.#bucket = bucket;
  }

  /**
   * Its hash is that of its content: one that is there is left as it is, but for a signature that it did not have. Throws PorchlightError
   * `plugin_invalid` for a signature that is not of this manifest.
   */
  async put(plugin: PluginPackage, bytes: Uint8Array): Promise<void> {
    const { manifest, signature, hash } = plugin;
    if (signature !== undefined && !(await verifyManifest(manifest, signature)))
      throw new PorchlightError(
        "plugin_invalid",
        "The package's signature is not of this manifest. Sign it once more.",
      );
    const name = packageName(hash);
    const isThere = (await this.#bucket.head(name)) !== null;
    if (!isThere || (signature !== undefined && (await this.read(hash)).signature === undefined))
      await this.#bucket.put(name, bytes);
  }

  /** Throws PorchlightError `not_found` where it is not there. */
  async require(hash: string): Promise<void> {
    if ((await this.#bucket.head(packageName(hash))) === null) throw notThere();
  }

  /** Throws PorchlightError `not_found`. */
  async bytes(hash: string): Promise<Uint8Array<ArrayBuffer>> {
    const found = await this.#bucket.get(packageName(hash));
    if (found === null) throw notThere();
    return new Uint8Array(await found.arrayBuffer());
  }

  /** Throws PorchlightError `not_found`, `plugin_invalid`. */
  async read(hash: string): Promise<PluginPackage> {
    const plugin = await readPackage(await this.bytes(hash));
    if (plugin.hash !== hash)
      throw new PorchlightError("plugin_invalid", "The stored package is damaged. Send it once more.");
    return plugin;
  }
}

function notThere(): PorchlightError {
  return new PorchlightError("not_found", "This edge does not have the plugin's package. Send it once more.");
}
