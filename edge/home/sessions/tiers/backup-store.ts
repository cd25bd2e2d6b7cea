/** Where a household's sealed objects are. Each call may be made again; one that rejects may have been carried out. */
export interface BackupStore {
  put(name: string, sealed: Uint8Array<ArrayBuffer>): Promise<void>;
  get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Names that begin like this, in their order: at most a thousand, behind `after`. */
  list(prefix: string, after?: string): Promise<string[]>;
  /** What is not there is deleted too. At most a thousand. */
  delete(names: string[]): Promise<void>;
}

/** A bucket's objects of one household. */
export function bucketBackup(bucket: R2Bucket, accountId: string): BackupStore {
  const prefix = `backups/${accountId}/`;
  return {
    put: async (name, sealed) => {
      await bucket.put(prefix + name, sealed);
    },
    get: async (name) => {
      const object = await bucket.get(prefix + name);
      return object === null ? undefined : new Uint8Array(await object.arrayBuffer());
    },
    list: async (begin, after) => {
      const startAfter = after === undefined ? {} : { startAfter: prefix + after };
      const { objects } = await bucket.list({ prefix: prefix + begin, ...startAfter });
      return objects.map(({ key }) => key.slice(prefix.length));
    },
    delete: async (names) => {
      if (names.length > 0) await bucket.delete(names.map((name) => prefix + name));
    },
  };
}

/** All names that begin like this. */
export async function listAll(store: BackupStore, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await store.list(prefix, after);
    names.push(...page);
    after = page.at(-1);
    if (after === undefined) return names;
  }
}
